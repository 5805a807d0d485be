package wire

// Checkpoint is what a supernode signs of its log of one community: map {1: cursor, 2: chain, 3: day,
// 4: signature}. Members hold it against what others were shown.
//
// spec: 08-custody#checkpoint
type Checkpoint struct {
	Cursor    uint64   `cbor:"1,keyasint"`
	Chain     [32]byte `cbor:"2,keyasint"` // at Cursor
	Day       uint32   `cbor:"3,keyasint"` // the supernode's, since the Unix epoch
	Signature [64]byte `cbor:"4,keyasint"`
}

// FrameType returns FrameCheckpoint.
func (Checkpoint) FrameType() FrameType { return FrameCheckpoint }

// Check never fails.
func (Checkpoint) Check() error { return nil }
