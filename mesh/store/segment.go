package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// A segment of the index says in which ops of a stretch of one conversation each word
// is. Its blocks hold the words in their order, each with the ops it is in, the newest
// first; a word whose ops do not fit goes on in the next block. Block 0 is the
// directory: the first word of every other block, and when the ops were written.
//
// spec: 09-storage#words

// entry is a word, or a part of one, as a block holds it.
type entry struct {
	term string
	seqs []int64 // falling
}

// segmentWriter makes the blocks of a segment of entries in the order of their words.
type segmentWriter struct {
	last   int64 // seq that none is above
	firsts []string
	blocks [][]byte // without the directory
	term   string   // the last one of the last block
	times  []stretch
}

// stretch is some ops in a row and their authors' clocks: a search that is bounded in
// time passes over them together. The newest come first in a segment.
type stretch struct {
	first, last  int64 // seqs
	ops          int
	since, until int64 // Unix ms, both in
}

// joined puts stretches together, the newest first, as long as they are short.
func joined(times []stretch) (all []stretch) {
	for _, t := range times {
		if n := len(all); n > 0 && all[n-1].ops+t.ops <= stretchOpsMax {
			newer := &all[n-1]
			newer.first, newer.ops = t.first, newer.ops+t.ops
			newer.since, newer.until = min(newer.since, t.since), max(newer.until, t.until)
		} else {
			all = append(all, t)
		}
	}
	return all
}

// add appends a word with its ops, which it takes whole.
func (w *segmentWriter) add(e entry) {
	for len(e.seqs) > 0 {
		if n := len(w.blocks); n == 0 || len(w.blocks[n-1]) > blockSize-termSizeMax-2*binary.MaxVarintLen64 {
			w.blocks = append(w.blocks, make([]byte, 0, blockSize))
			w.firsts = append(w.firsts, e.term)
			w.term = ""
		}
		block := &w.blocks[len(w.blocks)-1]
		*block = w.appendTerm(*block, e.term)
		count, postings := w.fit(e.seqs, blockSize-len(*block)-binary.MaxVarintLen32)
		*block = binary.AppendUvarint(*block, uint64(count))
		*block = append(*block, postings...)
		e.seqs = e.seqs[count:]
	}
}

// appendTerm appends what a word does not share with the one before it.
func (w *segmentWriter) appendTerm(block []byte, term string) []byte {
	shared := 0
	for shared < min(len(term), len(w.term)) && term[shared] == w.term[shared] {
		shared++
	}
	w.term = term
	block = binary.AppendUvarint(block, uint64(shared))
	block = binary.AppendUvarint(block, uint64(len(term)-shared))
	return append(block, term[shared:]...)
}

// fit encodes as many seqs as have room, one at least: each as the distance from the
// one before it.
func (w *segmentWriter) fit(seqs []int64, room int) (count int, postings []byte) {
	before := w.last
	for i, seq := range seqs {
		longer := binary.AppendUvarint(postings, uint64(before-seq))
		if i > 0 && len(longer) > room {
			return i, postings
		}
		postings, before = longer, seq
	}
	return len(seqs), postings
}

// directory returns block 0.
func (w *segmentWriter) directory() []byte {
	b := binary.AppendUvarint(nil, uint64(len(w.firsts)))
	for _, term := range w.firsts {
		b = append(binary.AppendUvarint(b, uint64(len(term))), term...)
	}
	newer := stretch{first: w.last}
	for _, t := range w.times {
		b = binary.AppendUvarint(b, uint64(newer.first-t.last))
		b = binary.AppendUvarint(b, uint64(t.last-t.first))
		b = binary.AppendUvarint(b, uint64(t.ops))
		b = binary.AppendVarint(b, t.since-newer.since)
		b = binary.AppendUvarint(b, uint64(t.until-t.since))
		newer = t
	}
	return b
}

// parseDirectory reads what directory wrote.
func parseDirectory(last int64, b []byte) (firsts []string, times []stretch, err error) {
	r := blockReader{block: b}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		firsts = append(firsts, string(r.bytes(r.uvarint())))
	}
	newer := stretch{first: last}
	for r.left() > 0 && !r.bad {
		t := stretch{last: newer.first - int64(r.uvarint())}
		t.first = t.last - int64(r.uvarint())
		t.ops = int(r.uvarint())
		t.since = newer.since + r.varint()
		t.until = t.since + int64(r.uvarint())
		times, newer = append(times, t), t
	}
	if r.bad {
		return nil, nil, fmt.Errorf("%w: directory of words", errDamaged)
	}
	return firsts, times, nil
}

// blockReader reads numbers and entries one after the other. It moves an index and no
// slice, which the garbage collector would want to hear of each time.
type blockReader struct {
	block []byte
	at    int
	last  int64 // the segment's
	term  []byte
	bad   bool
}

func (b *blockReader) left() int { return len(b.block) - b.at }

// next moves to the next entry and returns its number of ops, which seqs or pass read.
// ok is false at the end.
func (b *blockReader) next() (count uint64, ok bool) {
	if b.left() == 0 || b.bad {
		return 0, false
	}
	shared := b.uvarint()
	rest := b.bytes(b.uvarint())
	if b.bad = b.bad || shared > uint64(len(b.term)); b.bad {
		return 0, false
	}
	b.term = append(b.term[:shared], rest...)
	count = b.uvarint()
	b.bad = b.bad || count > uint64(b.left())
	return count, !b.bad
}

// seqs reads the ops of an entry.
func (b *blockReader) seqs(count uint64) []int64 {
	all := make([]int64, 0, count)
	for seq := b.last; count > 0 && !b.bad; count-- {
		seq -= int64(b.uvarint())
		all = append(all, seq)
	}
	return all
}

// pass passes over the ops of an entry: each ends with a byte without its highest bit.
func (b *blockReader) pass(count uint64) {
	for ; count > 0 && b.at < len(b.block); b.at++ {
		if b.block[b.at] < 0x80 {
			count--
		}
	}
	b.bad = b.bad || count > 0
}

func (b *blockReader) uvarint() uint64 {
	v, n := binary.Uvarint(b.block[b.at:])
	if n <= 0 {
		b.bad = true
		return 0
	}
	b.at += n
	return v
}

func (b *blockReader) varint() int64 {
	v, n := binary.Varint(b.block[b.at:])
	if n <= 0 {
		b.bad = true
		return 0
	}
	b.at += n
	return v
}

func (b *blockReader) bytes(n uint64) []byte {
	if n > uint64(b.left()) {
		b.bad = true
		return nil
	}
	b.at += int(n)
	return b.block[b.at-int(n) : b.at]
}

// segmentReader reads a segment by its blocks, which load fetches.
type segmentReader struct {
	last   int64
	firsts []string
	times  []stretch
	load   func(n int) ([]byte, error)
}

func openSegment(last int64, load func(n int) ([]byte, error)) (*segmentReader, error) {
	b, err := load(0)
	if err != nil {
		return nil, err
	}
	firsts, times, err := parseDirectory(last, b)
	return &segmentReader{last: last, firsts: firsts, times: times, load: load}, err
}

// block reads the entries of a block, counted from 1: those of one word, or all where it
// is "".
func (r *segmentReader) block(n int, term string) ([]entry, error) {
	b, err := r.load(n)
	if err != nil {
		return nil, err
	}
	var all []entry
	reader := blockReader{block: b, last: r.last}
	for {
		count, ok := reader.next()
		if !ok || term != "" && string(reader.term) > term {
			break
		}
		if term == "" || string(reader.term) == term {
			all = append(all, entry{string(reader.term), reader.seqs(count)})
		} else {
			reader.pass(count)
		}
	}
	if reader.bad {
		return nil, fmt.Errorf("%w: block of words", errDamaged)
	}
	return all, nil
}

// postings runs through the ops of one word, the newest first.
type postings struct {
	r    *segmentReader
	term string
	next int // block to be read next
	seqs []int64
}

// find begins with the ops of a word.
func (r *segmentReader) find(term string) *postings {
	// The word may begin in the block before the first that begins with it.
	first := sort.SearchStrings(r.firsts, term)
	return &postings{r: r, term: term, next: max(first, 1)}
}

// upTo returns the newest op of the word with at most that seq, and leaves those above
// it behind. ok is false when there is none.
func (p *postings) upTo(seq int64) (found int64, ok bool, err error) {
	for {
		i := sort.Search(len(p.seqs), func(i int) bool { return p.seqs[i] <= seq })
		if p.seqs = p.seqs[i:]; len(p.seqs) > 0 {
			return p.seqs[0], true, nil
		}
		if p.next > len(p.r.firsts) || p.r.firsts[p.next-1] > p.term {
			return 0, false, nil
		}
		entries, err := p.r.block(p.next, p.term)
		if err != nil {
			return 0, false, err
		}
		p.next++
		for _, e := range entries {
			p.seqs = append(p.seqs, e.seqs...)
		}
	}
}

// walk yields the entries of a segment whole, in order.
type walk struct {
	r       *segmentReader
	next    int
	entries []entry
}

// peek returns the word that comes next.
func (w *walk) peek() (term string, ok bool, err error) {
	for len(w.entries) == 0 {
		if w.next++; w.next > len(w.r.firsts) {
			return "", false, nil
		}
		w.entries, err = w.r.block(w.next, "")
		if err != nil {
			return "", false, err
		}
	}
	return w.entries[0].term, true, nil
}

// take appends all ops of that word to seqs, if it is what comes next.
func (w *walk) take(seqs []int64, term string) ([]int64, error) {
	for {
		next, ok, err := w.peek()
		if err != nil || !ok || next != term {
			return seqs, err
		}
		seqs = append(seqs, w.entries[0].seqs...)
		w.entries = w.entries[1:]
	}
}

// mergeSegments writes what segments hold, the newest first, but for the ops that are
// left out, and counts the ops: each is in the entry of its author.
func mergeSegments(last int64, newestFirst []*segmentReader, leaveOut map[int64]bool) (w *segmentWriter, ops int, err error) {
	w = &segmentWriter{last: last}
	walks := make([]*walk, len(newestFirst))
	for i, r := range newestFirst {
		walks[i] = &walk{r: r}
		w.times = append(w.times, r.times...)
	}
	w.times = joined(w.times)
	for {
		term, some := "", false
		for _, from := range walks {
			next, ok, err := from.peek()
			if err != nil {
				return nil, 0, err
			}
			if ok && (!some || strings.Compare(next, term) < 0) {
				term, some = next, true
			}
		}
		if !some {
			return w, ops, nil
		}
		var seqs []int64
		for _, from := range walks {
			if seqs, err = from.take(seqs, term); err != nil {
				return nil, 0, err
			}
		}
		seqs = slices.DeleteFunc(seqs, func(seq int64) bool { return leaveOut[seq] })
		if strings.HasPrefix(term, authorMark) {
			ops += len(seqs)
		}
		w.add(entry{term, seqs})
	}
}
