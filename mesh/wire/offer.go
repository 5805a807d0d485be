package wire

import "fmt"

// Offer is B's answer to A once B's person has accepted: map {1: card, 2: share,
// 3: nonce}.
//
// spec: 00-encoding#contact-frames
type Offer struct {
	Card  []byte   `cbor:"1,keyasint"` // B's contact card, at most 48 KiB
	Share [32]byte `cbor:"2,keyasint"` // B's half of the contact secret
	Nonce [32]byte `cbor:"3,keyasint"` // of the Ask that it answers
}

// FrameType returns FrameOffer.
func (Offer) FrameType() FrameType { return FrameOffer }

// Check fails when the card is missing or too large.
func (f Offer) Check() error { return checkCardSize(f.Card) }

// Format prints the type only: card and share are secrets.
func (Offer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "wire.Offer[secret]") }

// MarshalText returns what Format prints, for JSON and structured logs.
func (Offer) MarshalText() ([]byte, error) { return []byte("wire.Offer[secret]"), nil }

func checkCardSize(card []byte) error {
	if len(card) == 0 || len(card) > CardSizeMax {
		return fmt.Errorf("contact card of %d bytes, 1 to %d are allowed", len(card), CardSizeMax)
	}
	return nil
}
