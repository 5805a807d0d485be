package wire

// Attest asks the supernode to sign for where its log stands: an empty map. Checkpoint answers it.
//
// spec: 08-custody#checkpoint
type Attest struct{}

// FrameType returns FrameAttest.
func (Attest) FrameType() FrameType { return FrameAttest }

// Check never fails.
func (Attest) Check() error { return nil }
