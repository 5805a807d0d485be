package session

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// resetBy begins a session keyed by the one in use, as Start would at the limit.
func (s *side) resetBy(now time.Time) Sealed {
	s.t.Helper()
	used, _ := s.pair.reached()
	for _, e := range used.Ratchet.Epochs() {
		if e.Number == used.Ratchet.Confirmed() {
			sealed := got(s.pair.start(now, e.Reset, s.pair.s.Reset+1, false, s.rand))(s.t)
			s.reload()
			return sealed
		}
	}
	s.t.Fatal("no confirmed epoch")
	return Sealed{}
}

// renew carries the bundles of b to a, as long as a start of a's is lost.
func renew(now time.Time, a, b *side, days int) time.Time {
	for d := range days {
		now = now.Add(day)
		a.pair.Expire(now)
		b.pair.Expire(now)
		c := Content{Payload: []byte(fmt.Sprint(d))}
		if b.pair.BundleDue(now) {
			c.Bundle = got(b.pair.Offer(now, b.rand))(b.t)
		}
		sealed := got(b.pair.Seal(now, c, b.rand))(b.t)
		b.pair.Receipted(now, receiptFor(a.mustOpen(now, sealed).Ref))
	}
	return now
}

// A start whose blob has expired names prekeys that may be gone: then it is made anew,
// goes before the lost one, and is accepted.
func TestStartOutlivesItsPrekeys(t *testing.T) {
	now := epochStart
	a, b := meet(t, "outlives", 0, now)
	a.talk(now, b, "x")
	b.talk(now, a, "x")
	lost := a.resetBy(now)
	under := a.seal(now, "under the lost one")
	for round := range 5 {
		now = renew(now, a, b, 59)
		if !a.pair.NeedsStart(now) {
			t.Fatalf("round %d: nothing to start", round)
		}
		again := a.start(now)
		if sending, _ := a.pair.Sending(); again.Session == lost.Session || sending != again.Session || len(a.pair.s.Sessions) > sessionsMax {
			t.Fatalf("round %d: sealed again, or not sent on", round)
		}
		if round == 0 && !a.pair.Overtaken(under.Session) {
			t.Fatal("what was sealed under the lost one is not sealed again")
		}
		if round < 4 {
			continue // lost, too
		}
		now = now.Add(57 * day)
		b.pair.Expire(now)
		if opened := b.mustOpen(now, again); !opened.Reseal {
			t.Fatal("B does not send on it")
		}
		b.talk(now, a, "yes")
		a.talk(now, b, "at last")
	}
}

// Where nothing changed, the same start goes out again.
func TestSameStartAgain(t *testing.T) {
	now := epochStart
	a, b := meet(t, "same", 0, now)
	a.talk(now, b, "x")
	b.talk(now, a, "x")
	first := a.resetBy(now)
	now = now.Add(59 * day)
	if again := a.start(now); again.Session != first.Session {
		t.Fatal("made anew for nothing")
	}
	// The peer is heard under another session of ours: that keys the next one.
	b.mustOpen(now, first)
	b.talk(now, a, "y")
	if a.pair.waiting() != nil {
		t.Fatal("waits for a receipt that is not needed")
	}
}

// However many starts are lost, their number stays one that the peer takes.
func TestLostStartsAndTheirNumber(t *testing.T) {
	now := epochStart
	a, b := meet(t, "numbers of lost starts", 0, now)
	a.talk(now, b, "x")
	b.talk(now, a, "x")
	a.resetBy(now)
	for range resetAheadMax + 3 {
		now = renew(now, a, b, 59)
		last := a.start(now)
		copied := got(loaded(b.dev, whole(b.pair)))(t)
		if _, err := b.open(now, last.Blob, false); err != nil {
			t.Fatal(err)
		}
		b.pair = copied
	}
}

// A start of ours that lost is no reason to put a reset off.
func TestLosingStartBlocksNoReset(t *testing.T) {
	now := epochStart
	for seed := range 8 {
		a, b := newSides(t, fmt.Sprint("blocks", seed), 0, now)
		a.start(now)
		a.mustOpen(now, b.start(now))
		if a.pair.waiting() != nil {
			continue // won
		}
		if n := len(a.pair.s.Sessions); n != 2 || a.pair.s.Sessions[1].Start != nil {
			t.Fatal("what keyed the losing start is kept")
		}
		a.toLimit(now)
		if !a.pair.ResetDue(now.Add(58 * day)) {
			t.Fatal("no reset beside a start that lost")
		}
		return
	}
	t.Fatal("no seed lost")
}

// The fifth session costs the last one, but not the one that the peer uses; what is
// erased so is named by the next Expire.
func TestTheFifthSession(t *testing.T) {
	now := epochStart
	a, b := meet(t, "fifth", 0, now)
	used, _ := a.pair.Sending()
	var made [][8]byte
	for range 4 {
		made = append(made, a.resetBy(now).Session)
	}
	if n := len(a.pair.s.Sessions); n != sessionsMax || a.pair.find(used) < 0 || a.pair.find(made[0]) >= 0 {
		t.Fatalf("%d sessions", n)
	}
	b.talk(now, a, "still readable")
	a.reload()
	if gone := a.pair.Expire(now); len(gone) != 1 || gone[0] != made[0] {
		t.Fatalf("gone: %x", gone)
	}
	if gone := a.pair.Expire(now); len(gone) != 0 {
		t.Fatal("gone twice")
	}
	if _, err := a.pair.Open(now, b.seal(now, "x").Blob, Ref{Session: made[0]}, nil); !errors.Is(err, ErrNoSession) {
		t.Fatal(err)
	}
}
