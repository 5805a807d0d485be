package mesh

import (
	"slices"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// sent is an op of ours as the store has it, and what it says by itself if it is a text. What
// others did to it is not in it: who changes an op has it forgotten.
type sent struct {
	row     store.Op
	text    string
	replyTo conversation.OpID // zero: it answers none
}

// recent holds the ops that we sent last: to seal them and to show how far they have come
// they need not be read back. It goes with every other memory of the store when a turn fails.
type recent struct {
	ops   map[int64]*sent // by the op's row
	order []int64         // the oldest first
	bytes int             // of their bodies
}

// add keeps an op; the oldest give way.
func (r *recent) add(s *sent) {
	if r.ops == nil {
		r.ops = make(map[int64]*sent)
	}
	r.ops[s.row.Seq] = s
	r.order = append(r.order, s.row.Seq)
	for r.bytes += len(s.row.Body); len(r.order) > recentOps || r.bytes > recentBytes; r.order = r.order[1:] {
		r.bytes -= len(r.ops[r.order[0]].row.Body)
		delete(r.ops, r.order[0])
	}
}

// forget lets go of an op.
func (r *recent) forget(seq int64) {
	if s, ok := r.ops[seq]; ok {
		r.bytes -= len(s.row.Body)
		delete(r.ops, seq)
		r.order = slices.DeleteFunc(r.order, func(other int64) bool { return other == seq })
	}
}

// op returns an op of ours.
func (t *turn) op(seq int64) (*sent, error) {
	if s, ok := t.n.recent.ops[seq]; ok {
		return s, nil
	}
	row, err := t.tx.Op(seq)
	if err != nil {
		return nil, err
	}
	text, replyTo := textIn(row)
	return &sent{row: *row, text: text, replyTo: replyTo}, nil
}
