package store

import (
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/words"
)

// TextOf says what is to be found of an op: "" for nothing. Of a text that was edited, the text
// is found with the later of the two.
type TextOf func(*Tx, *Op) (string, error)

// segment is the row of a segment.
type segment struct {
	id, conversation int64
	first, last      int64 // seqs
	ops              int
	since, until     int64 // Unix ms: the first and the last of their authors' clocks
}

const (
	sqlIndexed        = `SELECT last FROM indexed`
	sqlSetIndexed     = `UPDATE indexed SET last=?`
	sqlOpsAfter       = sqlOpColumns + ` WHERE o.seq > ? ORDER BY o.seq LIMIT ?`
	sqlSegmentColumns = `SELECT id, conversation, first, last, ops, since, until FROM segments`
	sqlSegments       = sqlSegmentColumns + ` WHERE conversation IN (SELECT id FROM conversations WHERE erased=0) ORDER BY conversation, last`
	sqlSegmentsOf     = sqlSegmentColumns + ` WHERE conversation=? ORDER BY last`
	sqlAddSegment     = `INSERT INTO segments (id, conversation, first, last, ops, since, until) VALUES (?,?,?,?,?,?,?)`
	sqlDeleteSegment  = `DELETE FROM segments WHERE id=?`
	sqlDeleted        = `SELECT seq, conversation FROM deleted WHERE conversation=(SELECT conversation FROM deleted LIMIT 1)`
	sqlForgetDeleted  = `DELETE FROM deleted WHERE seq=?`
	sqlBlock          = `SELECT block FROM words WHERE id=?`
	sqlAddBlock       = `INSERT INTO words (id, block) VALUES (?,?)`
	sqlDeleteBlocks   = `DELETE FROM words WHERE id BETWEEN ? AND ?`
)

// change is what a step does to the index: segments in the place of others.
type change struct {
	gone    []segment
	fresh   []freshSegment
	indexed int64   // seq up to which ops are indexed then; 0 leaves that
	deleted []int64 // ops that it takes out, or that were not in it
}

type freshSegment struct {
	segment
	words *segmentWriter
}

// Index takes one step towards the index of all words, beside everything else: it
// holds the writer only to write what it has made. more is false when nothing is left
// to do; a last rest of ops, fewer than indexBatch, is left to the searches.
//
// spec: 09-storage#words
func (s *Store) Index(text TextOf) (more bool, err error) {
	s.indexing.Lock()
	defer s.indexing.Unlock()
	swept := s.swept.Load()
	var c change
	err = s.View(func(tx *Tx) error {
		var err error
		for _, step := range []func() (change, error){tx.takeOut, tx.merge, func() (change, error) { return tx.indexNew(text) }} {
			if c, err = step(); err != nil || !c.empty() {
				return err
			}
		}
		return nil
	})
	if err != nil || c.empty() {
		return false, err
	}
	err = s.Update(func(tx *Tx) error {
		if s.swept.Load() != swept {
			return nil // what was read may be deleted: it is read again
		}
		return tx.saveChange(c)
	})
	return true, err
}

func (c *change) empty() bool { return len(c.gone) == 0 && c.indexed == 0 && len(c.deleted) == 0 }

// takeOut finds a segment that knows of deleted ops, and writes it anew.
func (tx *Tx) takeOut() (c change, err error) {
	var conversation int64
	deleted := make(map[int64]bool)
	err = tx.query(sqlDeleted).each(func(r *row) {
		conversation = r.int(1)
		deleted[r.int(0)] = true
	})
	if err != nil || len(deleted) == 0 {
		return c, err
	}
	segments, err := tx.segmentsOf(conversation)
	if err != nil {
		return c, err
	}
	for _, g := range segments {
		for seq := range deleted {
			if g.first <= seq && seq <= g.last {
				c.deleted = append(c.deleted, seq)
			}
		}
		if len(c.deleted) == 0 {
			continue
		}
		c.gone = []segment{g}
		r, err := tx.openSegment(g)
		if err != nil {
			return c, err
		}
		rest, left, err := mergeSegments(g.last, []*segmentReader{r}, deleted)
		g.ops = left
		c.fresh = []freshSegment{{g, rest}}
		return c, err
	}
	c.deleted = slices.Collect(maps.Keys(deleted))
	return c, nil
}

// merge finds segments that are to be joined with the one before them: the sizes fall
// from the oldest to the newest, so that a conversation has few.
func (tx *Tx) merge() (c change, err error) {
	segments, err := tx.segments()
	if err != nil {
		return c, err
	}
	ops := 0
	for i := 1; i < len(segments) && ops < segmentOpsMax; i++ {
		older, newer := segments[i-1], segments[i]
		if older.conversation != newer.conversation || older.ops >= segmentGrowth*newer.ops || older.ops+newer.ops > segmentOpsMax {
			continue
		}
		both, err := tx.join(older, newer)
		if err != nil {
			return c, err
		}
		c.gone, c.fresh = append(c.gone, older, newer), append(c.fresh, both)
		ops += both.ops
		i++ // newer is gone
	}
	return c, nil
}

// join makes one segment of two.
func (tx *Tx) join(older, newer segment) (freshSegment, error) {
	var readers []*segmentReader
	for _, s := range []segment{newer, older} {
		r, err := tx.openSegment(s)
		if err != nil {
			return freshSegment{}, err
		}
		readers = append(readers, r)
	}
	joined, _, err := mergeSegments(newer.last, readers, nil)
	return freshSegment{segment{
		conversation: newer.conversation, first: older.first, last: newer.last, ops: older.ops + newer.ops,
		since: min(older.since, newer.since), until: max(older.until, newer.until),
	}, joined}, err
}

// indexNew indexes the next ops, if there are enough.
func (tx *Tx) indexNew(text TextOf) (c change, err error) {
	last, err := tx.indexed()
	if err != nil {
		return c, err
	}
	var ops []Op
	n := 0
	err = tx.query(sqlOpsAfter).int(last).limit(indexBatch).each(func(r *row) {
		if op, ok := tx.readOp(r); ok {
			ops = append(ops, op)
		}
		c.indexed, n = r.int(0), n+1
	})
	if err != nil || n < indexBatch {
		return change{}, err
	}
	byConversation := make(map[int64][]Op)
	for _, op := range ops {
		byConversation[op.Conversation] = append(byConversation[op.Conversation], op)
	}
	for _, conversation := range slices.Sorted(maps.Keys(byConversation)) {
		f, err := tx.indexOps(byConversation[conversation], text)
		if err != nil {
			return change{}, err
		}
		c.fresh = append(c.fresh, f)
	}
	return c, nil
}

// indexOps makes a segment of ops of one conversation, the oldest first.
func (tx *Tx) indexOps(ops []Op, text TextOf) (freshSegment, error) {
	first, last := ops[0], ops[len(ops)-1]
	f := freshSegment{
		segment{conversation: first.Conversation, first: first.Seq, last: last.Seq, ops: len(ops), since: first.Time, until: first.Time},
		&segmentWriter{last: last.Seq},
	}
	seqs := make(map[string][]int64)
	for _, op := range slices.Backward(ops) {
		f.since, f.until = min(f.since, op.Time), max(f.until, op.Time)
		note := func(term string) {
			if all := seqs[term]; len(all) == 0 || all[len(all)-1] != op.Seq {
				seqs[term] = append(all, op.Seq)
			}
		}
		note(authorTerm(op.Author))
		said, err := text(tx, &op)
		if err != nil {
			return f, err
		}
		words.Each(said, func(word string, _, _ int) { note(word) })
	}
	f.words.times = []stretch{{f.first, f.last, f.ops, f.since, f.until}}
	for _, term := range slices.Sorted(maps.Keys(seqs)) {
		f.words.add(entry{term, seqs[term]})
	}
	return f, nil
}

// authorMark begins a word that no text contains, and that all ops of an author do.
const authorMark = "\x00"

func authorTerm(author peer.ID) string { return authorMark + hex.EncodeToString(author[:8]) }

func (tx *Tx) indexed() (last int64, err error) {
	err = tx.query(sqlIndexed).one(func(r *row) { last = r.int(0) })
	return last, err
}

// segments returns all segments, by conversation and within one the oldest first.
func (tx *Tx) segments() ([]segment, error) { return tx.query(sqlSegments).segments() }

func (q *query) segments() (all []segment, err error) {
	err = q.each(func(r *row) {
		all = append(all, segment{r.int(0), r.int(1), r.int(2), r.int(3), int(r.int(4)), r.int(5), r.int(6)})
	})
	return all, err
}

func (tx *Tx) openSegment(s segment) (*segmentReader, error) {
	key, ok := tx.bodyKey(s.conversation)
	if !ok {
		return nil, errDamaged
	}
	sealer := newSealer(key[:])
	return openSegment(s.last, func(n int) (b []byte, err error) {
		id := s.id<<blockBits + int64(n)
		err = tx.query(sqlBlock).int(id).each(func(r *row) { b = r.opened(0, sealer, rowAD(adWords, id)) })
		return b, err
	})
}

// saveChange makes a change to the index.
func (tx *Tx) saveChange(c change) error {
	for _, s := range c.gone {
		if err := tx.deleteSegment(s); err != nil {
			return err
		}
	}
	for _, f := range c.fresh {
		if err := tx.addSegment(f); err != nil {
			return err
		}
	}
	for _, seq := range c.deleted {
		if err := tx.change(sqlForgetDeleted).int(seq).exec(); err != nil {
			return err
		}
	}
	if c.indexed == 0 {
		return nil
	}
	return tx.change(sqlSetIndexed).int(c.indexed).execOne()
}

func (tx *Tx) deleteSegment(s segment) error {
	err := tx.change(sqlDeleteBlocks).int(s.id << blockBits).int((s.id+1)<<blockBits - 1).exec()
	if err != nil {
		return err
	}
	return tx.change(sqlDeleteSegment).int(s.id).execOne()
}

func (tx *Tx) addSegment(f freshSegment) error {
	if len(f.words.blocks) == 0 {
		return nil // all of it was deleted
	}
	key, ok := tx.bodyKey(f.conversation)
	if !ok {
		return errors.New("no key for the words of a conversation")
	}
	sealer := newSealer(key[:])
	id, err := tx.newID()
	if err != nil {
		return err
	}
	for n, block := range append([][]byte{f.words.directory()}, f.words.blocks...) {
		at := id<<blockBits + int64(n)
		sealed, err := tx.s.seal(sealer, block, rowAD(adWords, at))
		if err != nil {
			return err
		}
		if err := tx.change(sqlAddBlock).int(at).blob(sealed).exec(); err != nil {
			return err
		}
	}
	return tx.change(sqlAddSegment).int(id).int(f.conversation).int(f.first).int(f.last).int(int64(f.ops)).int(f.since).int(f.until).exec()
}
