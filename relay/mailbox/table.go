package mailbox

import (
	"hash/maphash"
	"math/bits"

	"sottovoce/mesh/wire"
)

// seed keys all hashes of this process, so that nobody can choose ids that fall on the same places.
var seed = maphash.MakeSeed()

// table finds positions by the hash of their key: open addressing, four bytes for a position. It holds no keys: hashOf tells the hash of
// what stands at a position, and the caller compares.
type table struct {
	places []uint32 // position + 1; 0: free
	used   int
}

// add enters a position; hashOf is asked for others only when the table grows.
func (t *table) add(hash uint64, position int, hashOf func(position int) uint64) {
	if t.used >= len(t.places)*4/5 {
		old := t.places
		t.places = make([]uint32, max(16, len(old)*3/2))
		for _, p := range old {
			if p != 0 {
				t.put(hashOf(int(p-1)), p)
			}
		}
	}
	t.put(hash, uint32(position+1))
	t.used++
}

func (t *table) put(hash uint64, value uint32) {
	i := t.place(hash)
	for t.places[i] != 0 {
		if i++; i == len(t.places) {
			i = 0
		}
	}
	t.places[i] = value
}

// find calls found with each position that may be meant, until it returns true.
func (t *table) find(hash uint64, found func(position int) bool) {
	if len(t.places) == 0 {
		return
	}
	for i := t.place(hash); t.places[i] != 0; {
		if found(int(t.places[i] - 1)) {
			return
		}
		if i++; i == len(t.places) {
			i = 0
		}
	}
}

func (t *table) place(hash uint64) int {
	high, _ := bits.Mul64(hash, uint64(len(t.places)))
	return int(high)
}

func hashOfShort(id wire.ShortID) uint64 { return maphash.Bytes(seed, id[:]) }

// markOf is what an index keeps of a deletion commitment: enough to look at few blobs on the disk.
func markOf(commit [16]byte) uint32 { return uint32(maphash.Bytes(seed, commit[:])) }

// tokens is the set of what was spent on one day, 8 bytes for a token and the free places beside it: the hashes under a key that nobody else has
// differ, but for one chance in 2⁶⁴ a pair.
type tokens struct {
	places []uint64 // 0: free
	used   int
}

func hashOfToken(id [32]byte) uint64 { return max(maphash.Bytes(seed, id[:]), 1) }

func (t *tokens) has(id [32]byte) bool {
	if t == nil || len(t.places) == 0 {
		return false
	}
	return t.places[t.place(hashOfToken(id))] != 0
}

func (t *tokens) add(id [32]byte) {
	if t.used >= len(t.places)*4/5 {
		old := t.places
		t.places = make([]uint64, max(16, len(old)*3/2))
		for _, hash := range old {
			if hash != 0 {
				t.places[t.place(hash)] = hash
			}
		}
	}
	hash := hashOfToken(id)
	if i := t.place(hash); t.places[i] == 0 {
		t.places[i] = hash
		t.used++
	}
}

// place is where the hash stands, or the free place where it would.
func (t *tokens) place(hash uint64) int {
	high, _ := bits.Mul64(hash, uint64(len(t.places)))
	i := int(high)
	for t.places[i] != 0 && t.places[i] != hash {
		if i++; i == len(t.places) {
			i = 0
		}
	}
	return i
}
