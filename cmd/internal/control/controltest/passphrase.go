package controltest

import (
	"bytes"
	"context"

	"sottovoce/cmd/internal/control"
)

// SetPassphrase is control.Node's.
func (f *Fake) SetPassphrase(_ context.Context, current, next control.Passphrase) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !bytes.Equal(f.passphrase, current) {
		return control.Errorf(control.CodeRefused, "that is not the passphrase; nothing has changed")
	}
	f.passphrase = bytes.Clone(next)
	return nil
}
