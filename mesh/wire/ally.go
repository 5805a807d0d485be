package wire

// Ally shows that the dialler of a link is another supernode of a community: map {1: community, 2: key,
// 3: day, 4: signature}. It holds for the link. Stock answers it, again and again.
//
// spec: 12-replication#log-in
type Ally struct {
	Community [32]byte `cbor:"1,keyasint"`
	Key       [32]byte `cbor:"2,keyasint"` // Ed25519, by which the descriptor names it
	Day       uint32   `cbor:"3,keyasint"` // the dialler's, since the Unix epoch
	Signature [64]byte `cbor:"4,keyasint"` // over the link's exporter
}

// FrameType returns FrameAlly.
func (Ally) FrameType() FrameType { return FrameAlly }

// Check never fails.
func (Ally) Check() error { return nil }
