package wire

import "fmt"

// Drawn answers a Draw: map {1: evaluated, 2: proof}.
//
// spec: 08-custody#draw
type Drawn struct {
	Evaluated []byte `cbor:"1,keyasint"` // as many elements as were asked for, in their order
	Proof     []byte `cbor:"2,keyasint"` // that the key is that of the descriptor, at most DrawProofMax
}

// FrameType returns FrameDrawn.
func (Drawn) FrameType() FrameType { return FrameDrawn }

// Check fails for no element, for more than one draw has, and for a proof that is missing or too large.
func (f Drawn) Check() error {
	if len(f.Proof) == 0 || len(f.Proof) > DrawProofMax {
		return fmt.Errorf("proof of %d bytes, 1 to %d are allowed", len(f.Proof), DrawProofMax)
	}
	return checkItems("elements", f.Evaluated, ElementSize, 1, DrawMax)
}
