package wire

import "fmt"

// Join makes a persona a member by a join link: map {1: community, 2: persona, 3: signature, 4: day, 5: proof}.
// Grant answers it.
//
// spec: 08-custody#join
type Join struct {
	Community [32]byte `cbor:"1,keyasint"`
	Persona   [32]byte `cbor:"2,keyasint"` // Ed25519 public key
	Signature [64]byte `cbor:"3,keyasint"` // its, over the link's exporter
	Day       uint32   `cbor:"4,keyasint"` // by the persona's clock, since the Unix epoch
	Proof     []byte   `cbor:"5,keyasint"` // that the dialler has the link's secret, at most JoinProofMax
}

// FrameType returns FrameJoin.
func (Join) FrameType() FrameType { return FrameJoin }

// Check fails when the proof is missing or too large.
func (f Join) Check() error {
	if len(f.Proof) == 0 || len(f.Proof) > JoinProofMax {
		return fmt.Errorf("proof of %d bytes, 1 to %d are allowed", len(f.Proof), JoinProofMax)
	}
	return nil
}

// Format prints no proof: who has it may hold the link's secret.
func (f Join) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "wire.Join[%x]", f.Persona) }

// MarshalText returns what Format prints, for JSON and structured logs.
func (f Join) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", f), nil }
