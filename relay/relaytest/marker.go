package relaytest

import (
	"bytes"
	"encoding/binary"
	"errors"

	"sottovoce/mesh/wire"
)

// OwnKeys has a supernode give out other keys of the week than its card commits to, as one would that has some for each member: it
// changes them in what it keeps of a community, in place.
//
// spec: 10-communities#what-is-kept
func OwnKeys(house []byte) error {
	if len(house) == 0 {
		return errors.New("nothing is kept")
	}
	size, n := binary.Uvarint(house[1:])
	if n <= 0 || size > uint64(len(house)-1-n) {
		return errors.New("what is kept is cut short")
	}
	head := house[1+n:][:size]
	var kept struct {
		Keys [3][32]byte `cbor:"5,keyasint"`
	}
	if err := wire.Unmarshal(head, &kept); err != nil {
		return err
	}
	for _, key := range kept.Keys[1:] { // this week's and the next
		at := bytes.Index(head, key[:])
		if at < 0 {
			return errors.New("there is no such key")
		}
		head[at] ^= 1
	}
	return nil
}
