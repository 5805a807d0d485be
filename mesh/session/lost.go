package session

import (
	"errors"
	"slices"
	"time"

	"sottovoce/mesh/wire"
)

// ErrBehind says that the peer holds messages of ours that this state never sealed: it is
// an older copy. Nothing is sealed before Lose.
var ErrBehind = errors.New("the state of this session is an older copy")

// refused is a start that a person must decide about.
//
// spec: 04-sessions#lost-keys
type refused struct {
	_        struct{} `cbor:",toarray"`
	Order    [16]byte // of the session that it would begin, cut
	Session  [8]byte  // which keys it, as in Ref
	Chain, N uint32
	Blob     []byte
}

// Lose gives up every session and every private prekey, because they are lost or out of
// date. The next Start begins anew from the contact secret and says so; the peer's
// person has to permit it. What a backup holds of a pair is its state after Lose.
//
// spec: 04-sessions#lost-keys
func (p *Pair) Lose() {
	for i := range p.s.Sessions {
		p.s.Gone = append(slices.Clip(p.s.Gone), p.s.Sessions[i].id())
		p.s.Sessions[i].Ratchet.Erase()
		p.s.Sessions[i].started()
	}
	named := prekeys{ID: p.offered().ID, Heads: p.offered().Heads}
	for i := range p.s.Ours {
		p.s.Ours[i].erase()
	}
	p.s.Sessions, p.s.Ours, p.s.Refused = nil, []prekeys{named}, nil
	p.s.Lost, p.s.Behind, p.s.Rolled = true, false, false
	p.changed()
}

// Lost reports whether our keys were lost and the peer has not heard of it.
func (p *Pair) Lost() bool { return p.s.Lost }

// Keep remembers a start that Open refused with ErrReset until a person decides; the one
// that was remembered before goes. It reports whether the start is another one than that.
//
// spec: 04-sessions#lost-keys
func (p *Pair) Keep(blob []byte, ref Ref) (fresh bool) {
	_, body, _, err := p.readStartAt(blob, ref)
	if err != nil {
		return false
	}
	order := wire.HashOf(labelOrder, body.Commitment[:])
	if p.s.Refused != nil && p.s.Refused.Order == [16]byte(order[:]) {
		return false
	}
	p.s.Refused = &refused{Order: [16]byte(order[:]), Session: ref.Session, Chain: ref.Chain, N: ref.N, Blob: slices.Clone(blob)}
	p.changed()
	return true
}

// Refused reports whether a start waits for a person's decision.
func (p *Pair) Refused() bool { return p.s.Refused != nil }

// Dismiss forgets a start that waits for a person's decision.
func (p *Pair) Dismiss() {
	p.s.Refused = nil
	p.changed()
}

// SaysLost reports whether a start says that its author lost its keys.
func (p *Pair) SaysLost(blob []byte, ref Ref) bool {
	_, body, _, err := p.readStartAt(blob, ref)
	return err == nil && body.LostKeys
}

// Answered reports whether a message of the peer was opened under the sending session.
func (p *Pair) Answered() bool { return len(p.s.Sessions) > 0 && p.s.Sessions[0].Heard }

// Permit accepts the very start that Keep remembered. Its session is the sending one from now on:
// those that would go before it are erased. It fails with ErrNoSession when no start waits,
// with ErrPrekey when the prekeys that it names are gone meanwhile, and with ErrStarts.
//
// spec: 04-sessions#lost-keys
func (p *Pair) Permit(now time.Time) (Opened, error) {
	r := p.s.Refused
	if r == nil {
		return Opened{}, ErrNoSession
	}
	keying, body, head, err := p.readStartAt(r.Blob, Ref{Session: r.Session, Start: true, Chain: r.Chain, N: r.N})
	if err != nil {
		return Opened{}, err
	}
	if len(p.s.Seen) >= seenMax {
		return Opened{}, ErrStarts
	}
	s, err := p.respond(now, body, head, keying)
	if err != nil {
		return Opened{}, err
	}
	p.s.Sessions = slices.DeleteFunc(slices.Clone(p.s.Sessions), func(o session) bool {
		if s.before(&o) {
			return false
		}
		p.s.Gone = append(slices.Clip(p.s.Gone), o.id())
		o.Ratchet.Erase()
		return true
	})
	p.s.Refused, p.s.Behind = nil, false
	p.take(s, body, wire.DayAt(now))
	return Opened{Ref: Ref{Session: s.id(), Start: true}, Reseal: true}, nil
}

// Ahead reports whether a receipt names numbers that the sending session never sealed: then
// this state is an older copy, and the one that sealed them may be in use elsewhere.
//
// spec: 04-sessions#copies
func (p *Pair) Ahead(r wire.Receipt) bool {
	if len(p.s.Sessions) == 0 || p.s.Sessions[0].id() != r.Session {
		return false
	}
	chain, n := p.s.Sessions[0].Ratchet.Sent()
	return slices.ContainsFunc(r.Ranges, func(g wire.Range) bool { return g.Chain > chain || g.Chain == chain && g.Last >= n })
}

// Behind reports whether Stop noted that this state is an older copy.
func (p *Pair) Behind() bool { return p.s.Behind }

// Stop notes that this state is an older copy: Seal fails with ErrBehind until Lose or Permit.
// It reports whether that is news.
func (p *Pair) Stop() bool {
	if p.s.Behind {
		return false
	}
	p.s.Behind = true
	p.changed()
	return true
}

// Standing is how far the peer had receipted the sending session at some time.
type Standing struct {
	session  [8]byte
	chain, n uint32 // the highest number
	some     bool   // of that chain; else nothing is known
}

// Standing returns it as of now.
func (p *Pair) Standing() Standing {
	if len(p.s.Sessions) == 0 {
		return Standing{}
	}
	s := &p.s.Sessions[0]
	chain, n := s.Ratchet.Sent()
	begins := s.Window.Sealed - n // position of the chain's first number
	if s.Window.Receipted <= begins {
		return Standing{} // what was receipted is of an earlier chain
	}
	return Standing{session: s.id(), chain: chain, n: s.Window.Receipted - begins - 1, some: true}
}

// Fallen reports whether the receipts that a peer gives on a new link name less than it had
// receipted when that link came up: its state has gone back. What it has receipted since may
// have overtaken them.
//
// spec: 04-sessions#copies
func (s Standing) Fallen(r wire.Receipt) bool {
	return s.some && s.session == r.Session &&
		!slices.ContainsFunc(r.Ranges, func(g wire.Range) bool { return g.Chain == s.chain && g.Last >= s.n })
}

// Disown takes a number out of what is receipted: it was opened, and its content is
// not stored.
func (p *Pair) Disown(ref Ref) {
	if i := p.find(ref.Session); i >= 0 {
		s := &p.s.Sessions[i]
		s.Recent.remove(ref.Chain, ref.N)
		s.Earlier.remove(ref.Chain, ref.N)
	}
}

// ContactSecret returns what both ends share from the beginning.
func (p *Pair) ContactSecret() Secret { return p.s.Contact }

// RecoverySecret returns the contact secret when links are not accepted under it any more.
// A peer that lost its keys has nothing else to dial with; what comes over such a link is looked through for starts, and is nothing else.
//
// spec: 04-sessions#lost-keys
func (p *Pair) RecoverySecret() (secret Secret, found bool) {
	if slices.Contains(p.AcceptSecrets(), p.s.Contact) {
		return Secret{}, false
	}
	return p.s.Contact, true
}
