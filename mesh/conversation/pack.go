package conversation

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sottovoce/mesh/wire"
)

// Pack makes the payload of a blob from encoded ops of one author, 1 to OpsPerPayloadMax
// of them in their order: the compressed CBOR array of byte strings.
//
// spec: 06-conversations#payload
func Pack(ops [][]byte) ([]byte, error) {
	if len(ops) < 1 || len(ops) > OpsPerPayloadMax {
		return nil, fmt.Errorf("payload of %d ops, 1 to %d are allowed", len(ops), OpsPerPayloadMax)
	}
	b, err := wire.Marshal(ops)
	if err != nil {
		return nil, err
	}
	if len(b) > PayloadMax {
		return nil, fmt.Errorf("payload of %d bytes, the limit is %d", len(b), PayloadMax)
	}
	if len(b) <= rawMax {
		return wire.AppendRaw(nil, b), nil
	}
	return wire.Compress(nil, b), nil
}

// Unpack returns the ops of a payload. All must be of one author, the device whose
// session brought it: what is compressed together must not mix what two people
// wrote. Ops that need a newer version are left out; err is then wire.ErrNewer, and
// the others are returned with it. Any other error comes without ops.
//
// spec: 06-conversations#payload
func Unpack(payload []byte) ([]*Op, error) {
	b, err := wire.Decompress(payload, PayloadMax)
	if err != nil {
		return nil, err
	}
	var raws [][]byte
	if err := wire.Unmarshal(b, &raws); err != nil {
		return nil, err
	}
	if len(raws) < 1 || len(raws) > OpsPerPayloadMax {
		return nil, fmt.Errorf("%w: payload of %d ops", wire.ErrMalformed, len(raws))
	}
	return parseAll(raws)
}

func parseAll(raws [][]byte) ([]*Op, error) {
	var ops []*Op
	var newer error
	for _, raw := range raws {
		op, err := ParseOp(raw)
		if errors.Is(err, wire.ErrNewer) {
			newer = err
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(ops) > 0 && ops[0].Author != op.Author {
			return nil, fmt.Errorf("%w: payload of two authors", wire.ErrMalformed)
		}
		ops = append(ops, op)
	}
	return ops, newer
}

// Fit returns how many of the first ops make a payload of at most room bytes,
// whatever compression gives; at least one, if there is one.
//
// spec: 06-conversations#payload
func Fit(ops [][]byte, room int) int {
	const head = 1 + 3 + 3 // codec, uvarint of up to 1 MiB, array head of up to 512
	size, limit := head, min(room, PayloadMax)
	for i, op := range ops[:min(len(ops), OpsPerPayloadMax)] {
		size += stringHead(len(op)) + len(op)
		if size > limit {
			return max(i, 1)
		}
	}
	return min(len(ops), OpsPerPayloadMax)
}

// stringHead is the size of the head of a CBOR byte string of n bytes.
func stringHead(n int) int {
	switch {
	case n < 24:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	}
	return 1 + binary.Size(uint32(0))
}
