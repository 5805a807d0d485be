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

// TestHonestIsNeverAccused: whatever an honest supernode and its members do in whatever order, there is no breach; and a second log
// under the same keys is found by members who tell each other.
func TestHonestIsNeverAccused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSupernode()
		watches := [2]*Watch{NewWatch(s.log), NewWatch(s.log)}
		day, closes := uint32(today), make(map[uint32]Checkpoint)
		accuse := func(found []Breach) {
			for _, b := range found {
				t.Fatalf("accused of %d: %s", b.Kind, b.Words("it"))
			}
		}
		n, late := 0, [2][]Page{} // on their way while others come
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			who := rapid.IntRange(0, 1).Draw(t, "who")
			w := watches[who]
			last := uint64(len(s.ids))
			switch rapid.IntRange(0, 8).Draw(t, "what") {
			case 7:
				late[who] = append(late[who], s.asked(w, w.s.At.Cursor/pointStep*pointStep, last))
			case 8:
				for _, p := range late[who] {
					accuse(w.Page(p, today))
				}
				late[who] = nil
			case 0:
				for range rapid.IntRange(1, 80).Draw(t, "blobs") {
					s.add(n)
					n++
				}
			case 1:
				s.ids = append(s.ids, wire.BlobID{})
			case 2:
				until := w.s.At.Cursor/pointStep*pointStep + uint64(rapid.IntRange(0, 200).Draw(t, "pages"))
				accuse(w.Page(s.asked(w, w.s.At.Cursor/pointStep*pointStep, min(last, until)), today))
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
				if last > 0 {
					at := rapid.Uint64Range(1, last).Draw(t, "cursor")
					if id := s.ids[at-1]; id != (wire.BlobID{}) {
						w.Receipt(s.receipt(Kept{ID: id, ExpiryDay: today + 5, Cursor: at}))
					}
				}
			case 5:
				if since, wanted := w.Ask(); wanted {
					accuse(w.Page(s.page(since, last), today))
					if again, still := w.Ask(); still && again == since {
						t.Fatalf("asks for %d for ever", since)
					}
				}
			case 6:
				day++
				saved, err := LoadWatch(s.log, w.Save())
				if err != nil {
					t.Fatal(err)
				}
				*w = *saved
			}
		}
	})
}
