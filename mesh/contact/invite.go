package contact

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"sottovoce/mesh/wire"
)

// Invite is what a contact link says. Whoever reads it first can use it.
//
// spec: 05-contacts#contact-links
type Invite struct {
	Meeting Meeting
	Account Mark   // of who gave it out: nobody else can answer in their place
	Until   uint32 // the last day on which it is answered, in days since the Unix epoch
	Door    *Door  // of the supernode that answers while the giver is away; nil: none does
}

// Door is how a supernode is found by who is no member: the X25519 key that it proves, and where it is dialled, "host:port".
type Door struct {
	Key       [32]byte `cbor:"1,keyasint"`
	Addresses []string `cbor:"2,keyasint"`
}

// Narrow is the door with as many addresses as a link has room for, the first ones; nil if none fits.
//
// spec: 05-contacts#contact-links
func (d Door) Narrow() *Door {
	narrow := &Door{Key: d.Key}
	for _, a := range d.Addresses {
		if len(a) > 0 && len(a) <= doorAddressMax && len(narrow.Addresses) < doorAddressesMax {
			narrow.Addresses = append(narrow.Addresses, a)
		}
	}
	if len(narrow.Addresses) == 0 {
		return nil
	}
	return narrow
}

// sound reports whether a door is one that Narrow could have made.
func (d *Door) sound() bool {
	n := d.Narrow()
	return n != nil && len(n.Addresses) == len(d.Addresses)
}

// ErrLink says that a text is no contact link, or not all of one.
var ErrLink = errors.New("that is not a whole contact link: copy all of it, from \"sottovoce:\" to its last letter")

// linkBody is map {1: secret, 2: mark of the account, 3: last day, ? 4: door}.
type linkBody struct {
	Secret  [32]byte `cbor:"1,keyasint"`
	Account Mark     `cbor:"2,keyasint"`
	Until   uint32   `cbor:"3,keyasint"`
	Door    *Door    `cbor:"4,keyasint,omitempty"`
}

var linkAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Link returns the text to hand out. In upper case it means the same, and makes a
// smaller QR code.
//
// spec: 05-contacts#contact-links
func (i Invite) Link() string {
	said, err := wire.Marshal(linkBody{Secret: i.Meeting.Secret, Account: i.Account, Until: i.Until, Door: i.Door})
	if err != nil {
		panic(fmt.Sprintf("contact: writing a link: %v", err))
	}
	b := append([]byte{linkVersion}, said...)
	sum := linkSum(b)
	return linkScheme + linkAlphabet.EncodeToString(append(b, sum[:]...))
}

// IsLink reports whether a text means to be a contact link.
func IsLink(text string) bool { return strings.HasPrefix(bare(text), linkScheme) }

// ParseInvite reads a contact link in upper or lower case, whatever white space it was
// broken by. It fails with ErrLink, or with wire.ErrNewer for a link of a later version.
//
// spec: 05-contacts#contact-links
func ParseInvite(text string) (Invite, error) {
	digits, ok := strings.CutPrefix(bare(text), linkScheme)
	if !ok || len(digits) > linkAlphabet.EncodedLen(linkMax) {
		return Invite{}, ErrLink
	}
	b, err := linkAlphabet.DecodeString(digits)
	if err != nil || linkAlphabet.EncodeToString(b) != digits || len(b) < 1+linkSumSize {
		return Invite{}, ErrLink
	}
	said, sum := b[:len(b)-linkSumSize], b[len(b)-linkSumSize:]
	if linkSum(said) != [linkSumSize]byte(sum) {
		return Invite{}, ErrLink
	}
	if said[0] != linkVersion {
		return Invite{}, fmt.Errorf("contact link: %w", wire.ErrNewer)
	}
	var body linkBody
	err = wire.Unmarshal(said[1:], &body)
	switch {
	case errors.Is(err, wire.ErrNewer):
		return Invite{}, fmt.Errorf("contact link: %w", err)
	case err != nil || body.Until > linkDayMax || body.Door != nil && !body.Door.sound():
		return Invite{}, ErrLink
	}
	return Invite{Meeting: Meeting{body.Secret}, Account: body.Account, Until: body.Until, Door: body.Door}, nil
}

// linkSum finds what was mistyped or cut off; it protects from nobody.
func linkSum(b []byte) [linkSumSize]byte {
	sum := wire.HashOf(labelLink, b)
	return [linkSumSize]byte(sum[:])
}

// bare is a text in lower case without what chat programs break lines with.
func bare(text string) string {
	if len(text) > linkTextMax {
		return ""
	}
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text))
}

// Format prints where the link leads and nothing of its secret.
func (i Invite) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "contact link until day %d", i.Until) }
