package wire

import "iter"

// Get asks for blobs by id: map {1: ids}. A Page answers it.
//
// spec: 08-custody#scan-and-get
type Get struct {
	IDs ShortIDs `cbor:"1,keyasint"`
}

// ShortIDs are beginnings of ids, of 8 bytes each, at most BatchBlobsMax.
type ShortIDs []byte

// Add returns s with one more.
func (s ShortIDs) Add(id ShortID) ShortIDs { return append(s, id[:]...) }

// Len is how many there are.
func (s ShortIDs) Len() int { return len(s) / len(ShortID{}) }

// All goes through them in order.
func (s ShortIDs) All() iter.Seq[ShortID] {
	return func(yield func(ShortID) bool) {
		for item := range items(s, len(ShortID{})) {
			if !yield(ShortID(item)) {
				return
			}
		}
	}
}

// FrameType returns FrameGet.
func (Get) FrameType() FrameType { return FrameGet }

// Check fails for no id, or for more than one frame has.
func (f Get) Check() error { return checkItems("ids", f.IDs, len(ShortID{}), 1, BatchBlobsMax) }
