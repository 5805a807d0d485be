// Package wire turns objects, frames and blob headers into bytes and back: the
// canonical encoding, one frame a file, the header that supernodes see, and the
// compression of bodies. Everything has a limit, which is checked before
// memory is spent.
//
// It opens no socket, reads no clock, seals nothing and decides nothing: who
// may say what, and when, is left to the packages of the protocols.
package wire

import (
	"crypto/sha256"
	"errors"
	"time"
)

// Errors that callers branch on; what Unmarshal and the parsers return wraps
// one of them.
var (
	// ErrNewer says that the bytes are well formed but hold something critical
	// that this version does not know: "needs a newer version".
	ErrNewer = errors.New("needs a newer version")
	// ErrMalformed says that the bytes are not what this protocol sends.
	ErrMalformed = errors.New("malformed")
)

// Hash is a SHA-256 value.
type Hash [32]byte

// HashOf returns SHA-256(label ‖ parts). The parts are not separated: only one
// of them may vary in length, and it comes last.
//
// spec: 00-encoding#hashes-and-labels
func HashOf(label string, parts ...[]byte) Hash {
	h := sha256.New()
	h.Write([]byte(label))
	for _, p := range parts {
		h.Write(p)
	}
	var sum Hash
	h.Sum(sum[:0])
	return sum
}

// DayAt returns the day since the Unix epoch (UTC) that t lies in; times before
// it and beyond the year 2149 become the nearest day there is.
//
// spec: 07-blobs#header
func DayAt(t time.Time) uint16 {
	const secondsPerDay = 24 * 60 * 60
	return uint16(min(max(t.Unix(), 0)/secondsPerDay, 1<<16-1))
}
