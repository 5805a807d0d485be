package community

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/linktext"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// JoinSecret is the secret of a join link. It prints as "[secret]".
//
// spec: 10-communities#join-links
type JoinSecret [16]byte

// Format prints "[secret]".
func (JoinSecret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (JoinSecret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the secret to zero.
func (s *JoinSecret) Erase() { clear(s[:]) }

// key is the key that the secret makes: its public half names the link, and is all that
// supernodes keep of it.
func (s *JoinSecret) key() signer {
	var seed Secret
	defer seed.Erase()
	expand(seed[:], s[:], labelInvite)
	return newSigner(seed)
}

// Stop is a supernode as a link names it.
type Stop struct {
	Sign      [32]byte `cbor:"1,keyasint"`
	Agree     [32]byte `cbor:"2,keyasint"`
	Addresses []string `cbor:"3,keyasint,omitempty"` // host:port
}

// ID returns the supernode's peer id.
func (s Stop) ID() peer.ID { return identity.DeviceKeys{Sign: s.Sign, Agree: s.Agree}.ID() }

// Link is what a join link says. Whoever reads it can join, as long as it has uses.
//
// spec: 10-communities#join-links
type Link struct {
	Root   [32]byte
	Secret JoinSecret
	Until  uint64 // Unix seconds after which it is not taken any more
	Stops  []Stop // supernodes that take it, 1 to 4
	Seat   bool   // it makes a supernode, not a member
}

// ErrLink says that a text is no join link, or not all of one.
var ErrLink = errors.New("that is not a whole join link: copy all of it, from \"sottovoce:\" to its last letter")

// linkBody is the CBOR in a link.
type linkBody struct {
	Root   [32]byte `cbor:"1,keyasint"`
	Secret [16]byte `cbor:"2,keyasint"`
	Until  uint64   `cbor:"3,keyasint"`
	Stops  []Stop   `cbor:"4,keyasint"`
	Seat   bool     `cbor:"5,keyasint,omitempty"`
}

var linkForm = linktext.Form{Name: "join link", Version: linkVersion, Label: labelLink, Max: linkMax}

// drawLink draws the secret of a link.
func drawLink(rand io.Reader, root [32]byte, until time.Time, seat bool) (*Link, error) {
	l := &Link{Root: root, Until: seconds(until), Seat: seat}
	if _, err := io.ReadFull(rand, l.Secret[:]); err != nil {
		return nil, fmt.Errorf("drawing a join link: %v", err)
	}
	return l, nil
}

// Community returns the id of the community that the link leads to.
func (l *Link) Community() ID { return IDOf(l.Root) }

// leadsTo reports whether the link names a supernode.
func (l *Link) leadsTo(at peer.ID) bool {
	return slices.ContainsFunc(l.Stops, func(s Stop) bool { return s.ID() == at })
}

// Invite names the link; it tells nothing of the secret.
func (l *Link) Invite() Invite {
	key := l.Secret.key()
	defer key.Erase()
	return key.pub
}

// Expired reports whether the link is past its time at now.
func (l *Link) Expired(now time.Time) bool { return seconds(now) > l.Until }

// Text returns the text to hand out. In upper case it means the same, and makes a smaller QR code.
//
// spec: 10-communities#join-links
func (l *Link) Text() string { return linkForm.Text(l.body()) }

// IsLink reports whether a text means to be a join link: contact links have the same beginning, and
// another first byte.
func IsLink(text string) bool { return linktext.VersionOf(text) == linkVersion }

// ParseLink reads a join link in upper or lower case, whatever white space it was broken by. It
// fails with ErrLink, or with wire.ErrNewer for one of a later version.
//
// spec: 10-communities#join-links
func ParseLink(text string) (*Link, error) {
	var body linkBody
	err := linkForm.Parse(text, &body)
	switch {
	case errors.Is(err, wire.ErrNewer):
		return nil, err
	case err != nil:
		return nil, ErrLink
	}
	return body.link()
}

func (l *Link) body() *linkBody {
	return &linkBody{Root: l.Root, Secret: l.Secret, Until: l.Until, Stops: l.Stops, Seat: l.Seat}
}

// link checks what stands in a link.
func (b *linkBody) link() (*Link, error) {
	if len(b.Stops) == 0 || len(b.Stops) > stopsMax {
		return nil, ErrLink
	}
	for _, s := range b.Stops {
		if CheckAddresses(s.Addresses) != nil {
			return nil, ErrLink
		}
	}
	return &Link{Root: b.Root, Secret: b.Secret, Until: b.Until, Stops: b.Stops, Seat: b.Seat}, nil
}

// Format prints where the link leads and nothing of its secret.
func (l Link) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "join link of %v", IDOf(l.Root)) }

// CheckAddresses fails unless there are at most 4 addresses, each "host:port" with the name of a
// host or an IP address without a zone, and a port.
//
// spec: 10-communities#addresses
func CheckAddresses(all []string) error {
	if len(all) > AddressesMax {
		return fmt.Errorf("%d addresses, the limit is %d", len(all), AddressesMax)
	}
	for _, a := range all {
		if err := checkAddress(a); err != nil {
			return err
		}
	}
	return nil
}

func checkAddress(a string) error {
	if len(a) > AddressSizeMax {
		return fmt.Errorf("address of %d bytes, the limit is %d", len(a), AddressSizeMax)
	}
	if ap, err := netip.ParseAddrPort(a); err == nil {
		if ap.Addr().Zone() != "" || ap.Addr().IsUnspecified() || ap.Addr().IsMulticast() || ap.Port() == 0 {
			return fmt.Errorf("%q is no address that others can reach", a)
		}
		return nil
	}
	host, digits, found := strings.Cut(a, ":")
	port, err := strconv.ParseUint(digits, 10, 16)
	if !found || err != nil || port == 0 || strconv.FormatUint(port, 10) != digits || !isHost(host) {
		return fmt.Errorf("%q is no address: it is to be HOST:PORT", a)
	}
	return nil
}

// isHost reports whether a text can be the name of a host: dotted labels of letters, digits and
// hyphens.
func isHost(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
		}
	}
	return true
}

// seconds are Unix seconds, 0 for times before 1970.
func seconds(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }
