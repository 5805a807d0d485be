// Package linktext writes links that people hand out, on paper or in a chat, as text, and reads them however they arrive.
//
// What a link says, and what comes of it, is left to whose link it is.
package linktext

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"sottovoce/mesh/wire"
)

// Scheme is what every link begins with.
const Scheme = "sottovoce:"

const (
	sumSize = 4       // bytes that find what was mistyped or cut off; they protect from nobody
	textMax = 4 << 10 // bytes of a text that may be a link, with what breaks its lines
)

// ErrText says that a text is no link of a form, or not all of one.
var ErrText = errors.New("that is not a whole link")

// Form is one kind of link.
//
// spec: 05-contacts#contact-links
type Form struct {
	Name    string // in errors
	Version byte   // the first byte of its own kind; larger ones are of later versions
	Label   string // of the checksum
	Max     int    // bytes of a link
}

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Text returns the text that says body, which wire.Marshal takes. In upper case it means the same, and makes a smaller QR code.
func (f Form) Text(body any) string {
	said, err := wire.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("linktext: writing a %s: %v", f.Name, err))
	}
	b := append([]byte{f.Version}, said...)
	return Scheme + alphabet.EncodeToString(append(b, f.sum(b)...))
}

// Parse reads a text in upper or lower case, whatever white space it was broken by, into body. It fails with ErrText, or with
// wire.ErrNewer for one of a later version.
func (f Form) Parse(text string, body any) error {
	digits, ok := strings.CutPrefix(bare(text), Scheme)
	if !ok || len(digits) > alphabet.EncodedLen(f.Max) {
		return ErrText
	}
	b, err := alphabet.DecodeString(digits)
	if err != nil || alphabet.EncodeToString(b) != digits || len(b) < 1+sumSize {
		return ErrText
	}
	said, sum := b[:len(b)-sumSize], b[len(b)-sumSize:]
	switch {
	case string(f.sum(said)) != string(sum), said[0] < f.Version:
		return ErrText
	case said[0] > f.Version:
		err = wire.ErrNewer
	default:
		err = wire.Unmarshal(said[1:], body)
	}
	switch {
	case errors.Is(err, wire.ErrNewer):
		return fmt.Errorf("%s: %w", f.Name, err)
	case err != nil:
		return ErrText
	}
	return nil
}

func (f Form) sum(b []byte) []byte {
	sum := wire.HashOf(f.Label, b)
	return sum[:sumSize]
}

// Is reports whether a text means to be a link.
func Is(text string) bool { return strings.HasPrefix(bare(text), Scheme) }

// VersionOf is the first byte of a text that means to be a link; 0 where there is none.
func VersionOf(text string) byte {
	digits, ok := strings.CutPrefix(bare(text), Scheme)
	if !ok || len(digits) < 2 {
		return 0
	}
	b, err := alphabet.DecodeString(digits[:2])
	if err != nil {
		return 0
	}
	return b[0]
}

// bare is a text in lower case without what chat programs break lines with.
func bare(text string) string {
	if len(text) > textMax {
		return ""
	}
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text))
}
