package session

import (
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// A clock that was wrong for a while must not stop anything for ever.

var farAhead = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

func TestLimitReachedOnADayToCome(t *testing.T) {
	a, _ := meet(t, "limit of 2100", 1, epochStart)
	a.toLimit(farAhead)
	a.reload()
	if !a.pair.ResetDue(epochStart) {
		t.Error("no reset after a limit that was reached in 2100")
	}
	b, _ := meet(t, "runs of 2100", 1, epochStart)
	for range 600 {
		got(b.pair.Seal(farAhead, Content{}, b.rand))(t)
	}
	b.seal(epochStart, "the clock is set")
	b.pair.Expire(epochStart.Add(keyDays * day))
	if n := len(b.pair.s.Sessions[0].Window.Runs); n != 0 {
		t.Errorf("%d runs of 2100 do not age", n)
	}
}

func TestBundleOfADayToCome(t *testing.T) {
	a, _ := meet(t, "bundle of 2100", 1, epochStart)
	object := got(a.pair.Offer(farAhead, a.rand))(t)
	carried := got(a.pair.Seal(farAhead, Content{Bundle: object}, a.rand))(t)
	if !a.pair.BundleDue(epochStart) {
		t.Error("a bundle that was sent in 2100 does not ride again")
	}
	a.pair.Receipted(epochStart, receiptFor(carried.Ref))
	if !a.pair.BundleDue(epochStart) {
		t.Error("a bundle that was made in 2100 is not replaced")
	}
}

func TestStartTagsNeverRepeat(t *testing.T) {
	now := epochStart
	a, _ := newSides(t, "tags", 0, now)
	a.start(now)
	seen := map[[16]byte]bool{}
	for _, at := range []time.Time{now, now.Add(day), now, farAhead, now.Add(-day), now.Add(day), now} {
		s := a.pair.waiting()
		sealed := got(a.pair.sealStart(at, s, s.Start, a.rand))(t)
		a.reload()
		tag := got(wire.ParseBlob(sealed.Blob))(t).Tag
		if seen[tag] {
			t.Fatalf("the tag of a start on %v repeats", at)
		}
		seen[tag] = true
	}
	for range startsPerDay { // 2100 does not use up the days before it
		at := now.Add(100 * day)
		s := a.pair.waiting()
		got(a.pair.sealStart(at, s, s.Start, a.rand))(t)
	}
	if len(a.pair.s.Starts) > startDaysMax {
		t.Errorf("%d days are counted", len(a.pair.s.Starts))
	}
}

// A clock that was years ahead for a moment keeps no post-quantum step from being due, and
// loses no skipped key: these go when the node says so.
func TestClockAheadForAMoment(t *testing.T) {
	now := epochStart
	a, b := meet(t, "ahead", 0, now)
	late := a.seal(now, "late")
	a.talk(now, b, "jumps")
	ahead := now.Add(5 * 365 * day)
	for range 3 {
		b.talk(ahead, a, "x")
		a.talk(ahead, b, "y")
	}
	b.mustOpen(ahead, late)
	before := a.confirmed()
	for d := range 6 {
		at := now.Add(time.Duration(d) * day)
		a.talk(at, b, "x")
		b.talk(at, a, "y")
	}
	if after := a.confirmed(); after < before+2 {
		t.Errorf("%d steps in six days", after-before)
	}
}
