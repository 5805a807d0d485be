package session

import (
	"bytes"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/wire"
)

// theirBundle is a bundle of the peer that a start of it may name.
type theirBundle struct {
	_     struct{} `cbor:",toarray"`
	ID    wire.Hash
	Heads wire.Hash // hash of the account heads that it names
	Gone  uint16    // the day on which it is forgotten; 0 for the newest
}

// seenStart is a start of the peer that was accepted.
//
// spec: 04-sessions#seen-starts
type seenStart struct {
	_      struct{}  `cbor:",toarray"`
	Order  [16]byte  // of the session that it began, cut
	Bundle wire.Hash // of ours, that it used
	Until  uint16    // day
}

// BundleDue reports whether the next message should carry what Offer returns:
// our newest bundle is a week old or has a used one-time pair, or it is not
// known to have arrived and has not been sent for a day.
//
// spec: 04-sessions#prekeys
func (p *Pair) BundleDue(now time.Time) bool {
	today := wire.DayAt(now)
	b := &p.s.Ours[len(p.s.Ours)-1]
	if b.Object != nil {
		k := len(b.Carriers)
		return k == 0 || !within(today, b.Carriers[k-1].Day, offerAgainDays)
	}
	used := slices.ContainsFunc(b.OneTime, func(pair []byte) bool { return len(pair) == 0 })
	return len(p.s.Ours) < bundlesMax && (used || !within(today, b.Made, bundleDays))
}

// Offer returns the bundle for Content.Bundle: the newest as long as it is not
// known to have arrived, else a new one with one pair, drawn from rand.
//
// spec: 04-sessions#prekeys
func (p *Pair) Offer(now time.Time, rand io.Reader) ([]byte, error) {
	if b := &p.s.Ours[len(p.s.Ours)-1]; b.Object != nil {
		return slices.Clone(b.Object), nil
	}
	b, err := NewBundle(p.our, p.s.OurHeads, refillPairs, now, rand)
	if err != nil {
		return nil, err
	}
	p.s.Ours = append(slices.Clip(p.s.Ours), b.s)
	p.changed()
	return b.Public(), nil
}

// carried notes which message carries our newest bundle. Besides the last one it keeps the
// first, as long as that may arrive: a receipt may take longer than a day.
func (p *Pair) carried(object []byte, ref Ref, today uint16) {
	b := &p.s.Ours[len(p.s.Ours)-1]
	if !bytes.Equal(b.Object, object) {
		return
	}
	b.Carriers = slices.DeleteFunc(slices.Clone(b.Carriers), func(c carrier) bool {
		return c.Session != ref.Session || !within(today, c.Day, wire.ExpiryDaysMax+1)
	})
	p.changed()
	b.Carriers = append(b.Carriers[:min(len(b.Carriers), 1)], carrier{Session: ref.Session, Chain: ref.Chain, N: ref.N, Day: today})
}

// carrierReceipted notes that our newest bundle has arrived, if r says so.
func (p *Pair) carrierReceipted(r wire.Receipt, today uint16) bool {
	b := &p.s.Ours[len(p.s.Ours)-1]
	named := func(c carrier) bool {
		return c.Session == r.Session && slices.ContainsFunc(r.Ranges, func(g wire.Range) bool { return g.Chain == c.Chain && g.First <= c.N && c.N <= g.Last })
	}
	if b.Object == nil || !slices.ContainsFunc(b.Carriers, named) {
		return false
	}
	p.arrived(b.ID, today)
	return true
}

// arrived notes that the peer has our bundle id: those before it are not
// offered any more, and live for 60 days.
func (p *Pair) arrived(id wire.Hash, today uint16) {
	p.changed()
	for i := range p.s.Ours {
		if p.s.Ours[i].ID == id {
			p.s.Ours[i].Object, p.s.Ours[i].Carriers = nil, nil
			return
		}
		if p.s.Ours[i].Gone == 0 {
			p.s.Ours[i].Gone = addDays(today, keyDays)
		}
	}
}

func (p *Pair) ourBundle(id wire.Hash) *prekeys {
	for i := range p.s.Ours {
		if p.s.Ours[i].ID == id {
			return &p.s.Ours[i]
		}
	}
	return nil
}

// offered returns our newest bundle that the peer is known to have.
func (p *Pair) offered() *prekeys {
	for i := len(p.s.Ours) - 1; i > 0; i-- {
		if p.s.Ours[i].Object == nil {
			return &p.s.Ours[i]
		}
	}
	return &p.s.Ours[0]
}

// theirNewest names the bundle that a start of ours uses.
func (p *Pair) theirNewest() wire.Hash { return p.s.Theirs[len(p.s.Theirs)-1].ID }

// adopt makes a bundle that came inside a session their newest, whatever its times and
// heads: its maker takes it for arrived, and erases those before it. One that is known,
// or not theirs, is passed over: the message that carried it counts all the same.
//
// spec: 04-sessions#prekeys
func (p *Pair) adopt(object []byte, now time.Time) {
	if len(object) == 0 {
		return
	}
	b, err := ParseBundle(object, p.their())
	if err != nil ||
		slices.ContainsFunc(p.s.Theirs, func(t theirBundle) bool { return t.ID == b.id }) {
		return
	}
	theirs := slices.Clone(p.s.Theirs)
	for i := range theirs {
		if theirs[i].Gone == 0 {
			theirs[i].Gone = addDays(wire.DayAt(now), keyDays)
		}
	}
	theirs = append(theirs, theirBundle{ID: b.id, Heads: b.heads})
	p.s.Theirs = theirs[max(0, len(theirs)-theirBundlesMax):]
	p.changed()
	p.s.TheirBundle, p.s.TheirUsed = bytes.Clone(object), 0
}
