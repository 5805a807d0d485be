package session

import (
	"bytes"
	"slices"
	"time"

	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// session is one session of a pair.
//
//	       ours                               theirs
//	Start ─┐                                   ┌─ Open of their start
//	       ▼                                   ▼
//	    waiting ──receipt, or a message──▶   known
//	       │                                   │
//	       └──── another goes before it ───────┤
//	                                           ▼
//	                        lost: sends nothing, readable for 60 days
type session struct {
	Order    wire.Hash     `cbor:"1,keyasint"`           // H(SK commitment); the id is its first 8 bytes
	Number   uint32        `cbor:"2,keyasint,omitempty"` // reset number
	LostKeys bool          `cbor:"3,keyasint,omitempty"` // its author said that it had lost its keys
	Ours     bool          `cbor:"4,keyasint,omitempty"` // we started it
	Known    bool          `cbor:"5,keyasint,omitempty"` // the peer is known to have it
	Heard    bool          `cbor:"6,keyasint,omitempty"` // a message of theirs was opened under it
	Dies     uint16        `cbor:"7,keyasint,omitempty"` // the day on which it is erased; 0 while it is the sending one
	Ratchet  ratchet.State `cbor:"8,keyasint"`
	Window   window        `cbor:"9,keyasint"`
	Skipped  skippedDays   `cbor:"10,keyasint,omitempty"`
	Start    *ourStart     `cbor:"11,keyasint,omitempty"` // until it is known, or lost
	Recent   recent        `cbor:"12,keyasint,omitempty"` // what was opened since their current chain began
	Earlier  recent        `cbor:"13,keyasint,omitempty"` // and in the chain before, by time
	RecentIn uint32        `cbor:"14,keyasint,omitempty"` // their current chain
}

func (s *session) id() [8]byte { return [8]byte(s.Order[:]) }

func (s *session) clone() session { return *s }

// before reports whether s is to be sent on rather than o: the highest reset
// number; then the one whose author lost its keys; then the smaller
// H(SK commitment).
//
// spec: 04-sessions#the-sending-session
func (s *session) before(o *session) bool {
	switch {
	case s.Number != o.Number:
		return s.Number > o.Number
	case s.LostKeys != o.LostKeys:
		return s.LostKeys
	}
	return bytes.Compare(s.Order[:], o.Order[:]) < 0
}

// enrol adds a session at its place; those behind the first send nothing more
// and live for 60 days. It returns whether the first changed.
func (p *Pair) enrol(s session, today uint16) bool {
	list, surplus := p.place(s)
	p.s.Sessions = list
	for k := 1; k < len(list); k++ {
		if o := &list[k]; o.Dies == 0 {
			o.Dies, o.Window = addDays(today, keyDays), window{}
			o.Ratchet.Retire()
			o.started()
		}
	}
	if surplus >= 0 {
		p.s.Gone = append(slices.Clip(p.s.Gone), list[surplus].id())
		list[surplus].Ratchet.Erase()
		p.s.Sessions = slices.Delete(list, surplus, surplus+1)
	}
	p.s.Reset = max(p.s.Reset, s.Number) // a start changes the fixed part in any case
	first, _ := p.Sending()
	return first == s.id() && len(p.s.Sessions) > 1
}

// place returns the sessions with s at its place, and the index of the one that is given
// up then, or -1: the last; but if the peer may use that one, knowing of nothing better,
// then the last that it is not known to have, or, if it has them all, the one before it.
//
// spec: 04-sessions#the-sending-session
func (p *Pair) place(s session) (list []session, surplus int) {
	i := slices.IndexFunc(p.s.Sessions, func(o session) bool { return s.before(&o) })
	if i < 0 {
		i = len(p.s.Sessions)
	}
	list = slices.Insert(slices.Clone(p.s.Sessions), i, s)
	last := len(list) - 1
	switch {
	case last < sessionsMax:
		return list, -1
	case len(shared(list)) <= last:
		return list, last
	}
	for k := last; k > 0; k-- {
		if !list[k].Known {
			return list, k
		}
	}
	return list, last - 1
}

func (p *Pair) find(id [8]byte) int {
	return slices.IndexFunc(p.s.Sessions, func(s session) bool { return s.id() == id })
}

// put stores s, a copy of session i that has moved on.
func (p *Pair) put(i int, s session, today uint16) {
	if s.settled() && !p.s.Sessions[i].settled() {
		p.spare(today) // what the peer may have used until now
		s.Dies = p.s.Sessions[i].Dies
	}
	if p.s.Lost && s.Known {
		p.s.Lost = false
		p.changed()
	}
	if !p.s.Rolled && s.Ratchet.Confirmed() > 0 {
		p.s.Rolled = true
		p.changed()
	}
	p.s.Sessions[i] = s
}

// known notes that the peer has the session.
func (s *session) known() {
	s.Known = true
	s.started()
}

// started forgets what it takes to seal the start again.
func (s *session) started() {
	if s.Start != nil {
		s.Start.Keying.Erase()
		s.Start = nil
	}
}

// settled reports whether both ends are known to know that both have s: the
// peer uses nothing older any more.
func (s *session) settled() bool {
	if s.Ours {
		return s.Known
	}
	current, live, _ := s.Ratchet.Windows()
	return live && current.Chain > 0 // it answers to a message of ours
}

// shared returns the sessions whose secrets the peer may still use to reach
// us: from the sending one to the first that is settled.
func shared(list []session) []session {
	for i := range list {
		if list[i].settled() {
			return list[:i+1]
		}
	}
	return list
}

// reached returns the first session that the peer is known to have.
func (p *Pair) reached() (s *session, found bool) {
	for i := range p.s.Sessions {
		if p.s.Sessions[i].Known {
			return &p.s.Sessions[i], true
		}
	}
	return nil, false
}

// spare puts off the end of the sessions that the peer may still use: the 60 days of one
// that lost run from the day on which a better one is settled. Until then the peer may know
// of nothing better, write in it, and key what it starts by it.
//
// spec: 04-sessions#the-sending-session
func (p *Pair) spare(today uint16) {
	for i := range shared(p.s.Sessions) {
		if s := &p.s.Sessions[i]; s.Dies != 0 {
			s.Dies = max(s.Dies, addDays(today, keyDays))
		}
	}
}

// Reached reports whether the peer was ever heard in a session, or has receipted one:
// it holds the keys that its bundle names.
func (p *Pair) Reached() bool {
	_, found := p.reached()
	return found
}

// Sending returns the session that Seal uses.
func (p *Pair) Sending() (session [8]byte, ok bool) {
	if len(p.s.Sessions) == 0 {
		return [8]byte{}, false
	}
	return p.s.Sessions[0].id(), true
}

// Overtaken reports whether nothing more is sent under a session, so that what
// is unreceipted under it is to be sealed again; also when it is gone.
//
// spec: 04-sessions#the-sending-session
func (p *Pair) Overtaken(session [8]byte) bool {
	sending, ok := p.Sending()
	return !ok || sending != session
}

// NeedsStart reports whether Start has something to do: there is no session,
// the blob of the start that it came from expired without a receipt, or
// ResetDue.
//
// spec: 04-sessions#when-to-start
func (p *Pair) NeedsStart(now time.Time) bool {
	if p.s.Behind {
		return false
	}
	if s := p.waiting(); s != nil {
		return !within(wire.DayAt(now), s.Start.Day-wire.ExpiryDaysMax, wire.ExpiryDaysMax+1)
	}
	return len(p.s.Sessions) == 0 || p.ResetDue(now)
}

// ResetDue reports whether the sending session is at its limit, for the life
// of a blob without a receipt, and no start of ours is unreceipted.
//
// spec: 04-sessions#resets
func (p *Pair) ResetDue(now time.Time) bool {
	today := wire.DayAt(now)
	return len(p.s.Sessions) > 0 && p.waiting() == nil && p.s.Sessions[0].Window.stuck(today)
}

// waiting returns the sending session if the peer is not known to have our start of it.
func (p *Pair) waiting() *session {
	if len(p.s.Sessions) > 0 && p.s.Sessions[0].Start != nil {
		return &p.s.Sessions[0]
	}
	return nil
}
