package witness

import (
	"testing"

	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
)

// asked is the log from one cursor to another, as it is asked for now.
func (s *supernode) asked(w *Watch, from, until uint64) Page {
	p := s.page(from, until)
	p.Asked = w.Taken()
	return p
}

// TestPagesOvertake: pages of two requests come in any order. One that ends where the log did when it was asked for says nothing of
// what has come since, and costs nothing of what is known.
func TestPagesOvertake(t *testing.T) {
	s := newSupernode().add(1, 2, 3)
	w := NewWatch(s.log)
	wantKinds(t, w.Page(s.all(), today))
	wantKinds(t, w.Given(s.attest(3, today)))
	again := s.asked(w, 0, 3)
	s.add(4)
	wantKinds(t, w.Page(s.page(3, 4), today)) // overtakes it
	wantKinds(t, w.Page(again, today))
	w.Receipt(s.receipt(Kept{ID: idOf(4), ExpiryDay: today + 20, Cursor: 4}))
	if since, wanted := w.Ask(); wanted {
		t.Errorf("reads again from %d what it was shown", since)
	}
	s.add(5)
	wantKinds(t, w.Page(s.page(4, 5), today))
	if w.s.Belied || w.At() != 5 {
		t.Errorf("stands at %d; the close of the day is held against nothing: %v", w.At(), w.s.Belied)
	}
}

// grow adds blobs that expire within nine days.
func (s *supernode) grow(blobs int) {
	for range blobs {
		n := len(s.ids)
		s.add(n)
		s.lives[uint64(len(s.ids))] = s.over + 1 + uint16(n%9)
	}
}

// again is a watch as it is after a start.
func again(t *rapid.T, w *Watch) *Watch {
	saved, err := LoadWatch(w.log, w.Save())
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// TestHonestIsNeverAccused: whatever an honest supernode and its members do in whatever order, and whatever day it is by their clocks, there
// is no breach.
func TestHonestIsNeverAccused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSupernode()
		s.lives = make(map[uint64]uint16)
		watches := [2]*Watch{NewWatch(s.log), NewWatch(s.log)}
		day, closes := uint32(today), make(map[uint32]Checkpoint)
		clock := uint16(today)
		accuse := func(found []Breach) {
			for _, b := range found {
				if b.Kind == Early && clock <= s.over {
					continue
				}
				t.Fatalf("accused of %d: %s", b.Kind, b.Words("it"))
			}
		}
		var late [2][]Page // on their way while others come
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			who := rapid.IntRange(0, 1).Draw(t, "who")
			w := watches[who]
			last := uint64(len(s.ids))
			switch rapid.IntRange(0, 10).Draw(t, "what") {
			case 9:
				clock = rapid.Uint16Range(today-40, today+40).Draw(t, "day by our clock")
			case 10:
				s.over += rapid.Uint16Range(0, 4).Draw(t, "days that go by")
			case 7:
				late[who] = append(late[who], s.asked(w, w.s.At.Cursor/pointStep*pointStep, last))
			case 8:
				for _, p := range late[who] {
					accuse(w.Page(p, clock))
				}
				late[who] = nil
			case 0:
				s.grow(rapid.IntRange(1, 80).Draw(t, "blobs"))
			case 1:
				s.ids = append(s.ids, wire.BlobID{})
			case 2:
				until := w.s.At.Cursor/pointStep*pointStep + uint64(rapid.IntRange(0, 200).Draw(t, "pages"))
				accuse(w.Page(s.asked(w, w.s.At.Cursor/pointStep*pointStep, min(last, until)), clock))
			case 3:
				c, closed := closes[day]
				if !closed {
					c = s.attest(last, day)
					closes[day] = c
				}
				if of := rapid.Uint32Range(0, 3).Draw(t, "days ago"); closes[day-of].Day != 0 {
					c = closes[day-of]
				} else {
					accuse(w.Given(c))
				}
				accuse(watches[rapid.IntRange(0, 1).Draw(t, "whom")].Told(c))
			case 4:
				if at := rapid.Uint64Range(0, last).Draw(t, "cursor"); at > 0 && s.ids[at-1] != (wire.BlobID{}) {
					w.Receipt(s.receipt(Kept{ID: s.ids[at-1], ExpiryDay: s.lives[at], Cursor: at}))
				}
			case 5:
				if since, wanted := w.Ask(); wanted {
					accuse(w.Page(s.page(since, last), clock))
					if more, still := w.Ask(); still && more == since {
						t.Fatalf("asks for %d for ever", since)
					}
				}
			case 6:
				day++
				*w = *again(t, w)
			}
		}
	})
}
