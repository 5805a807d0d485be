package wire

import (
	"errors"
	"fmt"
)

// Refused answers any request on a custody stream that is not carried out: map {1: reason, ? 2: word, ? 3: day}.
//
// spec: 08-custody#refusals
type Refused struct {
	Reason Reason `cbor:"1,keyasint"`
	Word   string `cbor:"2,keyasint,omitempty"` // for a person, at most WordMax bytes; hostile until shown by peer.ShowText
	Day    uint32 `cbor:"3,keyasint,omitempty"` // the supernode's, since the Unix epoch
}

// FrameType returns FrameRefused.
func (Refused) FrameType() FrameType { return FrameRefused }

// Check fails without a reason, and for too long a word.
func (f Refused) Check() error {
	if f.Reason == 0 {
		return errors.New("refusal without a reason")
	}
	if len(f.Word) > WordMax {
		return fmt.Errorf("word of %d bytes, the limit is %d", len(f.Word), WordMax)
	}
	return nil
}
