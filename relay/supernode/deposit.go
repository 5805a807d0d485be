package supernode

import (
	"context"
	"errors"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/token"
)

// item is one blob of a deposit, which is judged by itself.
type item struct {
	blob   []byte
	header wire.Header
	id     wire.BlobID
	tokens []token.Token // its own; none where the list has ended before it
	paid   []mailbox.Token
	cursor uint64
	reason wire.Reason // why it is not kept
	fresh  bool        // it was not held before
	judged bool
}

// refuse judges an item.
func (t *item) refuse(reason wire.Reason) { t.reason, t.judged = reason, true }

// newItems joins blobs, whose headers are sound, and the tokens that stand in their places: those of
// a blob are behind those of the blobs before it, whatever becomes of them. So a deposit that is
// repeated pays for nothing twice.
//
// spec: 11-tokens#paying
func newItems(blobs [][]byte, tokens []token.Token) ([]*item, error) {
	items := make([]*item, len(blobs))
	for i, blob := range blobs {
		header, err := wire.ParseBlob(blob)
		if err != nil {
			return nil, err
		}
		items[i] = &item{blob: blob, header: header, id: wire.IDOf(blob)}
		cost := token.Cost(header.Class)
		if cost <= len(tokens) {
			items[i].tokens = tokens[:cost]
		}
		tokens = tokens[min(cost, len(tokens)):]
	}
	return items, nil
}

// unjudged are the items that are not judged yet.
func unjudged(items []*item) (left []*item) {
	for _, t := range items {
		if !t.judged {
			left = append(left, t)
		}
	}
	return left
}

// deposit keeps what can be kept. When it returns, all that is kept is on disk, and the tokens that
// paid for it are spent there. wasted is what it takes of the depositor's patience.
//
// spec: 08-custody#deposit
func (c *served) deposit(ctx context.Context, items []*item) (wasted price, err error) {
	terms := c.terms()
	plain := c.plain(items, terms)
	if !plain { // what is held stays kept, whatever else holds
		if err := c.hold(ctx, items); err != nil {
			return 0, err
		}
	}
	var unpaid []*item
	for _, t := range unjudged(items) {
		if reason := terms.judge(t.header.ExpiryDay, int64(len(t.blob))); reason != 0 {
			t.refuse(reason)
			continue
		}
		var cost price
		if t.paid, cost, err = c.pay(ctx, t.tokens, token.Cost(t.header.Class)); err != nil {
			unpaid = append(unpaid, t)
			wasted += cost
		}
	}
	if plain {
		if err := c.hold(ctx, unpaid); err != nil {
			return wasted, err
		}
	}
	for _, t := range unjudged(unpaid) {
		t.refuse(wire.ReasonToken)
	}
	return wasted, c.keep(ctx, unjudged(items), func(t *item) mailbox.Deposit { return mailbox.Deposit{Paid: t.paid} })
}

// plain reports whether nothing speaks against any of the items yet: then what is held already need
// not be looked for first.
func (c *served) plain(items []*item, terms terms) bool {
	for _, t := range items {
		if len(t.tokens) == 0 || terms.judge(t.header.ExpiryDay, int64(len(t.blob))) != 0 {
			return false
		}
		for _, one := range t.tokens {
			if c.store.Spent(c.id, spendable(one)) {
				return false
			}
		}
	}
	return true
}

// hold judges those items that are held already, and those that were deleted.
func (c *served) hold(ctx context.Context, items []*item) error {
	return c.keep(ctx, items, func(*item) mailbox.Deposit { return mailbox.Deposit{HeldOnly: true} })
}

// keep gives items to the store, and judges them by what it says but those that were not paid for.
func (c *served) keep(ctx context.Context, items []*item, with func(*item) mailbox.Deposit) error {
	if len(items) == 0 {
		return nil
	}
	deposits := make([]mailbox.Deposit, len(items))
	for i, t := range items {
		deposits[i] = with(t)
		deposits[i].Blob = t.blob
	}
	results, err := c.store.Append(ctx, c.id, deposits)
	if err != nil {
		return err
	}
	for i, r := range results {
		if errors.Is(r.Err, mailbox.ErrUnpaid) {
			continue
		}
		items[i].refuse(reasonOf(r.Err))
		items[i].cursor, items[i].fresh = r.Cursor, r.New
		if r.New {
			c.disk.add(c.number, int64(len(items[i].blob)))
		}
	}
	return nil
}

// reasonOf is what the depositor is told of an error of the store; 0 is none.
func reasonOf(err error) wire.Reason {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, mailbox.ErrFull):
		return wire.ReasonDiskFull
	case errors.Is(err, mailbox.ErrDay):
		return wire.ReasonWrongDay
	case errors.Is(err, mailbox.ErrDeleted):
		return wire.ReasonDeleted
	case errors.Is(err, mailbox.ErrSpent), errors.Is(err, mailbox.ErrUnpaid):
		return wire.ReasonToken
	}
	return wire.ReasonNotNow
}

// kept is the answer to a deposit: every result, and the signature over all that is kept.
//
// spec: 08-custody#kept
func (c *served) kept(items []*item) wire.Kept {
	answer := wire.Kept{Day: uint32(c.at.today())}
	var held []relay.Kept
	for _, t := range items {
		if answer.Results = answer.Results.Add(t.reason, t.cursor); t.reason == 0 {
			held = append(held, relay.Kept{ID: t.id, ExpiryDay: t.header.ExpiryDay, Cursor: t.cursor})
		}
	}
	if len(held) > 0 {
		signature := c.at.sign(c.log().Receipt(held))
		answer.Signature = &signature
	}
	return answer
}

// deposit keeps blobs.
//
// spec: 08-custody#deposit
func (v *visit) deposit(ctx context.Context, s *link.CustodyStream, f wire.Deposit) error {
	c, err := v.log(f.Community)
	if err != nil {
		return err
	}
	wasted, err := v.receive(ctx, s, c, f)
	if err != nil {
		return err
	}
	_ = s.End()
	return v.at.patience.spend(ctx, v.block, wasted)
}

// receive takes in the blobs of a deposit, keeps them and answers. All that it holds in memory is
// given back when it returns; while it waits for the depositor it gives way to others.
//
// spec: 08-custody#memory
func (v *visit) receive(ctx context.Context, s *link.CustodyStream, c *served, f wire.Deposit) (wasted price, err error) {
	begun := time.Now()
	tokens, err := token.Parse(f.Tokens, tokensMax)
	if err != nil {
		return 0, errJunk
	}
	if err := c.in.wait(ctx, v.block, 0); err != nil {
		return 0, err
	}
	waiting, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	reading, giveWay := context.WithCancel(ctx)
	defer giveWay()
	memory, err := v.at.in.take(waiting, v.block, wire.BatchSizeMax, giveWay)
	if err != nil {
		return 0, refusal{wire.ReasonNotNow, "too much is being deposited at once"}
	}
	defer memory.give()
	s.Await(deadline(begun, wire.BatchSizeMax))
	blobs := make([][]byte, f.Blobs)
	for i, room := 0, wire.BatchSizeMax; i < len(blobs); i++ {
		if blobs[i], err = s.Blob(reading, room); err != nil {
			return 0, err
		}
		room -= len(blobs[i])
		memory.move(len(blobs[i]))
	}
	items, err := newItems(blobs, tokens)
	if err != nil {
		return 0, errJunk
	}
	memory.stand()
	if err := v.at.patience.spend(reading, v.block, unpaid(items)); err != nil {
		return 0, err
	}
	if wasted, err = c.deposit(ctx, items); err != nil {
		return wasted, refusal{wire.ReasonNotNow, "nothing can be written now"}
	}
	v.at.judged(items)
	for _, t := range items {
		if t.fresh { // what nobody paid for takes of the depositor's patience, and of nobody's bandwidth
			c.in.owe(len(t.blob))
		}
	}
	return wasted, s.Send(ctx, c.kept(items))
}

// unpaid is what the blobs take of their depositor's patience that come without tokens.
func unpaid(items []*item) (sum price) {
	for _, t := range items {
		if len(t.tokens) == 0 {
			sum += price(len(t.blob)>>12) * priceUnpaid
		}
	}
	return sum
}

// judged counts what became of a deposit.
func (s *Supernode) judged(items []*item) {
	for _, t := range items {
		if t.reason == 0 {
			s.keptCount.Add(1)
		}
		s.refused(t.reason, 1)
	}
}
