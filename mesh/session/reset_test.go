package session

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// toLimit seals until nothing more may be sealed.
func (s *side) toLimit(now time.Time) (last Sealed) {
	for {
		sealed, err := s.pair.Seal(now, Content{Payload: []byte("x")}, s.rand)
		if errors.Is(err, ErrWindow) {
			return last
		}
		must(s.t, err)
		last = sealed
	}
}

func TestResetAtTheLimit(t *testing.T) {
	now := epochStart
	a, b := meet(t, "reset", 1, now)
	a.talk(now, b, "one")
	b.talk(now, a, "two")
	old, _ := a.pair.Sending()
	last := a.toLimit(now)
	for _, x := range []struct {
		days int
		due  bool
	}{{0, false}, {57, false}, {58, true}, {70, true}} {
		if at := now.Add(time.Duration(x.days) * day); a.pair.ResetDue(at) != x.due || a.pair.NeedsStart(at) != x.due {
			t.Errorf("after %d days: due %v", x.days, !x.due)
		}
	}
	later := now.Add(58 * day)
	lateReceipt := receiptFor(last.Ref)
	start := a.start(later)
	if a.pair.s.Reset != 1 || !a.pair.Overtaken(old) || a.pair.ResetDue(later) || a.pair.NeedsStart(later) {
		t.Fatal("after the reset")
	}
	if a.pair.Receipted(later, lateReceipt) {
		t.Error("a receipt of an overtaken session is news")
	}
	opened := b.mustOpen(later, start)
	if !opened.Reseal || b.pair.s.Reset != 1 || !b.pair.Overtaken(old) {
		t.Fatalf("%+v", opened)
	}
	a.talk(later, b, "anew")
	b.talk(later, a, "anew yourself")
	a.talk(later, b, "both know now")
	// The loser stays readable for 60 days.
	if opened, err := b.open(later, last.Blob, true); err != nil || opened.Session != old {
		t.Fatalf("under the old session: %v", err)
	}
	if gone := b.pair.Expire(later.Add(59 * day)); len(gone) != 0 {
		t.Fatal("gone after 59 days")
	}
	if gone := b.pair.Expire(later.Add(60 * day)); len(gone) != 1 || gone[0] != old {
		t.Fatalf("after 60 days: %v", gone)
	}
	if _, err := b.pair.Open(later, last.Blob, last.Ref, nil); !errors.Is(err, ErrNoSession) {
		t.Fatalf("after it was erased: %v", err)
	}
}

func TestPartialReceiptPutsTheResetOff(t *testing.T) {
	now := epochStart
	a, _ := meet(t, "put off", 0, now)
	last := a.toLimit(now)
	low := receiptFor(Ref{Session: last.Session, N: 3})
	if !a.pair.Receipted(now.Add(30*day), low) {
		t.Fatal("no news")
	}
	a.toLimit(now.Add(30 * day))
	if a.pair.ResetDue(now.Add(58 * day)) {
		t.Error("due 28 days after a receipt")
	}
	// What is older than 60 days does not count, how far we are past the
	// highest receipt does.
	aged := now.Add(61 * day)
	if last := a.toLimit(aged); last.N != low.Ranges[0].Last+unreceiptedMax {
		t.Errorf("sealed up to %d", last.N)
	}
	if a.pair.ResetDue(aged.Add(57*day)) || !a.pair.ResetDue(aged.Add(58*day)) {
		t.Error("not due 58 days after the last seal")
	}
}

func TestLimitCountsSixtyDays(t *testing.T) {
	now := epochStart
	a, b := meet(t, "sixty days", 0, now)
	var all []Sealed
	for range 600 {
		all = append(all, got(a.pair.Seal(now, Content{}, a.rand))(t))
	}
	a.pair.Receipted(now, receiptFor(all[599].Ref)) // 599 are out
	later := now.Add(59 * day)
	if n := countSeals(a, later); n != 401 {
		t.Errorf("sealed %d beside 599 of the last 60 days", n)
	}
	a.reload()
	later = now.Add(60 * day)
	if n := countSeals(a, later); n != 599 {
		t.Errorf("sealed %d when those had aged, not 599", n)
	}
	a.pair.Expire(later)
	if n := len(a.pair.s.Sessions[0].Window.Runs); n != 2 {
		t.Errorf("%d runs", n)
	}
	_ = b
}

// What a window remembers stays bounded, even where nobody calls Expire.
func TestSealingForgetsOldRuns(t *testing.T) {
	a, _ := meet(t, "runs", 0, epochStart)
	w := &a.pair.s.Sessions[0].Window
	for d := range 3 * unreceiptedMax / 2 {
		now := epochStart.Add(time.Duration(d) * day)
		skipped, err := a.pair.Seal(now, Content{}, a.rand)
		must(t, err)
		named, err := a.pair.Seal(now, Content{}, a.rand)
		must(t, err)
		a.pair.Receipted(now, receiptFor(named.Ref))
		if n := len(w.Runs); n > unreceiptedMax || n < min(d, keyDays) {
			t.Fatalf("after %d days and %v: %d runs", d, skipped.Ref, n)
		}
	}
	a.reload()
}

// Who names a session in a receipt has it, whatever became of the numbers named.
func TestAnyReceiptShowsTheSession(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "any receipt", 0, now)
	b.mustOpen(now, a.start(now))
	last := a.talk(now, b, "x")
	now = now.Add(61 * day)
	a.pair.Expire(now)
	if !a.pair.Receipted(now, receiptFor(last.Ref)) || !a.pair.Reached() || a.pair.NeedsStart(now) {
		t.Fatal("a late receipt says nothing")
	}
	if a.pair.Receipted(now, receiptFor(last.Ref)) {
		t.Fatal("the same receipt is news again")
	}
}

func countSeals(s *side, now time.Time) (n int) {
	for {
		if _, err := s.pair.Seal(now, Content{}, s.rand); err != nil {
			return n
		}
		n++
	}
}

// No second reset while one's own last start is not receipted.
func TestPatience(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "patience", 0, now)
	start := a.start(now)
	a.toLimit(now)
	later := now.Add(58 * day)
	if a.pair.ResetDue(later) || a.pair.NeedsStart(later) {
		t.Fatal("a reset before the first start was receipted")
	}
	if _, err := a.pair.Start(later, a.rand); err == nil {
		t.Fatal("started twice")
	}
	// The blob of the start has expired: the same start goes out again.
	later = now.Add(59 * day)
	if !a.pair.NeedsStart(later) || a.pair.ResetDue(later) {
		t.Fatal("an expired start is not renewed")
	}
	again := a.start(later)
	if again.Session != start.Session || a.pair.NeedsStart(later) {
		t.Fatal("renewed as another session")
	}
	if h1, h2 := got(wire.ParseBlob(start.Blob))(t), got(wire.ParseBlob(again.Blob))(t); h1.Tag == h2.Tag || h2.ExpiryDay != h1.ExpiryDay+59 {
		t.Fatal("renewed under the same tag")
	}
	b.mustOpen(later, again)
	if opened, err := b.open(later, start.Blob, false); !errors.Is(err, ErrSeen) || opened.Session != start.Session {
		t.Fatalf("first blob of the same start: %v", err)
	}
}

// Both reset at once: the same number, the smaller H wins, all is readable.
func TestBothResetAtOnce(t *testing.T) {
	now := epochStart
	a, b := meet(t, "both reset", 1, now)
	b.talk(now, a, "hello")
	a.talk(now, b, "hello")
	a.toLimit(now)
	b.toLimit(now)
	later := now.Add(58 * day)
	sa, sb := a.start(later), b.start(later)
	ma, mb := a.seal(later, "A"), b.seal(later, "B")
	for i, o := range []Opened{b.mustOpen(later, sa), a.mustOpen(later, sb)} {
		if o.Session == [8]byte{} {
			t.Fatal(i)
		}
	}
	b.mustOpen(later, ma)
	a.mustOpen(later, mb)
	one, _ := a.pair.Sending()
	two, _ := b.pair.Sending()
	if one != two || a.pair.s.Reset != 1 || b.pair.s.Reset != 1 {
		t.Fatalf("%x %x", one, two)
	}
	a.talk(later, b, "and on")
	b.talk(later, a, "and on")
}

// The order is total and is the rule: number, loss of keys, smaller H.
func TestOrder(t *testing.T) {
	ordered := []session{
		{Number: 2, Order: wire.Hash{9}},
		{Number: 1, LostKeys: true, Order: wire.Hash{8}},
		{Number: 1, LostKeys: true, Order: wire.Hash{9}},
		{Number: 1, Order: wire.Hash{1}},
		{Number: 1, Order: wire.Hash{2}},
		{Number: 0, LostKeys: true, Order: wire.Hash{0}},
		{Number: 0, Order: wire.Hash{0, 1}},
	}
	for i := range ordered {
		for k := range ordered {
			if ordered[i].before(&ordered[k]) != (i < k) {
				t.Errorf("%d before %d: %v", i, k, i >= k)
			}
		}
	}
}

// A start keyed by the contact alone must not replace a session that is in use.
func TestUnkeyedReset(t *testing.T) {
	now := epochStart
	a, b := meet(t, "unkeyed", 1, now)
	thief := got(loaded(a.dev, whole(a.pair)))(t)
	for _, lost := range []bool{false, true} {
		sealed := got(thief.start(now, thief.s.Contact, 1, lost, a.rand))(t)
		if lost {
			a.talk(now, b, "in use")
		}
		_, err := b.open(now, sealed.Blob, false)
		if lost && !errors.Is(err, ErrReset) {
			t.Errorf("over a session in use: %v", err)
		}
		if !lost && err != nil {
			t.Errorf("over a session never used: %v", err)
		}
		// The thief's session, or the true one, is the base of what follows.
		if !lost {
			a, b = meet(t, "unkeyed again", 1, now)
			thief = got(loaded(a.dev, whole(a.pair)))(t)
		}
	}
}

// A start that loses is accepted even so: its messages must be readable.
func TestLosingStartIsReadable(t *testing.T) {
	now := epochStart
	for seed := range 8 {
		a, b := newSides(t, fmt.Sprint("losing", seed), 0, now)
		sa, sb := a.start(now), b.start(now)
		ma := a.seal(now, "under mine")
		a.mustOpen(now, sb)
		if one, _ := a.pair.Sending(); one != sb.Session {
			continue
		}
		a.talk(now, b, "under yours")
		if opened := b.mustOpen(now, sa); opened.Reseal {
			t.Fatal("a losing start overtakes")
		}
		if b.pair.s.Sessions[1].Dies != wire.DayAt(now)+keyDays {
			t.Fatal("a losing start lives for ever")
		}
		b.mustOpen(now, ma)
		return
	}
	t.Fatal("no seed lost")
}

func TestResetNumberLimits(t *testing.T) {
	now := epochStart
	a, b := meet(t, "numbers", 0, now)
	reset := func() Secret { s, _ := a.pair.reached(); return s.Ratchet.Epochs()[0].Reset }()
	for _, x := range []struct {
		number uint32
		want   error
	}{{0, ErrNumber}, {resetAheadMax + 1, ErrNumber}, {1 << 31, ErrNumber}, {resetAheadMax, nil}} {
		copied := got(loaded(a.dev, whole(a.pair)))(t)
		sealed := got(copied.start(now, reset, x.number, false, a.rand))(t)
		if _, err := b.open(now, sealed.Blob, false); !errors.Is(err, x.want) {
			t.Errorf("reset number %d: %v", x.number, err)
		}
	}
	if b.pair.s.Reset != resetAheadMax {
		t.Errorf("reset number %d", b.pair.s.Reset)
	}
}

func TestTooManyStarts(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "too many", 0, now)
	state := whole(a.pair)
	for i := range startsPerDay + 1 {
		sealed, err := a.pair.start(now, a.pair.s.Contact, b.pair.s.Reset+1, false, a.rand)
		if i == startsPerDay {
			if !errors.Is(err, ErrStarts) {
				t.Fatalf("the ninth of a day: %v", err)
			}
			break
		}
		must(t, err)
		b.mustOpen(now, sealed)
	}
	if n := len(b.pair.s.Sessions); n != sessionsMax {
		t.Fatalf("%d sessions are kept", n)
	}
	for d := 1; len(b.pair.s.Seen) < seenMax; d++ {
		a.pair = got(loaded(a.dev, state))(t)
		now = now.Add(day)
		for range startsPerDay {
			b.mustOpen(now, got(a.pair.start(now, a.pair.s.Contact, b.pair.s.Reset+1, false, a.rand))(t))
		}
	}
	a.pair = got(loaded(a.dev, state))(t)
	now = now.Add(day)
	over := got(a.pair.start(now, a.pair.s.Contact, b.pair.s.Reset+1, false, a.rand))(t)
	if _, err := b.open(now, over.Blob, false); !errors.Is(err, ErrStarts) {
		t.Fatalf("one more: %v", err)
	}
}

// The session that keys a reset is what the peer goes on with until it has the reset:
// its 60 days run from when it is known to have it.
func TestUnreceiptedResetOutlivesNothing(t *testing.T) {
	now := epochStart
	a, b := meet(t, "unreceipted reset", 1, now)
	a.talk(now, b, "one")
	b.talk(now, a, "two")
	old, _ := b.pair.Sending()
	a.toLimit(now)
	now = now.Add(58 * day)
	start := a.start(now) // on its way for longer than it lives
	for range 3 {
		now = now.Add(61 * day)
		if gone := append(a.pair.Expire(now), b.pair.Expire(now)...); len(gone) != 0 {
			t.Fatal("a session is gone that the peer still uses")
		}
		a.reload()
		for _, x := range [][2]*side{{a, b}, {b, a}} {
			if !sameSecrets([]Secret{x[0].pair.DialSecret()}, x[1].pair.AcceptSecrets()) {
				t.Fatalf("%s cannot dial", x[0].name)
			}
		}
		b.talk(now, a, "still under the old one")
	}
	now = now.Add(59 * day) // since the last Expire
	a.pair.Receipted(now, receiptFor(start.Ref))
	if gone := a.pair.Expire(now.Add(59 * day)); len(gone) != 0 {
		t.Fatal("gone 59 days after the receipt of the reset")
	}
	if gone := a.pair.Expire(now.Add(60 * day)); len(gone) != 1 || gone[0] != old {
		t.Fatalf("60 days after the receipt of the reset: %v", gone)
	}
}
