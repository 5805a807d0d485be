package wire

import "errors"

// Reason says why a blob or a request was refused. Unknown ones are kept as they are. On the control stream
// of a link only the first three are used.
//
// spec: 08-custody#refusals
type Reason uint8

// The reasons.
const (
	ReasonDiskFull  Reason = 1
	ReasonWrongDay  Reason = 2  // expired, or further ahead than ExpiryDaysMax
	ReasonTooLarge  Reason = 3  // a batch, or what a supernode takes
	ReasonToken     Reason = 4  // a token is missing, spent or false
	ReasonQuota     Reason = 5  // the community or the member has had its share
	ReasonNotNow    Reason = 6  // too much at once; later
	ReasonDeleted   Reason = 7  // who knows D had it deleted: it is not taken again
	ReasonNoMember  Reason = 8  // no such persona, revoked, signed wrongly, or not logged in
	ReasonCommunity Reason = 9  // no such community here
	ReasonLink      Reason = 10 // the join link is used up, expired or unknown
	ReasonWeOld     Reason = 11 // who refuses needs a newer version
	ReasonYouOld    Reason = 12 // who asks needs a newer version
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
