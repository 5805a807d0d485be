package wire

import (
	"errors"
	"fmt"
)

// SASCommit begins a comparison of emoji: map {1: commitment, 2: context}. The
// commitment names the comparison from then on; the context says for which keys.
//
// spec: 05-contacts#comparing-emoji
type SASCommit struct {
	Commitment [32]byte `cbor:"1,keyasint"`
	Context    [32]byte `cbor:"2,keyasint"`
}

// FrameType returns FrameSASCommit.
func (SASCommit) FrameType() FrameType { return FrameSASCommit }

// Check finds nothing to refuse.
func (SASCommit) Check() error { return nil }

// SASNonce answers a commitment: map {1: commitment, 2: nonce}.
//
// spec: 05-contacts#comparing-emoji
type SASNonce struct {
	Commitment [32]byte `cbor:"1,keyasint"`
	Nonce      [32]byte `cbor:"2,keyasint"`
}

// FrameType returns FrameSASNonce.
func (SASNonce) FrameType() FrameType { return FrameSASNonce }

// Check finds nothing to refuse.
func (SASNonce) Check() error { return nil }

// SASReveal shows what was committed to: map {1: commitment, 2: nonce}.
//
// spec: 05-contacts#comparing-emoji
type SASReveal struct {
	Commitment [32]byte `cbor:"1,keyasint"`
	Nonce      [32]byte `cbor:"2,keyasint"`
}

// FrameType returns FrameSASReveal.
func (SASReveal) FrameType() FrameType { return FrameSASReveal }

// Check finds nothing to refuse.
func (SASReveal) Check() error { return nil }

// SASReason says why a comparison ended. Unknown reasons are kept as a number.
type SASReason uint8

// The reasons.
const (
	SASCancelled SASReason = 1 // the person went away, or did not want to
	SASTimeout   SASReason = 2
	SASDiffers   SASReason = 3 // the person saw other emoji
	SASWrong     SASReason = 4 // what was revealed is not what was committed to
	SASContext   SASReason = 5 // the two sides hold different keys of each other
	SASTries     SASReason = 6 // too many comparisons in an hour
)

// String says what the reason means.
func (r SASReason) String() string {
	names := [...]string{"", "cancelled", "timed out", "differs", "wrong reveal", "other keys", "too many tries"}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// SASStop ends a comparison: map {1: commitment, 2: reason}.
//
// spec: 05-contacts#comparing-emoji
type SASStop struct {
	Commitment [32]byte  `cbor:"1,keyasint"`
	Reason     SASReason `cbor:"2,keyasint"`
}

// FrameType returns FrameSASStop.
func (SASStop) FrameType() FrameType { return FrameSASStop }

// Check fails for reason 0.
func (f SASStop) Check() error {
	if f.Reason == 0 {
		return errors.New("a comparison ended for no reason")
	}
	return nil
}
