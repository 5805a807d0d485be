package session

import (
	"errors"
	"slices"
	"testing"

	"sottovoce/mesh/wire"
)

// What is sealed expires by the day that was asked for, the start too; sealed again it is
// the same start.
func TestEndBy(t *testing.T) {
	a, b := newSides(t, "end by", 0, epochStart)
	today := wire.DayAt(epochStart)
	dayOf := func(s Sealed) uint16 { return got(wire.ParseBlob(s.Blob))(t).ExpiryDay }
	refs := b.pair.StartRefs()
	first := got(a.pair.Start(epochStart, a.rand))(t)
	a.pair.EndBy(today + 55)
	again := got(a.pair.StartAgain(epochStart, a.rand))(t)
	message := got(a.pair.Seal(epochStart, Content{}, a.rand))(t)
	for name, day := range map[string][2]uint16{
		"start": {dayOf(first), today + 58}, "again": {dayOf(again), today + 55}, "message": {dayOf(message), today + 55},
	} {
		if day[0] != day[1] {
			t.Errorf("%s expires on %d, not %d", name, day[0], day[1])
		}
	}
	if again.Session != first.Session || a.pair.NeedsStart(epochStart) {
		t.Error("it is another session")
	}
	for _, useless := range []uint16{0, today - 1, today + 59} {
		a.pair.EndBy(useless)
		if day := dayOf(got(a.pair.Seal(epochStart, Content{}, a.rand))(t)); day != today+58 {
			t.Errorf("by %d: expires on %d", useless, day)
		}
	}
	var at Ref
	for tag, ref := range b.pair.StartTags(today + 55) {
		if tag == got(wire.ParseBlob(again.Blob))(t).Tag {
			at = ref
		}
	}
	if opened := got(b.pair.Open(epochStart, again.Blob, at, nil))(t); opened.Session != first.Session {
		t.Error("the start opens as another")
	}
	if now := b.pair.StartRefs(); slices.Equal(now, refs) || len(now) <= len(refs) {
		t.Errorf("what keys a start has not changed: %v", now)
	}
	a.pair.Receipted(epochStart, wire.Receipt{Session: first.Session, Start: true})
	if _, err := a.pair.StartAgain(epochStart, a.rand); !errors.Is(err, ErrNoSession) {
		t.Errorf("a start that arrived: %v", err)
	}
}
