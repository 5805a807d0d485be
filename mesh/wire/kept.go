package wire

import (
	"encoding/binary"
	"errors"
	"iter"
)

// Kept answers a Deposit or a Delete, item by item: map {1: results, 2: day, ? 3: signature}.
//
// spec: 08-custody#kept
type Kept struct {
	Results   Results   `cbor:"1,keyasint"`
	Day       uint32    `cbor:"2,keyasint"`           // the supernode's, since the Unix epoch
	Signature *[64]byte `cbor:"3,keyasint,omitempty"` // over all that is kept; nil where nothing is
}

// Results hold a reason, 0 for what is kept or done, and the cursor of what is kept, 9 bytes for each item of the request.
type Results []byte

const resultSize = 1 + cursorSize

// Add returns r with one more.
func (r Results) Add(reason Reason, cursor uint64) Results {
	return binary.BigEndian.AppendUint64(append(r, byte(reason)), cursor)
}

// Len is how many there are.
func (r Results) Len() int { return len(r) / resultSize }

// All goes through them in the order of the request.
func (r Results) All() iter.Seq2[Reason, uint64] {
	return func(yield func(Reason, uint64) bool) {
		for item := range items(r, resultSize) {
			if !yield(Reason(item[0]), binary.BigEndian.Uint64(item[1:])) {
				return
			}
		}
	}
}

// FrameType returns FrameKept.
func (Kept) FrameType() FrameType { return FrameKept }

// Check fails for no result or too many, and for a cursor of something that is not kept.
func (f Kept) Check() error {
	if err := checkItems("results", f.Results, resultSize, 1, BatchBlobsMax); err != nil {
		return err
	}
	for reason, cursor := range f.Results.All() {
		if reason != 0 && cursor != 0 {
			return errors.New("cursor of a blob that was refused")
		}
	}
	return nil
}
