package community

import (
	"fmt"

	"sottovoce/mesh/wire"
)

// rawObject is [body, {alg: signature}] before anything of it is believed.
type rawObject struct {
	_    struct{} `cbor:",toarray"`
	Body []byte
	Sigs map[uint64][]byte
}

// peek reads the body of a signed object, so that the key can be found by which it is verified.
func peek[T any](object []byte, sizeMax int) (body T, err error) {
	if len(object) > sizeMax {
		return body, fmt.Errorf("%w: %d bytes, the limit is %d", wire.ErrMalformed, len(object), sizeMax)
	}
	var raw rawObject
	if err := wire.Unmarshal(object, &raw); err != nil {
		return body, err
	}
	err = wire.Unmarshal(raw.Body, &body)
	return body, err
}
