package relay

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// Parcel is a blob to be left for whoever gave us Card.
type Parcel struct {
	Blob []byte
	Card []byte // nil: for whoever collects where we do
}

// Custody is what a supernode answers about one blob: it is kept, or there is a reason.
type Custody struct {
	Reason   wire.Reason // why not; 0: it is kept
	Day      uint16      // the supernode's
	Log      Log         // in which it is kept,
	Cursor   uint64      // and where
	Evidence []byte      // what OpenReceipt takes; blobs may share one
}

// Deposit asks a supernode to keep blobs, and returns one answer for each, in order: "not now" for those
// of which nothing is known, because we are no member where they are to be left, or since a link was lost
// on the way. They are to be offered again, and the tokens that were on their way are used for the same
// blobs then. It fails, with ErrForeign, ErrUnreached or what ended the link, if that is so of all. Each
// request has a deadline of its own.
//
// spec: 08-custody#deposit
func (c *Client) Deposit(ctx context.Context, at peer.ID, parcels []Parcel) ([]Custody, error) {
	answers := make([]Custody, len(parcels))
	groups := make(map[depositor][]*item)
	var order []depositor
	var errs []error
	for i, p := range parcels {
		answers[i].Reason = wire.ReasonNotNow
		h, err := wire.ParseBlob(p.Blob)
		s := c.depositorFor(at, p.Card)
		if err == nil && s == nil {
			err = ErrForeign
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if groups[s] == nil {
			order = append(order, s)
		}
		groups[s] = append(groups[s], &item{blob: p.Blob, id: wire.IDOf(p.Blob), header: h, answer: &answers[i]})
	}
	for _, s := range order {
		errs = append(errs, s.deposit(ctx, groups[s]))
	}
	err := errors.Join(errs...)
	if err == nil {
		return answers, nil
	}
	if !slices.ContainsFunc(answers, func(a Custody) bool { return a.Reason != wire.ReasonNotNow || a.Log != Log{} }) {
		return nil, err
	}
	c.cfg.Log.Debug("some blobs could not be left with a supernode", "error", err)
	return answers, nil
}

// depositor is a log in which blobs can be left: that of a supernode of ours, or as a guest.
type depositor interface {
	deposit(ctx context.Context, items []*item) error
	withdraw(ctx context.Context, stones []Tombstone) error
}

// depositorFor is where a blob for the giver of a card is left at a supernode; nil: nowhere.
func (c *Client) depositorFor(at peer.ID, card []byte) depositor {
	if s := c.stationFor(at, card); s != nil {
		return s
	}
	for _, g := range c.met(card) {
		if g.log.At == at {
			return g
		}
	}
	return nil
}

// item is one blob of a deposit.
type item struct {
	blob   []byte
	id     wire.BlobID
	header wire.Header
	tokens []token.Token
	answer *Custody
}

// deposit offers items: what the supernode has signed for without tokens, since what is held is
// free, the rest with.
func (s *station) deposit(ctx context.Context, items []*item) error {
	if s.reached() == 0 {
		return ErrUnreached
	}
	var again, fresh []*item
	s.mu.Lock()
	for _, t := range items {
		if s.state.Receipts.find(t.id.Short()) >= 0 {
			again = append(again, t)
		} else {
			fresh = append(fresh, t)
		}
	}
	s.mu.Unlock()
	for len(again) > 0 {
		n := batch(again)
		if err := s.offer(ctx, again[:n]); err != nil {
			return err
		}
		for _, t := range again[:n] {
			if t.answer.Reason == wire.ReasonToken {
				s.breach(Breach{Kind: BreachLost, Said: t.id})
				fresh = append(fresh, t)
			}
		}
		again = again[n:]
	}
	err := s.pay(ctx, fresh)
	s.mu.Lock()
	s.doubt.add(fresh)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for len(fresh) > 0 {
		n := batch(fresh)
		paid := withTokens(fresh[:n])
		if len(paid) > 0 {
			if err := s.offer(ctx, paid); err != nil {
				return err
			}
		}
		fresh = fresh[n:]
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

// pay takes tokens for items, and has some drawn if there are too few and a visit may bring more. They are off the disk before
// it returns: a token that may have been sent is never sent again.
//
// spec: 11-tokens#wallet
func (s *station) pay(ctx context.Context, items []*item) error {
	lacking, err := s.take(items)
	if err != nil || lacking == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, drawTimeout)
	defer cancel()
	for range 1 + lacking/token.DrawMax {
		s.mu.Lock()
		if s.barren() {
			s.mu.Unlock()
			return nil
		}
		s.lacking = max(s.lacking, lacking)
		drawn := s.drawn
		s.mu.Unlock()
		s.rouse()
		select {
		case <-drawn:
		case <-ctx.Done():
		}
		before := lacking
		if lacking, err = s.take(items); err != nil || lacking == 0 || lacking == before || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// take gives tokens to items that have none, in their order, and says how many are lacking.
func (s *station) take(items []*item) (lacking int, err error) {
	save := false
	s.saving.Lock()
	s.mu.Lock()
	for _, t := range items {
		if t.tokens == nil {
			t.tokens = s.doubt[t.id]
		}
		if t.tokens != nil {
			continue
		}
		cost := token.Cost(t.header.Class)
		taken, dirty := s.state.wallet.Take(cost, s.theirDay())
		save = save || dirty
		if t.tokens = taken; taken == nil {
			lacking += cost
		}
	}
	s.mu.Unlock()
	s.saving.Unlock()
	if save {
		err = s.change(func(*stationState) {})
	}
	return lacking, err
}

// offer makes one deposit and takes the answer.
//
// spec: 08-custody#deposit
func (s *station) offer(ctx context.Context, items []*item) error {
	s.mu.Lock()
	l := s.link
	s.mu.Unlock()
	if l == nil {
		return ErrUnreached
	}
	ask := wire.Deposit{Blobs: uint16(len(items))}
	blobs, size := make([][]byte, len(items)), 0
	for i, t := range items {
		blobs[i] = t.blob
		size += len(t.blob)
		ask.Tokens = token.Append(ask.Tokens, t.tokens)
	}
	defer clear(ask.Tokens)
	kept, err := exchange(ctx, l, ask, blobs, size)
	var no *RefusedError
	switch {
	case errors.As(err, &no):
		for _, t := range items {
			*t.answer = Custody{Reason: no.Reason, Day: uint16(min(no.Day, 1<<16-1)), Log: s.log}
		}
		s.refused(no)
		return nil
	case err != nil:
		return err
	}
	return s.answered(items, kept)
}

// exchange sends a deposit or a deletion and returns its answer. One that takes too long costs the stream and
// never the link: whether the supernode is there QUIC tells, which acknowledges whatever the disk does.
//
// spec: 08-custody#streams
func exchange(ctx context.Context, l *link.Link, ask wire.Frame, blobs [][]byte, size int) (kept wire.Kept, err error) {
	stream, err := l.Request(ctx)
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

// answered takes the answers for items once what is kept is verified, and keeps that it was signed for.
//
// spec: 08-custody#kept
func (s *station) answered(items []*item, kept wire.Kept) error {
	all, err := s.log.verify(s.keys, items, kept)
	if err != nil {
		return err
	}
	s.heard(kept.Day)
	if len(all) > 0 {
		s.watch.signed(all, *kept.Signature)
	}
	changed := false
	s.mu.Lock()
	s.doubt.settle(items)
	for _, t := range items {
		changed = changed || (s.state.Receipts.find(t.id.Short()) >= 0) != (t.answer.Reason == 0)
	}
	today := s.theirDay()
	s.mu.Unlock()
	if !changed {
		return nil
	}
	return s.change(func(state *stationState) {
		state.Receipts = state.Receipts.expire(today)
		for _, t := range items {
			state.Receipts = state.Receipts.drop(t.id.Short())
		}
		for _, k := range all {
			state.Receipts = state.Receipts.add(k)
		}
	})
}

// doubt are the tokens of blobs that were to be offered and for which there is no answer, or one after which
// they may be offered again: the same blob is paid for with the same tokens, and no other with those.
//
// spec: 11-tokens#paying
type doubt map[wire.BlobID][]token.Token

// add remembers what is about to go out; what there is no room for is paid for anew.
func (d doubt) add(items []*item) {
	for _, t := range items {
		if len(t.tokens) > 0 && len(d) < doubtMax {
			d[t.id] = t.tokens
		}
	}
}

// settle forgets those for which an answer is final.
func (d doubt) settle(items []*item) {
	for _, t := range items {
		switch t.answer.Reason {
		case wire.ReasonDiskFull, wire.ReasonQuota, wire.ReasonNotNow:
		default:
			delete(d, t.id)
		}
	}
}

// verify takes the answers for items into them, and returns what is kept, once it has verified that it
// was signed for.
//
// spec: 08-custody#kept
func (l Log) verify(keys identity.DeviceKeys, items []*item, kept wire.Kept) (all []Kept, err error) {
	if kept.Results.Len() != len(items) {
		return nil, errAnswer
	}
	answers := make([]Custody, 0, len(items))
	for reason, cursor := range kept.Results.All() {
		t := items[len(answers)]
		answers = append(answers, Custody{Reason: reason, Day: uint16(min(kept.Day, 1<<16-1)), Log: l, Cursor: cursor})
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
		statement := l.Receipt(all)
		if kept.Signature == nil || !ed25519.Verify(keys.Sign[:], statement, kept.Signature[:]) {
			return nil, errAnswer
		}
		proof = evidence(keys, *kept.Signature, statement)
	}
	for i, a := range answers {
		if a.Reason == 0 {
			a.Evidence = proof
		}
		*items[i].answer = a
	}
	return all, nil
}

// refused takes what a whole request was refused for.
func (s *station) refused(no *RefusedError) {
	if no.Day != 0 {
		s.heard(no.Day)
	}
	switch no.Reason {
	case wire.ReasonWeOld, wire.ReasonYouOld, wire.ReasonCommunity, wire.ReasonNoMember:
		s.troubled(Word(no.Reason))
	}
}

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
	groups := make(map[depositor][]Tombstone)
	var order []depositor
	var errs []error
	for _, t := range stones {
		s := c.depositorFor(at, t.Card)
		if s == nil {
			errs = append(errs, ErrForeign)
			continue
		}
		if groups[s] == nil {
			order = append(order, s)
		}
		groups[s] = append(groups[s], t)
	}
	for _, s := range order {
		for some := range slices.Chunk(groups[s], wire.BatchBlobsMax) {
			errs = append(errs, s.withdraw(ctx, some))
		}
	}
	return errors.Join(errs...)
}

// withdraw deletes what is held, and pays for the rest.
func (s *station) withdraw(ctx context.Context, stones []Tombstone) error {
	left, err := s.delete(ctx, stones, nil)
	if err != nil || len(left) == 0 {
		return err
	}
	items := make([]*item, len(left))
	for i := range items {
		items[i] = &item{answer: new(Custody)} // class 0: one token
	}
	if err := s.pay(ctx, items); err != nil {
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
	if left, err = s.delete(ctx, left[:n], tokens); err == nil && len(left) > 0 {
		err = &RefusedError{Reason: wire.ReasonToken}
	}
	return err
}

// delete shows secrets, and returns those that a token is wanted for.
func (s *station) delete(ctx context.Context, stones []Tombstone, tokens []byte) (unpaid []Tombstone, err error) {
	s.mu.Lock()
	l := s.link
	s.mu.Unlock()
	if l == nil {
		return nil, ErrUnreached
	}
	ask := wire.Delete{Tokens: tokens}
	for _, t := range stones {
		ask.Tombstones = ask.Tombstones.Add(t.Secret, t.ExpiryDay)
	}
	kept, err := exchange(ctx, l, ask, nil, 0)
	if err != nil {
		return nil, err
	}
	if kept.Results.Len() != len(stones) {
		return nil, errAnswer
	}
	s.heard(kept.Day)
	next := 0
	for reason := range kept.Results.All() {
		if reason == wire.ReasonToken {
			unpaid = append(unpaid, stones[next])
		}
		next++
	}
	return unpaid, nil
}
