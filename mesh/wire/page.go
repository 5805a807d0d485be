package wire

import (
	"encoding/binary"
	"errors"
	"iter"
)

// Page says what a log holds behind From and up to Until; its blobs follow on the stream, one for
// each of Cursors: map {1: from, 2: base, 3: until, 4: chain, ? 5: cursors, ? 6: absent, ? 7: end, ? 8: finished}. In
// the answer to a Get the first four are zero.
//
// spec: 08-custody#page
type Page struct {
	From    uint64   `cbor:"1,keyasint"` // as asked; later where the supernode does not know the ids from then on
	Base    [32]byte `cbor:"2,keyasint"` // chain at From
	Until   uint64   `cbor:"3,keyasint"`
	Chain   [32]byte `cbor:"4,keyasint"`           // chain at Until
	Cursors Cursors  `cbor:"5,keyasint,omitempty"` // of the blobs, ascending, at most BatchBlobsMax
	Absent  Absent   `cbor:"6,keyasint,omitempty"` // what else was in the log there
	End     bool     `cbor:"7,keyasint,omitempty"` // there is no more now
	// Finished is the last expiry day that is over at the supernode: what expires later and is not brought has not gone by its day.
	// 0: it has finished with none, or does not say.
	Finished uint16 `cbor:"8,keyasint,omitempty"`
}

// Absent names entries of a log that a page does not bring, since they were deleted, have expired
// or are of class 3, so that its chain can be computed: cursor ‖ id, 40 bytes each, ascending, at most AbsentMax.
type Absent []byte

const absentSize = cursorSize + 32

// Add returns a with one more.
func (a Absent) Add(cursor uint64, id BlobID) Absent {
	return append(binary.BigEndian.AppendUint64(a, cursor), id[:]...)
}

// Len is how many there are.
func (a Absent) Len() int { return len(a) / absentSize }

// All goes through them in order.
func (a Absent) All() iter.Seq2[uint64, BlobID] {
	return func(yield func(uint64, BlobID) bool) {
		for item := range items(a, absentSize) {
			if !yield(binary.BigEndian.Uint64(item), BlobID(item[cursorSize:])) {
				return
			}
		}
	}
}

// FrameType returns FramePage.
func (Page) FrameType() FrameType { return FramePage }

// Check fails for too many entries, and for some that are not in order or not of this page.
func (f Page) Check() error {
	if err := checkItems("cursors", f.Cursors, cursorSize, 0, BatchBlobsMax); err != nil {
		return err
	}
	if err := checkItems("absent entries", f.Absent, absentSize, 0, AbsentMax); err != nil {
		return err
	}
	if f.Until < f.From {
		return errors.New("page that ends before it begins")
	}
	if f.Until == 0 { // in answer to a Get the cursors are those of the log, in any order
		return nil
	}
	if err := rising("cursors", f.Cursors, cursorSize, f.From, f.Until); err != nil {
		return err
	}
	return rising("absent entries", f.Absent, absentSize, f.From, f.Until)
}
