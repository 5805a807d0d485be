package ratchet

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Secret is 32 bytes of key material. It prints as "secret" whatever the verb,
// and cannot be written as text.
type Secret [32]byte

// Erase overwrites the secret with zeros.
func (s *Secret) Erase() { clear(s[:]) }

// String reveals nothing.
func (Secret) String() string { return "secret" }

// GoString reveals nothing.
func (Secret) GoString() string { return "secret" }

// Format reveals nothing.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "secret") }

// MarshalText refuses, so that no encoder writes a secret by accident.
func (Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("a secret is never written as text")
}

// Derive returns size bytes of HKDF-SHA256 (RFC 5869) over secret, with salt
// and info. A size beyond 8,160 bytes is our bug and panics.
//
// spec: 04-sessions#notation
func Derive(secret, salt []byte, info string, size int) []byte {
	out, err := hkdf.Key(sha256.New, secret, salt, info, size)
	if err != nil {
		panic(fmt.Sprintf("ratchet: derive %q: %v", info, err))
	}
	return out
}

// DeriveAll fills outs, in order, with 32 bytes each of one Derive.
func DeriveAll(secret, salt []byte, info string, outs ...*Secret) {
	b := Derive(secret, salt, info, len(outs)*len(Secret{}))
	for i, out := range outs {
		copy(out[:], b[i*len(out):])
	}
	clear(b)
}

// Tag returns the one-time tag of number n under a chain's tag key:
// HMAC-SHA256(key, n)[:16], n as four bytes, big endian.
//
// spec: 04-sessions#tags
func Tag(key Secret, n uint32) [TagSize]byte {
	return [TagSize]byte(MAC(key[:], binary.BigEndian.AppendUint32(nil, n)))
}

// Public returns the X25519 public key of a private one; any 32 bytes are a
// private key.
func Public(private Secret) [32]byte {
	return [32]byte(privateKey(private).PublicKey().Bytes())
}

// Agree returns X25519(private, public). It fails when their key has low
// order, so that the result would be zero.
func Agree(private Secret, public [32]byte) (Secret, error) {
	theirs, err := ecdh.X25519().NewPublicKey(public[:])
	if err != nil {
		panic(fmt.Sprintf("ratchet: public key of 32 bytes: %v", err))
	}
	shared, err := privateKey(private).ECDH(theirs)
	if err != nil {
		return Secret{}, fmt.Errorf("their X25519 key: %v", err)
	}
	return Secret(shared), nil
}

func privateKey(private Secret) *ecdh.PrivateKey {
	key, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		panic(fmt.Sprintf("ratchet: private key of 32 bytes: %v", err))
	}
	return key
}

// step returns HMAC(key, 0x01), the message's half, and replaces key by
// HMAC(key, 0x02).
func step(key *Secret) Secret {
	half := Secret(MAC(key[:], []byte{stepMessageKey}))
	*key = Secret(MAC(key[:], []byte{stepChainKey}))
	return half
}

// MAC returns HMAC-SHA256(key, message), 32 bytes.
func MAC(key, message []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(message)
	return m.Sum(nil)
}
