package store

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// Labels of the values that are sealed one by one; they and the row's id are
// what a value is sealed with, so that it opens nowhere else.
//
// spec: 09-storage#sealed-values
const (
	labelRows   = "sv1 rows"
	adContact   = "contact"
	adPair      = "pair"
	adPairFixed = "pair fixed"
	adSkipped   = "skipped"
	adRequest   = "request"
	adSetting   = "setting " // and its key
	adBlob      = "blob"
	adDelete    = "delete"
	adWords     = "words" // sealed under the conversation's body key
)

// errDamaged says that a sealed value does not open, or that a value is not what
// we write.
var errDamaged = errors.New("a value is damaged")

// sealOverhead is what a sealed value is longer than the value, in bytes.
const sealOverhead = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

// newSealer returns the XChaCha20-Poly1305 of a 32-byte key.
func newSealer(key []byte) cipher.AEAD {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(fmt.Sprintf("store: %v", err))
	}
	return aead
}

// newRowSealer returns the one of the row key.
func newRowSealer(database [32]byte) cipher.AEAD {
	key := derive(database[:], nil, labelRows)
	defer clear(key)
	return newSealer(key)
}

// derive is HKDF-SHA256 to 32 bytes.
func derive(secret, salt []byte, label string) []byte {
	key, err := hkdf.Key(sha256.New, secret, salt, label, chacha20poly1305.KeySize)
	if err != nil {
		panic(fmt.Sprintf("store: %v", err))
	}
	return key
}

func rowAD(label string, id int64) []byte {
	ad := append(make([]byte, 0, len(label)+8), label...)
	return binary.BigEndian.AppendUint64(ad, uint64(id))
}

// seal returns nonce ‖ sealed value.
func (s *Store) seal(aead cipher.AEAD, value, ad []byte) ([]byte, error) {
	sealed := make([]byte, aead.NonceSize(), aead.NonceSize()+len(value)+aead.Overhead())
	if err := s.draw(sealed); err != nil {
		return nil, err
	}
	return aead.Seal(sealed, sealed, value, ad), nil
}

// opened opens what seal returned.
func (r *row) opened(i int, aead cipher.AEAD, ad []byte) []byte {
	sealed := r.q.st.ColumnRawBlob(i)
	if len(sealed) < aead.NonceSize() {
		r.damaged()
		return nil
	}
	value, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], ad)
	if err != nil {
		r.damaged()
	}
	return value
}

// draw fills b with randomness.
func (s *Store) draw(b []byte) error {
	s.drawing.Lock()
	defer s.drawing.Unlock()
	return fill(s.rand, b)
}

func fill(rand io.Reader, b []byte) error {
	if _, err := io.ReadFull(rand, b); err != nil {
		return fmt.Errorf("randomness: %w", err)
	}
	return nil
}
