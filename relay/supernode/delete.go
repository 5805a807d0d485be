package supernode

import (
	"context"
	"errors"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/token"
)

// delete has blobs deleted by what they commit to, whoever shows it.
//
// spec: 08-custody#delete
func (v *visit) delete(ctx context.Context, s *link.CustodyStream, f wire.Delete) error {
	c, err := v.log(f.Community)
	if err != nil {
		return err
	}
	tokens, err := token.Parse(f.Tokens, tokensMax)
	if err != nil {
		return errJunk
	}
	reasons, wasted, err := c.remove(ctx, f.Tombstones, tokens)
	if err != nil {
		return refusal{wire.ReasonNotNow, "nothing can be written now"}
	}
	answer := wire.Kept{Day: uint32(v.at.today())}
	for _, reason := range reasons {
		answer.Results = answer.Results.Add(reason, 0)
		v.at.refused(reason, 1)
	}
	if err := s.Send(ctx, answer); err != nil {
		return err
	}
	_ = s.End()
	return v.at.patience.spend(ctx, v.block, wasted)
}

// remove deletes what is held, and keeps the tombstones that are paid for of what is not: each by the
// token in its place.
//
// spec: 08-custody#delete
func (c *served) remove(ctx context.Context, tombstones wire.Tombstones, tokens []token.Token) (reasons []wire.Reason, wasted price, err error) {
	var all []mailbox.Removal
	for d, day := range tombstones.All() {
		all = append(all, mailbox.Removal{Tombstone: mailbox.Tombstone{D: d, Day: day}, HeldOnly: true})
	}
	defer c.pages.forget()
	results, err := c.store.Delete(ctx, c.id, all)
	if err != nil {
		return nil, 0, err
	}
	reasons = make([]wire.Reason, len(all))
	days := c.terms().days
	var open []int
	var paid []mailbox.Removal
	for i, r := range results {
		reasons[i] = reasonOf(r.Err)
		switch {
		case !errors.Is(r.Err, mailbox.ErrUnpaid):
		case !days.takes(all[i].Day):
			reasons[i] = wire.ReasonWrongDay
		case i < len(tokens):
			by, cost, err := c.pay(ctx, tokens[i:i+1], 1)
			if wasted += cost; err == nil {
				open = append(open, i)
				paid = append(paid, mailbox.Removal{Tombstone: all[i].Tombstone, Paid: by})
			}
		}
	}
	if len(paid) == 0 {
		return reasons, wasted, nil
	}
	results, err = c.store.Delete(ctx, c.id, paid)
	if err != nil {
		return nil, wasted, err
	}
	for at, i := range open {
		reasons[i] = reasonOf(results[at].Err)
	}
	return reasons, wasted, nil
}
