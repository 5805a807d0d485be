package session

import (
	"time"

	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// Constants that must fit each other; the models behind them are cited in the
// specification.
//
// spec: 04-sessions#constants
const (
	windowCurrent  = 64   // tags looked for beyond the highest number seen of a chain
	windowNext     = 16   // tags looked for at the beginning of the next chain
	windowOwn      = 8    // numbers of ours in each chain that another copy of this state may have sealed first
	windowFar      = 1000 // the same in both, when everything else was read
	unreceiptedMax = 1000 // numbers sealed, and numbers past the highest receipted
	skippedMax     = 2000 // skipped keys of one session at a time: 2(L-1) suffice
	keyDays        = 60   // life of skipped keys, prekeys, losing sessions, seen starts
	startsPerDay   = 8    // starts of one device to another with one expiry day
	oneTimeMax     = 3    // one-time pairs in a bundle
	headsMax       = 16   // heads of an account that a bundle names
)

// Ours, not the protocol's.
const (
	bundleDays      = 7        // a bundle is replaced after a week
	bundlesMax      = 11       // of ours: nine superseded within 60 days, the newest, one on its way
	theirBundlesMax = 12       // of theirs that a start may name
	refillPairs     = 1        // one-time pairs of a bundle that goes inside a session: starts are rare
	recentMax       = 1000     // ranges of opened numbers that are receipted again: with the limit no honest peer makes more
	sessionsMax     = 4        // the one we send on, and losers; more only an attack makes
	startDaysMax    = 4        // days whose starts of ours are counted: those of the last starts
	seenMax         = 48       // starts of theirs that are remembered
	resetAheadMax   = 8        // how far a reset number may jump
	offerAgainDays  = 1        // after which an unreceipted bundle rides again
	bundleSizeMax   = 8 << 10  // a bundle with three pairs has about 5.2 KiB
	partSizeMax     = 32 << 10 // bytes of either part of a saved state
)

// bundleLife is how far a bundle's not-after lies ahead: a year. No reader of this version
// refuses it then.
//
// spec: 04-sessions#bundle
const bundleLife = 365 * 24 * time.Hour

// Sizes in bytes of a sealed blob.
//
// spec: 04-sessions#body
const (
	checkSize  = 32
	saltSize   = 16
	sealSize   = 16 // what ChaCha20-Poly1305 adds
	headerEnd  = wire.HeaderSize + checkSize + saltSize + ratchet.HeaderSize + sealSize
	overhead   = headerEnd + sealSize
	lengthSize = 4
	// pqRoom is what a post-quantum key takes in the content: key, length, bytes.
	pqRoom = 1 + 3 + ratchet.EKSize
	// payloadRoom is what the map and the payload's own head take.
	payloadRoom = 1 + 1 + 5
)

// suite 1: X25519, ML-KEM-768, HKDF-SHA256, ChaCha20-Poly1305.
const suite = 1

// Labels of all derivations here; a change of any needs a new version.
//
// spec: 04-sessions#labels
const (
	labelBundle      = "sv1 bundle"
	labelStart       = "sv1 start"
	labelPSK         = "sv1 start psk"
	labelStartKeys   = "sv1 start message"
	labelTranscript  = "sv1 start transcript"
	labelStartSecret = "sv1 start secret"
	labelCommitment  = "sv1 start commitment"
	labelOrder       = "sv1 session order"
	labelCheck       = "sv1 check"
	labelHeader      = "sv1 header"
	labelContent     = "sv1 content"
	labelDelete      = "sv1 delete"
)
