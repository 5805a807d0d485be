package conversation

import (
	"bytes"
	"fmt"
	"strings"

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

// OpIDPrefix returns the bytes that every op id begins with whose text begins as
// typed: "msg-" and 2 to 52 digits. The last digits may not make up a whole byte;
// they are for the caller to compare.
func OpIDPrefix(typed string) ([]byte, error) {
	digits, found := strings.CutPrefix(typed, opIDPrefix)
	if !found || len(digits) < 2 || len(digits) > opIDDigits {
		return nil, fmt.Errorf("message id is not %q and 2 to %d digits", opIDPrefix, opIDDigits)
	}
	// Fill up with the digit zero: all prefixes are read by the one strict decoder.
	id, err := ParseOpID(typed + strings.Repeat("a", opIDDigits-len(digits)))
	if err != nil {
		return nil, err
	}
	return id[:len(digits)*5/8], nil
}

// opIDDigits is the number of base32 digits in the text of an id.
const opIDDigits = 52
