package wire

import "errors"

// Look asks a contact what it sees of us: map {1: nonce, ? 2: padding, ? 3: knock}.
// Padding makes the frame fill a packet of its own; with Knock the contact is to send
// the nonce outside of the link too.
//
// spec: 00-encoding#look-and-view
type Look struct {
	Nonce   [8]byte `cbor:"1,keyasint"`
	Padding []byte  `cbor:"2,keyasint,omitempty"`
	Knock   bool    `cbor:"3,keyasint,omitempty"`
}

// FrameType returns FrameLook.
func (Look) FrameType() FrameType { return FrameLook }

// Check fails for more padding than a packet holds.
func (f Look) Check() error {
	if len(f.Padding) > PaddingMax {
		return errors.New("look with too much padding")
	}
	return nil
}
