package wire

import (
	"encoding/binary"
	"iter"
)

// Entries answers a Scan: map {1: until, ? 2: list, ? 3: end}.
//
// spec: 08-custody#scan-and-get
type Entries struct {
	Until uint64    `cbor:"1,keyasint"`
	List  EntryList `cbor:"2,keyasint,omitempty"`
	End   bool      `cbor:"3,keyasint,omitempty"` // there is no more now
}

// EntryList holds tag ‖ class ‖ first 8 bytes of the id ‖ expiry day, 27 bytes for each blob, in the order of the log.
type EntryList []byte

const entrySize = 16 + 1 + 8 + 2

// Entry is what a scan tells of one blob.
type Entry struct {
	Tag       [16]byte
	Class     Class
	ID        ShortID
	ExpiryDay uint16
}

// ShortID is the beginning of a BlobID, which finds a blob in a log.
type ShortID [8]byte

// Short is how a Get names the blob.
func (id BlobID) Short() ShortID { return ShortID(id[:8]) }

// Add returns l with one more.
func (l EntryList) Add(e Entry) EntryList {
	l = append(append(append(l, e.Tag[:]...), byte(e.Class)), e.ID[:]...)
	return binary.BigEndian.AppendUint16(l, e.ExpiryDay)
}

// Len is how many there are.
func (l EntryList) Len() int { return len(l) / entrySize }

// All goes through them in order.
func (l EntryList) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for item := range items(l, entrySize) {
			if !yield(Entry{Tag: [16]byte(item), Class: Class(item[16]), ID: ShortID(item[17:]), ExpiryDay: binary.BigEndian.Uint16(item[25:])}) {
				return
			}
		}
	}
}

// FrameType returns FrameEntries.
func (Entries) FrameType() FrameType { return FrameEntries }

// Check fails for more entries than one frame has.
func (f Entries) Check() error { return checkItems("entries", f.List, entrySize, 0, EntriesMax) }
