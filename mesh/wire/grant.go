package wire

import "fmt"

// Grant tells a persona what members know: map {1: descriptor, 2: week, 3: psk, 4: next psk, 5: beacon
// key, 6: day, 7: allowance}.
//
// spec: 08-custody#grant
type Grant struct {
	Descriptor []byte   `cbor:"1,keyasint"` // the community's, at most DescriptorSizeMax
	Week       uint32   `cbor:"2,keyasint"` // weeks since the Unix epoch that PSK is for
	PSK        [32]byte `cbor:"3,keyasint"` // of that week; new after a revocation
	Next       [32]byte `cbor:"4,keyasint"` // of the week after it
	Beacon     [32]byte `cbor:"5,keyasint"` // by which members recognise the supernodes
	Day        uint32   `cbor:"6,keyasint"` // the supernode's, since the Unix epoch
	Allowance  uint16   `cbor:"7,keyasint"` // tokens that may still be drawn on that day
}

// FrameType returns FrameGrant.
func (Grant) FrameType() FrameType { return FrameGrant }

// Check fails when the descriptor is missing or too large.
func (f Grant) Check() error {
	if len(f.Descriptor) == 0 || len(f.Descriptor) > DescriptorSizeMax {
		return fmt.Errorf("descriptor of %d bytes, 1 to %d are allowed", len(f.Descriptor), DescriptorSizeMax)
	}
	return nil
}

// Format prints the type only: the keys are secrets.
func (Grant) Format(f fmt.State, _ rune) { fmt.Fprint(f, "wire.Grant[secret]") }

// MarshalText returns what Format prints, for JSON and structured logs.
func (Grant) MarshalText() ([]byte, error) { return []byte("wire.Grant[secret]"), nil }
