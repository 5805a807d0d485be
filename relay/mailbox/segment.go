package mailbox

import (
	"sort"

	"sottovoce/mesh/wire"
)

// entry is what memory holds of one blob: 40 bytes, and some 6 in the table.
type entry struct {
	tag   [16]byte
	id    wire.ShortID
	low   uint32 // cursor behind the base of its chunk, lower 32 bits
	mark  uint32 // of the deletion commitment
	at    uint32 // offset of the frame in units
	units uint16 // length of the frame
	high  uint8  // cursor, upper 8 bits
	state uint8  // class, and whether it is gone or lost
}

// The bits of an entry's state beside the class.
const (
	gone = 0x80 // its blob was deleted
	lost = 0x40 // the disk does not return what was written
)

func (e *entry) class() wire.Class { return wire.Class(e.state &^ (gone | lost)) }
func (e *entry) isGone() bool      { return e.state&(gone|lost) != 0 }

// chunk is a run of entries that is allocated once, however many there will be.
const chunkLen = 256

// segment is the file of one community's blobs and tombstones of one expiry day, and its index.
type segment struct {
	day  uint16
	name string // of the file
	file file
	size int64 // bytes that are on the disk

	// Index.
	chunks    [][]entry // all of chunkLen but the last
	bases     []uint64  // cursor before the first of each chunk
	table     table
	tombs     []tomb
	forbidden map[[16]byte]uint64 // deletion commitments shown, with the cursor of the tombstone
	live      int                 // blobs that are neither gone nor lost
	lost      int                 // blobs that were found to be lost

	// Side index.
	sideName string
	sideSize int64
	sideEnd  int64  // how much of the file it describes, in bytes
	side     []byte // packed records that are not in it yet
	sideStop bool   // it could not be written: the next start reads more
}

// tomb is what memory holds of one deletion.
type tomb struct {
	cursor uint64
	d      [16]byte
	at     uint32
}

func (s *segment) len() int {
	if len(s.chunks) == 0 {
		return 0
	}
	return (len(s.chunks)-1)*chunkLen + len(s.chunks[len(s.chunks)-1])
}

func (s *segment) entry(position int) *entry {
	return &s.chunks[position/chunkLen][position%chunkLen]
}

func (s *segment) cursor(position int) uint64 {
	e := s.entry(position)
	return s.bases[position/chunkLen] + uint64(e.high)<<32 + uint64(e.low)
}

// add enters a record that is on the disk. What a tombstone deleted is gone with it.
func (s *segment) add(r sideRecord) {
	if r.kind == kindTombstone {
		mark := markOf(r.commit)
		s.find(wire.ShortID(r.id[:8]), func(p int) bool {
			if s.entry(p).mark == mark {
				s.remove(p)
			}
			return false
		})
		s.tombs = append(s.tombs, tomb{cursor: r.cursor, d: r.tag, at: r.at})
		if s.forbidden == nil {
			s.forbidden = map[[16]byte]uint64{}
		}
		if _, found := s.forbidden[r.commit]; !found {
			s.forbidden[r.commit] = r.cursor
		}
		return
	}
	mark := markOf(r.commit)
	s.find(wire.ShortID(r.id[:8]), func(p int) bool { // nothing is taken twice but what was lost
		if s.entry(p).mark == mark {
			s.lose(p)
		}
		return false
	})
	last := len(s.chunks) - 1
	if last < 0 || len(s.chunks[last]) == chunkLen {
		// A first chunk grows from small: most segments of a small community stay so.
		size := chunkLen
		if last < 0 {
			size = 8
		}
		s.chunks = append(s.chunks, make([]entry, 0, size))
		s.bases = append(s.bases, r.cursor)
		last++
	}
	chunk := &s.chunks[last]
	if len(*chunk) == cap(*chunk) {
		grown := make([]entry, len(*chunk), min(2*cap(*chunk), chunkLen))
		copy(grown, *chunk)
		*chunk = grown
	}
	behind := r.cursor - s.bases[last]
	e := entry{
		tag: r.tag, id: wire.ShortID(r.id[:8]), low: uint32(behind), high: uint8(behind >> 32), mark: mark,
		at: r.at, units: r.units, state: uint8(r.class),
	}
	*chunk = append(*chunk, e)
	s.live++
	s.table.add(hashOfShort(e.id), s.len()-1, func(p int) uint64 { return hashOfShort(s.entry(p).id) })
}

// remove marks the blob at a position as gone.
func (s *segment) remove(position int) {
	e := s.entry(position)
	if !e.isGone() {
		s.live--
	}
	e.state |= gone
}

// lose marks the blob at a position as lost.
func (s *segment) lose(position int) {
	if e := s.entry(position); !e.isGone() {
		e.state |= lost
		s.live--
		s.lost++
	}
}

// find calls found with the positions of the blobs whose ids begin so, gone ones too, until it returns true.
func (s *segment) find(id wire.ShortID, found func(position int) bool) {
	s.table.find(hashOfShort(id), func(p int) bool { return s.entry(p).id == id && found(p) })
}

// behind is the position of the first blob behind a cursor, and of the first deletion.
func (s *segment) behind(cursor uint64) (blob, deletion int) {
	blob = sort.Search(s.len(), func(p int) bool { return s.cursor(p) > cursor })
	deletion = sort.Search(len(s.tombs), func(i int) bool { return s.tombs[i].cursor > cursor })
	return blob, deletion
}

// marked calls found with the positions of all blobs that may be committed to one of the marks, and what that mark stands for; lost ones
// too, since a disk may return them after the next start.
func (s *segment) marked(marks map[uint32]forbids, found func(position int, under forbids)) {
	for c, chunk := range s.chunks {
		for i := range chunk {
			if under, wanted := marks[chunk[i].mark]; wanted && chunk[i].state&gone == 0 {
				found(c*chunkLen+i, under)
			}
		}
	}
}

// frame reads the frame at a position, whole.
func (s *segment) frame(position int) (frame, []byte, error) {
	e := s.entry(position)
	return s.frameAt(e.at, int(e.units)*unit, s.cursor(position))
}

func (s *segment) frameAt(at uint32, size int, cursor uint64) (frame, []byte, error) {
	b := make([]byte, size)
	if n, err := fill(s.file, b, int64(at)*unit); err != nil || n < size {
		return frame{}, nil, errTorn
	}
	f, body, err := parseFrame(b)
	if err == nil && f.cursor != cursor {
		err = errTorn
	}
	return f, body, err
}

// holds finds the blob with this id. What the disk returns of it is compared: broken is the position of one that begins like it and
// cannot be read any more, or -1.
func (s *segment) holds(id wire.BlobID) (position, broken int, held bool) {
	broken = -1
	s.find(wire.ShortID(id[:8]), func(p int) bool {
		if s.entry(p).isGone() {
			return false
		}
		f, _, err := s.frame(p)
		switch {
		case err != nil:
			broken = p
		case f.id == id:
			position, held = p, true
		}
		return held
	})
	return position, broken, held
}
