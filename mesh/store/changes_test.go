package store

import (
	"slices"
	"testing"

	"sottovoce/mesh/peer"
)

// currently is the text of an op as changes leave it, for the index.
func currently(tx *Tx, op *Op) (string, error) {
	if other := op.Edit + op.Edits; other > op.Seq || string(op.Body) == "edit" && op.Edits == 0 {
		return "", nil
	}
	if op.Edit != 0 {
		edit, err := tx.Op(op.Edit)
		if err != nil {
			return "", err
		}
		return string(edit.Body), nil
	}
	return string(op.Body), nil
}

// What is about an op is found by its id before it comes, after it came, and no more when
// either is gone.
func TestChangesLeadToOps(t *testing.T) {
	l := newLibrary(t, 1, t.Name())
	l.say(3, func() string { return "word" })
	text, edit, other := l.ops[0], l.ops[1], l.ops[2]
	of := func(id [32]byte) (seqs []int64) {
		doView(t, l.s, func(tx *Tx) {
			var err error
			seqs, err = tx.ChangesOf(id)
			must(t, err)
		})
		return seqs
	}
	near := text.ID // the same first bytes
	near[31]++
	doUpdate(t, l.s, func(tx *Tx) {
		for range 2 {
			must(t, tx.AddChange(other.Seq, text.ID))
			must(t, tx.AddChange(edit.Seq, text.ID))
		}
		must(t, tx.AddChange(edit.Seq, near))
	})
	same(t, of(text.ID), []int64{edit.Seq, other.Seq})
	same(t, of(near), []int64{edit.Seq})
	doUpdate(t, l.s, func(tx *Tx) { must(t, tx.DropChange(other.Seq, text.ID)) })
	same(t, of(text.ID), []int64{edit.Seq})
	doUpdate(t, l.s, func(tx *Tx) { must(t, tx.SetEdit(&text, edit.Seq)) })
	doView(t, l.s, func(tx *Tx) { // an edit goes with its text, and not before
		all, err := tx.Oldest(0, 10)
		must(t, err)
		same(t, []bool{all[0].Waits, all[1].Waits, all[1].Ahead, all[2].Ahead}, []bool{false, true, true, false})
	})
	doUpdate(t, l.s, func(tx *Tx) { must(t, tx.DeleteOps([]int64{text.Seq})) })
	same(t, len(of(text.ID)), 0)
	same(t, len(of(near)), 0)
	doView(t, l.s, func(tx *Tx) {
		left, err := tx.Op(edit.Seq)
		must(t, err)
		same(t, []int64{int64(len(left.Body)), left.Edits}, []int64{0, 0})
	})
}

// The words of a text go with what it says, whatever of it is in the index, and no others go.
func TestWordsFollowChanges(t *testing.T) {
	l := newLibrary(t, 1, t.Name())
	i := 0
	l.say(indexBatch, func() string {
		i++
		return map[int]string{7: "harbour", 8: "lighthouse"}[i] + " filling"
	})
	index := func() {
		for more := true; more; {
			var err error
			more, err = l.s.Index(currently)
			must(t, err)
		}
	}
	found := func(word string) (seqs []int64) {
		doView(t, l.s, func(tx *Tx) {
			ops, err := tx.Search(t.Context(), Query{Words: []string{word}, Limit: 2 * rowsMax}, currently)
			must(t, err)
			for _, op := range ops {
				seqs = append(seqs, op.Seq)
			}
		})
		return seqs
	}
	index()
	first, second := l.ops[6], l.ops[7]
	l.say(1, func() string { return "station" })
	l.say(1, func() string { return "bakery" })
	edits := l.ops[len(l.ops)-2:]
	doUpdate(t, l.s, func(tx *Tx) {
		for _, e := range edits {
			must(t, tx.SetEdit(&first, e.Seq))
		}
		must(t, tx.EmptyOp(&edits[0]))
		must(t, tx.SetDeleted(&second, edits[1].Seq, nil))
	})
	for range 2 {
		for word, want := range map[string][]int64{"harbour": nil, "station": nil, "lighthouse": nil, "bakery": {edits[1].Seq}} {
			if got := found(word); !slices.Equal(got, want) {
				t.Errorf("%s is in %d, want %d", word, got, want)
			}
		}
		if got := len(found("filling")); got < indexBatch-2 {
			t.Errorf("of the others %d are left", got)
		}
		l.say(indexBatch, func() string { return "more filling" })
		index()
	}
	l.indexKnows("HARBOUR", "LIGHTHOUSE", "STATION", "harbour", "lighthouse", "station")
	doView(t, l.s, func(tx *Tx) {
		gone, err := tx.Op(second.Seq)
		must(t, err)
		if len(gone.Body) != 0 || gone.Deleted != edits[1].Seq {
			t.Errorf("deleted, it is %+v", gone)
		}
	})
}

// What a program of before kept without knowing what it does is found after the migration.
func TestUnknownIsKeptForLater(t *testing.T) {
	home := oldHome(t, 7)
	c := dialHome(t, home)
	must(t, c.db.Exec("UPDATE ops SET kind=3 WHERE kind=255"))
	s := openHome(t, home)
	doView(t, s, func(tx *Tx) {
		kept, err := tx.ChangesOf([32]byte{})
		must(t, err)
		same(t, len(kept), 1)
		op, err := tx.Op(kept[0])
		must(t, err)
		same(t, op.Kind, uint8(3))
	})
}

// indexKnows wants that none of these words is in the index, and that it counts its ops.
func (l *library) indexKnows(none ...string) {
	l.t.Helper()
	doView(l.t, l.s, func(tx *Tx) {
		all, err := tx.segments()
		must(l.t, err)
		ops := 0
		for _, g := range all {
			ops += g.ops
			r, err := tx.openSegment(g)
			must(l.t, err)
			for _, word := range none {
				if _, ok, err := r.find(word).upTo(1 << 60); ok || err != nil {
					l.t.Errorf("%s is in the index still: %v", word, err)
				}
			}
			authors := 0
			for _, author := range []byte{1, 2} {
				p := r.find(authorTerm(peer.ID{author}))
				for seq, ok, err := p.upTo(1 << 60); ok && err == nil; seq, ok, err = p.upTo(seq - 1) {
					authors++
				}
			}
			same(l.t, g.ops, authors)
		}
		if ops < indexBatch {
			l.t.Errorf("%d ops are in the index", ops)
		}
	})
}
