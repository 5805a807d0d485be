package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime/debug"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh/store"
)

// Locked reports whether it takes a passphrase to open the home.
func Locked(home string) (bool, error) {
	locked, err := store.Locked(home)
	return locked, explain(home, err)
}

// SetPassphrase changes the passphrase of a home that no node has open; an empty one
// stands for none. A wrong current one changes nothing.
func SetPassphrase(home string, current, next []byte) error {
	db, err := open(home, current)
	if err != nil {
		return explain(home, err)
	}
	return explain(home, errors.Join(db.SetPassphrase(current, next), db.Close()))
}

// open opens a home. A node that runs for months does not hold on to the 64 MiB that a
// passphrase takes for a moment.
func open(home string, passphrase []byte) (*store.Store, error) {
	if passphrase != nil {
		defer debug.FreeOSMemory()
	}
	return store.OpenWith(home, passphrase, rand.Reader)
}

// SetPassphrase implements control.Node.
func (a *adapter) SetPassphrase(_ context.Context, current, next control.Passphrase) error {
	defer debug.FreeOSMemory()
	err := a.store.SetPassphrase(current, next)
	if errors.Is(err, store.ErrPassphrase) {
		return control.Errorf(control.CodeRefused, "%v", err)
	}
	return failure(err)
}
