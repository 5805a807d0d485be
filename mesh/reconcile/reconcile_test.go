package reconcile

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/wire"
)

// numbered returns n ids that look random.
func numbered(from, n int) []ID {
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(from+i)))
	}
	return ids
}

var testSalt = [32]byte{1, 2, 3}

// end is one side of a test: its session and all that it was shown.
type end struct {
	*Session
	they, we []ID
}

// failer is a test, of rapid or not.
type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// cost is what a reconciliation took.
type cost struct{ bytes, messages int }

// converge plays two ends against each other until both are done.
func converge(t failer, a, b Set, limit int) (ends [2]*end, c cost) {
	ends = [2]*end{{Session: New(a, testSalt, limit)}, {Session: New(b, testSalt, limit)}}
	message := ends[0].Begin()
	for turn := 1; ; turn = 1 - turn {
		c.bytes, c.messages = c.bytes+len(message), c.messages+1
		if len(message) > limit {
			t.Fatalf("message of %d bytes, the limit is %d", len(message), limit)
		}
		e := ends[turn]
		reply, found, err := e.Step(message)
		if err != nil {
			t.Fatal(err)
		}
		e.they, e.we = append(e.they, found.TheyLack...), append(e.we, found.WeLack...)
		if len(message) == 0 {
			break
		}
		message = reply
	}
	if !ends[0].Done() || !ends[1].Done() {
		t.Fatal("an end is not done after an empty message")
	}
	return ends, c
}

// without returns the ids of a that b does not have.
func without(a, b Sorted) []ID {
	return slices.DeleteFunc(slices.Clone(a), b.Has)
}

// checkFound wants both ends to know both differences and nothing else.
func checkFound(t failer, ends [2]*end, a, b Sorted) {
	onlyA, onlyB := without(a, b), without(b, a)
	for name, c := range map[string]struct{ got, want []ID }{
		"the first, what the second lacks": {ends[0].they, onlyA},
		"the first, what it lacks":         {ends[0].we, onlyB},
		"the second, what the first lacks": {ends[1].they, onlyB},
		"the second, what it lacks":        {ends[1].we, onlyA},
	} {
		got := SortedOf(slices.Clone(c.got))
		if !slices.Equal(got, c.want) {
			t.Fatalf("%s: %d ids, want %d", name, len(got), len(c.want))
		}
	}
}

// drawSet draws ids of few prefixes, so that ranges of all lengths share bytes.
func drawSet(t *rapid.T, name string) Sorted {
	var ids []ID
	for range rapid.IntRange(0, 6).Draw(t, name+" runs") {
		from, n := rapid.IntRange(0, 3000).Draw(t, name+" from"), rapid.IntRange(0, 700).Draw(t, name+" n")
		if rapid.Bool().Draw(t, name+" close") {
			for i := range n {
				var id ID // differs in its last bytes only
				binary.BigEndian.PutUint16(id[30:], uint16(from+i))
				ids = append(ids, id)
			}
			continue
		}
		ids = append(ids, numbered(from, n)...)
	}
	return SortedOf(ids)
}

func TestAnyTwoSetsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSet(t, "a"), drawSet(t, "b")
		limit := rapid.SampledFrom([]int{messageMin, 5000, 9000, MessageMax}).Draw(t, "limit")
		ends, c := converge(t, a, b, limit)
		checkFound(t, ends, a, b)
		// every round settles something: half a message of it at least where a message is full
		differ := len(without(a, b)) + len(without(b, a))
		if most := 14 + 40*(differ*(listMax+2)*len(ID{}))/limit; c.messages > most {
			t.Fatalf("%d messages for %d differences, want %d at most", c.messages, differ, most)
		}
	})
}

// TestCost holds the cost against the difference. Of a million ids: BenchmarkCost.
func TestCost(t *testing.T) {
	all := numbered(0, 20_200)
	for _, c := range []struct {
		differ          int
		bytes, messages int // at most
	}{
		{0, 400, 2}, {1, 2_500, 8}, {100, 120_000, 12},
	} {
		t.Run(fmt.Sprint(c.differ), func(t *testing.T) {
			a := SortedOf(slices.Clone(all[:20_000]))
			b := SortedOf(slices.Clone(all[c.differ/2 : 20_000+c.differ-c.differ/2]))
			ends, got := converge(t, a, b, MessageMax)
			checkFound(t, ends, a, b)
			t.Logf("%d bytes in %d messages", got.bytes, got.messages)
			if got.bytes > c.bytes || got.messages > c.messages {
				t.Errorf("%d bytes in %d messages, want %d in %d", got.bytes, got.messages, c.bytes, c.messages)
			}
		})
	}
}

// TestBacklog: an end that has nothing gets to know all, at hardly more than the ids.
func TestBacklog(t *testing.T) {
	all := SortedOf(numbered(0, 20_000))
	for name, sets := range map[string][2]Sorted{"the first has nothing": {nil, all}, "the second has nothing": {all, nil}} {
		ends, c := converge(t, sets[0], sets[1], MessageMax)
		checkFound(t, ends, sets[0], sets[1])
		if most := 21 * len(all) * len(ID{}) / 20; c.bytes > most {
			t.Errorf("%s: %d bytes, want %d", name, c.bytes, most)
		}
	}
}

// TestTranscript is the vector: what two small sets say to each other.
func TestTranscript(t *testing.T) {
	a, b := SortedOf(numbered(0, 40)), SortedOf(numbered(2, 40))
	var text strings.Builder
	ours, theirs := New(a, testSalt, MessageMax), New(b, testSalt, MessageMax)
	message := ours.Begin()
	for turn := 0; ; turn++ {
		fmt.Fprintf(&text, "message %d = %x\n", turn, message)
		if len(message) == 0 {
			break
		}
		next := theirs
		if turn%2 == 1 {
			next = ours
		}
		var err error
		if message, _, err = next.Step(message); err != nil {
			t.Fatal(err)
		}
	}
	goldentest.File(t, "transcript.txt", text.String())
}

func TestParseRefuses(t *testing.T) {
	id := numbered(0, 2)
	slices.SortFunc(id, compare)
	list := func(ids ...ID) []byte { return (&span{mode: modeList, ids: ids}).append(nil) }
	skip := func(prefix ...byte) []byte {
		return append(append([]byte{byte(len(prefix))}, prefix...), byte(modeSkip))
	}
	for name, m := range map[string][]byte{
		"behind the last":         slices.Concat(list(), list()),
		"a skip at the end":       skip(4),
		"two skips":               slices.Concat(skip(4), skip(5), list()),
		"out of order":            slices.Concat([]byte{1, 5, 2, 0}, []byte{1, 4, 2, 0}),
		"an empty range":          slices.Concat([]byte{1, 5, 2, 0}, []byte{1, 5, 2, 0}),
		"a bound of zeros":        {2, 5, 0, 2, 0},
		"a bound too long":        append([]byte{33}, make([]byte, 40)...),
		"a mode of later":         {0, 4},
		"ids out of order":        list(id[1], id[0]),
		"an id twice":             list(id[0], id[0]),
		"an id out of its range":  (&span{end: bound{1}, mode: modeList, ids: []ID{{2}}}).append(nil),
		"an id of another range":  slices.Concat([]byte{1, 5, 2, 0}, list(ID{4})),
		"more ids than bytes":     {0, 2, 200, 1},
		"a number in a long form": {0, 2, 0x80, 0},
		"spare bits":              {0, 3, 1, 2, 0},
		"a bitmap cut short":      {0, 3, 9, 0},
	} {
		if _, err := parse(m, MessageMax); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parse(make([]byte, 5000), messageMin); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("beyond the limit: %v", err)
	}
	good := slices.Concat(skip(4), []byte{1, 5, 1}, make([]byte, PrintSize), list(ID{6}, ID{7}))
	if spans, err := parse(good, MessageMax); err != nil || len(spans) != 3 {
		t.Fatalf("%d ranges, %v", len(spans), err)
	}
	for i := 1; i < len(good); i++ {
		if spans, err := parse(good[:i], MessageMax); err == nil && len(spans) == 3 {
			t.Errorf("cut at %d: taken", i)
		}
	}
}

func TestStepRefuses(t *testing.T) {
	set := SortedOf(numbered(0, 3))
	for name, m := range map[string]span{
		"an answer to another number": {mode: modeAnswer, of: 2, lack: []byte{0}},
		"an answer with what is ours": {mode: modeAnswer, of: 3, lack: []byte{0}, ids: set[:1]},
	} {
		s := New(set, testSalt, MessageMax)
		s.Begin()
		if _, _, err := s.Step(m.append(nil)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := s.Step(nil); err == nil || !s.Done() {
			t.Errorf("%s: the session goes on", name)
		}
	}
}

// TestFarEndThatNeverAgrees gets a bounded number of messages.
func TestFarEndThatNeverAgrees(t *testing.T) {
	s := New(SortedOf(numbered(0, 50)), testSalt, messageMin)
	m := (&span{mode: modePrint, print: print{9}}).append(nil)
	for i := range RoundsMax {
		if reply, _, err := s.Step(m); err != nil || len(reply) == 0 {
			t.Fatalf("message %d: %d bytes, %v", i, len(reply), err)
		}
	}
	if _, _, err := s.Step(m); !errors.Is(err, ErrRounds) {
		t.Errorf("message %d: %v", RoundsMax, err)
	}
}

// TestSaltDecides: the fingerprints of one set tell nothing in another session.
func TestSaltDecides(t *testing.T) {
	set := SortedOf(numbered(0, 100))
	one, other := New(set, [32]byte{1}, MessageMax), New(set, [32]byte{2}, MessageMax)
	if one.prints.of(0, 100) == other.prints.of(0, 100) {
		t.Error("two salts make one fingerprint")
	}
}

// TestPrintOfParts: the sums that are kept make the same fingerprints as adding up.
func TestPrintOfParts(t *testing.T) {
	set := SortedOf(numbered(0, 193))
	p := newPrints(set, testSalt)
	for _, c := range [][2]int{{0, 0}, {0, 1}, {0, 64}, {1, 64}, {63, 65}, {64, 64}, {64, 128}, {5, 193}, {0, 193}, {192, 193}, {15, 17}, {16, 16}} {
		var want sum
		for _, id := range set[c[0]:c[1]] {
			want = want.plus(p.hash(id))
		}
		if got := p.of(c[0], c[1]); got != want.print() {
			t.Errorf("%v: another fingerprint", c)
		}
	}
}

func FuzzStep(f *testing.F) {
	set := SortedOf(numbered(0, 300))
	ours := New(set, testSalt, messageMin)
	f.Add(ours.Begin(), 300)
	f.Add(New(set[:10], testSalt, messageMin).Begin(), 300)
	f.Add((&span{mode: modeAnswer, of: 3, lack: []byte{5}}).append(nil), 3)
	f.Add([]byte{0, 2, 0}, 300)
	f.Fuzz(func(t *testing.T, message []byte, n int) {
		s := New(set[:min(max(n, 0), len(set))], testSalt, messageMin)
		reply, found, err := s.Step(message)
		if err != nil {
			if !s.Done() || reply != nil {
				t.Error("goes on after an error")
			}
			return
		}
		if len(reply) > messageMin {
			t.Errorf("reply of %d bytes", len(reply))
		}
		if len(found.WeLack) > len(message)/len(ID{}) {
			t.Errorf("%d ids in %d bytes", len(found.WeLack), len(message))
		}
		if len(found.TheyLack) > set.Len() {
			t.Error("more ids of ours than there are")
		}
		if _, err := parse(reply, messageMin); err != nil {
			t.Errorf("our reply: %v", err)
		}
		spans, err := parse(message, messageMin)
		if err != nil {
			t.Fatal("taken apart once, and not again")
		}
		var again []byte
		for i := range spans {
			again = spans[i].append(again)
		}
		if string(again) != string(message) {
			t.Error("the same message in another encoding")
		}
	})
}

// BenchmarkCost tells bytes and messages for differences among a million ids.
func BenchmarkCost(b *testing.B) {
	const n = 1_000_000
	all := numbered(0, n+10_000)
	ours := SortedOf(slices.Clone(all[:n]))
	for _, differ := range []int{0, 1, 100, 10_000} {
		theirs := SortedOf(slices.Clone(all[differ/2 : n+differ-differ/2]))
		b.Run(fmt.Sprint(differ), func(b *testing.B) {
			for b.Loop() {
				_, c := converge(b, ours, theirs, MessageMax)
				b.ReportMetric(float64(c.bytes), "bytes")
				b.ReportMetric(float64(c.messages), "messages")
			}
		})
	}
}
