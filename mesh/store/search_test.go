package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/words"
)

func bodyText(_ *Tx, op *Op) (string, error) { return string(op.Body), nil }

// library is a store with conversations to be searched, and what should be found.
type library struct {
	t    testing.TB
	s    *Store
	rand *rand.Rand
	talk []Conversation
	ops  []Op // that are there, in order of arrival
	next uint64
}

func newLibrary(t testing.TB, conversations int, seed string) *library {
	l := &library{t: t, s: openHome(t, newHome(t)), rand: rand.New(seeded(seed))}
	doUpdate(t, l.s, func(tx *Tx) {
		for i := range conversations {
			c := Conversation{Key: [32]byte{byte(i), 1}, Log: []byte{byte(i)}}
			must(t, tx.PutConversation(&c))
			l.talk = append(l.talk, c)
		}
	})
	return l
}

// say appends ops to conversations at random.
func (l *library) say(n int, text func() string) {
	l.t.Helper()
	doUpdate(l.t, l.s, func(tx *Tx) {
		for range n {
			l.next++
			op := Op{
				Conversation: l.talk[l.rand.IntN(len(l.talk))].ID, AuthorSeq: l.next, Lamport: l.next,
				Time: int64(l.next) + l.rand.Int64N(40) - 20, Author: peer.ID{byte(1 + l.rand.IntN(2))}, Body: []byte(text()),
			}
			copy(op.ID[:], fmt.Sprint(l.next))
			_, err := tx.AppendOp(&op)
			must(l.t, err)
			l.ops = append(l.ops, op)
		}
	})
}

// sentence is some words, those with small numbers much more often.
func (l *library) sentence() string {
	var all []string
	for range 1 + l.rand.IntN(8) {
		all = append(all, fmt.Sprintf("W%dÖ", min(l.rand.IntN(300), l.rand.IntN(300), l.rand.IntN(300))))
	}
	return strings.Join(all, ", ")
}

func (l *library) index(steps int) {
	l.t.Helper()
	for range steps {
		if more, err := l.s.Index(bodyText); err != nil {
			l.t.Fatal(err)
		} else if !more {
			return
		}
	}
}

// want is what the query should find.
func (l *library) want(q Query) (seqs []int64) {
	for _, op := range slices.Backward(l.ops) {
		s := search{Query: q}
		if s.fits(&op) && words.Match(string(op.Body), q.Words) && len(seqs) < q.Limit {
			seqs = append(seqs, op.Seq)
		}
	}
	return seqs
}

func (l *library) search(q Query) (seqs []int64) {
	l.t.Helper()
	doView(l.t, l.s, func(tx *Tx) {
		ops, err := tx.Search(l.t.Context(), q, bodyText)
		must(l.t, err)
		for _, op := range ops {
			seqs = append(seqs, op.Seq)
			if i := slices.IndexFunc(l.ops, func(o Op) bool { return o.Seq == op.Seq }); i < 0 || !bytes.Equal(l.ops[i].Body, op.Body) {
				l.t.Fatalf("op %d is not what it was", op.Seq)
			}
		}
	})
	return seqs
}

// query is any question.
func (l *library) query() Query {
	q := Query{Words: words.Query(l.sentence()), Limit: 1 + l.rand.IntN(50)}
	q.Words = q.Words[:min(len(q.Words), 1+l.rand.IntN(3))]
	if l.rand.IntN(3) == 0 {
		q.Conversation = l.talk[l.rand.IntN(len(l.talk))].ID
	}
	if l.rand.IntN(3) == 0 {
		q.Authors = []peer.ID{{byte(1 + l.rand.IntN(3))}}
	}
	if l.rand.IntN(9) == 0 {
		q.Authors = append(q.Authors, peer.ID{byte(1 + l.rand.IntN(3))})
	}
	if l.rand.IntN(3) == 0 {
		q.Since = l.rand.Int64N(int64(l.next) + 1)
	}
	if l.rand.IntN(3) == 0 {
		q.Until = 1 + l.rand.Int64N(int64(l.next)+1)
	}
	return q
}

// Whatever was said, indexed, deleted and erased in whatever order: a search finds what
// reading everything finds, and in the same order.
func TestSearchFindsWhatIsThere(t *testing.T) {
	for seed := range 4 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := newLibrary(t, 1+3*seed, t.Name())
			found := 0
			for range 40 {
				switch l.rand.IntN(8) {
				case 0, 1, 2:
					l.say(l.rand.IntN(700), l.sentence)
				case 3, 4:
					l.index(l.rand.IntN(12))
				case 5:
					l.index(1000)
				case 6:
					l.deleteSome()
				case 7:
					l.eraseOne()
				}
				for range 6 {
					q := l.query()
					want := l.want(q)
					found += len(want)
					same(t, l.search(q), want)
				}
			}
			if found < 100 {
				t.Errorf("only %d ops were found", found)
			}
			l.checkSegments()
		})
	}
}

func (l *library) deleteSome() {
	var seqs []int64
	oldest := l.rand.IntN(2) == 0
	l.ops = slices.DeleteFunc(l.ops, func(op Op) bool {
		gone := len(seqs) < 100 && (oldest || l.rand.IntN(10) == 0)
		if gone {
			seqs = append(seqs, op.Seq)
		}
		return gone
	})
	doUpdate(l.t, l.s, func(tx *Tx) { must(l.t, tx.DeleteOps(append(seqs, 1))) })
}

func (l *library) eraseOne() {
	c := &l.talk[l.rand.IntN(len(l.talk))]
	gone := c.ID
	doUpdate(l.t, l.s, func(tx *Tx) { dropAndGoOn(l.t, tx, c) })
	l.ops = slices.DeleteFunc(l.ops, func(op Op) bool { return op.Conversation == gone })
	if l.rand.IntN(2) == 0 {
		must(l.t, l.s.Shred())
	}
	if l.rand.IntN(2) == 0 {
		sweep(l.t, l.s)
	}
}

func sweep(t testing.TB, s *Store) {
	t.Helper()
	for more := true; more; {
		doUpdate(t, s, func(tx *Tx) {
			var err error
			more, err = tx.Sweep(100)
			must(t, err)
		})
	}
}

// checkSegments wants few segments for each conversation, and no block that belongs to
// none.
func (l *library) checkSegments() {
	l.t.Helper()
	l.index(10000)
	sweep(l.t, l.s)
	doView(l.t, l.s, func(tx *Tx) {
		all, err := tx.segments()
		must(l.t, err)
		counts := make(map[int64]int)
		for _, g := range all {
			if counts[g.conversation]++; counts[g.conversation] > 8 {
				l.t.Errorf("%d segments", counts[g.conversation])
			}
		}
		must(l.t, tx.query("SELECT count(*) FROM words WHERE id >> 16 NOT IN (SELECT id FROM segments)").each(func(r *row) {
			same(l.t, r.int(0), int64(0))
		}))
	})
}

// A word of very many ops goes over many blocks, and all are found.
func TestWordsOfManyOps(t *testing.T) {
	l := newLibrary(t, 1, t.Name())
	n := 0
	l.say(9000, func() string {
		n++
		return fmt.Sprintf("all odd%d %c %s", n%2, 'a'+n%26, strings.Repeat("é", n%100))
	})
	l.index(1000)
	for _, text := range []string{"all", "all odd1", "odd0 a", "odd1 a", "eeeee", "e", "zz"} {
		q := Query{Words: words.Query(text), Limit: rowsMax}
		same(t, l.search(q), l.want(q))
	}
}

func TestSearchEndsWhenNobodyWaits(t *testing.T) {
	l := newLibrary(t, 1, t.Name())
	l.say(1000, func() string { return "all" })
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("left")
	cancel(left)
	for range 2 {
		err := l.s.View(func(tx *Tx) error {
			_, err := tx.Search(ctx, Query{Words: []string{"all"}, Limit: 1000}, bodyText)
			return err
		})
		if !errors.Is(err, left) {
			t.Error(err)
		}
		l.index(100)
	}
}

// What is deleted between the two halves of a step of the index is not written again.
func TestDeletedWhileIndexed(t *testing.T) {
	l := newLibrary(t, 1, t.Name())
	l.say(indexBatch, func() string { return "secret" })
	deleted := false
	more, err := l.s.Index(func(tx *Tx, op *Op) (string, error) {
		if !deleted { // in the middle of the reading half
			deleted = true
			doUpdate(t, l.s, func(tx *Tx) { must(t, tx.DeleteOps([]int64{l.ops[0].Seq})) })
		}
		return bodyText(tx, op)
	})
	must(t, err)
	same(t, more, true)
	doView(t, l.s, func(tx *Tx) {
		all, err := tx.segments()
		must(t, err)
		same(t, len(all), 0)
	})
	l.ops = l.ops[1:]
	l.say(1, func() string { return "secret" })
	l.index(100)
	q := Query{Words: []string{"secret"}, Limit: 1000}
	same(t, l.search(q), l.want(q))
}

// Two who bring the index up at the same time do not index anything twice.
func TestIndexedByTwo(t *testing.T) {
	l := newLibrary(t, 1, t.Name())
	l.say(indexBatch, func() string { return "once" })
	other, begun := make(chan error, 1), false
	_, err := l.s.Index(func(tx *Tx, op *Op) (string, error) {
		if !begun { // in the middle of the reading half
			begun = true
			go func() {
				_, err := l.s.Index(bodyText)
				other <- err
			}()
			for end := time.Now().Add(100 * time.Millisecond); len(other) == 0 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
		}
		return bodyText(tx, op)
	})
	must(t, err)
	must(t, <-other)
	q := Query{Words: []string{"once"}, Limit: 1000}
	same(t, l.search(q), l.want(q))
}

// The blocks of a segment are what they were made of, whatever was in it; and no block,
// however damaged, makes reading end in anything but an answer.
func FuzzSegment(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 'a', 2, 0, 1})
	f.Fuzz(func(t *testing.T, seed uint64, block []byte) {
		random := rand.New(rand.NewPCG(seed, 0))
		last := random.Int64N(1 << 40)
		var want []entry
		for range random.IntN(40) {
			e := entry{term: fmt.Sprintf("%0*d", 1+random.IntN(60), random.IntN(1000)), seqs: []int64{last - random.Int64N(9)}}
			for range random.IntN(1 << random.IntN(14)) {
				e.seqs = append(e.seqs, e.seqs[len(e.seqs)-1]-1-random.Int64N(1<<random.IntN(40)))
			}
			want = append(want, e)
		}
		slices.SortFunc(want, func(a, b entry) int { return cmp.Compare(a.term, b.term) })
		want = slices.CompactFunc(want, func(a, b entry) bool { return a.term == b.term })
		w := &segmentWriter{last: last}
		for at := last; len(w.times) < random.IntN(40); at = w.times[len(w.times)-1].first - 1 - random.Int64N(9) {
			since := random.Int64N(1<<40) - 1<<39
			w.times = append(w.times, stretch{at - random.Int64N(99), at, random.IntN(300), since, since + random.Int64N(1<<30)})
		}
		for _, e := range want {
			w.add(e)
		}
		r, err := openSegment(last, func(n int) ([]byte, error) { return append([][]byte{w.directory()}, w.blocks...)[n], nil })
		must(t, err)
		all := &walk{r: r}
		for _, e := range want {
			seqs, err := all.take(nil, e.term)
			must(t, err)
			if !slices.Equal(seqs, e.seqs) {
				t.Fatalf("%q: %d ops instead of %d", e.term, len(seqs), len(e.seqs))
			}
			found, ok, err := r.find(e.term).upTo(e.seqs[len(e.seqs)-1])
			if err != nil || !ok || found != e.seqs[len(e.seqs)-1] {
				t.Fatalf("%q: %d %t %v", e.term, found, ok, err)
			}
		}
		for _, b := range w.blocks {
			if len(b) > blockSize {
				t.Fatalf("a block of %d bytes", len(b))
			}
		}
		_, times, err := parseDirectory(last, w.directory())
		if err != nil || !slices.Equal(times, w.times) {
			t.Fatalf("%v, %v", times, err)
		}
		_, _, _ = parseDirectory(last, block)
		damaged := &segmentReader{last: last, firsts: []string{""}, load: func(int) ([]byte, error) { return block, nil }}
		_, _ = damaged.block(1, "")
		_, _ = damaged.block(1, "a")
	})
}
