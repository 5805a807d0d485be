package wire

// Declined says that B's person said no: an empty map.
//
// spec: 00-encoding#contact-frames
type Declined struct{}

// FrameType returns FrameDeclined.
func (Declined) FrameType() FrameType { return FrameDeclined }

// Check never fails.
func (Declined) Check() error { return nil }
