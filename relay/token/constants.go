package token

import (
	"time"

	"sottovoce/mesh/wire"
)

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

// Limits of what a client holds and passes on.
//
// spec: 11-tokens#wallet
const (
	// StockMax is how many tokens a wallet holds: 64 a day for nearly all the days that they
	// are good. The oldest give way.
	StockMax = 768
	// GiveMax is how many tokens of a day one contact is given, and how many are taken of one.
	GiveMax = 20
	// GivenMax is how many tokens of one contact are held: three days of them. The oldest
	// give way.
	GivenMax = 3 * GiveMax
	// seenDaysMax is of how many days it is remembered which tokens of a contact were accepted:
	// more than are good at a time, for a supernode's clock may jump.
	seenDaysMax = 64
	// reserve is what is not given away: a few messages of our own come first.
	reserve = 32
	// receiversMax is how many contacts are given tokens on one day.
	receiversMax = 256
	// pocketSize is how many tokens are written off at once: one write for so many deposits,
	// and as many tokens lost by a crash.
	pocketSize = 32
	// savedMax bounds a saved wallet in bytes.
	savedMax = 64 << 10
)

// When a client draws.
//
// spec: 11-tokens#when-to-draw
const (
	// DrawStep divides the number of tokens of every draw: it says little of what was spent.
	DrawStep = 64
	// DelayMin and DelayMax are between what lets a client draw and the draw.
	DelayMin = 30 * time.Second
	DelayMax = 10 * time.Minute
	// low is how many tokens are few.
	low = 16
)

// Limits of what a supernode gives.
//
// spec: 11-tokens#allowance
const (
	// AllowanceDefault is how many tokens a persona may draw on one day where its community
	// says nothing: 4 MiB of messages.
	AllowanceDefault = 1024
	// IssuedMax is how many tokens of one day a community may draw in all: it bounds the
	// memory of those that are spent.
	IssuedMax = 1 << 20
	// personasMax is how many personas draw on one day, and how many have a cap of their own.
	personasMax = 8192
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
