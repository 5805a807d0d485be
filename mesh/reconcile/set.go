package reconcile

import (
	"bytes"
	"slices"
	"sort"
)

// ID is what sets consist of.
type ID = [32]byte

// Set is a set of ids in ascending order, each there once. It must not change as long as a session uses it.
type Set interface {
	Len() int
	At(i int) ID // the id with i smaller ones
}

// Sorted is a Set in a slice.
type Sorted []ID

// SortedOf returns the ids as a set: sorted, and each once. It works in the slice that it is given.
func SortedOf(ids []ID) Sorted {
	slices.SortFunc(ids, compare)
	return slices.Compact(ids)
}

// Len returns the number of ids.
func (s Sorted) Len() int { return len(s) }

// At returns the id with i smaller ones.
func (s Sorted) At(i int) ID { return s[i] }

// Has tells whether id is in the set.
func (s Sorted) Has(id ID) bool {
	_, found := slices.BinarySearchFunc(s, id, compare)
	return found
}

func compare(a, b ID) int { return bytes.Compare(a[:], b[:]) }

// bound is where a range ends: all ids below it belong to it. The zero bound is behind every id, as the id of zeros ends
// nothing.
type bound ID

func (b bound) last() bool { return b == bound{} }

// after tells whether b lies behind the id, so that the id belongs to a range that ends at b.
func (b bound) after(id ID) bool { return b.last() || compare(id, ID(b)) < 0 }

// prefix is the bytes of b without the zeros at its end.
func (b bound) prefix() []byte { return bytes.TrimRight(b[:], "\x00") }

// between returns the shortest bound that a lies below and b does not; a is the smaller one.
func between(a, b ID) (end bound) {
	same := 0
	for a[same] == b[same] {
		same++
	}
	copy(end[:], b[:same+1])
	return end
}

// search returns how many ids of set lie below end, given that the first from do.
func search(set Set, from int, end bound) int {
	if end.last() {
		return set.Len()
	}
	return from + sort.Search(set.Len()-from, func(i int) bool { return !end.after(set.At(from + i)) })
}
