package wire

import "errors"

// View answers a Look: map {1: nonce of the look, ? 2: heard by IPv4, ? 3: heard by
// IPv6, ? 4: address, ? 5: port, ? 6: knocked}. Heard is how many
// milliseconds ago, rounded up, an announcement of the asker was heard in that family; 0:
// not in the last HeardMax.
// Address and port are where the asker's packets come from.
//
// spec: 00-encoding#look-and-view
type View struct {
	Nonce   [8]byte `cbor:"1,keyasint"`
	Heard4  uint32  `cbor:"2,keyasint,omitempty"`
	Heard6  uint32  `cbor:"3,keyasint,omitempty"`
	Address []byte  `cbor:"4,keyasint,omitempty"`
	Port    uint16  `cbor:"5,keyasint,omitempty"`
	Knocked bool    `cbor:"6,keyasint,omitempty"`
}

// FrameType returns FrameView.
func (View) FrameType() FrameType { return FrameView }

// Check fails for what was heard too long ago, half an endpoint, and an address of no
// family.
func (f View) Check() error {
	switch {
	case f.Heard4 > HeardMax || f.Heard6 > HeardMax:
		return errors.New("view of what was heard more than ten minutes ago")
	case len(f.Address) != 0 && len(f.Address) != 4 && len(f.Address) != 16:
		return errors.New("view with an address of neither family")
	case (len(f.Address) == 0) != (f.Port == 0):
		return errors.New("view with half an endpoint")
	}
	return nil
}
