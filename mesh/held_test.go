package mesh

import (
	"cmp"
	"slices"
	"testing"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/wire"
)

// holds reports whether so many supernodes are said to hold a message.
func (p *person) holds(m Message, n int) func() bool {
	return func() bool {
		got, err := p.Message(p.t.Context(), m.ID)
		return err == nil && len(got.HeldBy) == n
	}
}

// passed reports whether the log of each supernode was collected to its end.
func (p *person) passed(s *sky) func() bool {
	return func() (all bool) {
		all = true
		p.inside(func(turn *turn) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, k := range s.nodes {
				log := turn.n.custody.logs[Log{k.id, [32]byte{1}}]
				all = all && (k.link == 0 || log != nil && log.Cursor == k.cursor)
			}
			return nil
		})
		return all
	}
}

// What a supernode has signed for, and shows, is not offered there again: not on a new link, nor after a start of the program. When
// it has lost its disk all is, and is not said to be held there until then.
func TestNotOfferedAgain(t *testing.T) {
	t.Parallel()
	s := newSky(2)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	s.set(1, false)
	var last Message
	for _, text := range []string{"one", "two", "three"} {
		last = anna.says("Bruno", text)
	}
	anna.within(waitLong, "held", anna.reaches(last, conversation.StateHeld))
	anna.within(waitLong, "all is read", anna.passed(s))
	before := s.offers(0)
	s.set(0, false)
	s.set(0, true)
	s.set(1, true)
	anna.within(waitLong, "it is left at the other", anna.holds(last, 2))
	anna.within(waitLong, "all is read", anna.passed(s))
	there := s.offers(1)
	anna.stop()
	anna.start()
	next := anna.says("Bruno", "four")
	anna.within(waitLong, "the next is held", anna.holds(next, 2))
	if again, other := s.offers(0)-before, s.offers(1)-there; again != 1 || other != 1 {
		t.Errorf("%d and %d blobs were offered, one of which was new", again, other)
	}
	anna.within(waitLong, "all is read", anna.passed(s))
	s.change(func() { s.nodes[0].refuse = 1 })
	s.lose(0)
	anna.within(waitLong, "one holds it", anna.holds(last, 1))
	s.set(1, false)
	s.lose(1)
	s.change(func() { s.nodes[0].refuse = 0 })
	s.set(0, false)
	s.set(0, true)
	s.set(1, true)
	anna.within(waitLong, "what was lost is left again", anna.holds(last, 2))
	anna.within(waitLong, "all of it", anna.holds(next, 2))
	anna.stop()
	bruno.start()
	bruno.within(waitLong, "he has it all", func() bool { return len(bruno.texts("Anna")) == 4 })
}

// What should be on a page and is not is not held, and is left elsewhere; and there once on each link.
func TestNotOnThePage(t *testing.T) {
	t.Parallel()
	s := newSky(2)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	s.set(1, false)
	s.change(func() { s.nodes[0].drops = true })
	first := anna.says("Bruno", "one")
	anna.within(waitLong, "signed for", anna.reaches(first, conversation.StateHeld))
	s.change(func() { s.nodes[0].drops = false })
	second := anna.says("Bruno", "two")
	anna.within(waitLong, "the first is not held", anna.reaches(first, conversation.StateQueued))
	anna.within(waitLong, "she has heard that the second is", anna.holds(second, 1))
	before := s.offers(0)
	s.set(0, false)
	s.set(0, true)
	anna.within(waitLong, "it is left on the next link", anna.holds(first, 1))
	if again := s.offers(0) - before; again != 1 {
		t.Errorf("%d blobs are left again", again)
	}
	anna.within(waitLong, "all is read", anna.passed(s))
	anna.inside(func(turn *turn) error {
		l := Log{s.nodes[0].id, [32]byte{1}}
		return turn.lostAt(l, []uint64{turn.n.custody.logs[l].Cursor})
	})
	anna.within(waitLong, "a receipt was wrong", anna.reaches(first, conversation.StateQueued))
	s.set(1, true)
	anna.within(waitLong, "it is left elsewhere", anna.holds(first, 1))
	anna.within(waitLong, "and so is the other", anna.holds(second, 2))
	anna.stop()
}

// A log may turn out to be another one before anything was collected since the start.
func TestLostFirst(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	m := anna.says("Bruno", "one")
	anna.within(waitLong, "held", anna.holds(m, 1))
	anna.within(waitLong, "all is read", anna.passed(s))
	s.set(0, false)
	anna.inside(func(turn *turn) error {
		turn.n.custody.waiting = unmatched{} // as it is before it was asked for
		return turn.lostAt(Log{s.nodes[0].id, [32]byte{1}}, nil)
	})
	anna.within(waitLong, "nobody holds it", anna.holds(m, 0))
}

// What waited for its key in a log stands elsewhere once that is another log: where it was seen then is where it is read again.
func TestWaitsInAnotherLog(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna := newPersonUnder(t, newAir(), "Anna", s)
	s.set(0, false)
	l := Log{s.nodes[0].id, [32]byte{1}}
	var waits map[Log][]Unmatched
	anna.inside(func(turn *turn) error {
		e := []Entry{{Tag: [16]byte{7}, ID: [8]byte{8}, ExpiryDay: wire.DayAt(turn.now) + 9}}
		err := cmp.Or(
			turn.collected(Page{Log: l, Until: 128}), turn.collected(Page{Log: l, Since: 128, Until: 130, Scanned: e, End: true}),
			turn.lostAt(l, nil), turn.collected(Page{Log: l, Until: 3, Scanned: e, End: true}),
		)
		w, loading := turn.unmatched()
		waits = make(map[Log][]Unmatched)
		return cmp.Or(err, loading, w.find(turn, e[0].Tag, waits))
	})
	if want := []Unmatched{{Since: 0, ID: [8]byte{8}}}; !slices.Equal(waits[l], want) {
		t.Errorf("it is read again as %v, want %v", waits[l], want)
	}
}
