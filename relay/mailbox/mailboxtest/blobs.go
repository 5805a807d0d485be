// Package mailboxtest is one conformance suite for every mailbox.Store, and what tests of stores need: blobs and
// tokens made from numbers.
//
// What only one kind of store has, as files that a crash tears, is left to that store's own tests.
package mailboxtest

import (
	"encoding/binary"
	"math/rand/v2"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// Blob makes the blob with number n: of the class, for the expiry day, committed to D(n).
func Blob(n uint64, class wire.Class, day uint16) []byte { return BlobUnder(n, class, day, D(n)) }

// BlobUnder is Blob with the deletion secret d.
func BlobUnder(n uint64, class wire.Class, day uint16, d [16]byte) []byte {
	size := class.Size()
	if class == wire.Class3 {
		size = 8 << 10
	}
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], n)
	noise := rand.NewChaCha8(key)
	h := wire.Header{Class: class, ExpiryDay: day, DelCommit: wire.CommitTo(d)}
	noise.Read(h.Tag[:])
	blob := h.Append(make([]byte, 0, size))
	blob = blob[:size]
	noise.Read(blob[wire.HeaderSize:])
	return blob
}

// D is the deletion secret with number n.
func D(n uint64) (d [16]byte) {
	binary.BigEndian.PutUint64(d[:], n)
	return d
}

// Token is the token with number n of a day.
func Token(n uint64, day uint16) mailbox.Token {
	t := mailbox.Token{Day: day}
	binary.BigEndian.PutUint64(t.ID[:], n)
	return t
}

// Community is the one with number n.
func Community(n byte) (c mailbox.Community) {
	c[0] = n
	return c
}
