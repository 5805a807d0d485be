package wire

import "fmt"

// CardFrame is A's answer to an Offer: map {1: card, 2: share}.
//
// spec: 00-encoding#contact-frames
type CardFrame struct {
	Card  []byte   `cbor:"1,keyasint"` // A's contact card, at most 48 KiB
	Share [32]byte `cbor:"2,keyasint"` // A's half of the contact secret
}

// FrameType returns FrameCard.
func (CardFrame) FrameType() FrameType { return FrameCard }

// Check fails when the card is missing or too large.
func (f CardFrame) Check() error { return checkCardSize(f.Card) }

// Format prints the type only: card and share are secrets.
func (CardFrame) Format(f fmt.State, _ rune) { fmt.Fprint(f, "wire.CardFrame[secret]") }

// MarshalText returns what Format prints, for JSON and structured logs.
func (CardFrame) MarshalText() ([]byte, error) { return []byte("wire.CardFrame[secret]"), nil }
