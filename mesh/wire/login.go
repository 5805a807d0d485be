package wire

// Login shows that the dialler of a link is a persona of a community: map {1: community, 2: persona,
// 3: signature, 4: day}. It holds for the link. Grant answers it.
//
// spec: 08-custody#log-in
type Login struct {
	Community [32]byte `cbor:"1,keyasint"`
	Persona   [32]byte `cbor:"2,keyasint"` // Ed25519 public key
	Signature [64]byte `cbor:"3,keyasint"` // its, over the link's exporter
	Day       uint32   `cbor:"4,keyasint"` // by the persona's clock, since the Unix epoch
}

// FrameType returns FrameLogin.
func (Login) FrameType() FrameType { return FrameLogin }

// Check never fails.
func (Login) Check() error { return nil }
