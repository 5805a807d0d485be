package session

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// ErrNotForUs says that a blob lies under one of our tags and is not sealed
// for us: junk under a seen tag, or one that was damaged.
var ErrNotForUs = errors.New("blob under one of our tags is not sealed for us")

// sealing is all the key material of one blob.
type sealing struct {
	tag         [ratchet.TagSize]byte
	message     ratchet.Secret // mk; of a start its message secret
	headerKey   ratchet.Secret
	ratchetHead ratchet.Header
	expiryDay   uint16
}

// seal returns the blob of class that holds content, an encoded map, and its
// deletion secret. It draws the salt, 16 bytes, from rand.
//
// spec: 04-sessions#body
func (s *sealing) seal(class wire.Class, content []byte, rand io.Reader) (blob []byte, secret [16]byte, err error) {
	size := class.Size()
	secret = deletion(s.message)
	h := wire.Header{Class: class, ExpiryDay: s.expiryDay, Tag: s.tag, DelCommit: wire.CommitTo(secret)}
	blob = h.Append(make([]byte, 0, size))
	blob = append(blob, ratchet.Derive(s.message[:], nil, labelCheck, checkSize)...)
	blob = blob[:len(blob)+saltSize]
	salt := blob[len(blob)-saltSize:]
	if _, err := io.ReadFull(rand, salt); err != nil {
		return nil, secret, fmt.Errorf("draw a salt: %w", err)
	}
	blob = seal(blob, s.headerKey, salt, labelHeader, s.ratchetHead.Append(nil), blob[:wire.HeaderSize])
	plain := make([]byte, size-overhead)
	binary.BigEndian.PutUint32(plain, uint32(len(content)))
	copy(plain[lengthSize:], content)
	blob = seal(blob, s.message, salt, labelContent, plain, contentBinds(blob))
	clear(plain)
	return blob, secret, nil
}

// classFor returns the smallest class whose blobs hold a content of n bytes.
func classFor(n int) (wire.Class, error) {
	class, err := wire.ClassFor(n + lengthSize + overhead)
	if err != nil || class == wire.Class3 {
		return 0, fmt.Errorf("%w: content of %d bytes", ErrTooLarge, n)
	}
	return class, nil
}

// deletion derives D, which both ends of a direct conversation thereby know.
//
// spec: 04-sessions#deletion-secret
func deletion(message ratchet.Secret) [16]byte {
	return [16]byte(ratchet.Derive(message[:], nil, labelDelete, 16))
}

// isFor compares the blob's check with that of message: it commits to the key,
// so nothing is opened that could open under another one.
func isFor(blob []byte, message ratchet.Secret) bool {
	want := ratchet.Derive(message[:], nil, labelCheck, checkSize)
	return subtle.ConstantTimeCompare(want, blob[wire.HeaderSize:][:checkSize]) == 1
}

// openHeader opens the sealed ratchet header.
func openHeader(blob []byte, key ratchet.Secret) (ratchet.Header, error) {
	plain, err := open(key, salt(blob), labelHeader, blob[headerEnd-sealSize-ratchet.HeaderSize:headerEnd], blob[:wire.HeaderSize])
	if err != nil {
		return ratchet.Header{}, err
	}
	return ratchet.ParseHeader([ratchet.HeaderSize]byte(plain)), nil
}

// openContent opens the sealed content and returns the encoded map. The check
// must have been compared before.
func openContent(blob []byte, message ratchet.Secret) ([]byte, error) {
	plain, err := open(message, salt(blob), labelContent, blob[headerEnd:], contentBinds(blob))
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(plain)
	rest := plain[lengthSize:]
	if uint64(n) > uint64(len(rest)) {
		return nil, fmt.Errorf("%w: content longer than its blob", wire.ErrMalformed)
	}
	for _, b := range rest[n:] {
		if b != 0 {
			return nil, fmt.Errorf("%w: padding is not zero", wire.ErrMalformed)
		}
	}
	return rest[:n], nil
}

// contentBinds is the associated data of the content: the blob's header, and
// the sealed ratchet header, which a skipped message's reader cannot open.
func contentBinds(blob []byte) []byte {
	binds := append([]byte(nil), blob[:wire.HeaderSize]...)
	return append(binds, blob[headerEnd-sealSize-ratchet.HeaderSize:headerEnd]...)
}

func salt(blob []byte) []byte { return blob[wire.HeaderSize+checkSize:][:saltSize] }

// seal appends plain to blob, sealed under key and nonce of
// HKDF(secret, salt ‖ blob header): a state that was rolled back repeats the
// secret and never the salt, hence no nonce.
//
// spec: 04-sessions#body
func seal(blob []byte, secret ratchet.Secret, salt []byte, label string, plain, binds []byte) []byte {
	key := sealKey(secret, salt, label, blob[:wire.HeaderSize])
	defer clear(key)
	aead, err := chacha20poly1305.New(key[:chacha20poly1305.KeySize])
	if err != nil {
		panic(fmt.Sprintf("session: cipher: %v", err))
	}
	return aead.Seal(blob, key[chacha20poly1305.KeySize:], plain, binds)
}

func open(secret ratchet.Secret, salt []byte, label string, sealed, binds []byte) ([]byte, error) {
	key := sealKey(secret, salt, label, binds[:wire.HeaderSize])
	defer clear(key)
	aead, err := chacha20poly1305.New(key[:chacha20poly1305.KeySize])
	if err != nil {
		panic(fmt.Sprintf("session: cipher: %v", err))
	}
	plain, err := aead.Open(nil, key[chacha20poly1305.KeySize:], sealed, binds)
	if err != nil {
		return nil, ErrNotForUs
	}
	return plain, nil
}

func sealKey(secret ratchet.Secret, salt []byte, label string, blobHeader []byte) []byte {
	salted := append(append([]byte(nil), salt...), blobHeader...)
	return ratchet.Derive(secret[:], salted, label, chacha20poly1305.KeySize+chacha20poly1305.NonceSize)
}
