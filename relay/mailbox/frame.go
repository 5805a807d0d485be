package mailbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"sottovoce/mesh/wire"
)

// kind says what a frame holds.
type kind uint8

const (
	kindBlob      kind = 1
	kindTombstone kind = 2
	kindSpent     kind = 3
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errTorn says that no whole frame stands there.
var errTorn = errors.New("no whole frame")

// frame is one record in a file, all that stands before its body:
//
//	offset  size
//	     0     4  CRC-32C of all that follows, body included
//	     4     1  kind
//	     5     3  size of the body
//	     8     8  cursor; of spent tokens 0
//	    16     8  first cursor of the commit
//	    24     4  frames of the commit, of all files of the community
//	    28     4  zero
//	    32    32  chain before the record
//	    64    32  id of the blob, or of the one that the tombstone deleted
//
// spec: 13-mailbox#frames
type frame struct {
	kind   kind
	size   int // of the body in bytes
	cursor uint64
	commit uint64
	frames uint32
	before Chain
	id     wire.BlobID
}

// length is the size of the whole frame in bytes.
func (f frame) length() int64 { return int64(frameHeader + f.size) }

// after is the chain behind the record.
func (f frame) after() Chain {
	if f.kind != kindBlob {
		return f.before
	}
	return f.before.next(f.id)
}

// next is the chain behind one more blob.
//
// spec: 13-mailbox#cursor-and-chain
func (c Chain) next(id wire.BlobID) Chain { return Chain(wire.HashOf("sv1 chain", c[:], id[:])) }

// append appends f with its body to b.
func (f frame) append(b, body []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(f.kind)<<24|uint32(len(body)))
	b = binary.BigEndian.AppendUint64(b, f.cursor)
	b = binary.BigEndian.AppendUint64(b, f.commit)
	b = binary.BigEndian.AppendUint32(b, f.frames)
	b = append(b, 0, 0, 0, 0)
	b = append(b, f.before[:]...)
	b = append(b, f.id[:]...)
	b = append(b, body...)
	binary.BigEndian.PutUint32(b[start:], crc32.Checksum(b[start+4:], castagnoli))
	return b
}

// parseFrame parses the frame that b begins with, and returns its body too, which lies in b. What is not whole is
// errTorn; whole, but of a kind that this version does not know: wire.ErrNewer.
func parseFrame(b []byte) (frame, []byte, error) {
	f, err := parseFrameHeader(b)
	if err != nil {
		return frame{}, nil, err
	}
	if int64(len(b)) < f.length() {
		return frame{}, nil, errTorn
	}
	b = b[:f.length()]
	if crc32.Checksum(b[4:], castagnoli) != binary.BigEndian.Uint32(b) {
		return frame{}, nil, errTorn
	}
	body := b[frameHeader:]
	switch {
	case f.kind < kindBlob || f.kind > kindSpent, binary.BigEndian.Uint32(b[28:]) != 0:
		return frame{}, nil, fmt.Errorf("mailbox frame of kind %d: %w", f.kind, wire.ErrNewer)
	case f.kind == kindBlob && f.size < wire.HeaderSize, f.kind == kindTombstone && f.size != tombstoneBody, f.kind == kindSpent && f.size%tokenSize != 0:
		return frame{}, nil, errTorn
	}
	return f, body, nil
}

// parseFrameHeader parses what stands before the body, and checks sizes only.
func parseFrameHeader(b []byte) (frame, error) {
	if len(b) < frameHeader {
		return frame{}, errTorn
	}
	f := frame{
		kind:   kind(b[4]),
		size:   int(binary.BigEndian.Uint32(b[4:]) & 0xffffff),
		cursor: binary.BigEndian.Uint64(b[8:]),
		commit: binary.BigEndian.Uint64(b[16:]),
		frames: binary.BigEndian.Uint32(b[24:]),
		before: Chain(b[32:64]),
		id:     wire.BlobID(b[64:96]),
	}
	if f.size > bodyMax || f.size%unit != 0 {
		return frame{}, errTorn
	}
	return f, nil
}

// appendTombstone appends the body of a tombstone's frame; cursor is that of the blob which it deleted, or 0.
func appendTombstone(b []byte, t Tombstone, cursor uint64) []byte {
	b = append(b, t.D[:]...)
	b = binary.BigEndian.AppendUint16(b, t.Day)
	b = binary.BigEndian.AppendUint64(b, cursor)
	return append(b, 0, 0, 0, 0, 0, 0)
}

// parseTombstone parses the body of a tombstone's frame.
func parseTombstone(body []byte) (t Tombstone, cursor uint64, err error) {
	if len(body) != tombstoneBody {
		return Tombstone{}, 0, errTorn
	}
	return Tombstone{D: [16]byte(body), Day: binary.BigEndian.Uint16(body[16:])}, binary.BigEndian.Uint64(body[18:]), nil
}
