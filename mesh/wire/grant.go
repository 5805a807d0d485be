package wire

import "fmt"

// Grant tells a persona what members know: map {1: papers, 2: week, 3: psk, 4: next psk, 5: day,
// 6: allowance}.
//
// spec: 08-custody#grant
type Grant struct {
	Papers    []byte   `cbor:"1,keyasint"` // descriptor and supernode cards, at most GrantPapersMax
	Week      uint32   `cbor:"2,keyasint"` // weeks since the Unix epoch that PSK is for
	PSK       [32]byte `cbor:"3,keyasint"` // of that week; new after a revocation
	Next      [32]byte `cbor:"4,keyasint"` // of the week after it
	Day       uint32   `cbor:"5,keyasint"` // the supernode's, since the Unix epoch
	Allowance uint16   `cbor:"6,keyasint"` // tokens that may still be drawn on that day
}

// FrameType returns FrameGrant.
func (Grant) FrameType() FrameType { return FrameGrant }

// Check fails when the papers are missing or too large.
func (f Grant) Check() error {
	if len(f.Papers) == 0 || len(f.Papers) > GrantPapersMax {
		return fmt.Errorf("papers of %d bytes, 1 to %d are allowed", len(f.Papers), GrantPapersMax)
	}
	return nil
}

// Format prints the type only: the keys are secrets.
func (Grant) Format(f fmt.State, _ rune) { fmt.Fprint(f, "wire.Grant[secret]") }

// MarshalText returns what Format prints, for JSON and structured logs.
func (Grant) MarshalText() ([]byte, error) { return []byte("wire.Grant[secret]"), nil }
