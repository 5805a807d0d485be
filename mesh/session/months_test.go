package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
)

// pass lets days go by: blobs and what waits for a receipt expire, links are cut, both
// ends forget what has outlived its time.
func (w *world) pass(days int) {
	w.now = w.now.Add(time.Duration(days) * day)
	today := wire.DayAt(w.now)
	expired := func(blob []byte) bool { return got(wire.ParseBlob(blob))(w.t).ExpiryDay < today }
	w.air = slices.DeleteFunc(w.air, func(p parcel) bool { return p.receipt != nil || expired(p.blob) })
	for i, n := range w.nodes {
		n.pair.Expire(w.now)
		n.reload()
		for op, s := range n.outbox {
			if expired(s.Blob) {
				delete(n.outbox, op)
				w.nodes[1-i].shown[op]++ // given up: not to be looked for
			}
		}
	}
}

// linkable holds at every moment, whatever was given up: one of the two can dial the other.
func (w *world) linkable() {
	a, b := w.nodes[0].pair, w.nodes[1].pair
	if !sameSecrets([]Secret{a.DialSecret()}, b.AcceptSecrets()) && !sameSecrets([]Secret{b.DialSecret()}, a.AcceptSecrets()) {
		w.t.Fatal("neither accepts what the other dials with")
	}
}

// meetAgain is a network that delivers everything at once, and two people who both write.
func (w *world) meetAgain() {
	for range 3 {
		for i, n := range w.nodes {
			w.settleStart(i)
			if n.start != nil {
				w.air = append(w.air, parcel{to: 1 - i, blob: n.start.Blob})
			}
			for _, s := range n.outbox {
				w.air = append(w.air, parcel{to: 1 - i, blob: s.Blob})
			}
			w.write(i)
		}
		w.calm()
	}
}

// Days, months and years in which blobs, receipts and starts are lost: nobody is ever taken for
// a clone, and as soon as both are heard again they send on one session and
// everything that was not given up is shown.
func TestMonthsOfSilence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, now: epochStart}
		a, b := newSides(t, "months"+fmt.Sprint(rapid.IntRange(0, 1000).Draw(t, "seed")), rapid.IntRange(0, 1).Draw(t, "pairs"), w.now)
		for i, s := range []*side{a, b} {
			w.nodes[i] = &node{side: s, outbox: map[string]Sealed{}, shown: map[string]int{}}
		}
		if rapid.Bool().Draw(t, "met") {
			w.settleStart(0)
			w.calm()
		}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "who")
			switch what := rapid.IntRange(0, 13).Draw(t, "what"); {
			case what <= 1:
				w.settleStart(i)
			case what <= 4:
				w.write(i)
			case what <= 8 && len(w.air) > 0:
				w.deliver(w.air[rapid.IntRange(0, len(w.air)-1).Draw(t, "parcel")], false)
			case what == 9:
				w.calm()
			case what <= 12:
				w.pass(rapid.IntRange(1, 40).Draw(t, "days"))
			case what == 13 && w.nodes[i].pair.waiting() == nil && len(w.nodes[i].pair.s.Sessions) > 0:
				w.reset(i)
			}
			w.linkable()
		}
		w.meetAgain()
		w.check()
	})
}

// B accepts a reset and writes under it, which A never hears; A, in the belief that it was
// lost, makes another two months later, keyed as the first was. B must take it: it
// keeps the session that keys it until A has answered under a better one.
func TestResetNobodyHeardOf(t *testing.T) {
	now := epochStart
	a, b := meet(t, "nobody heard", 0, now)
	a.talk(now, b, "x")
	b.talk(now, a, "y")
	a.talk(now, b, "z") // settled at B
	old, _ := a.pair.Sending()
	first := a.resetBy(now)
	now = renew(now, a, b, 9) // under the old session: A has another bundle of B's
	b.mustOpen(now, first)
	b.mustOpen(now, a.seal(now, "under the first reset"))
	answer := b.seal(now, "heard you") // not heard for long
	now = now.Add(66 * day)
	a.pair.Expire(now)
	b.pair.Expire(now)
	second := a.start(now)
	if second.Session == first.Session {
		t.Fatal("sealed the first again")
	}
	now = now.Add(50 * day)
	b.pair.Expire(now)
	b.mustOpen(now, second)
	a.mustOpen(now, answer)
	if a.pair.NeedsStart(now) || a.pair.Overtaken(second.Session) {
		t.Fatal("a message under the first makes A leave the second")
	}
	for _, text := range []string{"and on", "and further"} {
		a.talk(now, b, text)
		b.talk(now, a, text)
	}
	now = now.Add(59 * day)
	if gone := b.pair.Expire(now); len(gone) != 0 {
		t.Fatal("gone 59 days after it was settled")
	}
	if gone := b.pair.Expire(now.Add(day)); !slices.Contains(gone, old) || !slices.Contains(gone, first.Session) {
		t.Fatalf("60 days after a better one was settled: %x", gone)
	}
}

// Who copied a home can replace a session that was started since only as long as its
// owner has not answered in it, and with the contact secret not even then. A reset that
// was not answered yet changes nothing of that.
func TestOldSecretsReplaceNothingInUse(t *testing.T) {
	now := epochStart
	a, b := meet(t, "old secrets", 0, now)
	a.talk(now, b, "x")
	b.talk(now, a, "y")
	thief := got(loaded(a.dev, whole(a.pair)))(t)
	old, _ := thief.reached()
	tries := map[string]Secret{"contact": thief.s.Contact, "session": old.Ratchet.Epochs()[0].Reset}
	try := func(when, with string, want error) {
		t.Helper()
		copied := got(loaded(b.dev, whole(b.pair)))(t)
		sealed := got(got(loaded(a.dev, whole(thief)))(t).start(now, tries[with], 5, false, a.rand))(t)
		if _, err := b.open(now, sealed.Blob, false); !errors.Is(err, want) {
			t.Errorf("keyed by the %s secret, %s: %v", with, when, err)
		}
		b.pair = copied
	}
	b.mustOpen(now, a.resetBy(now))
	a.talk(now, b, "in the new one")
	try("heard in the new one", "contact", ErrReset)
	try("heard in the new one", "session", nil)
	b.talk(now, a, "answer")
	a.talk(now, b, "to the answer")
	for with := range tries {
		try("in use by both", with, ErrReset)
	}
	b.resetBy(now)
	for with := range tries {
		try("behind a reset of ours", with, ErrReset)
	}
}

// A start with old secrets that would lose replaces nothing, and must not be read under
// either: it is dropped without asking a person.
func TestOldSecretsAreNotHeard(t *testing.T) {
	for seed := range 4 {
		now := epochStart
		a, b := meet(t, fmt.Sprint("not heard", seed), 0, now)
		a.talk(now, b, "x")
		b.talk(now, a, "y")
		thief := got(loaded(a.dev, whole(a.pair)))(t)
		for range 12 { // the keys of links roll
			now = now.Add(day)
			a.talk(now, b, "x")
			b.talk(now, a, "y")
		}
		sealed := got(thief.start(now, thief.s.Contact, 0, false, a.rand))(t)
		losing := thief.s.Sessions[0].id() != sealed.Session
		if _, err := b.open(now, sealed.Blob, false); losing && !errors.Is(err, ErrNotForUs) || !losing && !errors.Is(err, ErrReset) {
			t.Errorf("would lose %v: %v", losing, err)
		}
	}
}

// However a receipt splits what is left of old numbers, the state can be loaded.
func TestRunsStayLoadable(t *testing.T) {
	now := epochStart
	a, _ := meet(t, "split", 0, now)
	var old [3]Sealed
	for i := range old {
		old[i] = got(a.pair.Seal(now, Content{}, a.rand))(t)
	}
	now = now.Add(keyDays * day)
	for range unreceiptedMax - 2 {
		got(a.pair.Seal(now, Content{}, a.rand))(t)
		a.pair.Receipted(now, receiptFor(got(a.pair.Seal(now, Content{}, a.rand))(t).Ref))
	}
	got(a.pair.Seal(now, Content{}, a.rand))(t)
	a.pair.Receipted(now, receiptFor(old[1].Ref))
	a.reload()
}

// What five sessions cost never is the one that the peer has just been told we have, nor
// the only one that it is known to have.
func TestGivenUpSessions(t *testing.T) {
	for seed := range 8 {
		now := epochStart
		a, b := meet(t, fmt.Sprint("given up", seed), 0, now)
		for range 2 {
			a.talk(now, b, "x")
			b.talk(now, a, "y")
		}
		b.resetBy(now)
		for range 2 {
			now = renew(now, b, a, 59) // B's start is lost; A's bundles come in the old session
			b.start(now)
		}
		start := a.resetBy(now) // a lower number than B's last, and perhaps the last of all
		b.mustOpen(now, start)
		if b.pair.find(start.Session) < 0 {
			t.Fatal("a start was accepted and is not held")
		}
		a.pair.Receipted(now, receiptFor(start.Ref))
		b.mustOpen(now, a.seal(now, "under it"))
	}
	for seed := range 8 {
		now := epochStart
		a, b := newSides(t, fmt.Sprint("reached", seed), 0, now)
		a.start(now)
		start := b.start(now)
		a.mustOpen(now, start)
		if a.pair.Overtaken(start.Session) {
			continue
		}
		b.pair.Receipted(now, receiptFor(start.Ref))
		a.talk(now, b, "heard")
		for range 3 {
			a.resetBy(now)
		}
		if !a.pair.Reached() {
			t.Fatal("gave up the only session that B has")
		}
		b.mustOpen(now, a.resetBy(now))
	}
}

// There is no room for a start behind four better sessions, and it is not receipted.
func TestNoRoomForAStart(t *testing.T) {
	refused := 0
	for seed := range 8 {
		now := epochStart
		a, b := newSides(t, fmt.Sprint("no room", seed), 0, now)
		late := got(got(loaded(a.dev, whole(a.pair)))(t).start(now, a.pair.s.Contact, 0, false, a.rand))(t)
		opened := b.mustOpen(now, a.start(now))
		a.pair.Receipted(now, receiptFor(opened.Ref))
		for range sessionsMax - 1 {
			b.mustOpen(now, a.resetBy(now))
		}
		_, err := b.open(now, late.Blob, false)
		switch held := b.pair.find(late.Session) >= 0; {
		case errors.Is(err, ErrStarts):
			refused++
		case err != nil || !held:
			t.Fatalf("accepted and not held: %v", err)
		}
	}
	if refused == 0 {
		t.Error("there was room in every run")
	}
}

// After a reset, a few words under it and 60 days of silence, no epoch above 0 is held: a copy of
// long ago gets no link with the contact secret all the same, and is not heard.
func TestContactSecretStaysBehind(t *testing.T) {
	for _, seed := range []string{"1", "2", "3"} {
		now := epochStart
		a, b := meet(t, "stays behind"+seed, 0, now)
		for range 12 {
			now = now.Add(day)
			a.talk(now, b, "x")
			b.talk(now, a, "y")
		}
		thief := got(loaded(a.dev, whole(a.pair)))(t)
		now = now.Add(10 * day)
		s := a.resetBy(now)
		b.mustOpen(now, s)
		a.pair.Receipted(now, receiptFor(s.Ref))
		for range 2 {
			a.talk(now, b, "1")
			b.talk(now, a, "2")
		}
		now = now.Add(60 * day)
		a.pair.Expire(now)
		b.pair.Expire(now)
		if _, over := b.pair.RecoverySecret(); !over {
			t.Error("links are accepted under the contact secret again")
		}
		thief.s.Sessions = nil
		sealed := got(thief.start(now, thief.s.Contact, 0, false, a.rand))(t)
		_, err := b.open(now, sealed.Blob, false)
		o, err2 := b.open(now, got(thief.Seal(now, Content{Payload: []byte("thief speaks")}, a.rand))(t).Blob, false)
		if err == nil || err2 == nil {
			t.Errorf("start %v, message %q %v", err, o.Payload, err2)
		}
	}
}

// A state that was saved before it noted that keys have rolled, notes it when it is loaded.
func TestOlderStateHasRolled(t *testing.T) {
	now := epochStart
	a, b := meet(t, "older state", 0, now)
	for range 12 {
		now = now.Add(day)
		a.talk(now, b, "x")
		b.talk(now, a, "y")
	}
	b.pair.s.Rolled = false
	older := got(LoadPair(b.dev, mustMarshal(b.pair.s.fixed), b.pair.Save(), replayed))(t)
	if _, over := older.RecoverySecret(); !over || !older.FixedChanged() {
		t.Error("links are accepted under the contact secret again")
	}
}
