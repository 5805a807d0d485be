package peer

import (
	"encoding/base32"
	"fmt"
	"strings"
)

// Prefixes of the textual ids that this package knows. Accounts, messages and
// conversations have theirs where they are defined.
const (
	idPrefix     = "peer-"
	handlePrefix = "near-"
)

var textEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// EncodeText returns the textual form of raw: prefix and lower-case base32
// without padding. Each kind of id has its own prefix.
//
// spec: 00-encoding#textual-ids
func EncodeText(prefix string, raw []byte) string {
	return prefix + textEncoding.EncodeToString(raw)
}

// DecodeText parses the textual form s of an id into dst, whose length is the
// id's. It takes exactly what EncodeText makes: upper case, padding and stray
// trailing bits are refused. dst is untouched on error.
//
// spec: 00-encoding#textual-ids
func DecodeText(prefix, s string, dst []byte) error {
	digits, found := strings.CutPrefix(s, prefix)
	if !found {
		return fmt.Errorf("id does not start with %q", prefix)
	}
	if len(digits) != textEncoding.EncodedLen(len(dst)) {
		return fmt.Errorf("id after %q has %d characters, not %d", prefix, len(digits), textEncoding.EncodedLen(len(dst)))
	}
	// The decoder skips line breaks and ignores spare bits: encode again and compare.
	raw, err := textEncoding.DecodeString(digits)
	if err != nil || textEncoding.EncodeToString(raw) != digits {
		return fmt.Errorf("id after %q is not base32", prefix)
	}
	copy(dst, raw)
	return nil
}

// String returns "peer-" and 52 characters of base32.
func (id ID) String() string { return EncodeText(idPrefix, id[:]) }

// ParseID parses what String returned.
func ParseID(s string) (ID, error) {
	var id ID
	if err := DecodeText(idPrefix, s, id[:]); err != nil {
		return ID{}, fmt.Errorf("peer %w", err)
	}
	return id, nil
}

// String returns "near-" and 10 characters of base32.
func (h Handle) String() string { return EncodeText(handlePrefix, h[:]) }

// ParseHandle parses what String returned.
func ParseHandle(s string) (Handle, error) {
	var h Handle
	if err := DecodeText(handlePrefix, s, h[:]); err != nil {
		return Handle{}, fmt.Errorf("near %w", err)
	}
	return h, nil
}
