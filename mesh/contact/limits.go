package contact

import "time"

// The protocol's.
const (
	// DeclinedFor is how long requests of a profile are ignored after one of them
	// was declined.
	//
	// spec: 05-contacts#declining
	DeclinedFor = 7 * 24 * time.Hour

	// oneTimePairs are reserved for the other side in the bundle of our card.
	//
	// spec: 05-contacts#cards
	oneTimePairs = 3

	labelCard       = "sv1 card"
	labelTranscript = "sv1 contact"
	labelSecret     = "sv1 contact secret"
)

// Ours.
const (
	noncesMax = 8         // superseded requests of one profile that are remembered
	savedMax  = 128 << 10 // bytes of a saved exchange: our card, our bundle's secrets
	objectMax = 128 << 10 // bytes of an object: two cards
)
