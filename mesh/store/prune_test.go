package store

import (
	"testing"
)

func TestOldest(t *testing.T) {
	s := openHome(t, newHome(t))
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	first := Settled{Seq: w.Ops[0].Seq, Conversation: w.Ops[0].Conversation, Lamport: 1, Received: 2, Kind: 1, Waits: true}
	second := Settled{Seq: w.Ops[1].Seq, Conversation: w.Ops[1].Conversation, Lamport: w.Ops[1].Lamport, Kind: 255}
	oldest := func(after int64, limit int, want ...Settled) {
		t.Helper()
		doView(t, s, func(tx *Tx) {
			got, err := tx.Oldest(after, limit)
			must(t, err)
			same(t, got, want)
		})
	}
	oldest(0, 10, first, second)
	oldest(0, 1, first)
	oldest(first.Seq, 10, second)
	doUpdate(t, s, func(tx *Tx) { must(t, tx.SetDelivery(w.Deliveries[0].ID, 3, "", 0)) })
	first.Waits = false
	oldest(0, 1, first)
}

// What was deleted takes no more room, and none is needed for what comes in its place.
func TestSize(t *testing.T) {
	l := newLibrary(t, 1, t.Name())
	size := func() (n int64) {
		doView(t, l.s, func(tx *Tx) {
			var err error
			n, err = tx.Size()
			must(t, err)
		})
		return n
	}
	empty := size()
	l.say(2000, l.sentence)
	l.index(100)
	full := size()
	for len(l.ops) > 0 {
		l.deleteSome()
	}
	l.index(100)
	if now := size(); full < 2*empty || now > empty+20*pageSize {
		t.Errorf("%d bytes, then %d, then %d", empty, full, now)
	}
	segments, err := l.s.writer.number("SELECT count(*) FROM segments")
	must(t, err)
	blocks, err := l.s.writer.number("SELECT count(*) FROM words")
	must(t, err)
	if segments+blocks != 0 {
		t.Errorf("%d segments and %d blocks are left", segments, blocks)
	}
}

func TestPastEvents(t *testing.T) {
	s := openHome(t, newHome(t))
	var cursors []int64
	doUpdate(t, s, func(tx *Tx) {
		for i := range 20 {
			e := Event{Time: int64(i)}
			must(t, tx.AppendEvent(&e))
			cursors = append(cursors, e.Cursor)
		}
	})
	for _, c := range []struct {
		before      int64
		keep, limit int
		want        int // events
	}{
		{0, 100, 100, 0}, {5, 100, 100, 5}, {5, 100, 3, 3}, {0, 12, 100, 8}, {0, 12, 3, 3}, {5, 17, 100, 5}, {5, 14, 100, 6}, {100, 0, 100, 20},
	} {
		doView(t, s, func(tx *Tx) {
			upTo, err := tx.PastEvents(c.before, c.keep, c.limit)
			must(t, err)
			want := int64(0)
			if c.want > 0 {
				want = cursors[c.want-1]
			}
			if upTo != want {
				t.Errorf("%+v: up to %d, not %d", c, upTo, want)
			}
		})
	}
	doUpdate(t, s, func(tx *Tx) {
		must(t, tx.PruneEvents(cursors[7]))
		left, err := tx.Events(0, 100)
		must(t, err)
		same(t, len(left), 12)
		must(t, tx.PruneEvents(cursors[19]))
		upTo, err := tx.PastEvents(100, 0, 100)
		must(t, err)
		same(t, upTo, int64(0))
	})
}

// Deleting an op leaves none of its words behind, in the index or in what the page key
// opens.
func TestDeletedWordsAreGone(t *testing.T) {
	l := newLibrary(t, 1, t.Name())
	l.say(1, func() string { return "unmistakable" })
	l.say(2*indexBatch, l.sentence)
	l.index(100)
	q := Query{Words: []string{"unmistakable"}, Limit: 9}
	same(t, len(l.search(q)), 1)
	doUpdate(t, l.s, func(tx *Tx) { must(t, tx.DeleteOps([]int64{l.ops[0].Seq})) })
	same(t, len(l.search(q)), 0)
	l.index(100)
	doView(t, l.s, func(tx *Tx) {
		all, err := tx.segments()
		must(t, err)
		for _, g := range all {
			r, err := tx.openSegment(g)
			must(t, err)
			w := &walk{r: r}
			for {
				term, ok, err := w.peek()
				must(t, err)
				if !ok {
					break
				}
				if term == "unmistakable" {
					t.Error("the word is in a block")
				}
				w.entries = w.entries[1:]
			}
		}
	})
}
