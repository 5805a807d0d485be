package jetstream

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// labelFile is what the key of files is derived under. spec: 13-mailbox#sealed-files
const labelFile = "sv1 store file"

// keyBlock is the type of the block in a file of credentials that holds the key of the files.
const keyBlock = "SOTTOVOCE STORE KEY"

// Errors of files that are sealed otherwise than we can read them.
var (
	errSealed   = errors.New("the files of this store are sealed: the file of credentials lacks their key, a block " + keyBlock)
	errUnsealed = errors.New("the files of this store are not sealed: take the block " + keyBlock + " out of the file of credentials, or choose another store, /NAME at the end of the address")
	errKeyBlock = errors.New("holds a " + keyBlock + " that cannot be read: it is one block of 32 bytes in base64, with BEGIN and END on lines of their own")
	errSealKey  = errors.New("the " + keyBlock + " in the file of credentials is not the one by which the files of this store are sealed, or they were changed")
)

// seal keeps files from whoever has the servers' disks. The nil one leaves them as they are. It prints nothing of the key.
//
// spec: 13-mailbox#sealed-files
type seal struct {
	aead  cipher.AEAD
	store string
}

// Format prints that there is one.
func (*seal) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[secret]") }

// newSeal takes the key out of a file of credentials; nil if none is in it. Where one is meant and cannot be read it fails: nothing is left unsealed by
// mistake.
func newSeal(credentials []byte, store string) (*seal, error) {
	switch bytes.Count(credentials, []byte(keyBlock)) {
	case 0:
		return nil, nil
	case 2: // at its beginning and its end
	default:
		return nil, errKeyBlock
	}
	for rest := credentials; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errKeyBlock
		}
		if block.Type != keyBlock {
			clear(block.Bytes)
			continue
		}
		defer clear(block.Bytes)
		if len(block.Bytes) != chacha20poly1305.KeySize {
			return nil, errKeyBlock
		}
		key, err := hkdf.Key(sha256.New, block.Bytes, nil, labelFile, chacha20poly1305.KeySize)
		if err != nil {
			return nil, err
		}
		defer clear(key)
		aead, err := chacha20poly1305.NewX(key)
		return &seal{aead, store}, err
	}
}

// version is that of messages of files.
func (s *seal) version() byte {
	if s == nil {
		return version
	}
	return versionSealed
}

// wrap seals the content of a file.
func (s *seal) wrap(name string, content []byte) []byte {
	if s == nil {
		return content
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(content)+chacha20poly1305.Overhead)
	_, _ = rand.Read(nonce) // never fails
	return s.aead.Seal(nonce, nonce, content, []byte(s.store+"/"+name))
}

// unwrap is the content of a file whose messages are of a version.
func (s *seal) unwrap(name string, of byte, content []byte) ([]byte, error) {
	switch {
	case s == nil && of == version:
		return content, nil
	case s == nil:
		return nil, errSealed
	case of == version:
		return nil, errUnsealed
	case len(content) < chacha20poly1305.NonceSizeX:
		return nil, errSealKey
	}
	content, err := s.aead.Open(nil, content[:chacha20poly1305.NonceSizeX], content[chacha20poly1305.NonceSizeX:], []byte(s.store+"/"+name))
	if err != nil {
		return nil, errSealKey
	}
	return content, nil
}
