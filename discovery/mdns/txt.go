package mdns

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"sottovoce/mesh/peer"
)

// errNewer marks an announcement of a later version: not for us, and no fault.
var errNewer = errors.New("announcement is of a newer version")

// appendTXT appends the strings of a's TXT record. A nickname of more than 183
// bytes is cut between characters; the whole one travels in a contact request.
//
// spec: 02-discovery#txt-record
func appendTXT(txt []string, a *peer.Announcement) ([]string, error) {
	slots := make([]byte, 0, len(a.Slots)*len(a.Slots[0]))
	for _, s := range a.Slots {
		slots = append(slots, s[:]...)
	}
	out := append(txt,
		"v="+strconv.Itoa(version),
		"e="+strconv.FormatUint(uint64(a.Epoch), 10),
		"x="+encode(a.Nonce[:]),
		"f="+encode(a.Fingerprint[:]),
		"t="+encode(slots),
		"c="+strconv.FormatUint(a.Caps, 16),
	)
	if a.Version != version {
		return txt, fmt.Errorf("our announcement has version %d", a.Version)
	}
	if a.Open != nil {
		name := peer.CutName(a.Open.Name, nameMax)
		if name == "" || !utf8.ValidString(name) {
			return txt, errors.New("our open profile has no proper nickname")
		}
		out = append(out, "o="+encode(append(a.Open.Handle[:], name...)))
	}
	return out, nil
}

// parseTXT reads the strings of a TXT record: everything of an announcement but
// its labels and port. It refuses what is missing, doubled, of a wrong size or
// not in its one canonical form; unknown keys are ignored. A version above 1
// is errNewer.
//
// spec: 02-discovery#txt-record
func parseTXT(txt []string) (peer.Announcement, error) {
	var a peer.Announcement
	values, err := splitTXT(txt)
	if err != nil {
		return a, err
	}
	v, err := number(values, "v", 10, 8)
	if err != nil {
		return a, err
	}
	if v > version {
		return a, errNewer
	}
	if v < version {
		return a, errors.New("their announcement has version 0")
	}
	epoch, errE := number(values, "e", 10, 32)
	caps, errC := number(values, "c", 16, 64)
	slots := make([]byte, len(a.Slots)*len(a.Slots[0]))
	err = errors.Join(errE, errC,
		exactly(values, "x", a.Nonce[:]), exactly(values, "f", a.Fingerprint[:]), exactly(values, "t", slots))
	if err != nil {
		return peer.Announcement{}, err
	}
	a.Version, a.Epoch, a.Caps = version, uint32(epoch), caps
	for i := range a.Slots {
		copy(a.Slots[i][:], slots[i*len(a.Slots[i]):])
	}
	if o, ok := values["o"]; ok {
		if a.Open, err = parseOpen(o); err != nil {
			return peer.Announcement{}, err
		}
	}
	return a, nil
}

// splitTXT checks the limits and takes the strings apart at the first "=".
// Strings without "=" or key say nothing that we know, and are ignored.
func splitTXT(txt []string) (map[string]string, error) {
	values := make(map[string]string, 8)
	size := 0
	for i, s := range txt {
		if size += 1 + len(s); i == txtStrings || len(s) > txtString || size > txtMax {
			return nil, errors.New("their TXT record is too long")
		}
		key, value, found := strings.Cut(s, "=")
		if !found || key == "" {
			continue
		}
		if _, double := values[key]; double {
			return nil, fmt.Errorf("their TXT record has two values for %q", key)
		}
		values[key] = value
	}
	return values, nil
}

func parseOpen(s string) (*peer.Open, error) {
	b, err := decode(s)
	if err != nil {
		return nil, fmt.Errorf("their open profile: %w", err)
	}
	var open peer.Open
	n := copy(open.Handle[:], b)
	open.Name = string(b[n:])
	if open.Name == "" || len(open.Name) > nameMax || !utf8.ValidString(open.Name) {
		return nil, errors.New("their open profile has no proper nickname")
	}
	return &open, nil
}

// number reads an unsigned number without sign or leading zeros.
func number(values map[string]string, key string, base, bits int) (uint64, error) {
	s := values[key]
	n, err := strconv.ParseUint(s, base, bits)
	if err != nil || strconv.FormatUint(n, base) != s {
		return 0, fmt.Errorf("their TXT record has no proper %q", key)
	}
	return n, nil
}

// exactly fills into from a value of exactly its size.
func exactly(values map[string]string, key string, into []byte) error {
	b, err := decode(values[key])
	if err != nil || len(b) != len(into) {
		return fmt.Errorf("their TXT record has no proper %q", key)
	}
	copy(into, b)
	return nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decode accepts the one encoding that encode makes; the library's would let
// line breaks and stray low bits pass.
func decode(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || encode(b) != s {
		return nil, errors.New("value is not base64url")
	}
	return b, nil
}
