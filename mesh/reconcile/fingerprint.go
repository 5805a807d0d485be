package reconcile

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"sottovoce/mesh/wire"
)

// print says what ids there are in a range: the sum, modulo 2^128, of a keyed hash of each.
type print [PrintSize]byte

// sum is a number modulo 2^128.
type sum struct{ high, low uint64 }

func (a sum) plus(b sum) sum {
	low, carry := bits.Add64(a.low, b.low, 0)
	high, _ := bits.Add64(a.high, b.high, carry)
	return sum{high, low}
}

func (a sum) minus(b sum) sum {
	low, borrow := bits.Sub64(a.low, b.low, 0)
	high, _ := bits.Sub64(a.high, b.high, borrow)
	return sum{high, low}
}

func (a sum) print() (p print) {
	binary.BigEndian.PutUint64(p[:8], a.high)
	binary.BigEndian.PutUint64(p[8:], a.low)
	return p
}

// prints makes the fingerprint of any range of a set with little work. Who knew the salt before could make ids whose sums are
// equal; so it is new for each session.
//
// spec: 12-replication#fingerprints
type prints struct {
	set  Set
	key  [16]byte
	sums []sum // of the first 0, 16, 32 … ids
}

const labelReconcile = "sv1 reconcile"

func newPrints(set Set, salt [32]byte) prints {
	key := wire.HashOf(labelReconcile, salt[:])
	p := prints{set: set, key: [16]byte(key[:])}
	p.sums = make([]sum, 0, set.Len()/sampleEvery+1)
	var total sum
	for i := range set.Len() {
		if i%sampleEvery == 0 {
			p.sums = append(p.sums, total)
		}
		total = total.plus(p.hash(set.At(i)))
	}
	return p
}

// hash is SHA-256(key ‖ id)[:16] as a number: one block of the hash.
func (p *prints) hash(id ID) sum {
	var in [len(p.key) + len(id)]byte
	copy(in[:], p.key[:])
	copy(in[len(p.key):], id[:])
	h := sha256.Sum256(in[:])
	return sum{binary.BigEndian.Uint64(h[:8]), binary.BigEndian.Uint64(h[8:16])}
}

// upTo sums the first n ids.
func (p *prints) upTo(n int) sum {
	if n == 0 {
		return sum{}
	}
	sample := (n - 1) / sampleEvery
	total := p.sums[sample]
	for i := sample * sampleEvery; i < n; i++ {
		total = total.plus(p.hash(p.set.At(i)))
	}
	return total
}

// of is the fingerprint of the ids from the i-th to before the j-th.
func (p *prints) of(i, j int) print { return p.upTo(j).minus(p.upTo(i)).print() }
