package relay

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// scanner scans a log of which each blob is ours with a chance of one in so many.
type scanner struct {
	*testing.T
	s     *station
	dice  *mathrand.Rand
	log   []wire.Entry
	ours  map[wire.ShortID]bool
	rate  int
	until int // how much of the log was taken
}

func newScanner(t *testing.T, rate int) *scanner {
	c, err := NewClient(Config{Keep: noKeep{}, Rand: mathrand.NewChaCha8([32]byte{byte(rate)}), Now: time.Now}) // the same each time
	if err != nil {
		t.Fatal(err)
	}
	return &scanner{
		T: t, s: &station{client: c, state: &stationState{wallet: token.NewWallet()}}, dice: mathrand.New(mathrand.NewPCG(1, uint64(rate))),
		ours: make(map[wire.ShortID]bool), rate: rate,
	}
}

// grow adds blobs to the log, one in five of them large.
func (x *scanner) grow(n int) {
	for range n {
		var id wire.ShortID
		binary.BigEndian.PutUint64(id[:], x.dice.Uint64())
		x.log = append(x.log, wire.Entry{ID: id, Class: wire.Class(x.dice.IntN(5) / 4)})
		x.ours[id] = x.dice.IntN(x.rate) == 0
	}
}

// list lists the log as a supernode does, from a bit before what was taken, and returns what is new and what is fetched.
func (x *scanner) list() (fresh []wire.Entry, asked []bool) {
	x.Helper()
	fresh, _ = x.s.state.Listed.without(x.log[max(0, x.until-x.dice.IntN(wire.CursorStep)):], 0)
	if len(fresh) != len(x.log)-x.until {
		x.Fatalf("%d entries are new, not %d", len(fresh), len(x.log)-x.until)
	}
	ours := make([]bool, len(fresh))
	for i, e := range fresh {
		ours[i] = x.ours[e.ID]
	}
	asked, err := x.s.choose(x.s.state.Listed, fresh, ours, 0)
	if err != nil {
		x.Fatal(err)
	}
	for i := range fresh {
		if ours[i] && !asked[i] {
			x.Fatal("what is ours is not fetched")
		}
	}
	return fresh, asked
}

// taken says that what was listed is on disk.
func (x *scanner) taken() {
	x.until = len(x.log)
	if err := x.s.skipped(uint64(x.until)); err != nil {
		x.Fatal(err)
	}
}

// bets are what somebody who sees all listings and requests wins who guesses what is ours.
type bets map[string]*struct{ made, won int }

func (b bets) guess(how string, on []wire.Entry, ours map[wire.ShortID]bool, dice *mathrand.Rand) {
	if b[how] == nil {
		b[how] = &struct{ made, won int }{}
	}
	if len(on) == 0 {
		return
	}
	b[how].made++
	if ours[on[dice.IntN(len(on))].ID] {
		b[how].won++
	}
}

// TestOneInFour: whoever sees what is listed and what is fetched, and knows the rules, guesses what is ours in no more than one case
// of four, in whichever cases they bet: where few or all are fetched, on the first or the last, on large ones, or after a scan
// that was broken off.
func TestOneInFour(t *testing.T) {
	for _, rate := range []int{40, 10, 5} {
		won := make(bets)
		x := newScanner(t, rate)
		for range 3000 {
			x.grow(1 + x.dice.IntN(80))
			var first []wire.Entry // what is fetched of what was listed when it was broken off
			if x.dice.IntN(4) == 0 {
				fresh, asked := x.list()
				first = fetchedOf(fresh, asked)
				x.grow(x.dice.IntN(40))
				again, asked := x.list()
				same := fetchedOf(again[:len(fresh)], asked)
				if !slices.Equal(first, same) {
					t.Fatal("after a scan that was broken off others are fetched")
				}
			}
			fresh, asked := x.list()
			x.taken()
			fetched := fetchedOf(fresh, asked)
			won.guess("any", fetched, x.ours, x.dice)
			won.guess("broken off", first, x.ours, x.dice)
			won.guess("first", fetched[:min(1, len(fetched))], x.ours, x.dice)
			won.guess("last", fetched[len(fetched)-min(1, len(fetched)):], x.ours, x.dice)
			for class, name := range []string{"small", "large"} {
				ofClass := func(all []wire.Entry) []wire.Entry {
					return slices.DeleteFunc(slices.Clone(all), func(e wire.Entry) bool { return e.Class != wire.Class(class) })
				}
				switch some, all := ofClass(fetched), ofClass(fresh); {
				case len(some) < len(all):
					won.guess(name+", some of them", some, x.ours, x.dice)
				case len(all) >= 12:
					won.guess(name+", all of many", some, x.ours, x.dice)
				case len(all) >= 5 && len(all) < 8:
					won.guess(name+", all of few", some, x.ours, x.dice)
				}
			}
		}
		for how, b := range won {
			if most := float64(b.made)/4 + 2.5*math.Sqrt(float64(b.made)*3/16); float64(b.won) > most {
				t.Errorf("one of %d is ours, %s: %d of %d guesses are right", rate, how, b.won, b.made)
			}
		}
		if len(won) < 10 {
			t.Errorf("only %d ways to bet", len(won))
		}
	}
}

func fetchedOf(entries []wire.Entry, asked []bool) (all []wire.Entry) {
	for i, e := range entries {
		if asked[i] {
			all = append(all, e)
		}
	}
	return all
}

// TestSameNumber: how many are fetched says nothing of how many are ours, up to a sixteenth; what may have been listed before is fetched whole.
func TestSameNumber(t *testing.T) {
	dice := mathrand.New(mathrand.NewPCG(1, 2))
	count := func(m, n, whole int) (fetched int) {
		entries, ours := make([]wire.Entry, m), make([]bool, m)
		for i := range entries {
			entries[i].ID, ours[i] = wire.ShortID{byte(i), byte(i >> 8)}, i < n
		}
		return len(fetchedOf(entries, pick(entries, ours, whole, dice)))
	}
	for _, c := range []struct{ m, n, whole, want int }{
		{0, 0, 0, 0},
		{1, 0, 0, 1},
		{11, 0, 0, 11},
		{12, 0, 0, 4},
		{12, 1, 0, 4},
		{12, 2, 0, 12},
		{17, 0, 17 * wire.Class0.Size(), 17},
		{18, 0, 17 * wire.Class0.Size(), 5},
		{2048, 0, 0, 512},
		{2048, 128, 0, 512},
		{2048, 129, 0, 2048},
	} {
		if got := count(c.m, c.n, c.whole); got != c.want {
			t.Errorf("%d of %d new ones are ours: %d are fetched, not %d", c.n, c.m, got, c.want)
		}
	}
	x := newScanner(t, 1000)
	x.grow(100)
	asked, err := x.s.choose(nil, x.log, make([]bool, 100), 63)
	if err != nil || slices.Contains(asked[:63], false) || len(fetchedOf(x.log[63:], asked[63:])) >= 37 {
		t.Errorf("not all that is doubtful is fetched, or more than that, %v", err)
	}
	if next := round(nil).with(make([]wire.Entry, wire.EntriesMax), make([]bool, wire.EntriesMax)).with(x.log, asked); len(next) != wire.EntriesMax*roundSize {
		t.Errorf("a round of %d bytes", len(next))
	}
}

// TestDecoysStay: what was fetched beside a blob is fetched beside it again, as long as it is remembered, and beside nothing else.
func TestDecoysStay(t *testing.T) {
	dice, err := diceOf(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	others := make([]wire.Entry, 100)
	for i := range others {
		others[i].ID = wire.ShortID{byte(i), 1}
	}
	d, few, left := decoys(nil).beside(wire.ShortID{9}, others[:2:2], dice)
	if len(d) != 0 || len(few) != 2 || len(left) != 0 {
		t.Errorf("of two others %d are fetched, %d left", len(few), len(left))
	}
	first := make(map[wire.ShortID][]wire.Entry)
	for n := range decoysMax + 5 {
		id := wire.ShortID{byte(n), byte(n >> 8), 2}
		d, first[id], left = d.beside(id, slices.Clone(others), dice)
		if len(first[id]) != decoysEach || len(left) != len(others)-decoysEach || slices.ContainsFunc(left, func(e wire.Entry) bool { return slices.Contains(first[id], e) }) {
			t.Fatalf("beside blob %d: %v, and %d are left", n, first[id], len(left))
		}
	}
	for n := range decoysMax + 5 {
		id := wire.ShortID{byte(n), byte(n >> 8), 2}
		kept, again, _ := d.beside(id, slices.Clone(others), dice)
		if n < 5 {
			continue
		}
		for _, e := range again {
			if !slices.Contains(first[id], e) || len(again) != decoysEach || len(kept) != len(d) {
				t.Fatalf("blob %d: other decoys than before", n)
			}
		}
	}
	if len(d) != decoysMax*decoySize {
		t.Errorf("%d bytes are remembered", len(d))
	}
}
