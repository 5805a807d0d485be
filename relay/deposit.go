package relay

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

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
	groups := make(map[Log][]*item)
	var order []Log
	var errs []error
	for i, p := range parcels {
		answers[i].Reason = wire.ReasonNotNow
		h, err := wire.ParseBlob(p.Blob)
		by, log := c.payerFor(at, p.Card)
		if err == nil && by == nil {
			err = ErrForeign
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if groups[log] == nil {
			order = append(order, log)
		}
		groups[log] = append(groups[log], &item{by: by, blob: p.Blob, id: wire.IDOf(p.Blob), header: h, answer: &answers[i]})
	}
	for _, log := range order {
		items := groups[log]
		errs = append(errs, c.at(ctx, items, func(to *counter) error { return to.deposit(ctx, items) }))
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

// payer pays for blobs in one log, and remembers what was signed for there: a station for all that collect there, a guest
// for whoever gave the tokens.
type payer interface {
	// held reports whether a blob was signed for.
	held(id wire.ShortID) bool
	// pay gives tokens to items that have none, in their order, as far as there are any. Those are off the disk before it returns.
	pay(ctx context.Context, items []*item) error
	// refused takes what a whole request was refused for.
	refused(no *RefusedError)
	// answered takes the answers for items; all is what was signed for together, verified.
	answered(items []*item, kept wire.Kept, all []Kept) error
}

// payerFor is who pays for a blob for the giver of a card at a supernode, and in which log it is left; nil: nobody.
func (c *Client) payerFor(at peer.ID, card []byte) (payer, Log) {
	if s := c.stationFor(at, card); s != nil {
		return s, s.log
	}
	for _, g := range c.met(card) {
		if g.log.At == at {
			return g, g.log
		}
	}
	return nil, Log{}
}

// at calls f with the counter of the log that items are for: over the link of its station, or one that guests make for as long, if
// there is anything that they can do.
func (c *Client) at(ctx context.Context, items []*item, f func(*counter) error) error {
	var guests []*guest
	able := false
	for by, share := range shares(items) {
		if s, ours := by.(*station); ours {
			return f(&counter{log: s.log, keys: s.keys, link: s.linked})
		}
		g := by.(*guest)
		guests, able = append(guests, g), able || !g.broke(share)
	}
	if !able {
		withTokens(items)
		return nil
	}
	return c.call(ctx, guests, f)
}

// shares are the items of each payer, those first that come first.
func shares(items []*item) iter.Seq2[payer, []*item] {
	return func(yield func(payer, []*item) bool) {
		of := make(map[payer][]*item)
		var order []payer
		for _, t := range items {
			if of[t.by] == nil {
				order = append(order, t.by)
			}
			of[t.by] = append(of[t.by], t)
		}
		for _, by := range order {
			if !yield(by, of[by]) {
				return
			}
		}
	}
}

// item is one blob of a deposit.
type item struct {
	by     payer
	blob   []byte
	id     wire.BlobID
	header wire.Header
	tokens []token.Token
	answer *Custody
}

// linked is the station's link; nil: it is lost.
func (s *station) linked() *link.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link
}

func (s *station) held(id wire.ShortID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Receipts.find(id) >= 0
}

// pay takes tokens for items, and has some drawn if there are too few and a visit may bring more. They are off the disk before
// it returns: a token that may have been sent is never sent again.
//
// spec: 11-tokens#wallet
func (s *station) pay(ctx context.Context, items []*item) error {
	defer func() {
		s.mu.Lock()
		s.doubt.add(items, s.theirDay())
		s.mu.Unlock()
	}()
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
		s.unsaved = s.unsaved || dirty
		if t.tokens = taken; taken == nil {
			lacking += cost
		}
	}
	save := s.unsaved // or were not, when they were taken
	s.mu.Unlock()
	s.saving.Unlock()
	if save {
		err = s.change(func(*stationState) {})
	}
	return lacking, err
}

// answered takes the answers for items, and keeps what was signed for.
//
// spec: 08-custody#kept
func (s *station) answered(items []*item, kept wire.Kept, all []Kept) error {
	s.heard(kept.Day)
	if len(all) > 0 {
		if err := s.watch.signed(all, *kept.Signature); err != nil {
			for _, t := range items { // else it would count as seen there, and nobody would look
				*t.answer = Custody{Reason: wire.ReasonNotNow, Day: t.answer.Day, Log: s.log}
			}
			return err
		}
		if _, wanted := s.watch.ask(); wanted {
			s.rouse()
		}
	}
	s.mu.Lock()
	s.doubt.settle(items)
	today := s.theirDay()
	_, news := s.state.Receipts.after(items, today)
	s.mu.Unlock()
	for _, t := range items {
		if t.tokens == nil && t.answer.Reason == wire.ReasonToken {
			s.breach(Breach{Kind: BreachLost, Said: t.id})
		}
	}
	if !news {
		return nil
	}
	return s.change(func(state *stationState) { state.Receipts, _ = state.Receipts.after(items, today) })
}

// doubt are the tokens of blobs that were to be offered and for which there is no answer, or one after which
// they may be offered again: the same blob is paid for with the same tokens, and no other with those.
//
// spec: 11-tokens#paying
type doubt map[wire.BlobID][]token.Token

// expire forgets what was offered with tokens that are not good any more.
func (d doubt) expire(today uint16) {
	maps.DeleteFunc(d, func(_ wire.BlobID, sent []token.Token) bool { return !token.Good(sent[0].Day(), today) })
}

// add remembers what is about to go out; a tombstone, and what there is no room for, is paid for anew.
func (d doubt) add(items []*item, today uint16) {
	if len(d) >= doubtMax {
		d.expire(today)
	}
	for _, t := range items {
		if t.blob != nil && len(t.tokens) > 0 && len(d) < doubtMax {
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
