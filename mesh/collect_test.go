package mesh

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/wire"
)

// saysEach says texts one after the other, each when the one before is held: so each is in
// a blob of its own.
func (p *person) saysEach(to string, texts []string) (last Message) {
	p.t.Helper()
	for _, text := range texts {
		last = p.says(to, text)
		p.within(waitLong, "held", p.reaches(last, conversation.StateHeld))
	}
	return last
}

// What lies far beyond the tag table is found at the end of a catch-up, also after a start
// of the program and when the supernode that brought it refused to bring it again at first; and
// what lies before it, when it comes.
func TestFarAhead(t *testing.T) {
	t.Parallel()
	s := newSky(2)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	before := [2]int{s.held(0), s.held(1)}
	first, last := numbered("first", 100), numbered("last", 5)
	anna.saysEach("Bruno", append(slices.Clone(first), last...))
	anna.within(waitLong, "both hold it", func() bool { return s.held(0) >= before[0]+105 && s.held(1) >= before[1]+105 })
	anna.stop()
	s.set(0, false)
	s.change(func() {
		k := s.nodes[1]
		k.log = k.log[len(k.log)-5:]
		k.starves = true
	})
	bruno.start()
	bruno.within(waitLong, "what is to be asked for again", func() (some bool) {
		bruno.inside(func(turn *turn) error {
			w := &turn.n.custody.waiting
			if some = w.wanted != nil; some && w.slot.Unix()%300 != 0 {
				t.Errorf("it is at %v", w.slot)
			}
			return nil
		})
		return some
	})
	s.change(func() {
		if s.rereads > 0 {
			t.Error("it was asked for before the slot")
		}
	})
	bruno.within(waitLong, "it is asked for", bruno.inSlot(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.rereads > 0
	}))
	if got := bruno.texts("Anna"); len(got) != 0 {
		t.Fatalf("bruno has %q", got)
	}
	bruno.stop()
	s.change(func() { s.nodes[1].starves = false })
	bruno.start()
	bruno.within(waitLong, "the last", bruno.inSlot(func() bool { return slices.Equal(bruno.texts("Anna"), last) }))
	s.set(0, true)
	bruno.within(waitLong, "all", bruno.inSlot(func() bool { return slices.Equal(bruno.texts("Anna"), append(slices.Clone(first), last...)) }))
	bruno.inside(func(turn *turn) error {
		w, err := turn.unmatched()
		for _, tag := range bruno.device("Anna").tags {
			for key := range w.in {
				if key.prefix == prefixOf(tag) {
					t.Error("something still waits that there is a key for")
				}
			}
		}
		return err
	})
}

// A start that comes by supernode is found among those of all contacts; one that says that
// keys were lost is for the person, and what came behind it is read again then, whatever
// somebody left under its tags before.
func TestStartByCustody(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "ciao")))
	bruno.within(waitLong, "delivered", bruno.delivered(bruno.says("Anna", "ciao")))
	bruno.stop()
	if _, err := anna.Reset(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	before := s.held(0)
	anna.saysEach("Bruno", []string{"it is me", "really"})
	anna.stop()
	s.change(func() {
		k := s.nodes[0]
		for i := before; i < len(k.log); i += 2 {
			k.log = slices.Insert(k.log, i, keptBlob{junkLike(k.log[i].blob), k.log[i].cursor})
		}
	})
	bruno.start()
	bruno.within(waitLong, "is asked", func() bool {
		status, err := bruno.Status(t.Context())
		return err == nil && slices.ContainsFunc(status.Notices, func(n string) bool { return strings.Contains(n, "begin anew") })
	})
	if got := bruno.texts("Anna"); len(got) != 2 {
		t.Fatalf("bruno has %q", got)
	}
	if _, err := bruno.PermitReset(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	bruno.within(waitLong, "what came behind it", bruno.inSlot(func() bool {
		return slices.Equal(bruno.texts("Anna"), []string{"ciao", "ciao", "it is me", "really"})
	}))
}

// A supernode whose day is behind ours gets what is sealed for its day, and starts too.
func TestWrongDay(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	today := wire.DayAt(time.Now())
	s.change(func() { s.nodes[0].refuse, s.nodes[0].day = wire.ReasonWrongDay, today-3 })
	if _, err := anna.Reset(t.Context(), "Bruno"); err != nil { // so that there is a start
		t.Fatal(err)
	}
	m := anna.saysEach("Bruno", []string{"ciao"})
	if m, err := anna.Message(t.Context(), m.ID); err != nil || len(m.HeldBy) != 1 || m.HeldBy[0].Until != today+55 {
		t.Errorf("held by %+v, %v", m.HeldBy, err)
	}
	j, err := anna.Journey(t.Context(), m.ID)
	if err != nil || j.Copies[0].Via != ViaSupernode || !strings.Contains(j.Copies[0].Waits, "cupboard a (Villa) keeps it until "+dateOf(today+55)) {
		t.Errorf("%+v, %v", j.Copies, err)
	}
	for i := 1; i <= 2; i++ { // the start, too, is of a day that it takes
		s.change(func() {
			h, err := wire.ParseHeader(s.nodes[0].log[len(s.nodes[0].log)-i].blob)
			if err != nil || h.ExpiryDay != today+55 {
				t.Errorf("day %d, %v", h.ExpiryDay, err)
			}
		})
	}
	s.change(func() { s.nodes[0].refuse = wire.ReasonQuota })
	late := anna.says("Bruno", "and?")
	anna.within(waitLong, "says why", func() bool {
		j, err := anna.Journey(t.Context(), late.ID)
		return err == nil && strings.Contains(j.Copies[0].Waits, "has as much from us")
	})
}

// A page that leaves something out is refused, and one from the beginning is a new log.
func TestPages(t *testing.T) {
	s := newSky(1)
	anna := newPersonUnder(t, newAir(), "Anna", s)
	c := collector{anna.Node}
	log := Log{At: s.nodes[0].id, Community: [32]byte{9}}
	cursor := func() uint64 {
		at, err := c.Cursor(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, step := range []struct {
		since, until, want uint64
		refused            bool
	}{{since: 0, until: 64, want: 64}, {since: 65, until: 80, want: 64, refused: true}, {since: 64, until: 63, want: 64, refused: true}, {since: 0, until: 10, want: 10}, {since: 10, until: 10, want: 10}, {since: 0, until: 0, want: 0}} {
		err := c.Collected(t.Context(), Page{Log: log, Since: step.since, Until: step.until, Blobs: [][]byte{make([]byte, 10)}})
		if got := cursor(); (err != nil) != step.refused || got != step.want {
			t.Errorf("%+v: cursor %d, %v", step, got, err)
		}
	}
	blob := make([]byte, wire.Class0.Size())
	copy(blob, wire.Header{ExpiryDay: wire.DayAt(time.Now()) + 1, Tag: [16]byte{1}}.Append(nil))
	id := wire.IDOf(blob)
	entry := Entry{Tag: [16]byte{1}, ID: [8]byte(id[:]), ExpiryDay: wire.DayAt(time.Now()) + 1}
	if err := c.Collected(t.Context(), Page{Log: log, Until: 1, Blobs: [][]byte{blob, blob}, Scanned: []Entry{entry, {Tag: [16]byte{2}, ExpiryDay: 1}}}); err != nil {
		t.Fatal(err)
	}
	anna.inside(func(turn *turn) error {
		w, err := turn.unmatched()
		if w.count != 1 {
			t.Errorf("%d are unmatched", w.count)
		}
		return err
	})
	far := Entry{Tag: [16]byte{3}, ID: [8]byte{3}, ExpiryDay: entry.ExpiryDay}
	for _, p := range []Page{{Log: log, Since: 1, Until: 70}, {Log: log, Since: 70, Until: 71, Scanned: []Entry{far}}} {
		if err := c.Collected(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	anna.inside(func(turn *turn) error { // it is read again from near where it lies
		w, err := turn.unmatched()
		if err != nil {
			return err
		}
		wanted := make(map[Log][]Unmatched)
		err = w.find(turn, far.Tag, wanted)
		if !slices.Equal(wanted[log], []Unmatched{{Since: 70, ID: far.ID}}) {
			t.Errorf("wanted %v", wanted)
		}
		return err
	})
	if wanted, err := c.Match(t.Context(), []Entry{entry}); err != nil || !slices.Equal(wanted, []bool{false}) {
		t.Errorf("wanted %v, %v", wanted, err)
	}
}

// A copy of a home that hears of its contact by supernode alone, where nothing is held any more of what it lacks, shows nothing as
// delivered that is not, and nobody gets what it writes; the first link tells its owner.
func TestOldCopyByCustody(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "before")))
	bruno.within(waitLong, "delivered", bruno.delivered(bruno.says("Anna", "before")))
	anna.stop()
	old := anna.copyHome(t)
	bruno.stop()
	anna.start()
	anna.saysEach("Bruno", []string{"one", "two"})
	anna.stop()
	bruno.start()
	bruno.within(waitLong, "has it", func() bool { return len(bruno.texts("Anna")) == 4 })
	bruno.saysEach("Anna", []string{"got it"})
	s.change(func() { s.nodes[0].log = nil })
	twin := &person{t: t, name: "Anna", air: newAir(), sky: s}
	twin.startFrom(old)
	t.Cleanup(func() { twin.stop() })
	m := twin.saysEach("Bruno", []string{"written by the copy"})
	bruno.within(waitLong, "it is collected", func() (waits bool) {
		bruno.inside(func(turn *turn) error {
			w, err := turn.unmatched()
			waits = len(w.in) > 0
			return err
		})
		return waits
	})
	if got := bruno.texts("Anna"); len(got) != 5 || bruno.shows("Anna")() {
		t.Errorf("bruno has %q", got)
	}
	if m, err := twin.Message(t.Context(), m.ID); err != nil || m.State != conversation.StateHeld {
		t.Errorf("%v, %v", m.State, err)
	}
	twin.stop()
	twin.air = anna.air
	twin.start()
	twin.within(waitLong, "the owner is told", twin.shows("older copy", "Bruno", "sottovoce reset"))
}

// A start whose blob has expired is sent again while what was sealed weeks later waits, by a node that runs all the time on one
// link to its supernode: and who comes back after all that reads what has not expired.
func TestStartAfterWeeks(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	var off atomic.Int64
	anna.stop()
	bruno.stop()
	anna.off, bruno.off = &off, &off
	anna.air, bruno.air = newAir(), newAir()
	anna.start()
	anna.inside(func(turn *turn) error { return turn.lose(anna.device("Bruno")) })
	anna.within(waitLong, "held", anna.reaches(anna.says("Bruno", "it expires"), conversation.StateHeld))
	passes := func(days int) {
		off.Add(int64(days) * int64(24*time.Hour))
		anna.inside(func(turn *turn) error { turn.n.wakeBy(turn.now); return nil })
		anna.within(waitLong, "the day has come", func() (ok bool) {
			anna.inside(func(turn *turn) error { ok = turn.n.mark.Day == wire.DayAt(turn.now); return nil })
			return ok
		})
	}
	passes(30)
	later := anna.says("Bruno", "it does not")
	anna.within(waitLong, "held", anna.reaches(later, conversation.StateHeld))
	before := s.held(0)
	passes(29)
	anna.within(waitLong, "the start is left again", func() (ok bool) {
		anna.inside(func(turn *turn) error { ok = !anna.device("Bruno").pair.NeedsStart(turn.date); return nil })
		return ok && s.held(0) > before
	})
	s.change(func() {
		k := s.nodes[0]
		k.log = slices.DeleteFunc(k.log, func(b keptBlob) bool {
			h, err := wire.ParseHeader(b.blob)
			return err != nil || h.ExpiryDay < wire.DayAt(anna.clock())
		})
	})
	if s.held(0) != 2 {
		t.Errorf("%d blobs have not expired", s.held(0))
	}
	anna.stop()
	bruno.start()
	bruno.within(waitLong, "he is asked", bruno.shows("Anna", "begin anew"))
	if _, err := bruno.PermitReset(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	bruno.within(waitLong, "he has it", bruno.inSlot(func() bool { return slices.Contains(bruno.texts("Anna"), "it does not") }))
	bruno.stop()
}
