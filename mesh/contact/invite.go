package contact

import (
	"errors"
	"fmt"

	"sottovoce/mesh/linktext"
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

var linkForm = linktext.Form{Name: "contact link", Version: linkVersion, Label: labelLink, Max: linkMax}

// Link returns the text to hand out. In upper case it means the same, and makes a
// smaller QR code.
//
// spec: 05-contacts#contact-links
func (i Invite) Link() string {
	return linkForm.Text(linkBody{Secret: i.Meeting.Secret, Account: i.Account, Until: i.Until, Door: i.Door})
}

// IsLink reports whether a text means to be a contact link.
func IsLink(text string) bool { return linktext.Is(text) }

// ParseInvite reads a contact link in upper or lower case, whatever white space it was
// broken by. It fails with ErrLink, or with wire.ErrNewer for a link of a later version.
//
// spec: 05-contacts#contact-links
func ParseInvite(text string) (Invite, error) {
	var body linkBody
	err := linkForm.Parse(text, &body)
	switch {
	case errors.Is(err, wire.ErrNewer):
		return Invite{}, err
	case err != nil || body.Until > linkDayMax || body.Door != nil && !body.Door.sound():
		return Invite{}, ErrLink
	}
	return Invite{Meeting: Meeting{body.Secret}, Account: body.Account, Until: body.Until, Door: body.Door}, nil
}

// Format prints where the link leads and nothing of its secret.
func (i Invite) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "contact link until day %d", i.Until) }
