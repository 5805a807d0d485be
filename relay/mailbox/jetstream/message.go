package jetstream

import (
	"encoding/binary"
	"fmt"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// kind says what a record is.
type kind uint8

const (
	kindBlob      kind = 1
	kindTombstone kind = 2
)

// record is a blob or a deletion at its place in a log.
type record struct {
	kind   kind
	class  wire.Class // of a blob
	day    uint16     // expiry day
	cursor uint64
	before mailbox.Chain
	id     wire.BlobID // of the blob, or of the one that the tombstone deleted
	tag    [16]byte    // of the blob; of a tombstone, D
	under  [16]byte    // deletion commitment
	of     uint64      // of a tombstone: cursor of the blob that it deleted

	body   uint16 // of a blob: which of the commit's messages of blobs holds it,
	offset uint32 // where in it, in bytes,
	size   uint32 // and its size
}

// after is the chain behind the record.
func (r *record) after() mailbox.Chain {
	if r.kind != kindBlob {
		return r.before
	}
	return mailbox.Chain(wire.HashOf("sv1 chain", r.before[:], r.id[:]))
}

// commit is one message of a log: all that changes at once.
//
//	version(1) ‖ nonce(16) ‖ cursor before(8) ‖ chain before(32) ‖ close: day(2) ‖ cursor(8) ‖ chain(32)
//	‖ messages of blobs(2) ‖ records(2) ‖ tokens(2) ‖ records ‖ tokens
//
// spec: 13-mailbox#commits-on-a-cluster
type commit struct {
	nonce   [16]byte
	before  mailbox.Head // the first record has the cursor behind it
	closed  mailbox.DayClose
	bodies  uint16 // messages of blobs, which stand right before this one
	records []record
	spent   []mailbox.Token
}

func (c *commit) append(b []byte) []byte {
	b = append(b, version)
	b = append(b, c.nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, c.before.Cursor)
	b = append(b, c.before.Chain[:]...)
	b = binary.BigEndian.AppendUint16(b, c.closed.Day)
	b = binary.BigEndian.AppendUint64(b, c.closed.Cursor)
	b = append(b, c.closed.Chain[:]...)
	b = binary.BigEndian.AppendUint16(b, c.bodies)
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.records)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.spent)))
	for i := range c.records {
		b = c.records[i].append(b)
	}
	for _, t := range c.spent {
		b = binary.BigEndian.AppendUint16(b, t.Day)
		b = append(b, t.ID[:]...)
	}
	return b
}

func (r *record) append(b []byte) []byte {
	b = append(b, byte(r.kind))
	if r.kind == kindTombstone {
		b = binary.BigEndian.AppendUint16(b, r.day)
		b = append(b, r.tag[:]...)
		b = binary.BigEndian.AppendUint64(b, r.of)
		return append(b, r.id[:]...)
	}
	b = append(b, byte(r.class))
	b = binary.BigEndian.AppendUint16(b, r.day)
	b = binary.BigEndian.AppendUint16(b, r.body)
	b = binary.BigEndian.AppendUint32(b, r.offset)
	b = binary.BigEndian.AppendUint32(b, r.size)
	b = append(b, r.tag[:]...)
	b = append(b, r.under[:]...)
	return append(b, r.id[:]...)
}

// errMessage says that a message of a log is not what this store writes.
var errMessage = fmt.Errorf("message of a log: %w", wire.ErrMalformed)

// parseCommit parses a message of a log; wire.ErrNewer for one of a newer version.
func parseCommit(b []byte) (*commit, error) {
	switch {
	case len(b) == 0:
		return nil, errMessage
	case b[0] > version:
		return nil, fmt.Errorf("message of a log: %w", wire.ErrNewer)
	case b[0] != version, len(b) < commitHeader:
		return nil, errMessage
	}
	c := &commit{
		nonce:  [16]byte(b[1:]),
		before: mailbox.Head{Cursor: binary.BigEndian.Uint64(b[17:]), Chain: mailbox.Chain(b[25:])},
		closed: mailbox.DayClose{
			Day:  binary.BigEndian.Uint16(b[57:]),
			Head: mailbox.Head{Cursor: binary.BigEndian.Uint64(b[59:]), Chain: mailbox.Chain(b[67:])},
		},
		bodies: binary.BigEndian.Uint16(b[99:]),
	}
	records, tokens := int(binary.BigEndian.Uint16(b[101:])), int(binary.BigEndian.Uint16(b[103:]))
	b = b[commitHeader:]
	if c.before.Cursor > cursorMax {
		return nil, errMessage
	}
	cursor, chain := c.before.Cursor, c.before.Chain
	for range records {
		r, size, err := parseRecord(b, c.bodies)
		if err != nil {
			return nil, err
		}
		cursor++
		r.cursor, r.before = cursor, chain
		chain = r.after()
		c.records, b = append(c.records, r), b[size:]
	}
	if len(b) != tokens*tokenRecord {
		return nil, errMessage
	}
	for ; len(b) > 0; b = b[tokenRecord:] {
		c.spent = append(c.spent, mailbox.Token{Day: binary.BigEndian.Uint16(b), ID: [32]byte(b[2:])})
	}
	return c, nil
}

// parseRecord parses the record that b begins with, of a commit with so many messages of blobs, and returns its size.
func parseRecord(b []byte, bodies uint16) (r record, size int, err error) {
	switch {
	case len(b) >= tombRecord && kind(b[0]) == kindTombstone:
		r = record{
			kind: kindTombstone, day: binary.BigEndian.Uint16(b[1:]), tag: [16]byte(b[3:]),
			of: binary.BigEndian.Uint64(b[19:]), id: wire.BlobID(b[27:]),
		}
		r.under = wire.CommitTo(r.tag)
		return r, tombRecord, nil
	case len(b) >= blobRecord && kind(b[0]) == kindBlob:
		r = record{
			kind: kindBlob, class: wire.Class(b[1]), day: binary.BigEndian.Uint16(b[2:]), body: binary.BigEndian.Uint16(b[4:]),
			offset: binary.BigEndian.Uint32(b[6:]), size: binary.BigEndian.Uint32(b[10:]),
			tag: [16]byte(b[14:]), under: [16]byte(b[30:]), id: wire.BlobID(b[46:]),
		}
		if r.body >= bodies || r.class > wire.Class3 || r.size > wire.BlobSizeMax || r.offset > bodyBytes {
			return record{}, 0, errMessage
		}
		return r, blobRecord, nil
	}
	return record{}, 0, errMessage
}

// isFence reports whether nothing is brought: where the log stood at the end of a day was written down, or a day is over.
func (c *commit) isFence() bool { return len(c.records) == 0 && len(c.spent) == 0 }

// head is where the log stands behind the commit.
func (c *commit) head() mailbox.Head {
	if len(c.records) == 0 {
		return c.before
	}
	last := &c.records[len(c.records)-1]
	return mailbox.Head{Cursor: last.cursor, Chain: last.after()}
}
