package wire

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Delete has blobs deleted by showing what their headers commit to: map {1: tombstones, ? 2: tokens,
// ? 3: community}. Kept answers it, without cursors.
//
// spec: 08-custody#delete
type Delete struct {
	Tombstones Tombstones `cbor:"1,keyasint"`
	Tokens     []byte     `cbor:"2,keyasint,omitempty"` // one for each blob that is not held here
	Community  *[32]byte  `cbor:"3,keyasint,omitempty"` // in mode supernode only: whose log
}

// Tombstones are D ‖ expiry day, 18 bytes each, at most BatchBlobsMax.
type Tombstones []byte

const tombstoneSize = 16 + 2

// Add returns t with one more: D of the blobs that expire on that day.
func (t Tombstones) Add(d [16]byte, day uint16) Tombstones {
	return binary.BigEndian.AppendUint16(append(t, d[:]...), day)
}

// Len is how many there are.
func (t Tombstones) Len() int { return len(t) / tombstoneSize }

// All goes through them in order.
func (t Tombstones) All() iter.Seq2[[16]byte, uint16] {
	return func(yield func([16]byte, uint16) bool) {
		for item := range items(t, tombstoneSize) {
			if !yield([16]byte(item), binary.BigEndian.Uint16(item[16:])) {
				return
			}
		}
	}
}

// FrameType returns FrameDelete.
func (Delete) FrameType() FrameType { return FrameDelete }

// Check fails for no tombstone, or for more than one frame has.
func (f Delete) Check() error {
	if err := checkItems("tombstones", f.Tombstones, tombstoneSize, 1, BatchBlobsMax); err != nil {
		return err
	}
	return checkTokens(f.Tokens)
}

// Format prints neither secrets nor tokens.
func (f Delete) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "wire.Delete[%d tombstones]", f.Tombstones.Len())
}

// MarshalText returns what Format prints, for JSON and structured logs.
func (f Delete) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", f), nil }
