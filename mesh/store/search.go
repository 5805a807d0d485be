package store

import (
	"container/heap"
	"context"
	"errors"
	"math"
	"slices"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/words"
)

// Query says what to look for: ops that hold all the words, folded as package words
// does it. What is zero does not narrow the search.
type Query struct {
	Words        []string
	Conversation int64
	Authors      []peer.ID
	Since, Until int64 // Unix ms of the author's clock; Since is in, Until is not
	Limit        int   // required
}

const sqlOpsBack = sqlOpColumns + ` WHERE o.seq > ?1 AND (?2 = 0 OR o.conversation = ?2) ORDER BY o.seq DESC`

// Search returns what it finds, what came last first. Ops that are not in the index yet
// are looked through one by one.
//
// spec: 09-storage#words
func (tx *Tx) Search(ctx context.Context, q Query, text TextOf) ([]Op, error) {
	s := search{tx: tx, ctx: ctx, text: text, Query: q}
	if err := s.lookThrough(); err != nil {
		return nil, err
	}
	if err := s.lookUp(); err != nil {
		return nil, err
	}
	return s.found, nil
}

// search is a search under way.
type search struct {
	Query
	tx    *Tx
	ctx   context.Context // of this one call
	text  TextOf
	found []Op
	read  int // ops
	heads heads
}

// full reports whether nothing more is wanted.
func (s *search) full() bool { return len(s.found) >= s.Limit }

// gone returns the reason when the asker does not wait any more.
func (s *search) gone() error {
	if s.read++; s.read%searchPatience == 0 && s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return nil
}

// fits holds an op against all of the query but the words.
func (s *search) fits(op *Op) bool {
	return (s.Conversation == 0 || op.Conversation == s.Conversation) && (len(s.Authors) == 0 || slices.Contains(s.Authors, op.Author)) &&
		(s.Since == 0 || op.Time >= s.Since) && (s.Until == 0 || op.Time < s.Until)
}

// lookThrough searches the ops that are not in the index.
func (s *search) lookThrough() error {
	last, err := s.tx.indexed()
	if err != nil {
		return err
	}
	q := s.tx.query(sqlOpsBack).int(last).int(s.Conversation)
	return q.until(func(r *row) bool {
		if q.err = s.gone(); q.err != nil || s.full() {
			return false
		}
		op, ok := s.tx.readOp(r)
		if !ok || q.err != nil || !s.fits(&op) {
			return true
		}
		said, err := s.text(s.tx, &op)
		if q.err = err; err == nil && words.Match(said, s.Words) {
			s.found = append(s.found, op)
		}
		return true
	})
}

// lookUp searches the segments, each from its newest op on and all of them at once.
// Those that are older than everything wanted are not opened.
func (s *search) lookUp() error {
	segments, err := s.tx.segments()
	if err != nil {
		return err
	}
	segments = slices.DeleteFunc(segments, func(g segment) bool {
		return s.Conversation != 0 && g.conversation != s.Conversation ||
			s.Since != 0 && g.until < s.Since || s.Until != 0 && g.since >= s.Until
	})
	slices.SortFunc(segments, func(a, b segment) int { return int(b.last - a.last) })
	for !s.full() {
		for len(segments) > 0 && (len(s.heads) == 0 || segments[0].last > s.heads[0].seq) {
			if err := s.open(segments[0]); err != nil {
				return err
			}
			segments = segments[1:]
		}
		if len(s.heads) == 0 {
			return nil
		}
		if err := s.takeNewest(); err != nil {
			return err
		}
	}
	return nil
}

// open begins with a segment, if it has what is looked for.
func (s *search) open(g segment) error {
	r, err := s.tx.openSegment(g)
	if err != nil {
		return err
	}
	h := &head{times: r.times, since: s.Since, until: s.Until}
	for _, word := range s.Words {
		h.words = append(h.words, r.find(word))
	}
	if len(s.Authors) == 1 {
		h.words = append(h.words, r.find(authorTerm(s.Authors[0])))
	}
	ok, err := h.advance(math.MaxInt64)
	if ok {
		heap.Push(&s.heads, h)
	}
	return err
}

// takeNewest takes the newest op of all heads.
func (s *search) takeNewest() error {
	if err := s.gone(); err != nil {
		return err
	}
	h := s.heads[0]
	op, err := s.tx.Op(h.seq)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err == nil && s.fits(op) {
		// What was edited or deleted since may still be in the index.
		said, err := s.text(s.tx, op)
		if err != nil {
			return err
		}
		if said != "" {
			s.found = append(s.found, *op)
		}
	}
	ok, err := h.advance(h.seq - 1)
	if ok {
		heap.Fix(&s.heads, 0)
	} else {
		heap.Pop(&s.heads)
	}
	return err
}

// head is a segment's next op that has all the words.
type head struct {
	seq          int64
	words        []*postings
	times        []stretch // those that are not passed over yet
	since, until int64     // of the query
}

// pass returns the seq to go on from where that of an op of no use is: one of a stretch
// that is too new or too old as a whole.
func (h *head) pass(seq int64) int64 {
	for len(h.times) > 0 && h.times[0].first > seq {
		h.times = h.times[1:]
	}
	if len(h.times) > 0 {
		if t := h.times[0]; seq <= t.last && (h.since != 0 && t.until < h.since || h.until != 0 && t.since >= h.until) {
			return t.first - 1
		}
	}
	return seq
}

// advance goes on to the newest op with at most that seq.
func (h *head) advance(seq int64) (ok bool, err error) {
	for agreed := 0; agreed < len(h.words); {
		agreed = 0
		for _, p := range h.words {
			found, ok, err := p.upTo(seq)
			if err != nil || !ok {
				return false, err
			}
			if found < seq {
				seq = found
				agreed = 0
			}
			agreed++
		}
		if next := h.pass(seq); next < seq {
			seq, agreed = next, 0
		}
	}
	h.seq = seq
	return true, nil
}

// heads is a heap, the newest first.
type heads []*head

func (h heads) Len() int           { return len(h) }
func (h heads) Less(i, j int) bool { return h[i].seq > h[j].seq }
func (h heads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)        { *h = append(*h, x.(*head)) }
func (h *heads) Pop() any {
	last := len(*h) - 1
	popped := (*h)[last]
	*h = (*h)[:last]
	return popped
}
