package wire

import (
	"fmt"
	"math/bits"
)

// Class says how large a blob is: length is all that a carrier sees of content.
//
// spec: 07-blobs#classes
type Class uint8

// The classes. Class3 is for file chunks, of a Padmé size.
const (
	Class0 Class = 0 // 4 KiB
	Class1 Class = 1 // 16 KiB
	Class2 Class = 2 // 64 KiB
	Class3 Class = 3 // 4 KiB to 1 MiB
)

// Size returns the size of a blob of this class in bytes, header included; of
// Class3 the largest; 0 for a class that does not exist.
func (c Class) Size() int {
	switch c {
	case Class0:
		return size0
	case Class1:
		return size1
	case Class2:
		return size2
	case Class3:
		return BlobSizeMax
	}
	return 0
}

// Holds reports whether a blob of this class may have exactly n bytes.
func (c Class) Holds(n int) bool {
	if c == Class3 {
		return n >= size0 && n <= BlobSizeMax && Padme(n) == n
	}
	return n > 0 && n == c.Size()
}

// ClassFor returns the smallest class whose blobs hold n bytes, header
// included.
func ClassFor(n int) (Class, error) {
	for c := Class0; c <= Class3; c++ {
		if n <= c.Size() {
			return c, nil
		}
	}
	return 0, fmt.Errorf("blob of %d bytes: the limit is %d", n, BlobSizeMax)
}

// Padme rounds n up to a size that keeps only the highest bits of n, as many as
// the number of bits in its bit length: it tells O(log log n) bits of the length
// and adds at most 12 %, for chunks at most 6 %.
//
// spec: 07-blobs#padmé
func Padme(n int) int {
	if n < 2 {
		return n
	}
	exponent := bits.Len(uint(n)) - 1
	kept := bits.Len(uint(exponent))
	mask := 1<<max(exponent-kept, 0) - 1
	return (n + mask) &^ mask
}
