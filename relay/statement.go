package relay

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"slices"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Labels of what supernodes sign, and of the chain. spec: 08-custody#labels
const (
	labelCustody    = "sv1 custody"
	labelCheckpoint = "sv1 day close"
	labelChain      = "sv1 chain"
)

// Log is what one supernode keeps for one community: its cursors are its own.
//
// spec: 08-custody#cursors-and-chain
type Log struct {
	At        peer.ID
	Community [32]byte
}

// Kept is a blob that a supernode holds.
type Kept struct {
	ID        wire.BlobID
	ExpiryDay uint16
	Cursor    uint64
}

const keptSize = 32 + 2 + 8

// Receipt returns what the supernode signs for blobs that it holds, in the order of the deposit.
//
// spec: 08-custody#kept
func (l Log) Receipt(all []Kept) []byte {
	b := slices.Grow(l.statement(labelCustody), len(all)*keptSize)
	for _, k := range all {
		b = binary.BigEndian.AppendUint16(append(b, k.ID[:]...), k.ExpiryDay)
		b = binary.BigEndian.AppendUint64(b, k.Cursor)
	}
	return b
}

// Checkpoint returns what the supernode signs for where its log stood when a day was over: chain is that at cursor.
//
// spec: 08-custody#checkpoint
func (l Log) Checkpoint(cursor uint64, chain [32]byte, day uint32) []byte {
	b := binary.BigEndian.AppendUint64(l.statement(labelCheckpoint), cursor)
	return binary.BigEndian.AppendUint32(append(b, chain[:]...), day)
}

func (l Log) statement(label string) []byte {
	return slices.Concat([]byte(label), l.At[:], l.Community[:])
}

// Link returns the chain behind a blob, from that before it.
//
// spec: 08-custody#cursors-and-chain
func Link(chain [32]byte, id wire.BlobID) [32]byte {
	return wire.HashOf(labelChain, chain[:], id[:])
}

// evidence is a signed statement with what it takes to verify it: keys(64) ‖ signature(64) ‖ statement.
func evidence(keys identity.DeviceKeys, signature [64]byte, statement []byte) []byte {
	return slices.Concat(keys.Sign[:], keys.Agree[:], signature[:], statement)
}

// OpenReceipt returns what a receipt says, as it is kept with a blob, once it has verified it.
//
// spec: 08-custody#kept
func OpenReceipt(b []byte) (of Log, all []Kept, err error) {
	const begin = 64 + 64 + len(labelCustody) + 64
	if len(b) < begin || (len(b)-begin)%keptSize != 0 || string(b[128:][:len(labelCustody)]) != labelCustody {
		return Log{}, nil, fmt.Errorf("%w: receipt of %d bytes", wire.ErrMalformed, len(b))
	}
	keys := identity.DeviceKeys{Sign: [32]byte(b), Agree: [32]byte(b[32:])}
	of = Log{At: peer.ID(b[begin-64:]), Community: [32]byte(b[begin-32:])}
	if of.At != keys.ID() || !ed25519.Verify(keys.Sign[:], b[128:], b[64:128]) {
		return Log{}, nil, fmt.Errorf("receipt: %w", identity.ErrSignature)
	}
	for at := begin; at < len(b); at += keptSize {
		all = append(all, Kept{
			ID: wire.BlobID(b[at:]), ExpiryDay: binary.BigEndian.Uint16(b[at+32:]), Cursor: binary.BigEndian.Uint64(b[at+34:]),
		})
	}
	return of, all, nil
}
