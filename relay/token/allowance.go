package token

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sottovoce/mesh/wire"
)

// ErrAllowance says that a persona, or its community, may not draw as many tokens today.
var ErrAllowance = errors.New("allowance of the day is used up")

// Persona names, to the allowance, who draws: the public key of its log-in.
type Persona [32]byte

// Allowance counts what the personas of one community draw at one supernode. It holds the last two
// days on which somebody drew, so that a clock set back and forth gives nobody more.
//
// An Allowance is not safe for concurrent use.
//
// spec: 11-tokens#allowance
type Allowance struct {
	days []dayDrawn // at most two, in the order in which they began
	caps map[Persona]uint16
}

// dayDrawn is what was drawn of one day.
type dayDrawn struct {
	day    uint16
	by     map[Persona]uint16
	issued int
}

// NewAllowance returns one of which nothing is used.
func NewAllowance() *Allowance { return &Allowance{caps: make(map[Persona]uint16)} }

// Left returns how many tokens a persona may still draw on a day, where each may draw limit.
func (a *Allowance) Left(who Persona, day uint16, limit int) int {
	if own, capped := a.caps[who]; capped {
		limit = min(limit, int(own))
	}
	limit = min(limit, 1<<16-1)
	d := a.find(day)
	if d == nil {
		return max(limit, 0)
	}
	if _, known := d.by[who]; !known && len(d.by) >= personasMax {
		return 0
	}
	return max(min(limit-int(d.by[who]), IssuedMax-d.issued), 0)
}

// Draw counts n tokens that a persona draws on a day, where each may draw limit; ErrAllowance
// counts nothing. The owner saves before the tokens are given.
func (a *Allowance) Draw(who Persona, day uint16, n, limit int) error {
	if left := a.Left(who, day, limit); n < 1 || n > left {
		return fmt.Errorf("%w: %d are left, not %d", ErrAllowance, left, n)
	}
	d := a.find(day)
	if d == nil {
		d = a.open(day)
	}
	d.by[who] += uint16(n)
	d.issued += n
	return nil
}

// Cap sets how many tokens a persona may draw a day, whatever the others may; 0 is none. It fails
// where too many personas have a cap of their own.
func (a *Allowance) Cap(who Persona, n uint16) error {
	if _, capped := a.caps[who]; !capped && len(a.caps) >= personasMax {
		return fmt.Errorf("%d personas have an allowance of their own, lift one of those first", personasMax)
	}
	a.caps[who] = n
	return nil
}

// Uncap lets a persona draw what the others may.
func (a *Allowance) Uncap(who Persona) { delete(a.caps, who) }

// Drawn returns how many tokens were drawn on a day, and by how many personas.
func (a *Allowance) Drawn(day uint16) (tokens, personas int) {
	if d := a.find(day); d != nil {
		return d.issued, len(d.by)
	}
	return 0, 0
}

func (a *Allowance) find(day uint16) *dayDrawn {
	for i := range a.days {
		if a.days[i].day == day {
			return &a.days[i]
		}
	}
	return nil
}

// open begins a day. The one that was begun first of three goes, whichever day it is.
func (a *Allowance) open(day uint16) *dayDrawn {
	if len(a.days) == 2 {
		a.days = slices.Delete(a.days, 0, 1)
	}
	a.days = append(a.days, dayDrawn{day: day, by: make(map[Persona]uint16)})
	return &a.days[len(a.days)-1]
}

// savedAllowance is the form in which an allowance is kept. Lists are persona(32) ‖ number(2), one
// after the other, ascending.
type savedAllowance struct {
	Days []savedDrawn `cbor:"1,keyasint,omitempty"`
	Caps []byte       `cbor:"2,keyasint,omitempty"`
}

type savedDrawn struct {
	Day uint16 `cbor:"1,keyasint"`
	By  []byte `cbor:"2,keyasint"`
}

const savedCount = 32 + 2

// Save returns the allowance as bytes, canonical CBOR of at most a mebibyte: 34 bytes for each
// persona and day.
func (a *Allowance) Save() []byte {
	saved := savedAllowance{Caps: appendCounts(nil, a.caps)}
	for _, d := range a.days {
		saved.Days = append(saved.Days, savedDrawn{Day: d.day, By: appendCounts(nil, d.by)})
	}
	b, err := wire.Marshal(saved)
	if err != nil {
		panic(fmt.Sprintf("token: saving an allowance: %v", err))
	}
	return b
}

// LoadAllowance reads what Save wrote.
func LoadAllowance(b []byte) (*Allowance, error) {
	var saved savedAllowance
	if err := wire.Unmarshal(b, &saved); err != nil {
		return nil, fmt.Errorf("saved allowance: %w", err)
	}
	a := NewAllowance()
	var err error
	if a.caps, err = parseCounts(saved.Caps, 0); err != nil {
		return nil, err
	}
	for _, d := range saved.Days {
		if len(a.days) == 2 || a.find(d.Day) != nil {
			return nil, fmt.Errorf("%w: saved allowance: days", wire.ErrMalformed)
		}
		by, err := parseCounts(d.By, 1)
		if err != nil {
			return nil, err
		}
		opened := a.open(d.Day)
		opened.by = by
		for _, n := range by {
			opened.issued += int(n)
		}
		if len(by) == 0 || opened.issued > IssuedMax {
			return nil, fmt.Errorf("%w: saved allowance: %d tokens issued", wire.ErrMalformed, opened.issued)
		}
	}
	return a, nil
}

func appendCounts(b []byte, counts map[Persona]uint16) []byte {
	for _, who := range slices.SortedFunc(maps.Keys(counts), comparePersonas) {
		b = append(b, who[:]...)
		b = binary.BigEndian.AppendUint16(b, counts[who])
	}
	return b
}

// parseCounts reads a list of which no number is below least.
func parseCounts(b []byte, least uint16) (map[Persona]uint16, error) {
	n := len(b) / savedCount
	if len(b)%savedCount != 0 || n > personasMax {
		return nil, fmt.Errorf("%w: saved allowance: list of %d bytes", wire.ErrMalformed, len(b))
	}
	counts := make(map[Persona]uint16, n)
	for at := 0; at < len(b); at += savedCount {
		who, count := Persona(b[at:]), binary.BigEndian.Uint16(b[at+32:])
		if at > 0 && bytes.Compare(b[at-savedCount:at-2], who[:]) >= 0 || count < least {
			return nil, fmt.Errorf("%w: saved allowance: list is not in order", wire.ErrMalformed)
		}
		counts[who] = count
	}
	return counts, nil
}

func comparePersonas(a, b Persona) int { return bytes.Compare(a[:], b[:]) }
