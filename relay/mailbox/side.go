package mailbox

import (
	"encoding/binary"
	"hash/crc32"

	"sottovoce/mesh/wire"
)

// sideRecord is what the side index says of one record of a file of blobs, so that a start reads no bodies:
//
//	offset  size
//	     0     8  cursor
//	     8     4  offset of the frame in units of 32 bytes
//	    12     2  length of the frame in units
//	    14     1  kind
//	    15     1  class of the blob
//	    16    16  tag of the blob; of a tombstone, D
//	    32    16  deletion commitment
//	    48    32  id of the blob, or of the one that the tombstone deleted
//
// spec: 13-mailbox#side-index
type sideRecord struct {
	cursor uint64
	at     uint32
	units  uint16
	kind   kind
	class  wire.Class
	tag    [16]byte
	commit [16]byte
	id     wire.BlobID
}

func (r sideRecord) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, r.cursor)
	b = binary.BigEndian.AppendUint32(b, r.at)
	b = binary.BigEndian.AppendUint16(b, r.units)
	b = append(b, byte(r.kind), byte(r.class))
	b = append(b, r.tag[:]...)
	b = append(b, r.commit[:]...)
	return append(b, r.id[:]...)
}

func parseSideRecord(b []byte) sideRecord {
	return sideRecord{
		cursor: binary.BigEndian.Uint64(b),
		at:     binary.BigEndian.Uint32(b[8:]),
		units:  binary.BigEndian.Uint16(b[12:]),
		kind:   kind(b[14]),
		class:  wire.Class(b[15]),
		tag:    [16]byte(b[16:32]),
		commit: [16]byte(b[32:48]),
		id:     wire.BlobID(b[48:80]),
	}
}

// recordOf describes a frame that begins at offset at of a file of blobs.
func recordOf(f frame, body []byte, at int64) (sideRecord, error) {
	r := sideRecord{cursor: f.cursor, at: uint32(at / unit), units: uint16(f.length() / unit), kind: f.kind, id: f.id}
	switch f.kind {
	case kindBlob:
		h, err := wire.ParseBlob(body)
		if err != nil {
			return sideRecord{}, err
		}
		r.class, r.tag, r.commit = h.Class, h.Tag, h.DelCommit
	case kindTombstone:
		t, _, err := parseTombstone(body)
		if err != nil {
			return sideRecord{}, err
		}
		r.tag, r.commit = t.D, wire.CommitTo(t.D)
	default:
		return sideRecord{}, errTorn
	}
	return r, nil
}

// appendSideBlock appends a block of packed records, which describe a file of blobs from unit begin up to unit end.
func appendSideBlock(b, records []byte, begin, end uint32) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(records)/sideEntry))
	b = binary.BigEndian.AppendUint32(b, begin)
	b = binary.BigEndian.AppendUint32(b, end)
	b = append(b, records...)
	binary.BigEndian.PutUint32(b[start:], crc32.Checksum(b[start+4:], castagnoli))
	return b
}

// parseSideBlock parses the block that b begins with: its records, packed, where the part of the file that they describe begins and ends
// in units, and the bytes of b that it takes.
func parseSideBlock(b []byte) (records []byte, begin, end uint32, size int, err error) {
	if len(b) < sideHeader {
		return nil, 0, 0, 0, errTorn
	}
	n := binary.BigEndian.Uint32(b[4:])
	if n == 0 || n > sideBlock || len(b) < sideHeader+int(n)*sideEntry {
		return nil, 0, 0, 0, errTorn
	}
	size = sideHeader + int(n)*sideEntry
	if crc32.Checksum(b[4:size], castagnoli) != binary.BigEndian.Uint32(b) {
		return nil, 0, 0, 0, errTorn
	}
	return b[sideHeader:size], binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:]), size, nil
}
