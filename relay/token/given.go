package token

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"sottovoce/mesh/wire"
)

// Given holds the tokens that one contact gave us for one community at one supernode. They pay
// only for what that contact is to collect there: who gave a token knows it again, if the supernode
// helps. All days are by the supernode's clock.
//
// A Given is not safe for concurrent use.
//
// spec: 11-tokens#given-tokens
type Given struct {
	_     [0]func() // not comparable
	state hidden[given]
}

type given struct {
	stock stock
	seen  map[uint16][]shortID // of the tokens that were accepted, by day, ascending
}

// shortID tells the tokens of one contact apart.
type shortID [8]byte

// NewGiven returns an empty one.
func NewGiven() *Given {
	return &Given{state: hide(given{stock: make(stock), seen: make(map[uint16][]shortID)})}
}

// Accept takes the good ones of tokens that the contact sent, at most GiveMax of each day, and none
// that it sent before; it returns how many. Beyond GivenMax the oldest are dropped. The owner saves
// after it, if there are any.
func (g *Given) Accept(tokens []Token, today uint16) (accepted int) {
	s := g.state.get()
	s.expire(today)
	for _, t := range tokens {
		id := t.ID()
		seen, short := s.seen[t.Day()], shortID(id[:8])
		at, found := slices.BinarySearchFunc(seen, short, compareShort)
		if found || len(seen) >= GiveMax || !Good(t.Day(), today) || seen == nil && len(s.seen) >= seenDaysMax {
			continue
		}
		s.seen[t.Day()] = slices.Insert(seen, at, short)
		s.stock.add([]Token{t}, GivenMax)
		accepted++
	}
	return accepted
}

// Count returns how many tokens are good today.
func (g *Given) Count(today uint16) int { return g.state.get().stock.count(today) }

// Idle reports whether nothing of it matters any more: no token is good, and none that was accepted
// would be if it came again.
func (g *Given) Idle(today uint16) bool {
	s := g.state.get()
	s.expire(today)
	return len(s.seen) == 0 && s.stock.count(today) == 0
}

// Take takes n tokens out for good, or none if there are not as many. The owner saves before they
// are sent.
func (g *Given) Take(n int, today uint16) []Token {
	s := g.state.get()
	if n < 1 || n > s.stock.count(today) {
		return nil
	}
	return s.stock.take(n, today, toSpend(today))
}

func (s *given) expire(today uint16) {
	s.stock.expire(today)
	maps.DeleteFunc(s.seen, func(day uint16, _ []shortID) bool { return day < today && !Good(day, today) })
}

// savedGift is the form in which a Given is kept.
type savedGift struct {
	Days []savedDay  `cbor:"1,keyasint,omitempty"`
	Seen []savedSeen `cbor:"2,keyasint,omitempty"`
}

type savedSeen struct {
	Day uint16 `cbor:"1,keyasint"`
	IDs []byte `cbor:"2,keyasint"`
}

// Save returns it as bytes, canonical CBOR of at most 64 KiB. They hold tokens.
func (g *Given) Save() []byte {
	s := g.state.get()
	saved := savedGift{Days: s.stock.save()}
	for _, day := range slices.Sorted(maps.Keys(s.seen)) {
		d := savedSeen{Day: day}
		for _, id := range s.seen[day] {
			d.IDs = append(d.IDs, id[:]...)
		}
		saved.Seen = append(saved.Seen, d)
	}
	return marshalSaved(saved)
}

// LoadGiven reads what Save wrote.
func LoadGiven(b []byte) (*Given, error) {
	var saved savedGift
	if err := unmarshalSaved(b, &saved); err != nil {
		return nil, fmt.Errorf("saved gift: %w", err)
	}
	stock, err := loadStock(saved.Days, GivenMax)
	if err != nil {
		return nil, fmt.Errorf("%w: saved gift: %v", wire.ErrMalformed, err)
	}
	s := given{stock: stock, seen: make(map[uint16][]shortID, len(saved.Seen))}
	for i, d := range saved.Seen {
		n := len(d.IDs) / len(shortID{})
		if n*len(shortID{}) != len(d.IDs) || n < 1 || n > GiveMax || i >= seenDaysMax || i > 0 && d.Day <= saved.Seen[i-1].Day {
			return nil, fmt.Errorf("%w: saved gift: tokens seen", wire.ErrMalformed)
		}
		for at := range n {
			id := shortID(d.IDs[at*len(shortID{}):])
			if at > 0 && compareShort(s.seen[d.Day][at-1], id) >= 0 {
				return nil, fmt.Errorf("%w: saved gift: tokens seen do not ascend", wire.ErrMalformed)
			}
			s.seen[d.Day] = append(s.seen[d.Day], id)
		}
	}
	return &Given{state: hide(s)}, nil
}

// Format prints "given tokens" and nothing else.
func (g Given) Format(f fmt.State, _ rune) { fmt.Fprint(f, "given tokens") }

// MarshalText returns what Format prints.
func (g Given) MarshalText() ([]byte, error) { return []byte("given tokens"), nil }

func compareShort(a, b shortID) int { return bytes.Compare(a[:], b[:]) }

func compareContacts(a, b Contact) int { return bytes.Compare(a[:], b[:]) }

func sortedContacts(m map[Contact]int) []Contact {
	return slices.SortedFunc(maps.Keys(m), compareContacts)
}
