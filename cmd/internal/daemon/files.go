package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"iter"
	"runtime/debug"

	"sottovoce/cmd/internal/backup"
	"sottovoce/cmd/internal/control"
	"sottovoce/mesh"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// Backup implements control.Node.
func (a *adapter) Backup(ctx context.Context, passphrase control.Passphrase, w io.Writer) error {
	defer debug.FreeOSMemory()
	file, err := backup.Encrypt(w, passphrase)
	if err != nil {
		return err
	}
	if err := mesh.Backup(ctx, a.store, file, func(int64) {}); err != nil {
		return failure(err)
	}
	return file.Close()
}

// Restore makes the home of a backup and returns how many messages came back. told hears
// how many there are so far. It fails with a *control.Error, and leaves nothing then.
func Restore(ctx context.Context, home string, r io.Reader, passphrase []byte, told func(messages int64)) error {
	plain, err := backup.Decrypt(r, passphrase)
	if err == nil {
		err = mesh.Restore(ctx, home, plain, rand.Reader, told)
	}
	switch {
	case errors.Is(err, backup.ErrPassphrase):
		return control.Errorf(control.CodeRefused, "that passphrase does not open the backup; nothing was written")
	case errors.Is(err, store.ErrExists):
		return control.Errorf(control.CodeFailed, "%s has an identity already; choose another place with --home", home)
	case errors.Is(err, context.Canceled):
		return control.Errorf(control.CodeFailed, "interrupted; nothing was written")
	case errors.Is(err, wire.ErrNewer):
		return control.Errorf(control.CodeFailed, "a newer version wrote this backup; restore it with that; nothing was written")
	case errors.Is(err, backup.ErrDamaged), errors.Is(err, wire.ErrMalformed):
		return control.Errorf(control.CodeFailed, "the backup is damaged, cut off or none at all; nothing was written")
	}
	return explain(home, err)
}

// Export implements control.Node.
func (a *adapter) Export(ctx context.Context, to string) (iter.Seq2[control.Message, error], error) {
	messages, err := a.node.Export(ctx, to)
	if err != nil {
		return nil, failure(err)
	}
	return func(yield func(control.Message, error) bool) {
		for m, err := range messages {
			if !yield(message(m), failure(err)) {
				return
			}
		}
	}, nil
}
