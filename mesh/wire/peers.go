package wire

import (
	"bytes"
	"errors"
	"fmt"
)

// Told is an announcement as somebody heard it: all that the MAC of a slot covers, and
// where it leads. It says nothing of who told it or what they think of it: map
// {1: instance, 2: epoch, 3: nonce, 4: fingerprint, 5: slots, 6: port, 7: [addresses]}.
//
// spec: 00-encoding#peers
type Told struct {
	Instance    [8]byte  `cbor:"1,keyasint"`
	Epoch       uint32   `cbor:"2,keyasint"`
	Nonce       [8]byte  `cbor:"3,keyasint"`
	Fingerprint [16]byte `cbor:"4,keyasint"`
	Slots       [48]byte `cbor:"5,keyasint"`
	Port        uint16   `cbor:"6,keyasint"`
	Addresses   [][]byte `cbor:"7,keyasint"` // 4 or 16 bytes each, 1 to ToldAddressesMax
}

// Peers tells the peer whom we heard on this network: map {1: [+ told]}.
//
// spec: 00-encoding#peers
type Peers struct {
	Told []Told `cbor:"1,keyasint"` // 1 to ToldMax, ascending by instance
}

// FrameType returns FramePeers.
func (Peers) FrameType() FrameType { return FramePeers }

// Check fails unless the instances ascend and each has a port and addresses.
func (f Peers) Check() error {
	if len(f.Told) == 0 || len(f.Told) > ToldMax {
		return fmt.Errorf("%d peers, the limits are 1 and %d", len(f.Told), ToldMax)
	}
	for i := range f.Told {
		told := &f.Told[i]
		if i > 0 && bytes.Compare(f.Told[i-1].Instance[:], told.Instance[:]) >= 0 {
			return fmt.Errorf("peers %d and %d are out of order or the same", i-1, i)
		}
		if told.Port == 0 {
			return errors.New("a peer at port 0")
		}
		if len(told.Addresses) == 0 || len(told.Addresses) > ToldAddressesMax {
			return fmt.Errorf("a peer with %d addresses, the limits are 1 and %d", len(told.Addresses), ToldAddressesMax)
		}
		for _, a := range told.Addresses {
			if len(a) != 4 && len(a) != 16 {
				return fmt.Errorf("an address of %d bytes", len(a))
			}
		}
	}
	return nil
}
