package session

import (
	"encoding/binary"
	"iter"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/ratchet"
)

// Tags yields the whole table of tags to look for: 64 beyond the highest
// number seen of each receiving chain, and the first 16 of the next chain. It
// changes with every Open.
//
// spec: 04-sessions#tags
func (p *Pair) Tags() iter.Seq2[[16]byte, Ref] {
	return p.tags(0, windowCurrent, 0, windowNext)
}

// FarTags yields what lies beyond Tags, up to 1,000 in both chains: for what
// is still unmatched at the end of a catch-up, and once a day.
//
// spec: 04-sessions#tags
func (p *Pair) FarTags() iter.Seq2[[16]byte, Ref] {
	return p.tags(windowCurrent, windowFar, windowNext, windowFar)
}

// tags yields the numbers [from, to) past the highest seen of the current
// chains and [nextFrom, nextTo) of the next ones.
func (p *Pair) tags(from, to, nextFrom, nextTo uint32) iter.Seq2[[16]byte, Ref] {
	return func(yield func([16]byte, Ref) bool) {
		for i := range p.s.Sessions {
			s := &p.s.Sessions[i]
			current, live, next := s.Ratchet.Windows()
			if live && !yieldTags(yield, s.id(), current, current.N+from, current.N+to) ||
				!yieldTags(yield, s.id(), next, nextFrom, nextTo) {
				return
			}
		}
	}
}

// OwnTags yields the tags of the numbers that are sealed next on the sending session. Nobody but the two ends knows them
// before: a blob under one of them, of before it was sealed here, was sealed by another copy of this state.
//
// spec: 04-sessions#copies
func (p *Pair) OwnTags() iter.Seq2[[16]byte, Ref] {
	return func(yield func([16]byte, Ref) bool) {
		if len(p.s.Sessions) == 0 || p.s.Behind {
			return
		}
		s := &p.s.Sessions[0]
		current, live, next := s.Ratchet.Unsent()
		if !live || yieldTags(yield, s.id(), current, current.N, current.N+windowOwn) {
			yieldTags(yield, s.id(), next, 0, windowOwn)
		}
	}
}

func yieldTags(yield func([16]byte, Ref) bool, id [8]byte, w ratchet.Window, from, to uint32) bool {
	for n := from; n < to; n++ {
		if !yield(ratchet.Tag(w.Key, n), Ref{Session: id, Chain: w.Chain, N: n}) {
			return false
		}
	}
	return true
}

// tag returns the tag of a number, if its chain is current or next.
func (s *session) tag(chain, n uint32) (tag [16]byte, found bool) {
	current, live, next := s.Ratchet.Windows()
	switch {
	case live && chain == current.Chain:
		return ratchet.Tag(current.Key, n), true
	case chain == next.Chain:
		return ratchet.Tag(next.Key, n), true
	}
	return [16]byte{}, false
}

// StartTags yields the tags that starts of the peer may have whose blobs
// expire on expiryDay: eight for each secret that may key one.
//
// spec: 04-sessions#start-tags
func (p *Pair) StartTags(expiryDay uint16) iter.Seq2[[16]byte, Ref] {
	return func(yield func([16]byte, Ref) bool) {
		theirs, ours := p.theirID(), p.s.OurID
		for ref, keying := range p.keyings() {
			key := startKey(keying)
			for i := range uint8(startsPerDay) {
				ref.N = uint32(i)
				if !yield(startTag(key, expiryDay, theirs, ours, i), ref) {
					return
				}
			}
		}
	}
}

// StartRefs returns what may key a start of the peer: while it is the same, StartTags is.
func (p *Pair) StartRefs() []Ref {
	var refs []Ref
	for ref := range p.keyings() {
		refs = append(refs, ref)
	}
	return refs
}

// keyings yields the secrets that may key a start of the peer: the contact
// secret, and the reset secrets of every session, because a start may have been
// under way since before the session that we send on.
func (p *Pair) keyings() iter.Seq2[Ref, Secret] {
	return func(yield func(Ref, Secret) bool) {
		if !yield(Ref{Start: true}, p.s.Contact) {
			return
		}
		for i := range p.s.Sessions {
			s := &p.s.Sessions[i]
			for _, e := range s.Ratchet.Epochs() {
				if !yield(Ref{Start: true, Session: s.id(), Chain: e.Number}, e.Reset) {
					return
				}
			}
		}
	}
}

// startKey is K_start.
func startKey(keying Secret) Secret {
	return Secret(ratchet.Derive(keying[:], nil, labelStart, len(Secret{})))
}

func startTag(key Secret, expiryDay uint16, starter, other peer.ID, i uint8) [16]byte {
	m := binary.BigEndian.AppendUint16(nil, expiryDay)
	m = append(append(m, starter[:]...), other[:]...)
	return [16]byte(ratchet.MAC(key[:], append(m, i)))
}
