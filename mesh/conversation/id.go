package conversation

import (
	"bytes"
	"fmt"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

const (
	idPrefix   = "conv-"
	opIDPrefix = "msg-"
)

// ID names a conversation on the wire, inside sealed blobs only.
type ID [32]byte

// String returns "conv-" and 52 characters of base32.
func (id ID) String() string { return peer.EncodeText(idPrefix, id[:]) }

// ParseID parses what String returned.
func ParseID(s string) (ID, error) {
	var id ID
	if err := peer.DecodeText(idPrefix, s, id[:]); err != nil {
		return ID{}, fmt.Errorf("conversation %w", err)
	}
	return id, nil
}

// DirectID is the id of the one direct conversation of two accounts, the same
// whichever comes first.
//
// spec: 06-conversations#direct-conversations
func DirectID(a, b identity.AccountID) ID {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return ID(wire.HashOf("sv1 direct", a[:], b[:]))
}

// OpID is the hash of an op's bytes.
//
// spec: 06-conversations#ids
type OpID [32]byte

// Compare orders ids by their bytes.
func (id OpID) Compare(other OpID) int { return bytes.Compare(id[:], other[:]) }

// String returns "msg-" and 52 characters of base32.
func (id OpID) String() string { return peer.EncodeText(opIDPrefix, id[:]) }

// ParseOpID parses what String returned.
func ParseOpID(s string) (OpID, error) {
	var id OpID
	if err := peer.DecodeText(opIDPrefix, s, id[:]); err != nil {
		return OpID{}, fmt.Errorf("message %w", err)
	}
	return id, nil
}
