package relay

import (
	"context"
	"errors"
	"slices"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// Tombstone deletes the blobs of a day that commit to Secret.
//
// spec: 07-blobs#deletion-commitment
type Tombstone struct {
	Card      []byte // of whom the blob was for
	Secret    [16]byte
	ExpiryDay uint16
}

// Withdraw shows a supernode the secrets of blobs that it is to delete. It pays for those that it
// does not hold, so that they cannot come to it later. An error says that some were not withdrawn.
//
// spec: 08-custody#delete
func (c *Client) Withdraw(ctx context.Context, at peer.ID, stones []Tombstone) error {
	groups := make(map[payer][]Tombstone)
	var order []payer
	var errs []error
	for _, t := range stones {
		by, _ := c.payerFor(at, t.Card)
		if by == nil {
			errs = append(errs, ErrForeign)
			continue
		}
		if groups[by] == nil {
			order = append(order, by)
		}
		groups[by] = append(groups[by], t)
	}
	for _, by := range order {
		for some := range slices.Chunk(groups[by], wire.BatchBlobsMax) {
			errs = append(errs, c.at(ctx, []*item{{by: by}}, func(to *counter) error { return to.withdraw(ctx, by, some) }))
		}
	}
	return errors.Join(errs...)
}

// withdraw deletes what is held, and pays for the rest: a member, since for that no token of a contact is spent.
func (to *counter) withdraw(ctx context.Context, by payer, stones []Tombstone) error {
	left, err := to.delete(ctx, stones, nil)
	if err != nil || len(left) == 0 || to.guest != nil {
		return err
	}
	items := make([]*item, len(left))
	for i := range items {
		items[i] = &item{answer: new(Custody)} // class 0: one token
	}
	if err := by.pay(ctx, items); err != nil {
		return err
	}
	var tokens []byte
	n := len(withTokens(items))
	for _, t := range items[:n] {
		tokens = token.Append(tokens, t.tokens)
	}
	if n == 0 {
		return &RefusedError{Reason: wire.ReasonToken}
	}
	if left, err = to.delete(ctx, left[:n], tokens); err == nil && len(left) > 0 {
		err = &RefusedError{Reason: wire.ReasonToken}
	}
	return err
}

// delete shows secrets, and returns those that a token is wanted for.
func (to *counter) delete(ctx context.Context, stones []Tombstone, tokens []byte) (unpaid []Tombstone, err error) {
	ask := wire.Delete{Tokens: tokens, Community: to.guest}
	for _, t := range stones {
		ask.Tombstones = ask.Tombstones.Add(t.Secret, t.ExpiryDay)
	}
	kept, err := to.exchange(ctx, ask, nil, 0)
	if err == nil && kept.Results.Len() != len(stones) {
		err = errAnswer
	}
	if err != nil {
		return nil, err
	}
	next := 0
	for reason := range kept.Results.All() {
		if reason == wire.ReasonToken {
			unpaid = append(unpaid, stones[next])
		}
		next++
	}
	return unpaid, nil
}
