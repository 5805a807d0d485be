package wire

import "errors"

// Reason says why a blob was refused. Unknown ones are kept as they are.
type Reason uint8

// The reasons.
const (
	ReasonDiskFull Reason = 1
	ReasonWrongDay Reason = 2 // expired, or further ahead than ExpiryDaysMax
	ReasonTooLarge Reason = 3
	ReasonToken    Reason = 4 // a deposit's token is missing, spent, or not valid
	ReasonQuota    Reason = 5 // what one member, or the community, may leave is there
	ReasonNotNow   Reason = 6 // try again later
)

// Refusal tells the peer that a blob of its was not taken: map {1: blob, 2:
// reason}. The sender keeps the blob and tries again later.
//
// spec: 00-encoding#refusal
type Refusal struct {
	Blob   [16]byte `cbor:"1,keyasint"` // the first half of the blob's id
	Reason Reason   `cbor:"2,keyasint"`
}

// FrameType returns FrameRefusal.
func (Refusal) FrameType() FrameType { return FrameRefusal }

// Check fails without a reason.
func (f Refusal) Check() error {
	if f.Reason == 0 {
		return errors.New("refusal without a reason")
	}
	return nil
}
