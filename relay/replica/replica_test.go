package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
)

const testDay = 200

// callerOf works from stock over conn, without a limit.
func callerOf(stock Stock, conn Conn, note func(event)) *caller {
	if note == nil {
		note = func(event) {}
	}
	c := &caller{
		stock: stock, community: testCommunity, conn: conn, pace: rate.NewLimiter(rate.Inf, 1<<20), note: note,
		nonce: func() (n [16]byte, err error) { return [16]byte{7}, nil },
	}
	c.memory.forget()
	return c
}

// meet brings two stocks level once.
func meet(a Stock, b Stock) error {
	conn := newPipeConn(served(b))
	defer conn.Close()
	c := callerOf(a, conn, nil)
	return c.level(context.Background(), c.memory.plan(stockOf(a), stockOf(b)))
}

func keep(t interface{ Fatal(...any) }, s *memoryStock, day uint16, ns ...int) {
	var blobs [][]byte
	for _, n := range ns {
		blobs = append(blobs, blobOf(n, day))
	}
	if _, err := s.Keep(context.Background(), blobs); err != nil {
		t.Fatal(err)
	}
}

func span(from, to int) (ns []int) {
	for n := from; n < to; n++ {
		ns = append(ns, n)
	}
	return ns
}

func bury1(s *memoryStock, n int, day uint16) {
	_ = s.Bury(context.Background(), day, [][16]byte{secretOf(n)})
}

func TestTwoMeet(t *testing.T) {
	a, b := newMemoryStock(), newMemoryStock()
	keep(t, a, testDay, span(0, 100)...)
	keep(t, b, testDay, span(80, 150)...)
	keep(t, b, testDay+1, span(200, 210)...)
	bury1(a, 90, testDay)  // both have the blob: a drops it, b is told
	bury1(b, 10, testDay)  // only a has it
	bury1(b, 999, testDay) // nobody has it
	bury1(b, 20, testDay+1)
	a.papers['x'], b.papers['y'] = true, true
	if err := meet(a, b); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*memoryStock{"a": a, "b": b} {
		if got := s.count(); got != 158 {
			t.Errorf("%s has %d blobs, want 158", name, got)
		}
		if s.has(90, testDay) || s.has(10, testDay) || !s.has(20, testDay) || !s.has(205, testDay+1) {
			t.Errorf("%s: the wrong ones are deleted", name)
		}
		if len(s.tombs) != 4 || len(s.papers) != 2 {
			t.Errorf("%s: %d tombstones, %d papers", name, len(s.tombs), len(s.papers))
		}
	}
}

// history is three supernodes and what became of a few blobs.
type history struct {
	stocks     [3]*memoryStock
	all, shown map[int]bool // blobs that were left anywhere, and those whose D was shown to anybody
}

const historyBlobs, historyDays = 12, 3

func historyDay(n int) uint16 { return testDay + uint16(n%historyDays) }

// step does one thing at one supernode.
func (h *history) step(t *rapid.T) {
	i, n := rapid.IntRange(0, 2).Draw(t, "at"), rapid.IntRange(0, historyBlobs-1).Draw(t, "blob")
	switch s := h.stocks[i]; rapid.IntRange(0, 5).Draw(t, "what") {
	case 0, 1:
		keep(t, s, historyDay(n), n)
		h.all[n] = true
	case 2:
		bury1(s, n, historyDay(n))
		h.shown[n] = true
	case 3:
		s.expire(testDay + uint16(rapid.IntRange(0, 1).Draw(t, "day")))
	case 4:
		if err := meet(s, h.stocks[(i+1)%3]); err != nil {
			t.Fatal(err)
		}
	case 5: // its disk dies
		h.stocks[i] = newMemoryStock()
	}
}

// check wants nothing dead or over anywhere.
func (h *history) check(t *rapid.T) {
	for i, s := range h.stocks {
		for n := range historyBlobs {
			if s.has(n, historyDay(n)) && (historyDay(n) <= s.finished || s.tombs[tombOf(n, historyDay(n))]) {
				t.Fatalf("supernode %d holds blob %d, which is over or deleted", i, n)
			}
		}
	}
}

// TestAnyHistory plays what custody.pml models with three supernodes: whatever happens in whatever order, what was deleted never
// comes back, nothing is deleted but by its own D, what is over stays over; and when all have met, all hold the same.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := history{
			stocks: [3]*memoryStock{newMemoryStock(), newMemoryStock(), newMemoryStock()},
			all:    make(map[int]bool), shown: make(map[int]bool),
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			h.step(t)
			h.check(t)
		}
		held := make(map[int]bool) // before all meet
		for _, s := range h.stocks {
			for n := range h.all {
				held[n] = held[n] || s.has(n, historyDay(n))
			}
		}
		for range 2 {
			for i := range h.stocks {
				if err := meet(h.stocks[i], h.stocks[(i+1)%3]); err != nil {
					t.Fatal(err)
				}
			}
		}
		h.check(t)
		last := max(h.stocks[0].finished, h.stocks[1].finished, h.stocks[2].finished)
		for n := range h.all {
			day := historyDay(n)
			for i, s := range h.stocks {
				if held[n] && !h.shown[n] && day > last && !s.has(n, day) {
					t.Fatalf("supernode %d does not hold blob %d", i, n)
				}
				if day > last && s.has(n, day) != h.stocks[0].has(n, day) {
					t.Fatalf("supernodes 0 and %d differ in blob %d", i, n)
				}
			}
		}
	})
}

func tombOf(n int, day uint16) (t [18]byte) {
	d := secretOf(n)
	return [18]byte(binary.BigEndian.AppendUint16(d[:], day))
}

// TestBacklogIsResumed: a new supernode whose link breaks again and again gets everything, each blob once.
func TestBacklogIsResumed(t *testing.T) {
	full, empty := newMemoryStock(), newMemoryStock()
	keep(t, full, testDay, span(0, 300)...)
	for round := 0; empty.count() < 300; round++ {
		before := empty.count()
		conn := newPipeConn(served(full))
		pages := 0
		conn.count = func(f wire.Frame) {
			if _, is := f.(wire.Page); is {
				if pages++; pages == 2 {
					conn.cancel()
					for _, s := range conn.open {
						s.Close()
					}
				}
			}
		}
		c := callerOf(empty, conn, nil)
		err := c.level(context.Background(), c.memory.plan(stockOf(empty), stockOf(full)))
		conn.Close()
		if got := empty.count(); err != nil && got != before+askMax || err == nil && got != 300 {
			t.Fatalf("round %d: %d blobs after %d, %v", round, got, before, err)
		}
	}
	if empty.kept != 300 {
		t.Errorf("%d blobs were taken for 300", empty.kept)
	}
}

// TestFullDisk: what there is no room for is refused, and everything else goes on.
func TestFullDisk(t *testing.T) {
	a, b := newMemoryStock(), newMemoryStock()
	keep(t, a, testDay, span(0, 200)...)
	keep(t, b, testDay, span(200, 210)...)
	b.roomFor = 100
	bury1(a, 205, testDay)
	if err := meet(a, b); err != nil {
		t.Fatal(err)
	}
	if a.count() != 209 || b.count() < 99 || b.count() > 100 || b.has(205, testDay) {
		t.Errorf("a has %d blobs, b %d", a.count(), b.count())
	}
}

// TestKeptAlike runs three supernodes in virtual time: a new blob is everywhere within seconds, a new supernode gets the backlog,
// of two dials that cross one stays, and nothing is said while nothing happens.
func TestKeptAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newMemoryStock(), newMemoryStock(), newMemoryStock()
		town, hosts := newTown(a, b, c)
		town.cut[hosts[2].id] = true // not there yet
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{}, 3)
		for _, h := range hosts {
			go func() { _ = h.Run(ctx); done <- struct{}{} }()
		}
		time.Sleep(time.Minute)
		keep(t, a, testDay, 1)
		keep(t, b, testDay, 2)
		time.Sleep(3 * settle)
		if !a.has(2, testDay) || !b.has(1, testDay) {
			t.Fatal("new blobs are not at both supernodes after 6 s")
		}
		town.mu.Lock()
		delete(town.cut, hosts[2].id)
		town.mu.Unlock()
		time.Sleep(2 * pauseMax)
		if c.count() != 2 {
			t.Fatalf("the new supernode has %d blobs", c.count())
		}
		live := 0
		for _, conn := range town.conns {
			if conn.ctx.Err() == nil {
				live++
			}
		}
		if live != 3 {
			t.Errorf("%d links among three supernodes, want 3", live)
		}
		town.mu.Lock()
		before := maps.Clone(town.frames)
		town.mu.Unlock()
		time.Sleep(20 * time.Hour)
		town.mu.Lock()
		if !maps.Equal(before, town.frames) {
			t.Errorf("frames while nothing happened: %v, then %v", before, town.frames)
		}
		town.mu.Unlock()
		for _, ally := range hosts[0].Status() {
			if !ally.Linked || ally.Complain != "" {
				t.Errorf("%+v", ally)
			}
		}
		cancel()
		for range hosts {
			<-done
		}
		for _, conn := range town.conns {
			conn.Close()
		}
	})
}

// TestBandwidth: 8 MiB at a MiB a second take seconds, so that members are served beside them.
func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newMemoryStock(), newMemoryStock()
		keep(t, a, testDay, span(0, 2048)...)
		conn := newPipeConn(served(b))
		defer conn.Close()
		c := callerOf(a, conn, nil)
		c.pace = rate.NewLimiter(1<<20, 1<<20)
		began := time.Now()
		if err := c.level(context.Background(), c.memory.plan(stockOf(a), stockOf(b))); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); b.count() != 2048 || took < 6*time.Second || took > 9*time.Second {
			t.Errorf("%d blobs in %v", b.count(), took)
		}
	})
}

// liar is a stock that says other things than it has.
type liar struct {
	*memoryStock
	ids     []wire.BlobID
	secrets int
	bring   [][]byte
	endless bool
}

func (l *liar) Shelves() Shelves {
	return Shelves{Days: []wire.StockDay{{Day: testDay, Blobs: 1 << 20}}}
}

func (l *liar) IDs(ctx context.Context, day uint16) ([]wire.BlobID, error) {
	ids, err := l.memoryStock.IDs(ctx, day)
	return append(ids, l.ids...), err
}

func (l *liar) Secrets(context.Context, uint16) (all [][16]byte, err error) {
	for n := range l.secrets {
		all = append(all, secretOf(-n-1))
	}
	return all, nil
}

func (l *liar) Get(ctx context.Context, ids []wire.ShortID, limit int) ([][]byte, error) {
	if l.bring != nil {
		return l.bring, nil
	}
	return l.memoryStock.Get(ctx, ids, limit)
}

func (l *liar) Merge(ctx context.Context, theirs []byte) ([]byte, error) {
	if l.endless {
		return []byte{'z'}, nil
	}
	return l.memoryStock.Merge(ctx, theirs)
}

func (l *liar) Mark() [8]byte { return [8]byte{'?'} }

func TestLiars(t *testing.T) {
	lie := func(l *liar) (*memoryStock, error) {
		l.memoryStock = newMemoryStock()
		ours := newMemoryStock()
		keep(t, ours, testDay, 1, 2, 3)
		return ours, meet(ours, l)
	}
	t.Run("says that it has what it has not", func(t *testing.T) {
		l := &liar{memoryStock: newMemoryStock(), ids: []wire.BlobID{{1}, {2}}}
		ours := newMemoryStock()
		conn := newPipeConn(served(l))
		defer conn.Close()
		missing := 0
		c := callerOf(ours, conn, func(e event) { missing += e.missing })
		if err := c.level(context.Background(), c.memory.plan(stockOf(ours), stockOf(l))); err != nil || missing != 2 {
			t.Errorf("%d missing, %v", missing, err)
		}
	})
	t.Run("brings what was not asked for", func(t *testing.T) {
		ours, err := lie(&liar{ids: []wire.BlobID{{1}}, bring: [][]byte{blobOf(7, testDay)}})
		if !errors.Is(err, errWrong) || ours.count() != 3 {
			t.Errorf("%v, %d blobs", err, ours.count())
		}
	})
	t.Run("brings another day", func(t *testing.T) {
		other := blobOf(7, testDay+1)
		ours, err := lie(&liar{ids: []wire.BlobID{wire.IDOf(other)}, bring: [][]byte{other}})
		if !errors.Is(err, errWrong) || ours.count() != 3 {
			t.Errorf("%v, %d blobs", err, ours.count())
		}
	})
	t.Run("fills us with tombstones", func(t *testing.T) {
		ours, err := lie(&liar{secrets: 1000})
		if err != nil || len(ours.tombs) != 1000 || ours.count() != 3 {
			t.Errorf("%d tombstones, %d blobs, %v", len(ours.tombs), ours.count(), err)
		}
		full := &fullOfTombstones{ours}
		if err := bury(t.Context(), full, testDay, idsOf(5)); err != nil || len(ours.tombs) != 1002 {
			t.Errorf("%d tombstones beyond the limit, %v", len(ours.tombs), err)
		}
	})
	t.Run("has papers without end", func(t *testing.T) {
		if _, err := lie(&liar{endless: true}); !errors.Is(err, errWrong) {
			t.Errorf("%v", err)
		}
	})
}

// fullOfTombstones says that there is room for two more.
type fullOfTombstones struct{ *memoryStock }

func (fullOfTombstones) Shelves() Shelves {
	return Shelves{Days: []wire.StockDay{{Day: testDay, Tombstones: tombstonesMax - 2}}}
}

func idsOf(n int) (ids [][32]byte) {
	for i := range n {
		ids = append(ids, [32]byte{100 + byte(i)})
	}
	return ids
}

func TestGuestRefuses(t *testing.T) {
	stock := newMemoryStock()
	stock.expire(testDay - 1)
	other := [32]byte{'x'}
	for name, c := range map[string]struct {
		f    wire.Frame
		want string
	}{
		"a deposit for another community": {wire.Deposit{Blobs: 1, Community: &other}, "another community"},
		"a deposit with tokens":           {wire.Deposit{Blobs: 1, Community: &testCommunity, Tokens: []byte{1}}, "tokens"},
		"a deposit for no community":      {wire.Deposit{Blobs: 1}, "another community"},
		"a tombstone of another form":     {wire.Reconcile{Day: testDay, Shelf: wire.ShelfTombstones, Message: append([]byte{0, 2, 1}, make([]byte, 31)...)}, ""},
		"junk":                            {wire.Reconcile{Day: testDay, Shelf: wire.ShelfBlobs, Message: []byte{77}}, "malformed"},
		"a request of a member":           {wire.Attest{}, "no request"},
	} {
		g := NewGuest(stock, testCommunity, [32]byte{}, func() uint32 { return 100 })
		err := g.Answer(t.Context(), silent{}, c.f)
		if c.want != "" && (!errors.Is(err, wire.ErrMalformed) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	g := NewGuest(stock, testCommunity, [32]byte{}, func() uint32 { return 100 })
	bad := wire.Reconcile{Day: testDay, Shelf: wire.ShelfTombstones, Message: append(append([]byte{0, 2, 1}, make([]byte, 31)...), 9)}
	if err := g.Answer(t.Context(), silent{}, bad); !errors.Is(err, wire.ErrMalformed) || len(stock.tombs) != 0 {
		t.Errorf("a tombstone that ends in 9: %v", err)
	}
	for name, f := range map[string]wire.Reconcile{
		"a day that is over":       {Day: testDay - 1, Shelf: wire.ShelfBlobs},
		"something of a later one": {Day: testDay, Shelf: 9},
	} {
		if err := g.Answer(t.Context(), wantRefusal{t: t}, f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// silent is a stream whose far end has nothing more to say.
type silent struct{ Stream }

func (silent) Await(time.Time)                                   {}
func (silent) Send(context.Context, wire.Frame, ...[]byte) error { return nil }
func (silent) Receive(context.Context) (wire.Frame, error)       { return nil, errors.New("nothing more") }

type wantRefusal struct {
	silent
	t *testing.T
}

func (s wantRefusal) Send(_ context.Context, f wire.Frame, _ ...[]byte) error {
	if _, is := f.(wire.Refused); !is {
		s.t.Errorf("answered by %T", f)
	}
	return nil
}

func TestPlan(t *testing.T) {
	stock := func(finished uint16, days ...wire.StockDay) (f wire.Stock) {
		f.Finished = finished
		for _, d := range days {
			f.Days = f.Days.Add(d)
		}
		return f
	}
	var m memory
	m.forget()
	ours := stock(9, wire.StockDay{Day: 10, Blobs: 1}, wire.StockDay{Day: 12, Blobs: 1})
	theirs := stock(10, wire.StockDay{Day: 11, Tombstones: 1}, wire.StockDay{Day: 12, Blobs: 1})
	w := m.plan(ours, theirs)
	if len(w.days) != 2 || w.days[0].ours.Day != 11 || w.days[1].ours.Day != 12 || w.papers != nil {
		t.Fatalf("%+v", w)
	}
	for _, d := range w.days {
		m.settled(d)
	}
	if w = m.plan(ours, theirs); len(w.days) != 0 {
		t.Errorf("what is level is planned: %+v", w)
	}
	theirs.Papers = [8]byte{1}
	ours = stock(9, wire.StockDay{Day: 12, Blobs: 2})
	if w = m.plan(ours, theirs); len(w.days) != 1 || w.days[0].ours.Day != 12 || w.papers == nil {
		t.Errorf("%+v", w)
	}
	m.forget()
	if w = m.plan(ours, theirs); len(w.days) != 2 {
		t.Errorf("what was forgotten is not planned: %+v", w)
	}
}
