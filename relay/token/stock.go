package token

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"sottovoce/mesh/wire"
)

// stock is tokens by day. All of a day have their nonce and mark only.
type stock map[uint16][]Token

func (s stock) count(today uint16) (n int) {
	for day, tokens := range s {
		if Good(day, today) {
			n += len(tokens)
		}
	}
	return n
}

// expire drops what is not good any more. What is of a day to come stays: our clock may be
// the wrong one.
func (s stock) expire(today uint16) {
	for day, tokens := range s {
		if day < today && !Good(day, today) {
			clear(tokens)
			delete(s, day)
		}
	}
}

// add puts tokens to the others and drops the oldest beyond limit.
func (s stock) add(tokens []Token, limit int) {
	total := len(tokens)
	for _, held := range s {
		total += len(held)
	}
	for _, t := range tokens {
		s[t.Day()] = append(s[t.Day()], t)
	}
	for ; total > limit; total-- {
		oldest := slices.Min(s.days())
		s.pop(oldest)
	}
}

func (s stock) days() []uint16 {
	days := make([]uint16, 0, len(s))
	for day := range s {
		days = append(days, day)
	}
	slices.Sort(days)
	return days
}

// pop takes the last token of a day that has one.
func (s stock) pop(day uint16) Token {
	held := s[day]
	t := held[len(held)-1]
	held[len(held)-1].Erase()
	if s[day] = held[:len(held)-1]; len(s[day]) == 0 {
		delete(s, day)
	}
	return t
}

// take removes n good tokens, fewer if there are not as many, in the order of the days.
func (s stock) take(n int, today uint16, order func(a, b uint16) int) (tokens []Token) {
	days := s.days()
	slices.SortFunc(days, order)
	for _, day := range days {
		if !Good(day, today) {
			continue
		}
		for len(tokens) < n && len(s[day]) > 0 {
			tokens = append(tokens, s.pop(day))
		}
	}
	return tokens
}

// toSpend orders days by how little a token of them tells: yesterday first, when everybody who
// was there has drawn, then the days before it, newest first; today is last, since who deposits
// with a token of today is one of the few that have drawn so far.
//
// spec: 11-tokens#wallet
func toSpend(today uint16) func(a, b uint16) int {
	rank := func(day uint16) int {
		if day < today {
			return int(today) - int(day)
		}
		return 1<<16 + int(day)
	}
	return func(a, b uint16) int { return cmp.Compare(rank(a), rank(b)) }
}

// toGive orders days by how long tokens of them are still good, longest first.
func toGive(a, b uint16) int { return cmp.Compare(b, a) }

// savedDay are the tokens of a day in the form in which they are kept.
type savedDay struct {
	Day    uint16 `cbor:"1,keyasint"`
	Tokens []byte `cbor:"2,keyasint"` // nonce(32) ‖ mark(32), one after the other
}

const savedToken = Size - 2

func (s stock) save() (saved []savedDay) {
	for _, day := range s.days() {
		d := savedDay{Day: day, Tokens: make([]byte, 0, len(s[day])*savedToken)}
		for _, t := range s[day] {
			d.Tokens = append(d.Tokens, t[2:]...)
		}
		saved = append(saved, d)
	}
	return saved
}

// loadStock refuses what save does not write.
func loadStock(saved []savedDay, limit int) (stock, error) {
	s, total := make(stock), 0
	for i, d := range saved {
		total += len(d.Tokens) / savedToken
		switch {
		case len(d.Tokens) == 0 || len(d.Tokens)%savedToken != 0:
			return nil, fmt.Errorf("tokens of %d bytes", len(d.Tokens))
		case i > 0 && d.Day <= saved[i-1].Day:
			return nil, errors.New("days do not ascend")
		case total > limit:
			return nil, fmt.Errorf("more than %d tokens", limit)
		}
		for at := 0; at < len(d.Tokens); at += savedToken {
			s[d.Day] = append(s[d.Day], tokenOf(d.Day, d.Tokens[at:][:nonceSize], d.Tokens[at+nonceSize:][:markSize]))
		}
	}
	return s, nil
}

// unmarshalSaved decodes what marshalSaved wrote.
func unmarshalSaved(b []byte, v any) error {
	if len(b) > savedMax {
		return fmt.Errorf("%w: %d bytes", wire.ErrMalformed, len(b))
	}
	return wire.Unmarshal(b, v)
}

func marshalSaved(v any) []byte {
	b, err := wire.Marshal(v)
	if err != nil || len(b) > savedMax {
		panic(fmt.Sprintf("token: saving %T: %d bytes: %v", v, len(b), err))
	}
	return b
}
