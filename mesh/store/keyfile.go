package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"sottovoce/mesh/wire"
)

// keyFile is the key file as it is on disk: parameters and two slots, one of
// which is random bytes unless there is a second profile. Which is which, and
// whether a passphrase or the file key opens it, it does not say.
//
// spec: 09-storage#key-file
type keyFile struct {
	Version uint64     `cbor:"1,keyasint"`
	Argon   argonCost  `cbor:"2,keyasint"`
	Slots   [2]keySlot `cbor:"3,keyasint"`
}

// argonCost is what a passphrase costs to try.
type argonCost struct {
	Time    uint32 `cbor:"1,keyasint"` // passes
	Memory  uint32 `cbor:"2,keyasint"` // KiB
	Threads uint8  `cbor:"3,keyasint"`
}

var argonFloor = argonCost{Time: argonTimeMin, Memory: argonMemoryMin, Threads: argonThreadsMin}

type keySlot struct {
	Salt   [keySaltSize]byte `cbor:"1,keyasint"`
	Sealed []byte            `cbor:"2,keyasint"` // nonce ‖ sealed secrets, padded; or random
}

const (
	labelKeyFile    = "sv1 key file"
	labelKeySlot    = "sv1 key slot"
	labelFileKey    = "sv1 file key"
	labelPassphrase = "sv1 passphrase"

	keyChecksumSize = 32
	keyLengthSize   = 4 // bytes before the secrets inside a slot
)

// errKeyFile says that bytes are no key file.
var errKeyFile = errors.New("not a key file")

// parseKeyFile parses a key file. Its checksum only notices accidents, in the
// random slot too; slots are authenticated when they are opened.
func parseKeyFile(b []byte) (*keyFile, error) {
	if len(b) < keyChecksumSize || len(b) > keyFileSizeMax {
		return nil, fmt.Errorf("%w: %d bytes", errKeyFile, len(b))
	}
	body, sum := b[:len(b)-keyChecksumSize], b[len(b)-keyChecksumSize:]
	if want := wire.HashOf(labelKeyFile, body); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("%w: checksum", errKeyFile)
	}
	var version struct {
		Version uint64 `cbor:"1,keyasint"`
	}
	if err := wire.Unmarshal(body, &version); err != nil {
		return nil, err
	}
	if version.Version > keyFileVersion {
		return nil, fmt.Errorf("key file version %d: %w", version.Version, wire.ErrNewer)
	}
	f := new(keyFile)
	if err := wire.Unmarshal(body, f); err != nil {
		return nil, err
	}
	return f, f.check()
}

func (f *keyFile) check() error {
	a := f.Argon
	switch {
	case f.Version != keyFileVersion:
		return fmt.Errorf("%w: version %d", errKeyFile, f.Version)
	case a.Time < argonTimeMin || a.Time > argonTimeMax, a.Memory < argonMemoryMin || a.Memory > argonMemoryMax,
		a.Threads < argonThreadsMin || a.Threads > argonThreadsMax:
		return fmt.Errorf("%w: argon2id with t=%d m=%d p=%d", errKeyFile, a.Time, a.Memory, a.Threads)
	}
	size := len(f.Slots[0].Sealed)
	if size != len(f.Slots[1].Sealed) || size > keySlotSizeMax+sealOverhead ||
		size <= sealOverhead || (size-sealOverhead)%keySlotStep != 0 {
		return fmt.Errorf("%w: slots of %d and %d bytes", errKeyFile, size, len(f.Slots[1].Sealed))
	}
	return nil
}

// append appends the bytes of the file.
func (f *keyFile) append(b []byte) ([]byte, error) {
	body, err := wire.Marshal(*f)
	if err != nil {
		return nil, err
	}
	sum := wire.HashOf(labelKeyFile, body)
	return append(append(b, body...), sum[:]...), nil
}

// slotKey opens and seals one slot.
type slotKey struct {
	slot int
	key  [chacha20poly1305.KeySize]byte
}

// slotAD is what a slot is sealed with.
func (f *keyFile) slotAD(slot int) []byte {
	ad := append([]byte(labelKeySlot), byte(f.Version))
	ad = binary.BigEndian.AppendUint32(ad, f.Argon.Time)
	ad = binary.BigEndian.AppendUint32(ad, f.Argon.Memory)
	ad = append(ad, f.Argon.Threads, byte(slot))
	return append(ad, f.Slots[slot].Salt[:]...)
}

// open opens the slot that belongs to the unlock.
func (f *keyFile) open(u Unlock) (*Secrets, slotKey, error) {
	for slot := range f.Slots {
		key := slotKey{slot: slot, key: u.derive(f.Slots[slot].Salt[:], f.Argon)}
		aead := newSealer(key.key[:])
		sealed := f.Slots[slot].Sealed
		plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], f.slotAD(slot))
		if err != nil {
			continue
		}
		s, err := unpadSecrets(plain)
		clear(plain)
		return s, key, err
	}
	return nil, slotKey{}, errDamaged
}

// seal puts secrets into the key's slot. The other slot is kept, unless the
// size changed: then it becomes other random bytes.
func (f *keyFile) seal(s *Secrets, key slotKey, rand io.Reader) error {
	plain, err := padSecrets(s)
	if err != nil {
		return err
	}
	defer clear(plain)
	aead := newSealer(key.key[:])
	sealed := make([]byte, aead.NonceSize(), len(plain)+sealOverhead)
	if err := fill(rand, sealed); err != nil {
		return err
	}
	sealed = aead.Seal(sealed, sealed, plain, f.slotAD(key.slot))
	other := &f.Slots[1-key.slot]
	if len(other.Sealed) != len(sealed) {
		if other.Sealed, err = randomBytes(rand, len(sealed)); err != nil {
			return err
		}
	}
	f.Slots[key.slot].Sealed = sealed
	return nil
}

// newKeyFile returns a key file with empty slots, of which the first is to be
// sealed with the key.
func newKeyFile(u Unlock, rand io.Reader) (*keyFile, slotKey, error) {
	f := &keyFile{Version: keyFileVersion, Argon: argonFloor}
	for i := range f.Slots {
		if err := fill(rand, f.Slots[i].Salt[:]); err != nil {
			return nil, slotKey{}, err
		}
	}
	return f, slotKey{key: u.derive(f.Slots[0].Salt[:], f.Argon)}, nil
}

// padSecrets returns length ‖ secrets ‖ zeros.
func padSecrets(s *Secrets) ([]byte, error) {
	b, err := s.append(make([]byte, keyLengthSize))
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-keyLengthSize))
	padded := (len(b) + keySlotStep - 1) / keySlotStep * keySlotStep
	if padded > keySlotSizeMax {
		return nil, fmt.Errorf("key file: %d conversations are too many", len(s.Conversations))
	}
	return append(b, make([]byte, padded-len(b))...), nil
}

func unpadSecrets(b []byte) (*Secrets, error) {
	n := uint64(binary.BigEndian.Uint32(b))
	if n > uint64(len(b)-keyLengthSize) {
		return nil, fmt.Errorf("%w: length %d", errKeyFile, n)
	}
	return parseSecrets(b[keyLengthSize : keyLengthSize+n])
}

func randomBytes(rand io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	return b, fill(rand, b)
}

// Unlock is what opens a slot of the key file: the file key, or a passphrase.
// It prints as a word.
type Unlock struct {
	secret     []byte
	passphrase bool
}

// FileKey returns the unlock by a file key, for homes without a passphrase.
func FileKey(key [32]byte) Unlock { return Unlock{secret: key[:]} }

// Passphrase returns the unlock by a passphrase, which costs Argon2id at the
// parameters in the key file.
func Passphrase(p []byte) Unlock { return Unlock{secret: bytes.Clone(p), passphrase: true} }

// Erase overwrites the unlock in memory.
func (u *Unlock) Erase() { clear(u.secret) }

// String hides the secret.
func (Unlock) String() string { return unlockWord }

// GoString hides the secret.
func (Unlock) GoString() string { return unlockWord }

// Format hides the secret, whatever the verb.
func (Unlock) Format(f fmt.State, _ rune) { fmt.Fprint(f, unlockWord) }

// MarshalText hides the secret.
func (Unlock) MarshalText() ([]byte, error) { return []byte(unlockWord), nil }

const unlockWord = "store.Unlock(hidden)"

func (u Unlock) derive(salt []byte, cost argonCost) (key [chacha20poly1305.KeySize]byte) {
	secret, label := u.secret, labelFileKey
	if u.passphrase {
		label = labelPassphrase
		secret = argon2.IDKey(u.secret, salt, cost.Time, cost.Memory, cost.Threads, chacha20poly1305.KeySize)
		defer clear(secret)
	}
	derived := derive(secret, salt, label)
	defer clear(derived)
	copy(key[:], derived)
	return key
}
