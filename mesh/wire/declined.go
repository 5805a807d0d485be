package wire

// Declined says that B's person said no, or why it is of no use to ask: map {? 1: reason}.
//
// spec: 00-encoding#contact-frames
type Declined struct {
	Reason Decline `cbor:"1,keyasint,omitempty"`
}

// Decline says why an exchange was declined. Readers take one that they do not know for
// DeclineNo.
type Decline uint8

// The reasons.
const (
	DeclineNo   Decline = 0 // the person said no, or nothing of why
	DeclineUsed Decline = 1 // the link was used by somebody else before
)

// FrameType returns FrameDeclined.
func (Declined) FrameType() FrameType { return FrameDeclined }

// Check never fails.
func (Declined) Check() error { return nil }
