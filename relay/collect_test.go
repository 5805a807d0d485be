package relay

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
	"sottovoce/relay/witness"
)

// modelLog is what a supernode has, as a list.
type modelLog struct {
	cursors []uint64
	blobs   [][]byte
}

// grow adds n blobs with cursors that skip some now and then.
func (m *modelLog) grow(n int, skip func() uint64) {
	last := uint64(0)
	if len(m.cursors) > 0 {
		last = m.cursors[len(m.cursors)-1]
	}
	for range n {
		last += 1 + skip()
		m.cursors = append(m.cursors, last)
		m.blobs = append(m.blobs, []byte{byte(last), byte(last >> 8), byte(len(m.blobs))})
	}
}

// at is the chain of the log at a cursor.
func (m *modelLog) at(cursor uint64) point {
	p := point{Cursor: cursor}
	for i, c := range m.cursors {
		if c <= cursor {
			p.Chain = Link(p.Chain, wire.IDOf(m.blobs[i]))
		}
	}
	return p
}

func (m *modelLog) end() uint64 { return m.cursors[len(m.cursors)-1] }

// page is what an honest supernode sends of the stretch behind from, of n entries; each is absent if
// gone says so.
func (m *modelLog) page(from uint64, n int, gone func() bool) (page wire.Page, blobs [][]byte) {
	base := m.at(from)
	page = wire.Page{From: from, Base: base.Chain, Until: from}
	for i, c := range m.cursors {
		if c <= from || n == 0 {
			continue
		}
		n--
		page.Until = c
		if gone() {
			page.Absent = page.Absent.Add(c, wire.IDOf(m.blobs[i]))
			continue
		}
		page.Cursors, blobs = page.Cursors.Add(c), append(blobs, m.blobs[i])
	}
	page.Chain, page.End = m.at(page.Until).Chain, page.Until == m.end()
	return page, blobs
}

// TestReaderFollows reads an honest log in pages of any length, with stops and starts from what was
// kept at any place: nothing is wrong with it, and what is kept is the chain of the log.
func TestReaderFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m modelLog
		skip := func() uint64 { return rapid.SampledFrom([]uint64{0, 0, 0, 1, 70}).Draw(t, "skip") }
		gone := func() bool { return rapid.IntRange(0, 3).Draw(t, "gone") == 0 }
		m.grow(rapid.IntRange(1, 100).Draw(t, "blobs"), skip)
		state := new(stationState)
		collected := uint64(0)
		for range rapid.IntRange(1, 3).Draw(t, "links") {
			r := newReader(state, collected)
			if r.at.Cursor%wire.CursorStep != 0 || r.at.Cursor > collected {
				t.Fatalf("asks behind %d, collected is %d", r.at.Cursor, collected)
			}
			for pages := rapid.IntRange(1, 6).Draw(t, "pages"); pages > 0; pages-- {
				page, blobs := m.page(r.at.Cursor, rapid.IntRange(1, 40).Draw(t, "entries"), gone)
				if wrong := r.read(page, blobs); len(wrong) > 0 {
					t.Fatalf("an honest page from %d until %d: %v", page.From, page.Until, wrong)
				}
				if r.at != m.at(r.at.Cursor) || r.mark != m.at(r.mark.Cursor) || r.mark.Cursor != page.Until-page.Until%wire.CursorStep {
					t.Fatalf("until %d: stands at %d, mark %d", page.Until, r.at.Cursor, r.mark.Cursor)
				}
				state.Mark, state.Head, collected = r.mark, r.at, page.Until
			}
			if rapid.Bool().Draw(t, "lost the collector's disk") {
				collected = rapid.Uint64Range(0, collected).Draw(t, "to")
			}
			m.grow(rapid.IntRange(0, 50).Draw(t, "more"), skip)
		}
	})
}

// TestReaderFindsOut alters what a supernode has shown before in every way that a page can tell of.
func TestReaderFindsOut(t *testing.T) {
	none := func() bool { return false }
	honest := func() *modelLog {
		m := new(modelLog)
		m.grow(100, func() uint64 { return 0 })
		return m
	}
	// shown is what was kept after all of an honest log was read.
	shown := func() *stationState {
		m := honest()
		return &stationState{Mark: m.at(64), Head: m.at(100), Signed: m.at(90)}
	}
	for name, c := range map[string]struct {
		change func(m *modelLog, page *wire.Page)
		want   []BreachKind
	}{
		"nothing":                 {func(*modelLog, *wire.Page) {}, nil},
		"what has expired before": {func(m *modelLog, p *wire.Page) { *p, _ = m.page(80, 20, func() bool { return true }) }, nil},
		"a blob before the mark": {func(m *modelLog, p *wire.Page) {
			m.blobs[10] = []byte("another")
			*p, _ = m.page(64, 99, none)
		}, []BreachKind{BreachChain}},
		"a blob behind the mark": {func(m *modelLog, p *wire.Page) {
			m.blobs[95] = []byte("another")
			*p, _ = m.page(64, 99, none)
		}, []BreachKind{BreachChain}},
		"a blob before what was signed": {func(m *modelLog, p *wire.Page) {
			m.blobs[70] = []byte("another")
			*p, _ = m.page(64, 99, none)
		}, []BreachKind{BreachChain, BreachChain}},
		"a chain that its blobs do not make": {func(_ *modelLog, p *wire.Page) { p.Chain[0]++ }, []BreachKind{BreachChain, BreachChain}},
		"a blob less than the chain has":     {func(_ *modelLog, p *wire.Page) { p.Cursors = p.Cursors[8:] }, []BreachKind{BreachChain}},
		"an older page":                      {func(m *modelLog, p *wire.Page) { *p, _ = m.page(0, 70, none) }, []BreachKind{BreachChain}},
		"an end before what was signed":      {func(m *modelLog, p *wire.Page) { *p, _ = m.page(64, 20, none); p.End = true }, []BreachKind{BreachShort}},
		"an end before what was asked for":   {func(m *modelLog, p *wire.Page) { *p, _ = m.page(10, 20, none); p.End = true }, []BreachKind{BreachShort}},
		"an empty log":                       {func(_ *modelLog, p *wire.Page) { *p = wire.Page{End: true} }, []BreachKind{BreachShort}},
	} {
		m := honest()
		page, _ := m.page(64, 99, none)
		c.change(m, &page)
		var blobs [][]byte
		for i := range page.Cursors.Len() {
			blobs = append(blobs, m.blobs[page.Cursors.At(i)-1])
		}
		var got []BreachKind
		for _, b := range newReader(shown(), 100).read(page, blobs) {
			got = append(got, b.Kind)
		}
		if len(c.want) == 0 && len(got) > 0 || len(c.want) > 0 && (len(got) == 0 || !slices.Contains(got, c.want[0])) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// What is signed for while a page is on its way is no breach of that page, and is held against the next.
func TestReaderExpects(t *testing.T) {
	var m modelLog
	m.grow(100, func() uint64 { return 0 })
	none := func() bool { return false }
	r := newReader(new(stationState), 0)
	page, blobs := m.page(0, 80, none)
	page.End = true // it was the end when it was made
	r.expect(m.at(100))
	if wrong := r.read(page, blobs); len(wrong) > 0 {
		t.Errorf("a page from before what was signed: %v", wrong)
	}
	m.blobs[99] = []byte("another")
	page, blobs = m.page(80, 99, none)
	if wrong := r.read(page, blobs); len(wrong) != 1 || wrong[0].Kind != BreachChain || wrong[0].Cursor != 100 {
		t.Errorf("another blob than was signed for: %v", wrong)
	}
}

func TestStatements(t *testing.T) {
	l := Log{At: [32]byte{1}, Community: [32]byte{2}}
	kept := []Kept{{ID: wire.BlobID{3}, ExpiryDay: 0x0405, Cursor: 6}, {ID: wire.BlobID{7}, ExpiryDay: 8, Cursor: 9}}
	statement := l.Receipt(kept)
	if want := len(labelCustody) + 64 + 2*keptSize; len(statement) != want || string(statement[:len(labelCustody)]) != labelCustody {
		t.Errorf("a receipt of %d bytes, want %d", len(statement), want)
	}
	if a, b := l.Checkpoint(1, [32]byte{2}, 3), l.Checkpoint(1, [32]byte{2}, 4); len(a) != len(labelCheckpoint)+64+8+32+4 || slices.Equal(a, b) {
		t.Error("a checkpoint does not say its day")
	}
	for reason := wire.ReasonDiskFull; reason <= wire.ReasonYouOld; reason++ {
		if Word(reason) == "" || Word(reason) == Word(200) {
			t.Errorf("no word for reason %d", reason)
		}
	}
}

// Receipts are found until they expire, and the oldest give way.
func TestReceipts(t *testing.T) {
	var r receipts
	id := func(n int) wire.BlobID { return wire.BlobID{byte(n), byte(n >> 8), 1} }
	for n := range receiptsMax + 10 {
		r = r.add(Kept{ID: id(n), ExpiryDay: uint16(100 + n%3)})
		r = r.add(Kept{ID: id(n), ExpiryDay: uint16(100 + n%3)})
	}
	if len(r) != receiptsMax*receiptSize || r.find(id(9).Short()) >= 0 || r.find(id(10).Short()) < 0 {
		t.Fatalf("%d receipts are held", len(r)/receiptSize)
	}
	r = r.drop(id(20).Short()).drop(id(1 << 15).Short())
	if r.find(id(20).Short()) >= 0 || r.find(id(21).Short()) < 0 {
		t.Error("the wrong one was dropped")
	}
	left := r.expire(102)
	for n := 10; n < 40; n++ {
		if want := n%3 == 2 && n != 20; (left.find(id(n).Short()) >= 0) != want {
			t.Errorf("receipt %d of day %d", n, 100+n%3)
		}
	}
}

// A supernode has nobody read and write without pause: pages that do not move on are malformed, and what fails waits longer each time.
func TestSetback(t *testing.T) {
	r := newReader(new(stationState), 0)
	nothing, end, some := wire.Page{}, wire.Page{End: true}, wire.Page{Until: 1} // some: a deletion
	for i, c := range []struct {
		page wire.Page
		want bool
	}{{nothing, false}, {some, false}, {nothing, false}, {end, false}, {nothing, false}, {nothing, true}} {
		if r.barren(c.page) != c.want {
			t.Errorf("page %d: malformed %t, want %t", i, !c.want, c.want)
		}
	}
	now, s := time.Unix(1e9, 0), new(station)
	if got := s.rest(now); got != 0 {
		t.Errorf("waits %v for nothing", got)
	}
	after := func() time.Duration { s.setback(now); return s.rest(now) }
	for want := retryMin; want < setbackMax; want *= 2 {
		if got := after(); got != want || s.rest(now.Add(want/2)) != want/2 {
			t.Fatalf("waits %v, want %v", got, want)
		}
		now = now.Add(want)
	}
	for range 5 {
		if got := after(); got != setbackMax {
			t.Errorf("waits %v", got)
		}
	}
	if now = now.Add(setbackForgotten + 1); after() != retryMin {
		t.Errorf("waits %v after a good day", s.rest(now))
	}
}

// noCollector takes all, and knows nothing.
type noCollector struct{ Collector }

func (noCollector) Collected(context.Context, Page) error { return nil }

func (noCollector) Lost(context.Context, Log, []uint64) error { return nil }

// A place where the chain is another is a reason to read from the beginning once, until it is another again.
func TestAnother(t *testing.T) {
	c := &Client{cfg: Config{Keep: noKeep{}}}
	s := &station{client: c, state: &stationState{wallet: token.NewWallet()}, watch: &watch{on: witness.NewWatch(witness.Log{})}}
	at := func(cursor uint64, chain byte) []Breach {
		return []Breach{{Kind: BreachChain, Cursor: cursor, Shown: [32]byte{chain}}}
	}
	for i, c := range []struct {
		wrong []Breach
		want  bool
	}{{at(64, 1), true}, {at(64, 1), false}, {at(128, 1), true}, {at(64, 1), false}, {at(64, 2), true}, {at(64, 1), true}, {[]Breach{{Kind: BreachShort}}, true}} {
		if s.another(c.wrong) != c.want {
			t.Fatalf("finding %d: another log %t, want %t", i, !c.want, c.want)
		}
		if c.want {
			if err := s.restart(t.Context(), noCollector{}, c.wrong...); !errors.Is(err, errAgain) {
				t.Fatal(err)
			}
		}
	}
	for n := range uint64(2 * turnsKept) {
		_ = s.restart(t.Context(), noCollector{}, at(n, 1)...)
	}
	if len(s.state.Turns) != turnsKept {
		t.Errorf("%d places are remembered", len(s.state.Turns))
	}
}
