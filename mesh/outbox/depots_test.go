package outbox

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// shore is a queue with supernodes and nothing else: no link comes up but by RouteUp.
type shore struct {
	*testing.T
	q       *Queue
	now     time.Time
	tick    time.Time
	resting int
	nextID  int64
	day     uint16 // that blobs are sealed to expire on

	sent     []int64           // transmitted
	first    []int64           // that were offered to the first supernode for the first time
	asked    map[int64][]int64 // deposits that are not answered, by supernode
	resealed []int64
}

const shoreDay = 20_000

func newShore(t *testing.T, resting int) *shore {
	s := &shore{T: t, q: New(), now: time.Unix(1_800_000_000, 0), resting: resting, asked: make(map[int64][]int64), day: shoreDay + 58}
	s.step(Loaded{Ops: resting})
	return s
}

func (s *shore) step(ev Event) {
	s.Helper()
	for events := []Event{ev}; len(events) > 0; events = events[1:] {
		s.tick = time.Time{}
		for _, a := range s.q.Step(s.now, events[0]) {
			switch a := a.(type) {
			case Seal:
				var done Sealed
				for s.resting > 0 && len(done.Blobs) < a.Max {
					s.nextID++
					s.resting--
					done.Ops++
					done.Blobs = append(done.Blobs, Blob{ID: s.nextID, Size: 4096, Expires: s.now.Add(LifeMax), Day: s.day})
				}
				events = append(events, done)
			case Transmit:
				s.sent = append(s.sent, a.Blobs...)
				events = append(events, Sent(a))
			case Deposit:
				if s.asked[a.At] != nil {
					s.Errorf("a second deposit at %d", a.At)
				}
				if !slices.IsSorted(a.Blobs) || len(a.Blobs) > DepositBlobsMax {
					s.Errorf("deposit of %v", a.Blobs)
				}
				for _, id := range a.First {
					if slices.Contains(s.first, id) && a.At == 1 || !slices.Contains(a.Blobs, id) {
						s.Errorf("%v are offered for the first time", a.First)
					}
				}
				if a.At == 1 {
					s.first = append(s.first, a.First...)
				}
				s.asked[a.At] = a.Blobs
			case Reseal:
				s.resealed = append(s.resealed, a.Blobs...)
				s.resting += len(a.Blobs)
				events = append(events, OpsQueued{Ops: len(a.Blobs)})
			case Wait:
				s.tick = a.Until
			}
		}
	}
}

// answer has a supernode answer all that it was asked to keep.
func (s *shore) answer(at int64, reason wire.Reason) (asked []int64) {
	s.Helper()
	asked = s.asked[at]
	delete(s.asked, at)
	if asked == nil {
		return nil
	}
	d := Deposited{At: at}
	for _, id := range asked {
		d.Answers = append(d.Answers, Answer{Blob: id, Reason: reason, Day: shoreDay - 2})
	}
	s.step(d)
	return asked
}

func (s *shore) wants(what string, got []int64, want ...int64) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("%s: %v, not %v", what, got, want)
	}
}

// pass lets time go by.
func (s *shore) pass(d time.Duration) {
	s.Helper()
	for end := s.now.Add(d); ; {
		if s.tick.IsZero() || s.tick.After(end) {
			s.now = end
			return
		}
		s.now = s.tick
		s.step(Tick{})
	}
}

func TestTwoAtOnceAndLaterAll(t *testing.T) {
	s := newShore(t, 2)
	if s.nextID != 0 {
		t.Error("sealed without a way")
	}
	three := []Depot{{At: 1, Link: 1}, {At: 2, Link: 2}, {At: 3, Link: 3}}
	s.step(Reached{three})
	s.wants("first", s.answer(1, 0), 1, 2)
	s.wants("second", s.answer(2, 0), 1, 2)
	s.wants("third", s.answer(3, 0))
	s.pass(time.Hour)
	s.step(Reached{append(three, Depot{At: 4, Link: 4})})
	s.wants("one reached later", s.answer(4, 0), 1, 2)
	s.step(Receipted{[]int64{1}})
	s.step(Reached{[]Depot{{At: 1, Link: 5}, {At: 2, Link: 2}}})
	s.wants("one reached anew", s.answer(1, 0), 2)
	s.wants("the other", s.answer(2, 0))
	s.step(Receipted{[]int64{2}})
	s.step(Reached{[]Depot{{At: 1, Link: 6}}})
	s.wants("all is receipted", s.answer(1, 0))
}

// After a start of the program everything is offered wherever a supernode is reached.
func TestQuiet(t *testing.T) {
	s := newShore(t, 0)
	s.step(Reached{Depots: []Depot{{At: 1, Link: 1}}})
	until := s.now.Add(time.Minute)
	s.step(Quiet{Until: until})
	s.resting = 1
	s.step(OpsQueued{Ops: 1})
	s.step(Sealed{Blobs: []Blob{{ID: 100, Size: 4096, Expires: s.now.Add(LifeMax), Day: s.day}}})
	if len(s.asked) != 0 || s.resting != 1 || !s.tick.Equal(until) {
		t.Errorf("asked %v, %d rest, woken at %v", s.asked, s.resting, s.tick)
	}
	s.now = until
	s.step(Tick{})
	if !slices.Contains(s.asked[1], 100) {
		t.Errorf("asked %v", s.asked)
	}
	s = newShore(t, 1)
	s.step(Quiet{Until: s.now.Add(time.Minute)})
	s.step(Reached{Depots: []Depot{{At: 1, Link: 1}}})
	s.step(Quiet{})
	if len(s.asked[1]) != 1 {
		t.Errorf("asked %v", s.asked)
	}
}

func TestOldBlobsAreOfferedEverywhere(t *testing.T) {
	s := &shore{T: t, q: New(), now: time.Unix(1_800_000_000, 0), asked: make(map[int64][]int64)}
	s.step(Loaded{Blobs: []Blob{{ID: 7, Size: 4096, Expires: s.now.Add(LifeMax), Old: true}}})
	s.step(Reached{[]Depot{{At: 1}, {At: 2}, {At: 3}}})
	for at := range int64(3) {
		s.wants(fmt.Sprint("supernode ", at+1), s.answer(at+1, 0), 7)
	}
}

// A link has two seconds to bring a receipt.
func TestLinkFirst(t *testing.T) {
	s := newShore(t, 1)
	s.step(RouteUp{Link: 1})
	s.step(Reached{[]Depot{{At: 1}}})
	s.pass(DepositDelay - time.Millisecond)
	s.wants("sent", s.sent, 1)
	s.wants("too early", s.answer(1, 0))
	s.pass(time.Millisecond)
	s.step(Tick{})
	s.wants("after two seconds", s.answer(1, 0), 1)
	s.resting = 1
	s.step(OpsQueued{Ops: 1})
	s.wants("another is sent", s.sent, 1, 2)
	s.step(RouteDown{Link: 1})
	s.wants("without the link at once", s.answer(1, 0), 2)
}

func TestRefusalsDelay(t *testing.T) {
	s := newShore(t, 1)
	s.step(Reached{[]Depot{{At: 1}, {At: 2}, {At: 3}}})
	s.wants("second", s.answer(2, 0), 1)
	s.wants("first is full", s.answer(1, wire.ReasonDiskFull), 1)
	s.wants("so the third", s.answer(3, 0), 1)
	s.pass(time.Hour)
	s.wants("two have it", s.answer(1, 0))
	s.resting = 1
	s.step(OpsQueued{Ops: 1})
	s.wants("the next", s.answer(1, 0), 2)
	s.wants("both", s.answer(2, 0), 2)
	s.resting = 1
	s.step(OpsQueued{Ops: 1})
	s.wants("another", s.answer(1, wire.ReasonToken), 3)
	s.wants("and there", s.answer(2, wire.ReasonTooLarge), 3)
	s.wants("so the third again", s.answer(3, 0), 3)
	for _, pause := range depositAgain {
		s.pass(pause - time.Millisecond)
		s.wants(fmt.Sprint("before ", pause), s.asked[1])
		s.pass(time.Millisecond)
		s.step(Tick{})
		s.wants(fmt.Sprint("after ", pause), s.answer(1, wire.ReasonNotNow), 3)
	}
	s.wants("too large", s.asked[2])
}

// While nobody takes anything nothing more is sealed.
func TestNothingIsSealedForNobody(t *testing.T) {
	s := newShore(t, 1)
	s.step(Reached{[]Depot{{At: 1}}})
	s.resting = 5
	s.step(OpsQueued{Ops: 5})
	if s.nextID != 6 {
		t.Fatalf("%d blobs are sealed", s.nextID)
	}
	s.answer(1, wire.ReasonQuota)
	s.resting = 5
	s.step(OpsQueued{Ops: 5})
	if s.nextID != 6 {
		t.Errorf("%d blobs are sealed", s.nextID)
	}
	s.pass(depositAgain[0])
	s.step(Tick{})
	s.answer(1, 0)
	if s.nextID != 11 {
		t.Errorf("%d blobs are sealed", s.nextID)
	}
}

func TestWrongDaySealsAgain(t *testing.T) {
	s := newShore(t, 2)
	s.step(Reached{[]Depot{{At: 1}}})
	s.day = shoreDay - 2 + 58
	s.answer(1, wire.ReasonWrongDay)
	s.wants("sealed again", s.resealed, 1, 2)
	s.wants("left", s.answer(1, wire.ReasonWrongDay), 3, 4) // it is not what it takes still
	s.wants("not again", s.resealed, 1, 2)
	s.pass(24 * time.Hour)
	s.step(Tick{})
	s.wants("nor offered", s.answer(1, 0))
	s.step(Reached{[]Depot{{At: 1, Link: 1}}})
	s.wants("but when it is reached anew", s.answer(1, 0), 3, 4)
}

// One blob that a supernode will never take delays neither what is left with it, nor what is sealed later, nor that it is
// left elsewhere; where nothing is taken whatever day it is for, all waits.
func TestHopelessDelaysNobody(t *testing.T) {
	s := newShore(t, 1)
	one := []Depot{{At: 1}}
	s.step(Reached{one})
	s.wants("deleted", s.answer(1, wire.ReasonDeleted), 1)
	if why := s.q.Hopeless(1, 1); why != wire.ReasonDeleted || s.q.Hopeless(1, 2) != 0 || s.q.Hopeless(7, 1) != 0 {
		t.Errorf("it is hopeless for %d", why)
	}
	today := wire.DayAt(s.now)
	s.day = today + 1
	for id := range int64(5) {
		s.resting = 1
		s.step(OpsQueued{Ops: 1})
		s.wants("at once", s.asked[1], id+2)
		delete(s.asked, 1)
		s.step(Deposited{At: 1, Answers: []Answer{{Blob: id + 2, Reason: wire.ReasonWrongDay, Day: today + 2}}}) // its day is past there
	}
	s.wants("sealed again", s.resealed)
	s.step(Reached{append(one, Depot{At: 2, Link: 2})})
	s.wants("elsewhere", s.answer(2, 0), 1, 2, 3, 4, 5, 6)
	s.pass(24 * time.Hour)
	s.step(Tick{})
	s.wants("on this link", s.answer(1, 0))
	s.step(Reached{[]Depot{{At: 1, Link: 3}}})
	s.wants("on the next", s.asked[1], 1, 2, 3, 4, 5, 6)
	s.resting = 1
	delete(s.asked, 1)
	s.step(Deposited{At: 1, Answers: []Answer{{Blob: 1, Reason: wire.ReasonWrongDay, Day: today + 1000}}}) // nothing would do
	s.step(OpsQueued{Ops: 1})
	if s.nextID != 6 || s.q.Hopeless(1, 1) != 0 {
		t.Errorf("%d are sealed", s.nextID)
	}
}

// The start of a session goes before what it was made for, however late it was sealed.
func TestStartsFirst(t *testing.T) {
	s := newShore(t, 0)
	var blobs []Blob
	for id := range int64(4) {
		blobs = append(blobs, Blob{ID: id + 1, Size: 4096, Expires: s.now.Add(LifeMax), Start: id > 1})
	}
	s.step(Sealed{Blobs: blobs})
	s.step(Reached{[]Depot{{At: 1}}})
	s.wants("in order", s.first, 3, 4, 1, 2)
}

// What is sealed while more is still to be read from the disk does not hide that.
func TestSealedBesideMore(t *testing.T) {
	q, now := New(), time.Unix(1_800_000_000, 0)
	var page []Blob
	var gone []int64
	for id := range int64(PageMax) {
		page, gone = append(page, Blob{ID: id + 1, Expires: now.Add(LifeMax)}), append(gone, id+1)
	}
	q.Step(now, Loaded{Blobs: page, More: true})
	q.Step(now, Sealed{Blobs: []Blob{{ID: 5000, Expires: now.Add(LifeMax)}}})
	todo := q.Step(now, Receipted{Blobs: gone})
	if i := slices.IndexFunc(todo, func(a Action) bool { _, load := a.(Load); return load }); i < 0 || todo[i].(Load).After != PageMax {
		t.Errorf("%+v", todo)
	}
}

// The more waits for a receipt, the rarer sealing is.
func TestPace(t *testing.T) {
	s := newShore(t, 0)
	s.step(Reached{[]Depot{{At: 1}}})
	sealed := func(minutes int) int {
		before := s.nextID
		for range minutes {
			s.resting++
			s.step(OpsQueued{Ops: 1})
			s.answer(1, 0)
			s.resting++
			s.step(OpsQueued{Ops: 1})
			s.answer(1, 0)
			s.pass(time.Minute)
			s.step(Tick{})
			s.answer(1, 0)
		}
		return int(s.nextID - before)
	}
	if got := sealed(50); got != 100 {
		t.Errorf("of 100 ops %d blobs", got)
	}
	s.resting = 28
	s.step(OpsQueued{Ops: 28})
	s.answer(1, 0)
	first := s.nextID
	s.resting++
	s.step(OpsQueued{Ops: 1})
	s.answer(1, 0)
	s.resting++
	s.step(OpsQueued{Ops: 1})
	if s.nextID != first+1 {
		t.Errorf("%d sealed at once", s.nextID-first)
	}
	s.pass(time.Minute)
	s.step(Tick{})
	if s.nextID != first+2 {
		t.Errorf("%d sealed after a minute", s.nextID-first)
	}
}

// Whatever supernodes do: what is not receipted ends up at two of them, when two are
// reached and take it, and is offered to each only once on a link; and where we read the log only once, until that is lost.
func TestEverythingIsLeft(t *testing.T) {
	for seed := range uint64(200) {
		reads := int64(seed % 2)
		r := rand.New(rand.NewPCG(seed, 1))
		s := newShore(t, 0)
		var up []Depot
		link := uint64(0)
		kept := make(map[[2]int64]bool) // blob and supernode
		answer := func(at int64, reason wire.Reason) {
			for _, id := range s.answer(at, reason) {
				k := [2]int64{id, at}
				if reads == 1 && kept[k] {
					t.Errorf("seed %d: blob %d is offered again at %d", seed, id, at)
				}
				kept[k] = kept[k] || reason == 0
			}
		}
		loses := func(at int64) {
			maps.DeleteFunc(kept, func(k [2]int64, _ bool) bool { return k[1] == at })
			s.step(Lost{Log: at * reads})
		}
		for range 200 {
			switch r.IntN(6 + int(reads)) {
			case 6:
				loses(r.Int64N(4) + 1)
			case 0:
				s.resting++
				s.step(OpsQueued{Ops: 1})
			case 1:
				at := r.Int64N(4) + 1
				link++
				up = append(slices.DeleteFunc(slices.Clone(up), func(d Depot) bool { return d.At == at }), Depot{At: at, Link: link, Log: at * reads})
				delete(s.asked, at)
				s.step(Reached{up})
			case 2:
				at := r.Int64N(4) + 1
				up = slices.DeleteFunc(slices.Clone(up), func(d Depot) bool { return d.At == at })
				delete(s.asked, at)
				s.step(Reached{up})
			case 3:
				answer(r.Int64N(4)+1, wire.Reason(r.IntN(2)*6))
			case 4:
				s.pass(time.Duration(r.IntN(int(time.Hour))))
			case 5:
				if s.nextID > 0 {
					s.step(Receipted{[]int64{r.Int64N(s.nextID) + 1}})
				}
			}
		}
		s.step(Reached{nil})
		clear(s.asked)
		for _, at := range []int64{1, 2, 3, 4} {
			loses(at)
		}
		s.step(Reached{[]Depot{{1, 2001, reads}, {2, 2002, 2 * reads}, {3, 2003, 3 * reads}, {4, 2004, 4 * reads}}})
		for range 50 {
			for at := range int64(4) {
				answer(at+1, 0)
			}
			s.pass(2 * time.Hour)
			s.step(Tick{})
		}
		blobs, ops := s.q.Pending()
		if lonely := s.lonely(kept); len(lonely) > 0 || ops != 0 {
			t.Errorf("seed %d: %v of %d are not at two supernodes, %d ops rest", seed, lonely, blobs, ops)
		}
	}
}

// lonely are the blobs that fewer than two supernodes keep.
func (s *shore) lonely(kept map[[2]int64]bool) (blobs []int64) {
	count := make(map[int64]int)
	for k, is := range kept {
		if is {
			count[k[0]]++
		}
	}
	for _, e := range s.q.page {
		if count[e.ID] < 2 {
			blobs = append(blobs, e.ID)
		}
	}
	return blobs
}

// What was kept in a log that we read is not offered there again, on no link and after no start, until that is lost.
func TestKeptIsNotOfferedAgain(t *testing.T) {
	s := newShore(t, 2)
	read := func(link uint64) []Depot { return []Depot{{At: 1, Link: link, Log: 10}, {At: 2, Link: link}} }
	s.step(Reached{read(1)})
	s.wants("first", s.answer(1, 0), 1, 2)
	s.wants("second", s.answer(2, 0), 1, 2)
	s.step(Reached{read(2)})
	s.wants("a new link", s.answer(1, 0))
	s.wants("where we are a guest", s.answer(2, 0), 1, 2)
	s.step(RouteUp{Link: 1})
	s.step(RouteDown{Link: 1})
	s.step(Reached{read(3)})
	s.wants("after a link of the contact's", s.answer(1, 0))
	s.wants("again", s.answer(2, 0), 1, 2)
	s.step(Lost{Log: 10, Blobs: []int64{2}})
	s.wants("one that is missing", s.answer(1, 0), 2)
	s.step(Lost{Log: 10, Blobs: []int64{2}})
	s.wants("and still is, waits for another link", s.answer(1, 0))
	s.step(Reached{read(4)})
	s.wants("on that", s.answer(1, 0), 2)
	s.wants("and the guest", s.answer(2, 0), 1, 2)
	s.step(Lost{Log: 11})
	s.wants("another log is lost", s.answer(1, 0))
	s.step(Lost{Log: 10})
	s.wants("this one is lost", s.answer(1, 0), 1, 2)
	s.step(Lost{Log: 10})
	s.wants("and once more", s.answer(1, 0), 1, 2)
	s.resting = 1
	s.step(OpsQueued{Ops: 1})
	s.wants("what comes is left", s.answer(1, 0), 3)

	s = &shore{T: t, q: New(), now: time.Unix(1_800_000_000, 0), asked: make(map[int64][]int64)}
	blob := func(id int64, kept ...int64) Blob {
		return Blob{ID: id, Size: 4096, Expires: s.now.Add(LifeMax), Old: true, Kept: kept}
	}
	s.step(Loaded{Blobs: []Blob{blob(7, 10), blob(8), blob(9, 10, 30)}})
	s.step(Reached{[]Depot{{At: 1, Log: 10}, {At: 2}, {At: 3, Log: 30}}})
	s.wants("after a start", s.answer(1, 0), 8)
	s.wants("a guest", s.answer(2, 0), 7, 8, 9)
	s.wants("another", s.answer(3, 0), 7, 8)
}
