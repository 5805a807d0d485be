package community

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sottovoce/mesh/identity"
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

var linkAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

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
func (l *Link) Text() string {
	said, err := wire.Marshal(l.body())
	if err != nil {
		panic(fmt.Sprintf("community: writing a link: %v", err))
	}
	b := append([]byte{linkVersion}, said...)
	sum := linkSum(b)
	return linkScheme + linkAlphabet.EncodeToString(append(b, sum[:]...))
}

// IsLink reports whether a text means to be a join link: contact links have the same beginning, and
// another first byte.
func IsLink(text string) bool {
	digits, ok := strings.CutPrefix(bare(text), linkScheme)
	if !ok || len(digits) < 2 {
		return false
	}
	b, err := linkAlphabet.DecodeString(digits[:2])
	return err == nil && b[0] == linkVersion
}

// ParseLink reads a join link in upper or lower case, whatever white space it was broken by. It
// fails with ErrLink, or with wire.ErrNewer for one of a later version.
//
// spec: 10-communities#join-links
func ParseLink(text string) (*Link, error) {
	digits, ok := strings.CutPrefix(bare(text), linkScheme)
	if !ok || len(digits) > linkAlphabet.EncodedLen(linkMax) {
		return nil, ErrLink
	}
	b, err := linkAlphabet.DecodeString(digits)
	if err != nil || linkAlphabet.EncodeToString(b) != digits || len(b) < 1+linkSumSize {
		return nil, ErrLink
	}
	said, sum := b[:len(b)-linkSumSize], b[len(b)-linkSumSize:]
	if linkSum(said) != [linkSumSize]byte(sum) || said[0] < linkVersion {
		return nil, ErrLink
	}
	if said[0] != linkVersion {
		return nil, fmt.Errorf("join link: %w", wire.ErrNewer)
	}
	var body linkBody
	err = wire.Unmarshal(said[1:], &body)
	switch {
	case errors.Is(err, wire.ErrNewer):
		return nil, fmt.Errorf("join link: %w", err)
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
