package token

import "sottovoce/mesh/wire"

// Labels. The text says what each is for.
//
// spec: 11-tokens#labels
const (
	labelInfo  = "sv1 token"
	labelKey   = "sv1 token key"
	labelID    = "sv1 token id"
	labelBlind = "sv1 token blind"
	labelProof = "sv1 token proof"
)

// Sizes in bytes.
//
// spec: 11-tokens#token
const (
	// Size is that of a token: day(2) ‖ nonce(32) ‖ mark(32).
	Size = 2 + nonceSize + markSize
	// ElementSize is that of a blinded or evaluated element.
	ElementSize = 32
	// ProofSize is that of the proof of a draw.
	ProofSize = 64

	nonceSize = 32
	// markSize is how much of the POPRF's 64 bytes of output a token keeps: nobody guesses
	// 256 bits, and a token is a third smaller.
	markSize = 32
)

// DrawMax is how many tokens one draw asks for at most: a Raspberry Pi works on it for
// about a second.
//
// spec: 11-tokens#draw
const DrawMax = 256

// Days on which a token of today is good, by the supernode's clock.
//
// spec: 11-tokens#days
const (
	// DaysBack is how many days ago a token may have been drawn. Who is given tokens and
	// hears nothing for a fortnight can still deposit; what somebody hoards before they are
	// revoked is worth no more than that many days.
	DaysBack = 13
	// DaysAhead allows for a supernode's clock that was set back over midnight.
	DaysAhead = 1
)

// Cost returns how many tokens a blob of a class costs; 0 for a class that does not exist.
//
// spec: 11-tokens#cost
func Cost(c wire.Class) int {
	switch c {
	case wire.Class0, wire.Class1:
		return 1
	case wire.Class2:
		return 4
	case wire.Class3:
		return CostMax
	}
	return 0
}

// CostMax is the most that a blob costs.
const CostMax = 16

// Good reports whether a token of day is good on the day that the supernode has today.
//
// spec: 11-tokens#days
func Good(day, today uint16) bool {
	return int(day) >= int(today)-DaysBack && int(day) <= int(today)+DaysAhead
}
