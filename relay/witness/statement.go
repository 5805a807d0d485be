package witness

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Log names what one supernode keeps for one community.
type Log struct {
	Supernode identity.DeviceKeys
	Community [32]byte
}

// ID is the supernode's peer id.
func (l Log) ID() peer.ID { return l.Supernode.ID() }

func (l Log) statement(label string) []byte {
	id := l.ID()
	return slices.Concat([]byte(label), id[:], l.Community[:])
}

// Checkpoint is what a supernode signed of a log: that it stood at the cursor, with this chain, when a day of its own was over. It signs
// one for a day.
type Checkpoint struct {
	_         struct{} `cbor:",toarray"`
	Cursor    uint64
	Chain     [32]byte
	Day       uint32
	Signature [64]byte
}

// Verify reports whether the supernode of the log has signed c.
//
// spec: 08-custody#checkpoint
func (l Log) Verify(c Checkpoint) bool {
	return ed25519.Verify(l.Supernode.Sign[:], l.checkpoint(c), c.Signature[:])
}

func (l Log) checkpoint(c Checkpoint) []byte {
	b := binary.BigEndian.AppendUint64(l.statement(labelCheckpoint), c.Cursor)
	return binary.BigEndian.AppendUint32(append(b, c.Chain[:]...), c.Day)
}

// Kept is one blob that a receipt is about.
type Kept struct {
	_         struct{} `cbor:",toarray"`
	ID        wire.BlobID
	ExpiryDay uint16
	Cursor    uint64
}

// Receipt is what a supernode signed of blobs that it took.
type Receipt struct {
	_         struct{} `cbor:",toarray"`
	Kept      []Kept
	Signature [64]byte
}

// VerifyReceipt reports whether the supernode of the log has signed r.
//
// spec: 08-custody#kept
func (l Log) VerifyReceipt(r Receipt) bool {
	return len(r.Kept) > 0 && ed25519.Verify(l.Supernode.Sign[:], l.receipt(r), r.Signature[:])
}

func (l Log) receipt(r Receipt) []byte {
	b := l.statement(labelCustody)
	for _, k := range r.Kept {
		b = binary.BigEndian.AppendUint16(append(b, k.ID[:]...), k.ExpiryDay)
		b = binary.BigEndian.AppendUint64(b, k.Cursor)
	}
	return b
}

// next is the chain behind a blob.
//
// spec: 08-custody#cursors-and-chain
func next(chain [32]byte, id wire.BlobID) [32]byte {
	return wire.HashOf(labelChain, chain[:], id[:])
}
