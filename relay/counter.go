package relay

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// counter is where blobs are left in one log, and deleted: over the link of a station, or one that guests have made.
type counter struct {
	log   Log
	keys  identity.DeviceKeys
	guest *[32]byte         // names the community where the link does not; nil: the link is a member's
	link  func() *link.Link // nil: it is lost
}

// deposit offers items: what the supernode has signed for without tokens, since what is held is free, the rest with.
//
// spec: 08-custody#deposit
func (to *counter) deposit(ctx context.Context, items []*item) error {
	if to.link() == nil {
		return ErrUnreached
	}
	var again, fresh []*item
	for _, t := range items {
		if t.by.held(t.id.Short()) {
			again = append(again, t)
		} else {
			fresh = append(fresh, t)
		}
	}
	if err := to.offerAll(ctx, again); err != nil {
		return err
	}
	for _, t := range again {
		if t.answer.Reason == wire.ReasonToken { // it is not held any more
			fresh = append(fresh, t)
		}
	}
	for by, share := range shares(fresh) {
		if err := by.pay(ctx, share); err != nil {
			return err
		}
	}
	return to.offerAll(ctx, withTokens(fresh))
}

// offerAll offers items in as many requests as it takes.
func (to *counter) offerAll(ctx context.Context, items []*item) error {
	for len(items) > 0 {
		n := batch(items)
		if err := to.offer(ctx, items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// batch is how many of items, at least one, go into one request.
func batch(items []*item) int {
	size := 0
	for i, t := range items {
		if size += len(t.blob); i == wire.BatchBlobsMax || i > 0 && size > wire.BatchSizeMax {
			return i
		}
	}
	return len(items)
}

// withTokens are those that were paid for; the others are answered as unpaid.
func withTokens(items []*item) (paid []*item) {
	for _, t := range items {
		if t.tokens == nil {
			t.answer.Reason = wire.ReasonToken
			continue
		}
		paid = append(paid, t)
	}
	return paid
}

// offer makes one deposit, and has whoever paid take the answer.
//
// spec: 08-custody#deposit
func (to *counter) offer(ctx context.Context, items []*item) error {
	ask := wire.Deposit{Blobs: uint16(len(items)), Community: to.guest}
	blobs, size := make([][]byte, len(items)), 0
	for i, t := range items {
		blobs[i] = t.blob
		size += len(t.blob)
		ask.Tokens = token.Append(ask.Tokens, t.tokens)
	}
	defer clear(ask.Tokens)
	kept, err := to.exchange(ctx, ask, blobs, size)
	var no *RefusedError
	if errors.As(err, &no) {
		for _, t := range items {
			*t.answer = Custody{Reason: no.Reason, Day: uint16(min(no.Day, 1<<16-1)), Log: to.log}
		}
		for by := range shares(items) {
			by.refused(no)
		}
		return nil
	}
	if err != nil {
		return err
	}
	all, err := to.verify(items, kept)
	if err != nil {
		return err
	}
	var errs []error
	for by, share := range shares(items) {
		errs = append(errs, by.answered(share, kept, all))
	}
	return errors.Join(errs...)
}

// exchange sends a deposit or a deletion and returns its answer. One that takes too long costs the stream and
// never the link: whether the supernode is there QUIC tells, which acknowledges whatever the disk does.
//
// spec: 08-custody#streams
func (to *counter) exchange(ctx context.Context, ask wire.Frame, blobs [][]byte, size int) (kept wire.Kept, err error) {
	l := to.link()
	if l == nil {
		return kept, ErrUnreached
	}
	stream, err := begin(ctx, l)
	if err != nil {
		return kept, err
	}
	defer stream.Reset()
	wait := 2*answerTimeout + time.Duration(size)*perChunk/(64<<10)
	sent := stream.Send(ctx, ask, blobs...)
	if sent == nil {
		sent = stream.End()
	} else {
		wait = refusalTimeout
	}
	stream.Await(time.Now().Add(wait))
	// Who refuses does so before all has arrived, and reads no more.
	kept, err = receive[wire.Kept](ctx, stream)
	if err != nil && sent != nil && !errors.As(err, new(*RefusedError)) {
		err = sent
	}
	return kept, err
}

// verify takes the answers for items into them, and returns what is kept, once it has verified that it
// was signed for.
//
// spec: 08-custody#kept
func (to *counter) verify(items []*item, kept wire.Kept) (all []Kept, err error) {
	if kept.Results.Len() != len(items) {
		return nil, errAnswer
	}
	answers := make([]Custody, 0, len(items))
	for reason, cursor := range kept.Results.All() {
		t := items[len(answers)]
		answers = append(answers, Custody{Reason: reason, Day: uint16(min(kept.Day, 1<<16-1)), Log: to.log, Cursor: cursor})
		switch {
		case reason != 0:
		case cursor == 0:
			return nil, errAnswer
		default:
			all = append(all, Kept{ID: t.id, ExpiryDay: t.header.ExpiryDay, Cursor: cursor})
		}
	}
	var proof []byte
	if len(all) > 0 {
		statement := to.log.Receipt(all)
		if kept.Signature == nil || !ed25519.Verify(to.keys.Sign[:], statement, kept.Signature[:]) {
			return nil, errAnswer
		}
		proof = evidence(to.keys, *kept.Signature, statement)
	}
	for i, a := range answers {
		if a.Reason == 0 {
			a.Evidence = proof
		}
		*items[i].answer = a
	}
	return all, nil
}
