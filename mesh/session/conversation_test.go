package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

func TestFirstWords(t *testing.T) {
	for pairs := range oneTimeMax + 1 {
		t.Run(fmt.Sprint(pairs, " one-time pairs"), func(t *testing.T) {
			now := epochStart
			a, b := newSides(t, "first words", pairs, now)
			if !a.pair.NeedsStart(now) {
				t.Fatal("a new pair needs no start")
			}
			if _, err := a.pair.Seal(now, Content{}, a.rand); !errors.Is(err, ErrNoSession) {
				t.Fatalf("seal without a session: %v", err)
			}
			start := a.start(now)
			if len(start.Blob) != wire.Class0.Size() || !start.Start {
				t.Fatalf("start of %d bytes", len(start.Blob))
			}
			if a.pair.NeedsStart(now) {
				t.Fatal("started, and needs a start")
			}
			first := a.seal(now, "hello")
			if _, err := b.open(now, first.Blob, true); !errors.Is(err, errNoTag) {
				t.Fatalf("message before its start: %v", err)
			}
			if opened := b.mustOpen(now, start); opened.Reseal || opened.Session != start.Session {
				t.Fatalf("start: %+v", opened)
			}
			if string(b.mustOpen(now, first).Payload) != "hello" {
				t.Fatal("another text")
			}
			if pairs > 0 && !b.pair.BundleDue(now) {
				t.Error("a one-time pair was used and no bundle is due")
			}
			b.talk(now, a, "hello yourself")
			for i := range 5 {
				a.talk(now, b, fmt.Sprint("a", i))
				b.talk(now, a, fmt.Sprint("b", i))
				b.talk(now, a, fmt.Sprint("b again", i))
			}
			if _, err := b.open(now, first.Blob, true); !errors.Is(err, errNoTag) {
				t.Fatalf("message opened before: %v", err)
			}
			if opened, err := b.open(now, start.Blob, true); !errors.Is(err, ErrSeen) || opened.Session != start.Session {
				t.Fatalf("start read twice: %+v, %v", opened, err)
			}
		})
	}
}

func TestResponderCanBeginAtOnce(t *testing.T) {
	now := epochStart
	a, b := meet(t, "responder", 1, now)
	b.talk(now, a, "you called?")
	b.talk(now, a, "anybody?")
	a.talk(now, b, "yes")
}

func TestSkippedAndLate(t *testing.T) {
	now := epochStart
	a, b := meet(t, "skipped", 1, now)
	var sent []Sealed
	for i := range 10 {
		sent = append(sent, a.seal(now, fmt.Sprint(i)))
	}
	opened := b.mustOpen(now, sent[5])
	if len(opened.Skipped) != 5 || opened.Skipped[0].Until != wire.DayAt(now)+keyDays {
		t.Fatalf("%d keys skipped", len(opened.Skipped))
	}
	b.talk(now, a, "next chain, please")
	late := a.seal(now, "in chain 1")
	if late.Chain != 1 || late.N != 0 {
		t.Fatalf("sealed as %+v", late.Ref)
	}
	if opened := b.mustOpen(now, late); len(opened.Skipped) != 4 {
		t.Fatalf("%d keys skipped at the end of the old chain", len(opened.Skipped))
	}
	for _, i := range []int{9, 0, 7, 1, 6, 2, 8, 3, 4} {
		if opened := b.mustOpen(now, sent[i]); string(opened.Payload) != fmt.Sprint(i) || opened.Ref != sent[i].Ref {
			t.Fatalf("late message %d: %q", i, opened.Payload)
		}
	}
	if len(b.skipped) != 0 {
		t.Fatalf("%d keys left", len(b.skipped))
	}
	if n := b.pair.s.Sessions[0].Skipped; len(n) != 1 || n[0].Count != 0 {
		t.Fatalf("count of keys: %+v", n)
	}
}

// A skipped key is erased by the node, which goes by a day that never falls: a pair opens
// what it is given a key for, and counts the keys of 60 days.
func TestSkippedKeyExpires(t *testing.T) {
	now := epochStart
	a, b := meet(t, "skipped key expires", 0, now)
	late := a.seal(now, "late")
	opened := b.mustOpen(now, a.seal(now, "in time"))
	if k := opened.Skipped; len(k) != 1 || k[0].Until != wire.DayAt(now)+keyDays {
		t.Fatalf("%d keys skipped", len(k))
	}
	copied := got(loaded(b.dev, whole(b.pair)))(t)
	if _, err := b.open(now.Add(2*keyDays*day), late.Blob, false); err != nil {
		t.Fatal(err)
	}
	copied.Expire(now.Add((keyDays - 1) * day))
	if n := len(copied.s.Sessions[0].Skipped); n != 1 {
		t.Error("not counted for 60 days")
	}
	copied.Expire(now.Add(keyDays * day))
	if n := len(copied.s.Sessions[0].Skipped); n != 0 {
		t.Error("counted for more than 60 days")
	}
}

func TestClasses(t *testing.T) {
	now := epochStart
	a, b := meet(t, "classes", 1, now)
	for class := wire.Class0; class <= wire.Class2; class++ {
		room := a.pair.Room(class)
		for _, n := range []int{room, room + pqRoom} { // no post-quantum key rides now
			sealed := a.talk(now, b, strings.Repeat("x", n))
			if len(sealed.Blob) != class.Size() {
				t.Errorf("%d bytes of payload in a blob of %d", n, len(sealed.Blob))
			}
		}
	}
	if a.pair.Room(wire.Class2) < 60_000 {
		t.Errorf("a text of 60,000 bytes does not fit into %d", a.pair.Room(wire.Class2))
	}
	before := whole(a.pair)
	_, err := a.pair.Seal(now, Content{Payload: make([]byte, wire.Class2.Size())}, a.rand)
	if !errors.Is(err, ErrTooLarge) || !slices.Equal(before, whole(a.pair)) {
		t.Errorf("too large: %v", err)
	}
	receipts := make([]wire.Receipt, receiptsMax+1)
	if _, err := a.pair.Seal(now, Content{Receipts: receipts}, a.rand); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("too many receipts: %v", err)
	}
	if _, err := a.pair.Seal(now, Content{Receipts: receipts[:1]}, a.rand); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("receipt of nothing: %v", err)
	}
}

func TestTagTable(t *testing.T) {
	now := epochStart
	a, b := meet(t, "tags", 0, now)
	if n := len(tagsOf(a.pair.Tags())); n != windowNext {
		t.Errorf("starter looks for %d tags before the first answer", n)
	}
	if n := len(tagsOf(b.pair.Tags())); n != windowCurrent+windowNext {
		t.Errorf("responder looks for %d tags", n)
	}
	if n := len(tagsOf(b.pair.FarTags())); n != 2*windowFar-windowCurrent-windowNext {
		t.Errorf("%d far tags", n)
	}
	all := append(tagsOf(b.pair.Tags()), tagsOf(b.pair.FarTags())...)
	slices.SortFunc(all, func(x, y [16]byte) int { return slices.Compare(x[:], y[:]) })
	if n := len(slices.Compact(all)); n != 2*windowFar {
		t.Errorf("%d distinct tags", n)
	}
	if n := len(tagsOf(b.pair.StartTags(wire.DayAt(now)))); n != startsPerDay*2 {
		t.Errorf("%d start tags for the contact secret and epoch 0", n)
	}
	for range b.pair.Tags() {
		break // stopping early is allowed
	}
	for range b.pair.StartTags(1) {
		break
	}
	// The window moves with the highest number seen.
	var last Sealed
	for range 64 {
		last = a.seal(now, "x")
	}
	b.mustOpen(now, last)
	for range 64 {
		last = a.seal(now, "y")
	}
	b.mustOpen(now, last)
	beyond := make([]Sealed, 65)
	for i := range beyond {
		beyond[i] = a.seal(now, "z")
	}
	if _, err := b.open(now, beyond[64].Blob, false); !errors.Is(err, errNoTag) {
		t.Errorf("the 65th number ahead: %v", err)
	}
	if _, err := b.open(now, beyond[64].Blob, true); err != nil {
		t.Errorf("far look-up: %v", err)
	}
}

func TestFarLookUpReachesAThousand(t *testing.T) {
	now := epochStart
	a, b := meet(t, "far", 0, now)
	var last Sealed
	for range unreceiptedMax {
		last = got(a.pair.Seal(now, Content{Payload: []byte("x")}, a.rand))(t)
	}
	before := whole(a.pair)
	if _, err := a.pair.Seal(now, Content{}, a.rand); !errors.Is(err, ErrWindow) || !slices.Equal(before, whole(a.pair)) {
		t.Fatalf("the 1,001st: %v", err)
	}
	if opened := got(b.open(now, last.Blob, true))(t); len(opened.Skipped) != unreceiptedMax-1 {
		t.Fatalf("%d keys skipped", len(opened.Skipped))
	}
	// One receipt of the highest frees one number, not a thousand: 999 are out.
	a.pair.Receipted(now, receiptFor(last.Ref))
	next := a.seal(now, "one more")
	if _, err := a.pair.Seal(now, Content{}, a.rand); !errors.Is(err, ErrWindow) {
		t.Fatalf("two more: %v", err)
	}
	// 1,000 in all in the next chain, which is looked up just as far.
	b.mustOpen(now, next)
	b.talk(now, a, "turn")
	a.pair.Receipted(now, wire.Receipt{Session: last.Session, Ranges: []wire.Range{{Chain: 0, First: 0, Last: 2000}}})
	for range unreceiptedMax {
		last = got(a.pair.Seal(now, Content{Payload: []byte("x")}, a.rand))(t)
	}
	if last.Chain != 1 || last.N != unreceiptedMax-1 {
		t.Fatalf("sealed as %+v", last.Ref)
	}
	if _, err := b.open(now, last.Blob, false); !errors.Is(err, errNoTag) {
		t.Fatalf("near: %v", err)
	}
	if opened := got(b.open(now, last.Blob, true))(t); len(opened.Skipped) != unreceiptedMax-1 {
		t.Fatalf("%d keys skipped in the next chain", len(opened.Skipped))
	}
}

func TestTimeGoesBackwards(t *testing.T) {
	now := epochStart
	a, b := meet(t, "clock", 1, now)
	a.talk(now.AddDate(-56, 0, 0), b, "1970")
	b.talk(now.AddDate(200, 0, 0), a, "beyond the last day")
	a.talk(time.Unix(-1e9, 0), b, "before the epoch")
}

func TestDeletionSecret(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "deletion", 0, now)
	start := a.start(now)
	h := got(wire.ParseBlob(start.Blob))(t)
	if h.DelCommit != wire.CommitTo(start.Delete) {
		t.Error("start does not commit to its deletion secret")
	}
	b.mustOpen(now, start)
	s := a.seal(now, "x")
	if h := got(wire.ParseBlob(s.Blob))(t); h.DelCommit != wire.CommitTo(s.Delete) || h.ExpiryDay != wire.DayAt(now)+58 {
		t.Errorf("header %+v", h)
	}
}
