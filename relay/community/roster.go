package community

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"sottovoce/mesh/wire"
)

// Fork is two entries that one author has put in one place: its key is in two hands, or its
// supernode went on from an old copy of its disk.
//
// spec: 10-communities#forks
type Fork struct {
	Author     [32]byte
	One, Other wire.Hash
}

// place is where an entry stands: behind one of its author's, or at their beginning.
type place struct {
	author [32]byte
	first  bool
	prev   wire.Hash
}

func (e *Entry) place() place {
	if e.Prev == nil {
		return place{author: e.Author, first: true}
	}
	return place{author: e.Author, prev: *e.Prev}
}

// roster is a growing set of entries, each behind the one that it names: the same whatever the
// order in which they came.
//
// spec: 10-communities#roster
type roster struct {
	entries []*Entry // in the order in which they came
	known   map[wire.Hash]*Entry
	behind  map[place][]*Entry
	sum     wire.Hash // of all entries; zero: to be made anew
}

func newRoster() *roster {
	return &roster{known: make(map[wire.Hash]*Entry), behind: make(map[place][]*Entry)}
}

// add takes an entry; added is false for one that is known. It fails for one whose predecessor is
// not known, and when there are too many. fork is what the entry proves, if it does.
func (r *roster) add(e *Entry) (added bool, fork *Fork, err error) {
	if r.known[e.id] != nil {
		return false, nil, nil
	}
	if e.Prev != nil {
		prev := r.known[*e.Prev]
		if prev == nil {
			return false, nil, fmt.Errorf("%w: roster entry behind one that is missing", wire.ErrMalformed)
		}
		if prev.Author != e.Author {
			return false, nil, fmt.Errorf("%w: roster entry behind one of another author", wire.ErrMalformed)
		}
	}
	beside := r.behind[e.place()]
	if len(r.entries) >= RosterMax {
		return false, nil, ErrFull
	}
	if len(beside) > 0 {
		fork = &Fork{Author: e.Author, One: beside[0].id, Other: e.id}
	}
	r.sum = wire.Hash{}
	r.entries = append(r.entries, e)
	r.known[e.id] = e
	r.behind[e.place()] = append(beside, e)
	return true, fork, nil
}

// digest is the same for two rosters with the same entries.
//
// spec: 10-communities#papers
func (r *roster) digest() wire.Hash {
	if r.sum == (wire.Hash{}) {
		ids := slices.SortedFunc(maps.Keys(r.known), compareHashes)
		all := make([]byte, 0, len(ids)*len(wire.Hash{}))
		for _, id := range ids {
			all = append(all, id[:]...)
		}
		r.sum = wire.HashOf(labelRoster, all)
	}
	return r.sum
}

// holds reports whether an entry is known in just these bytes, which costs no signature.
func (r *roster) holds(raw []byte) bool {
	var object rawObject
	if len(raw) > entrySizeMax || wire.Unmarshal(raw, &object) != nil {
		return false
	}
	e := r.known[wire.HashOf(labelEntry, object.Body)]
	return e != nil && bytes.Equal(e.raw, raw)
}

// last is the author's entry that the next one goes behind; of a fork the first that came.
func (r *roster) last(author [32]byte) *wire.Hash {
	at := place{author: author, first: true}
	for {
		next := r.behind[at]
		if len(next) == 0 {
			break
		}
		at = place{author: author, prev: next[0].id}
	}
	if at.first {
		return nil
	}
	return &at.prev
}

// heads are the entries that none goes behind, ascending by their ids.
func (r *roster) heads() []wire.Hash { return r.leaves(func(*Entry) bool { return true }) }

// headsOf are those of one author.
func (r *roster) headsOf(author [32]byte) []wire.Hash {
	return r.leaves(func(e *Entry) bool { return e.Author == author })
}

func (r *roster) leaves(of func(*Entry) bool) (heads []wire.Hash) {
	for _, e := range r.entries {
		if of(e) && len(r.behind[place{author: e.Author, prev: e.id}]) == 0 {
			heads = append(heads, e.id)
		}
	}
	slices.SortFunc(heads, compareHashes)
	return heads
}

// past is the set of entries that led to heads, those included. Heads that are not known are left
// out, and whole says whether there were none.
func (r *roster) past(heads []wire.Hash) (past map[wire.Hash]bool, whole bool) {
	past, whole = make(map[wire.Hash]bool), true
	for _, h := range heads {
		e := r.known[h]
		whole = whole && e != nil
		for e != nil && !past[e.id] {
			past[e.id] = true
			if e.Prev == nil {
				break
			}
			e = r.known[*e.Prev]
		}
	}
	return past, whole
}

// since returns the entries that did not lead to heads, each after the one that it goes behind, of
// at most size bytes.
func (r *roster) since(heads []wire.Hash, size int) (entries []*Entry) {
	past, _ := r.past(heads)
	for _, e := range r.entries {
		if past[e.id] {
			continue
		}
		if size -= len(e.raw) + entryOverhead; size < 0 {
			break
		}
		entries = append(entries, e)
	}
	return entries
}

// entryOverhead is what an entry costs in papers beside its bytes.
const entryOverhead = 3

func compareHashes(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) }
