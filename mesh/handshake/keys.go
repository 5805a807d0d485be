package handshake

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
)

// Exporter is E, the 32 bytes that TLS exports on both ends of one connection.
// spec: 03-links#exporter
type Exporter [32]byte

// Static is an X25519 private key that names a device or an open profile. The zero
// value means that there is none. It prints as nothing.
type Static [KeySize]byte

// Public is the X25519 public key of s. It is zero for the zero Static.
func (s *Static) Public() [KeySize]byte {
	var public [KeySize]byte
	if s.IsZero() {
		return public
	}
	key, err := ecdh.X25519().NewPrivateKey(s[:])
	if err != nil {
		panic("handshake: a 32-byte key was refused: " + err.Error())
	}
	copy(public[:], key.PublicKey().Bytes())
	return public
}

// IsZero says whether there is no key.
func (s *Static) IsZero() bool { return *s == Static{} }

// Erase overwrites the key.
func (s *Static) Erase() { clear(s[:]) }

func (Static) String() string               { return redacted }
func (Static) GoString() string             { return redacted }
func (Static) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, redacted) }
func (Static) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// redacted is what every secret of this package prints as.
const redacted = "(secret)"

// Statics are the private keys that a node proves itself with. A supernode has Supernode and no
// others, a node has none of that. Open is zero while the node has no open profile, and Hidden says that it does not show the one it has: open-mode
// dials to it get a decoy, and it may dial still. OpenSign is the open profile's Ed25519
// public key, which goes with Open.
type Statics struct {
	Device    Static
	Open      Static
	OpenSign  [KeySize]byte
	Hidden    bool
	Supernode Static
}

// of returns the key that one end proves in a mode; in mode pair there is none, nor has who
// dials a supernode one.
func (s *Statics) of(mode Mode, initiator bool) *Static {
	switch {
	case mode == Open:
		return &s.Open
	case mode == Contact:
		return &s.Device
	case (mode == Member || mode == Supernode) && !initiator:
		return &s.Supernode
	}
	return new(Static)
}

// says is what we say of ourselves in the payload of flight 2 or 3.
// spec: 03-links#payload
func (s *Statics) says(mode Mode, pair *Pair) payloadMap {
	switch mode {
	case Open:
		sign := s.OpenSign
		return payloadMap{Sign: &sign}
	case PairUp:
		label := pair.Label
		return payloadMap{Label: &label}
	}
	return payloadMap{}
}

// Erase overwrites the keys.
func (s *Statics) Erase() {
	s.Device.Erase()
	s.Open.Erase()
	s.Supernode.Erase()
}

// LinkKey is what two devices share to find and prove each other on a link: a Noise
// psk and a hint key, both derived from one 32-byte secret. It prints as nothing.
// spec: 03-links#link-keys
type LinkKey struct {
	psk  [32]byte
	hint [32]byte
}

// NewLinkKey derives the link key of a secret: the contact secret before there is a
// session, afterwards the session's link secret of a generation; in mode pair the link
// secret of an invite, in mode member what 08-custody#links makes of the week's psk.
func NewLinkKey(secret []byte) LinkKey {
	var k LinkKey
	expand(k.psk[:], secret, labelPSK)
	expand(k.hint[:], secret, labelHint)
	return k
}

func expand(dst, secret []byte, label string) {
	key, err := hkdf.Key(sha256.New, secret, nil, label, len(dst))
	if err != nil {
		panic("handshake: HKDF refused 32 bytes: " + err.Error())
	}
	copy(dst, key)
	clear(key)
}

// Hint is HMAC-SHA256(hint key, "i" ‖ E), cut to 16 bytes: it tells the responder
// which pair is dialling and looks random to everybody else.
// spec: 03-links#hint
func (k *LinkKey) Hint(e Exporter) [HintSize]byte {
	mac := hmac.New(sha256.New, k.hint[:])
	mac.Write([]byte(labelHintMAC))
	mac.Write(e[:])
	return [HintSize]byte(mac.Sum(nil)[:HintSize])
}

// Erase overwrites the key.
func (k *LinkKey) Erase() { *k = LinkKey{} }

func (LinkKey) String() string               { return redacted }
func (LinkKey) GoString() string             { return redacted }
func (LinkKey) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, redacted) }
func (LinkKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }
