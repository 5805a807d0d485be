package session

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// used is a pair of ends with a session that both have written in.
func used(t *testing.T, seed string) (a, b *side) {
	t.Helper()
	a, b = meet(t, seed, 1, epochStart)
	a.talk(epochStart, b, "one")
	b.talk(epochStart, a, "two")
	return a, b
}

// refuses opens the start at the other end, which shows it to a person.
func (s *side) refuses(now time.Time, start Sealed) {
	s.t.Helper()
	ref, _, found := s.find(start.Blob, false)
	if !found {
		s.t.Fatal("no tag")
	}
	if _, err := s.open(now, start.Blob, false); !errors.Is(err, ErrReset) {
		s.t.Fatalf("opened: %v", err)
	}
	if !s.pair.Keep(start.Blob, ref) || s.pair.Keep(start.Blob, ref) || !s.pair.Refused() {
		s.t.Fatal("is kept once")
	}
	s.reload()
}

func (s *side) permits(now time.Time) Opened {
	s.t.Helper()
	opened := got(s.pair.Permit(now))(s.t)
	s.reload()
	return opened
}

// bothTalk says something in both directions and compares what they send on.
func bothTalk(t *testing.T, now time.Time, a, b *side) {
	t.Helper()
	a.talk(now, b, "from a")
	b.talk(now, a, "from b")
	one, _ := a.pair.Sending()
	if two, _ := b.pair.Sending(); one != two {
		t.Fatalf("they send on %x and %x", one, two)
	}
}

// A device that lost its keys is heard again when the other's person permits it, not before.
func TestLostKeys(t *testing.T) {
	now := epochStart
	a, b := used(t, "lost")
	old, _ := b.pair.Sending()
	waits := b.seal(now, "never read")
	a.pair.Lose()
	a.reload()
	if !a.pair.Lost() || !a.pair.NeedsStart(now) || a.pair.DialSecret() != a.pair.s.Contact {
		t.Fatal("nothing is lost")
	}
	start := a.start(now)
	if _, _, found := a.find(waits.Blob, true); found {
		t.Fatal("an old message finds a key")
	}
	ahead := a.seal(now, "sealed before the answer")
	b.refuses(now, start)
	if _, err := b.open(now, ahead.Blob, false); !errors.Is(err, errNoTag) {
		t.Fatalf("before it is permitted: %v", err)
	}
	if opened := b.permits(now); opened.Session != start.Session || !opened.Start || !opened.Reseal || !b.pair.Overtaken(old) {
		t.Fatalf("%+v", opened)
	}
	if _, err := b.pair.Permit(now); !errors.Is(err, ErrNoSession) {
		t.Fatalf("permitted twice: %v", err)
	}
	if _, err := b.open(now, start.Blob, false); !errors.Is(err, ErrSeen) {
		t.Fatalf("the start once more: %v", err)
	}
	b.mustOpen(now, ahead)
	if !a.pair.Receipted(now, receiptFor(start.Ref)) || a.pair.Lost() {
		t.Fatal("still lost")
	}
	a.reload()
	bothTalk(t, now, a, b)
	if !a.pair.BundleDue(now) {
		t.Error("a new bundle is not due")
	}
}

// Lost twice, as when one old copy is restored twice: the second start counts, wherever
// its order puts it.
func TestLostTwice(t *testing.T) {
	for _, seed := range []string{"1", "2", "3", "4", "5", "6"} {
		now := epochStart
		a, b := used(t, "lost twice"+seed)
		copied := whole(a.pair)
		for range 2 {
			a.pair = got(loaded(a.dev, copied))(t)
			a.pair.Lose()
			a.reload()
			start := a.start(now)
			b.refuses(now, start)
			b.permits(now)
			a.pair.Receipted(now, receiptFor(start.Ref))
			bothTalk(t, now, a, b)
		}
	}
}

// When both lost their keys there is nothing left that a start could name.
func TestBothLost(t *testing.T) {
	now := epochStart
	a, b := used(t, "both lost")
	a.pair.Lose()
	b.pair.Lose()
	if _, err := b.open(now, a.start(now).Blob, false); !errors.Is(err, ErrPrekey) {
		t.Errorf("opened: %v", err)
	}
}

// What waits for a decision may turn out to be nothing that can be accepted.
func TestPermitTooLate(t *testing.T) {
	now := epochStart
	a, b := used(t, "too late")
	a.pair.Lose()
	b.refuses(now, a.start(now))
	held := *b.pair.s.Refused
	b.pair.Lose()
	if b.pair.Refused() {
		t.Fatal("still waits, though nothing stands against it")
	}
	b.pair.s.Refused = &held
	if _, err := b.pair.Permit(now); !errors.Is(err, ErrPrekey) {
		t.Errorf("without prekeys: %v", err)
	}
	b.pair.Dismiss()
	b.reload()
	if _, err := b.pair.Permit(now); b.pair.Refused() || !errors.Is(err, ErrNoSession) {
		t.Fatalf("after it was dismissed: %v", err)
	}

	b.pair.s.Refused = &refused{Blob: make([]byte, wire.Class0.Size())}
	if _, err := b.pair.Permit(now); err == nil {
		t.Error("rubbish is permitted")
	}
}

// An older copy hears of numbers it never sealed, and seals no more; its peer sees that it
// has gone back. Neither is said of the one that was copied.
func TestOldCopy(t *testing.T) {
	now := epochStart
	a, b := used(t, "copy")
	copied := whole(a.pair)
	var last Sealed
	for range 3 {
		last = a.talk(now, b, "after the copy was made")
		if !b.pair.Standing().Fallen(wire.Receipt{Session: last.Session, Start: true}) && b.pair.s.Sessions[0].Window.Receipted > 0 {
			t.Error("nothing opened is not less")
		}
		a.pair.Receipted(now, receiptFor(last.Ref))
	}
	before := b.pair.Standing()
	first := a.pair.Receipts()[0] // of a link, where what follows overtakes it
	a.pair.Receipted(now, receiptFor(b.talk(now, a, "overtakes").Ref))
	for _, r := range a.pair.Receipts() {
		b.pair.Receipted(now, r)
	}
	if before.Fallen(first) || !b.pair.Standing().Fallen(first) {
		t.Error("a receipt that was overtaken is not compared with what was receipted before it")
	}
	reply := b.talk(now, a, "reply")
	for _, r := range b.pair.Receipts() {
		if a.pair.Ahead(r) {
			t.Error("the original hears of a number that it never sealed")
		}
	}
	for _, r := range a.pair.Receipts() {
		b.pair.Receipted(now, r)
		if b.pair.Standing().Fallen(r) {
			t.Error("the original has gone back")
		}
	}
	old := &side{t: t, name: "copy", dev: a.dev, pair: got(loaded(a.dev, copied))(t), rand: a.rand, skipped: map[[16]byte]SkippedKey{}}
	if !b.pair.Standing().Fallen(old.pair.Receipts()[0]) {
		t.Errorf("the copy has not gone back: %+v, reply %+v", old.pair.Receipts(), reply.Ref)
	}
	if !slices.ContainsFunc(b.pair.Receipts(), old.pair.Ahead) || !old.pair.Stop() || old.pair.Stop() {
		t.Fatal("the copy does not notice")
	}
	old.reload()
	if _, err := old.pair.Seal(now, Content{}, old.rand); !errors.Is(err, ErrBehind) {
		t.Errorf("seal: %v", err)
	}
	if old.pair.NeedsStart(now.Add(100*day)) || old.pair.Receipted(now, receiptFor(last.Ref)) {
		t.Error("starts, or takes receipts")
	}
	old.pair.Lose()
	start := old.start(now)
	b.refuses(now, start)
	b.permits(now)
	old.pair.Receipted(now, receiptFor(start.Ref))
	bothTalk(t, now, old, b)
}

// What was not stored is not receipted.
func TestDisown(t *testing.T) {
	now := epochStart
	a, b := used(t, "disown")
	var all []Sealed
	for range 5 {
		all = append(all, a.talk(now, b, "x"))
	}
	b.pair.Disown(all[1].Ref)
	b.pair.Disown(all[3].Ref)
	b.reload()
	for i, want := range []bool{true, false, true, false, true} {
		named := slices.ContainsFunc(b.pair.Receipts(), func(r wire.Receipt) bool { return covers(r, all[i].Ref) })
		if named != want {
			t.Errorf("number %d is receipted: %t", i, named)
		}
	}
}

// A peer that lost its keys dials with the contact secret; it is another thing than a link.
func TestRecoverySecret(t *testing.T) {
	a, b := used(t, "recovery")
	if _, found := b.pair.RecoverySecret(); found {
		t.Error("before the link keys have rolled")
	}
	roll(t, a, b)
	secret, found := b.pair.RecoverySecret()
	if a.pair.Lose(); !found || secret != a.pair.DialSecret() || slices.Contains(b.pair.AcceptSecrets(), secret) {
		t.Error("the contact secret leads nowhere")
	}
}

// roll completes a post-quantum step.
func roll(t *testing.T, a, b *side) {
	t.Helper()
	now := epochStart.Add(2 * day)
	for range 6 {
		a.talk(now, b, "x")
		b.talk(now, a, "x")
	}
	if a.confirmed() == 0 || b.confirmed() == 0 {
		t.Fatal("no epoch was confirmed")
	}
}

// What was accepted after all waits for no decision any more.
func TestRefusedAndThenAccepted(t *testing.T) {
	now := epochStart
	a, b := meet(t, "after all", 0, now)
	a.talk(now, b, "x")
	b.talk(now, a, "y")
	a.talk(now, b, "z")
	refusedOne := got(got(loaded(a.dev, whole(a.pair)))(t).start(now, a.pair.s.Contact, 1, false, a.rand))(t)
	ref, _, _ := b.find(refusedOne.Blob, false)
	if _, err := b.pair.Open(now, refusedOne.Blob, ref, nil); !errors.Is(err, ErrReset) || !b.pair.Keep(refusedOne.Blob, ref) {
		t.Fatal(err)
	}
	for range 2 {
		b.mustOpen(now, a.resetBy(now)) // what would lose now is taken, for links are still accepted under the contact secret
	}
	b.mustOpen(now, refusedOne)
	if b.pair.Refused() {
		t.Error("still waits for a decision")
	}
	if _, err := b.pair.Permit(now); !errors.Is(err, ErrNoSession) {
		t.Errorf("permitted: %v", err)
	}
}
