package store

import (
	"crypto/subtle"
	"errors"
	"io/fs"
	"path/filepath"

	"sottovoce/mesh/wire"
)

// PassphraseMax is the longest passphrase in bytes; the shortest has one.
const PassphraseMax = 1024

// Locked reports whether only a passphrase opens the home: there is no file key, or it
// opens nothing. It takes no lock and changes nothing.
//
// spec: 09-storage#passphrase
func Locked(home string) (bool, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return false, err
	}
	f, err := readKeyFile(home)
	if err != nil {
		return false, err
	}
	secrets, _, err := f.openWithFileKey(home)
	switch {
	case errors.Is(err, ErrLocked):
		return true, nil
	case err != nil:
		return false, err
	}
	secrets.Erase()
	return false, nil
}

// readKeyFile reads the key file of a home, still sealed.
func readKeyFile(home string) (*keyFile, error) {
	path := inHome(home, keysName)
	content, err := readLimited(path, keyFileSizeMax)
	if err != nil {
		return nil, explain(home, err)
	}
	f, err := parseKeyFile(content)
	switch {
	case errors.Is(err, wire.ErrNewer):
		return nil, faultf(ErrNewer, "%s was written by a newer version (%v): use that", path, err)
	case err != nil:
		return nil, faultf(ErrTampered, "%s was damaged or changed from outside (%v): restore it from a backup", path, err)
	}
	return f, nil
}

// openWithFileKey opens a home's key file by the file key beside it, ErrLocked when that
// is not there or opens nothing.
func (f *keyFile) openWithFileKey(home string) (*Secrets, slotKey, error) {
	path := inHome(home, unlockName)
	key, err := readLimited(path, 32)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, slotKey{}, faultf(ErrLocked, "a passphrase protects %s: give it", home)
	case err != nil:
		return nil, slotKey{}, explain(home, err)
	case len(key) != 32:
		return nil, slotKey{}, faultf(ErrTampered, "%s is damaged: restore it from a backup", path)
	}
	unlock := FileKey([32]byte(key))
	clear(key)
	defer unlock.Erase()
	s, slot, err := f.openInHome(home, unlock)
	if errors.Is(err, errDamaged) {
		return nil, slotKey{}, faultf(ErrLocked, "%s does not open with %s: give the passphrase, or restore both from a backup",
			inHome(home, keysName), path)
	}
	return s, slot, err
}

// openInHome opens the key file of a home; errDamaged when the unlock fits no slot.
func (f *keyFile) openInHome(home string, u Unlock) (*Secrets, slotKey, error) {
	s, slot, err := f.open(u)
	switch {
	case errors.Is(err, wire.ErrNewer):
		err = faultf(ErrNewer, "%s was written by a newer version (%v): use that", inHome(home, keysName), err)
	case err != nil && !errors.Is(err, errDamaged):
		err = faultf(ErrTampered, "%s was damaged or changed from outside (%v): restore it from a backup", inHome(home, keysName), err)
	}
	return s, slot, err
}

// loadKeys opens the key file by the file key, else by the passphrase, if there is one. A
// file key that opens nothing is what a kill left between the two files: it goes.
//
// spec: 09-storage#passphrase
func (s *Store) loadKeys(passphrase []byte) error {
	f, err := readKeyFile(s.home)
	if err != nil {
		return err
	}
	secrets, slot, err := f.openWithFileKey(s.home)
	if errors.Is(err, ErrLocked) && passphrase != nil {
		unlock := Passphrase(passphrase)
		defer unlock.Erase()
		secrets, slot, err = f.openInHome(s.home, unlock)
		if errors.Is(err, errDamaged) {
			err = faultf(ErrPassphrase, "that passphrase does not open %s", s.home)
		}
		if err == nil {
			s.protected = true
			err = explain(s.home, removeAll(inHome(s.home, unlockName)))
		}
	}
	if err != nil {
		return err
	}
	s.keys, s.slot = f, slot
	s.secrets.Store(secrets)
	return nil
}

// Protected reports whether it takes a passphrase to open the home.
func (s *Store) Protected() bool {
	s.saving.Lock()
	defer s.saving.Unlock()
	return s.protected
}

// SetPassphrase lets next open the home instead of current, which is empty where there is
// none; an empty next takes the passphrase away. ErrPassphrase says that current is
// wrong. When it fails, current opens the home as before. The database is not encrypted
// anew.
//
// spec: 09-storage#passphrase
func (s *Store) SetPassphrase(current, next []byte) error {
	if len(next) > PassphraseMax {
		return faultf(ErrPassphrase, "a passphrase has at most %d bytes", PassphraseMax)
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	switch {
	case s.keys == nil:
		return ErrClosed
	case s.protected != (len(current) > 0) || s.protected && !s.opens(current):
		return faultf(ErrPassphrase, "that is not the passphrase of %s; nothing has changed", s.home)
	}
	var key [32]byte
	if err := s.draw(key[:]); err != nil {
		return err
	}
	defer clear(key[:])
	unlock := FileKey(key)
	if len(next) > 0 {
		unlock.Erase()
		unlock = Passphrase(next)
	}
	defer unlock.Erase()
	f, slot, content, err := s.sealedFor(unlock)
	if err != nil {
		return err
	}
	// The file key is written before the key file that it opens, and goes after it: a kill
	// in between leaves one that opens nothing, and the passphrase still does.
	if !unlock.passphrase {
		if err := replaceFile(inHome(s.home, unlockName), unlock.secret); err != nil {
			return explain(s.home, err)
		}
	}
	if err := replaceFile(inHome(s.home, keysName), content); err != nil {
		return explain(s.home, err)
	}
	s.keys, s.slot, s.protected = f, slot, unlock.passphrase
	if unlock.passphrase { // it opens nothing any more; what stays goes with the next opening
		_ = errors.Join(removeAll(inHome(s.home, unlockName)), syncDir(s.home))
	}
	return nil
}

// opens reports whether the passphrase is the one that the home was opened with.
func (s *Store) opens(passphrase []byte) bool {
	unlock := Passphrase(passphrase)
	defer unlock.Erase()
	key := unlock.derive(s.keys.Slots[s.slot.slot].Salt[:], s.keys.Argon)
	defer clear(key[:])
	return subtle.ConstantTimeCompare(key[:], s.slot.key[:]) == 1
}

// sealedFor seals the secrets in their slot for another unlock, under a new salt.
func (s *Store) sealedFor(unlock Unlock) (*keyFile, slotKey, []byte, error) {
	f := *s.keys
	at := s.slot.slot
	if err := s.draw(f.Slots[at].Salt[:]); err != nil {
		return nil, slotKey{}, nil, err
	}
	slot := slotKey{slot: at, key: unlock.derive(f.Slots[at].Salt[:], f.Argon)}
	s.drawing.Lock()
	err := f.seal(s.Secrets(), slot, s.rand)
	s.drawing.Unlock()
	if err != nil {
		return nil, slotKey{}, nil, err
	}
	content, err := f.append(nil)
	return &f, slot, content, err
}
