package community

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
)

const redacted = "[secret]"

// Secret is a key of 32 bytes: that of a week, or the seed of a signing key. It prints as
// "[secret]".
type Secret [32]byte

// String returns "[secret]".
func (Secret) String() string { return redacted }

// GoString returns "[secret]".
func (Secret) GoString() string { return redacted }

// Format prints "[secret]".
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Erase sets the secret to zero.
func (s *Secret) Erase() { clear(s[:]) }

// LinkSecret is what the links of members are keyed by: of the secret of a week the S of
// handshake.NewLinkKey.
//
// spec: 10-communities#keys-of-the-week
func (s Secret) LinkSecret() (link Secret) {
	expand(link[:], s[:], labelMember)
	return link
}

// hidden keeps a secret where package fmt never follows: behind two pointers. Copies share it.
type hidden struct{ p **Secret }

func hide(s Secret) hidden {
	p := &s
	return hidden{&p}
}

// signer is an Ed25519 private key. Copies share memory; it is not usable after Erase.
type signer struct {
	_    [0]func() // not comparable
	seed hidden
	pub  [32]byte
}

func newSigner(seed Secret) signer {
	key := ed25519.NewKeyFromSeed(seed[:])
	defer clear(key)
	return signer{seed: hide(seed), pub: [32]byte(key.Public().(ed25519.PublicKey))}
}

// Public returns the Ed25519 public key.
func (s signer) Public() [32]byte { return s.pub }

// Seed returns the private key in bytes, to be kept.
func (s signer) Seed() Secret { return **s.seed.p }

// Erase zeroes the private key in all copies.
func (s signer) Erase() { (*s.seed.p).Erase() }

// Format prints "[secret]".
func (s signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText returns "[secret]".
func (s signer) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// with lends the private key for one use.
func (s signer) with(use func(ed25519.PrivateKey)) {
	key := ed25519.NewKeyFromSeed((*s.seed.p)[:])
	defer clear(key)
	use(key)
}

// sign signs bytes that begin with a label.
func (s signer) sign(message []byte) (sig [64]byte) {
	s.with(func(key ed25519.PrivateKey) { sig = [64]byte(ed25519.Sign(key, message)) })
	return sig
}

// OperatorKey signs a community's roster, and nothing else.
//
// spec: 10-communities#operators
type OperatorKey struct{ signer }

// NewOperatorKey draws 32 bytes from rand.
func NewOperatorKey(rand io.Reader) (OperatorKey, error) {
	seed, err := draw(rand)
	return OperatorKeyOf(seed), err
}

// OperatorKeyOf makes the key whose Seed returned seed.
func OperatorKeyOf(seed Secret) OperatorKey { return OperatorKey{newSigner(seed)} }

// PersonaKey is what a member is to one community: a key of its own, unrelated to account and
// device.
//
// spec: 10-communities#personas
type PersonaKey struct{ signer }

// NewPersonaKey draws 32 bytes from rand.
func NewPersonaKey(rand io.Reader) (PersonaKey, error) {
	seed, err := draw(rand)
	return PersonaKeyOf(seed), err
}

// PersonaKeyOf makes the key whose Seed returned seed.
func PersonaKeyOf(seed Secret) PersonaKey { return PersonaKey{newSigner(seed)} }

// Persona returns the persona's id, its public key.
func (k PersonaKey) Persona() Persona { return k.pub }

func draw(rand io.Reader) (s Secret, err error) {
	if _, err := io.ReadFull(rand, s[:]); err != nil {
		return Secret{}, fmt.Errorf("drawing a key: %v", err)
	}
	return s, nil
}

func expand(dst, secret []byte, label string) {
	key, err := hkdf.Key(sha256.New, secret, nil, label, len(dst))
	if err != nil {
		panic(fmt.Sprintf("community: deriving a key: %v", err))
	}
	copy(dst, key)
	clear(key)
}
