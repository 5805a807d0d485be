package conversation

import (
	"bytes"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// chain makes n ops of the author in a log of its own.
func chain(t testing.TB, author peer.ID, n int) []*Op {
	t.Helper()
	l := NewLog(talk)
	var ops []*Op
	for range n {
		ops = append(ops, say(t, l, author, "x"))
	}
	return ops
}

func admit(t testing.TB, l *Log, op *Op) Admission {
	t.Helper()
	adm, err := l.Admit(op, op.Author)
	fatal(t, err)
	return adm
}

// TestTalk: two people answer each other; each op names what its author had seen.
func TestTalk(t *testing.T) {
	a, b := NewLog(talk), NewLog(talk)
	one := say(t, a, anna, "one")
	if adm := admit(t, b, one); adm.Verdict != New || adm.Lamport != 1 || adm.Late {
		t.Errorf("one: %+v", adm)
	}
	two := say(t, b, bruno, "two")
	if !slices.Equal(two.Frontier, []OpID{one.ID()}) || two.Lamport != 2 || two.Seq != 1 {
		t.Errorf("two: %+v", two)
	}
	admit(t, a, two)
	three := say(t, a, anna, "three")
	if three.Prev != one.ID() || !slices.Equal(three.Frontier, []OpID{two.ID()}) || three.Lamport != 3 {
		t.Errorf("three: %+v", three)
	}
	admit(t, b, three)
	if !bytes.Equal(a.Save(), b.Save()) {
		t.Error("the logs differ")
	}
}

// TestNextLeavesTheLog: an op that is never admitted, because its transaction failed,
// takes no place.
func TestNextLeavesTheLog(t *testing.T) {
	l := NewLog(talk)
	before := l.Save()
	_, err := l.Next(anna, noon, Text("x"))
	fatal(t, err)
	if !bytes.Equal(l.Save(), before) {
		t.Error("Next moved the log")
	}
}

// TestVerdicts goes through duplicates, gaps and late ops.
func TestVerdicts(t *testing.T) {
	ops := chain(t, anna, 5)
	l := NewLog(talk)
	for _, step := range []struct {
		op   int
		want Admission
	}{
		{0, Admission{Verdict: New, Lamport: 1}},
		{0, Admission{Verdict: Duplicate, Lamport: 1}},
		{4, Admission{Verdict: New, Lamport: 5, Missing: 3}},
		{0, Admission{Verdict: Unsure, Lamport: 1, Late: true, Missing: 3}},
		{2, Admission{Verdict: New, Lamport: 3, Late: true, Missing: 2}},
		{2, Admission{Verdict: Unsure, Lamport: 3, Late: true, Missing: 2}},
		{1, Admission{Verdict: New, Lamport: 2, Late: true, Missing: 1}},
		{3, Admission{Verdict: New, Lamport: 4, Late: true}},
		{4, Admission{Verdict: Duplicate, Lamport: 5}},
	} {
		if got := admit(t, l, ops[step.op]); got != step.want {
			t.Errorf("op %d: %+v, not %+v", step.op, got, step.want)
		}
	}
	whole := NewLog(talk)
	for _, op := range ops {
		admit(t, whole, op)
	}
	if !bytes.Equal(l.Save(), whole.Save()) {
		t.Error("the order of arrival shows in the log")
	}
}

// TestForeign ops are refused and change nothing.
func TestForeign(t *testing.T) {
	l := NewLog(talk)
	op := chain(t, anna, 1)[0]
	if _, err := l.Admit(op, bruno); !errors.Is(err, ErrForeign) {
		t.Errorf("another device's op: %v", err)
	}
	other := NewLog(ID{9})
	if _, err := other.Admit(op, anna); !errors.Is(err, ErrForeign) {
		t.Errorf("another conversation's op: %v", err)
	}
	if len(l.authors)+len(other.authors) != 0 {
		t.Error("a refused op left an author behind")
	}
}

// TestForks: wherever two chains of one device meet, it shows.
func TestForks(t *testing.T) {
	ours := chain(t, anna, 5)
	cloned := NewLog(talk)
	admit(t, cloned, ours[0])
	var theirs []*Op
	for range 4 {
		theirs = append(theirs, say(t, cloned, anna, "clone"))
	}
	for name, c := range map[string]struct {
		have []*Op
		fork *Op
	}{
		"same place as the last":        {ours[:2], theirs[0]},
		"follows another":               {ours[:2], theirs[1]},
		"begins a gap after another":    {[]*Op{ours[0], ours[1], ours[4]}, theirs[1]},
		"ends a gap before another":     {[]*Op{ours[0], ours[4]}, theirs[2]},
		"in the gap a late op left":     {[]*Op{ours[0], ours[4], ours[2]}, theirs[2]},
		"in the gap before, other prev": {[]*Op{ours[0], ours[4], ours[2]}, theirs[0]},
	} {
		l := NewLog(talk)
		for _, op := range c.have {
			admit(t, l, op)
		}
		before := l.Save()
		if _, err := l.Admit(c.fork, anna); !errors.Is(err, ErrFork) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(before, l.Save()) {
			t.Errorf("%s: the log moved", name)
		}
	}
}

// TestLamportClamp: an author cannot end the order for everybody, and its own ops stay
// in their order.
func TestLamportClamp(t *testing.T) {
	l := NewLog(talk)
	say(t, l, bruno, "hello")
	w := plain()
	w.Lamport = LamportMax
	high, err := ParseOp(raw(t, w))
	fatal(t, err)
	if adm := admit(t, l, high); adm.Lamport != 1+LamportJump {
		t.Errorf("a jump to the end counts as %d", adm.Lamport)
	}
	id := high.ID()
	w.Seq, w.Prev, w.Lamport = 2, &id, 1
	low, err := ParseOp(raw(t, w))
	fatal(t, err)
	if adm := admit(t, l, low); adm.Lamport != 2+LamportJump {
		t.Errorf("the op after it counts as %d", adm.Lamport)
	}
	next, err := l.Next(bruno, noon, Text("still here"))
	fatal(t, err)
	if next.Lamport != 3+LamportJump {
		t.Errorf("our next op has lamport %d", next.Lamport)
	}
	l.lamport = LamportMax
	if next, err = l.Next(bruno, noon, Text("at the end")); err != nil || next.Lamport != LamportMax {
		t.Errorf("at the end of numbers: %v", err)
	}
	if adm := admit(t, l, next); adm.Lamport != LamportMax {
		t.Errorf("at the end of numbers: %+v", adm)
	}
}

// TestBounds: gaps, authors and frontier cannot grow without end, and what is given up
// is still taken.
func TestBounds(t *testing.T) {
	ops := chain(t, anna, 4*rangesMax)
	l := NewLog(talk)
	for i := 1; i < len(ops); i += 2 {
		admit(t, l, ops[i])
	}
	if got := len(l.authors[0].missing); got != rangesMax {
		t.Errorf("%d gaps", got)
	}
	if adm := admit(t, l, ops[0]); adm.Verdict != Unsure {
		t.Errorf("an op of a gap that was given up: %+v", adm)
	}
	l = NewLog(talk)
	for i := range authorsMax {
		w := plain()
		w.Author = peer.ID{byte(i), byte(i >> 8), 1}
		op, err := ParseOp(raw(t, w))
		fatal(t, err)
		admit(t, l, op)
	}
	if len(l.frontier) != FrontierMax {
		t.Errorf("frontier of %d", len(l.frontier))
	}
	if _, err := l.Admit(ops[0], anna); !errors.Is(err, ErrAuthors) {
		t.Errorf("one author too many: %v", err)
	}
	if b := l.Save(); len(b) > savedMax {
		t.Errorf("%d bytes", len(b))
	}
}

// TestAnyOrder: two people write at the same time over a link that delays, repeats and
// reorders. In the end both logs agree, every op was new exactly once, and the order
// of display keeps each op after all that its author had seen.
func TestAnyOrder(t *testing.T) { rapid.Check(t, anyOrder) }

// FuzzAnyOrder looks for the same with the fuzzer's choices.
func FuzzAnyOrder(f *testing.F) {
	for seed := range byte(8) {
		choices := make([]byte, 8192)
		_, _ = mathrand.NewChaCha8([32]byte{seed}).Read(choices) // it never fails
		f.Add(choices)
	}
	f.Fuzz(rapid.MakeFuzz(anyOrder))
}

func anyOrder(t *rapid.T) {
	people := []peer.ID{anna, bruno}
	logs := []*Log{NewLog(talk), NewLog(talk)}
	stores := []map[OpID]Place{{}, {}}
	seen := make(map[OpID][]OpID) // what its author had when it wrote
	var sent [2][]*Op             // ops for logs[i], all that ever were
	take := func(i int, op *Op) {
		adm, err := logs[i].Admit(op, op.Author)
		if err != nil {
			t.Fatal(err)
		}
		_, have := stores[i][op.ID()]
		if have && adm.Verdict == New || !have && adm.Verdict == Duplicate {
			t.Fatalf("verdict %d, have %t", adm.Verdict, have)
		}
		if !have {
			stores[i][op.ID()] = Place{adm.Lamport, op.Author, op.ID()}
		}
		if logs[i], err = LoadLog(logs[i].Save()); err != nil {
			t.Fatal(err)
		}
	}
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		i := rapid.IntRange(0, 1).Draw(t, "who")
		if n := len(sent[i]); n > 0 && rapid.Bool().Draw(t, "receive") {
			take(i, sent[i][rapid.IntRange(0, n-1).Draw(t, "op")])
			continue
		}
		op, err := logs[i].Next(people[i], noon, Text("x"))
		if err != nil {
			t.Fatal(err)
		}
		seen[op.ID()] = nil
		for id := range stores[i] {
			seen[op.ID()] = append(seen[op.ID()], id)
		}
		take(i, op)
		sent[1-i] = append(sent[1-i], op)
	}
	for i := range logs {
		for _, op := range sent[i] {
			take(i, op)
		}
	}
	if len(stores[0]) != len(seen) || len(stores[1]) != len(seen) {
		t.Fatalf("%d ops, stored %d and %d", len(seen), len(stores[0]), len(stores[1]))
	}
	for id, before := range seen {
		if stores[0][id] != stores[1][id] {
			t.Fatalf("places %v and %v", stores[0][id], stores[1][id])
		}
		for _, b := range before {
			if !stores[0][b].Less(stores[0][id]) {
				t.Fatalf("%v is shown before %v, which its author had seen", stores[0][id], stores[0][b])
			}
		}
	}
	if logs[0].Missing()+logs[1].Missing() != 0 || logs[0].lamport != logs[1].lamport {
		t.Fatalf("%v and %v", logs[0], logs[1])
	}
}

// TestLessIsAnOrder: exactly one of before, after, same.
func TestLessIsAnOrder(t *testing.T) {
	places := []Place{{1, anna, OpID{1}}, {1, anna, OpID{2}}, {1, bruno, OpID{0}}, {2, anna, OpID{0}}}
	for i, p := range places {
		for j, q := range places {
			if p.Less(q) != (i < j) {
				t.Errorf("%d before %d: %t", i, j, p.Less(q))
			}
		}
	}
}

// TestLoadLogRefuses what Save could not have written.
func TestLoadLogRefuses(t *testing.T) {
	good := func() savedLog {
		return savedLog{Lamport: 9, Authors: []savedAuthor{{ID: anna, Seq: 9, Lamport: 9, Missing: []savedGap{{First: 2, Last: 3}, {First: 5, Last: 5}}}}}
	}
	for name, change := range map[string]func(*savedLog){
		"lamport":        func(s *savedLog) { s.Lamport = LamportMax + 1 },
		"frontier":       func(s *savedLog) { s.Frontier = make([]OpID, FrontierMax+1) },
		"authors":        func(s *savedLog) { s.Authors = make([]savedAuthor, authorsMax+1) },
		"order":          func(s *savedLog) { s.Authors = append(s.Authors, s.Authors[0]) },
		"seq 0":          func(s *savedLog) { s.Authors[0].Seq = 0 },
		"seq too large":  func(s *savedLog) { s.Authors[0].Seq = SeqMax + 1 },
		"author ahead":   func(s *savedLog) { s.Authors[0].Lamport = 10 },
		"forgot ahead":   func(s *savedLog) { s.Forgot = s.Lamport + 1 },
		"gap backwards":  func(s *savedLog) { s.Authors[0].Missing[0].Last = 1 },
		"gap at the end": func(s *savedLog) { s.Authors[0].Missing[1].Last = 9 },
		"gaps touch":     func(s *savedLog) { s.Authors[0].Missing[1].First = 4 },
		"gaps":           func(s *savedLog) { s.Authors[0].Missing = make([]savedGap, rangesMax+1) },
	} {
		s := good()
		b, err := wire.Marshal(s)
		fatal(t, err)
		if _, err := LoadLog(b); err != nil {
			t.Fatalf("the good one: %v", err)
		}
		change(&s)
		if b, err = wire.Marshal(s); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadLog(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		for i := range b {
			if _, err := LoadLog(b[:i]); err == nil {
				t.Errorf("%s: cut at %d loads", name, i)
			}
		}
	}
	if _, err := LoadLog(make([]byte, savedMax+1)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("too large: %v", err)
	}
}

// What was deleted is not taken in again; what never was here is.
func TestForget(t *testing.T) {
	l := NewLog(talk)
	ops := chain(t, anna, 6)
	for _, i := range []int{0, 1, 3, 4} {
		admit(t, l, ops[i])
	}
	verdicts := func(l *Log, want ...Verdict) {
		t.Helper()
		for i, v := range want {
			if a, err := l.Admit(ops[i], anna); err != nil || a.Verdict != v {
				t.Errorf("op %d: %v, %v", i, a.Verdict, err)
			}
		}
	}
	l.Forget(1)
	verdicts(l, Duplicate, Unsure)
	l.Forget(LamportMax)
	l.Forget(1)
	loaded, err := LoadLog(l.Save())
	fatal(t, err)
	for _, l := range []*Log{l, loaded} {
		verdicts(l, Duplicate, Duplicate, New, Duplicate, Duplicate, New)
	}
}

func FuzzLoadLog(f *testing.F) {
	l := NewLog(talk)
	f.Add(l.Save())
	ops := chain(f, anna, 6)
	for _, i := range []int{0, 5, 3} {
		admit(f, l, ops[i])
	}
	say(f, l, bruno, "x")
	f.Add(l.Save())
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := LoadLog(b)
		if err != nil {
			return
		}
		if _, err := LoadLog(l.Save()); err != nil {
			t.Fatalf("what was saved does not load: %v", err)
		}
		if op, err := l.Next(anna, noon, Text("x")); err == nil {
			_, _ = l.Admit(op, anna)
		}
		for _, op := range ops {
			_, _ = l.Admit(op, anna)
		}
	})
}

// An author whose log was put back leaps over what it may have written since: the others
// take that for missing, and nothing for a fork.
func TestLeap(t *testing.T) {
	for _, written := range []int{0, 3} {
		ours, theirs := NewLog(ID{1}), NewLog(ID{1})
		write := func(l *Log, text string) *Op {
			op, err := l.Next(peer.ID{7}, time.Now(), Text(text))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Admit(op, peer.ID{7}); err != nil {
				t.Fatal(err)
			}
			return op
		}
		for range written {
			if _, err := theirs.Admit(write(ours, "x"), peer.ID{7}); err != nil {
				t.Fatal(err)
			}
		}
		old, err := LoadLog(ours.Save())
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := theirs.Admit(write(ours, "y"), peer.ID{7}); err != nil {
				t.Fatal(err)
			}
		}
		if adm, err := theirs.Admit(write(old, "z"), peer.ID{7}); err != nil || adm.Verdict != Unsure {
			t.Errorf("without a leap: %+v, %v; the store knows better", adm, err)
		}
		if err := old.Leap(peer.ID{7}, rand.Reader); err != nil {
			t.Fatal(err)
		}
		if old, err = LoadLog(old.Save()); err != nil {
			t.Fatalf("%d written, a restart after the leap: %v", written, err)
		}
		for range 3 {
			if adm, err := theirs.Admit(write(old, "after"), peer.ID{7}); err != nil || adm.Verdict != New || adm.Late {
				t.Errorf("%d written: %+v, %v", written, adm, err)
			}
		}
		if old.Missing() != 0 || theirs.Missing() < leapMin {
			t.Errorf("missing: %d here, %d there", old.Missing(), theirs.Missing())
		}
	}
	if err := NewLog(ID{1}).Leap(peer.ID{7}, strings.NewReader("")); err == nil {
		t.Error("leaps without randomness")
	}
}
