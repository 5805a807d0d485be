package wire

import (
	"fmt"

	"sottovoce/mesh/peer"
)

// Ask is A's request to B, "may I be a contact?": map {1: name, 2: nonce}.
//
// spec: 00-encoding#contact-frames
type Ask struct {
	Name  string   `cbor:"1,keyasint"` // how A calls itself; hostile until shown by peer.ShowName
	Nonce [32]byte `cbor:"2,keyasint"` // names this request
}

// FrameType returns FrameAsk.
func (Ask) FrameType() FrameType { return FrameAsk }

// Check fails when the name is empty or longer than 256 bytes.
func (f Ask) Check() error {
	if len(f.Name) == 0 || len(f.Name) > peer.NameBytesMax {
		return fmt.Errorf("name of %d bytes in a request, 1 to %d are allowed", len(f.Name), peer.NameBytesMax)
	}
	return nil
}
