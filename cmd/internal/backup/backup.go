// Package backup is the file that a backup is: age, encrypted under a passphrase, so that age itself opens it too.
//
// It leaves what stands in it to the mesh, and where the file goes to those who ask for it.
package backup

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// Errors that callers branch on.
var (
	// ErrPassphrase says that the passphrase does not open the file.
	ErrPassphrase = errors.New("that passphrase does not open it")
	// ErrDamaged says that the file is no backup, or not as it was written.
	ErrDamaged = errors.New("not a backup, or damaged")
)

const (
	// workFactor is log2 of the cost of a passphrase: 64 MiB of memory, as much as that of a home takes, so that a machine
	// of 512 MB can make a backup.
	workFactor = 16
	// workFactorMax bounds what a file that is not ours may cost: 256 MiB, what age takes by itself.
	workFactorMax = 18
)

// Encrypt returns a writer of the file; Close ends it and does not close w.
func Encrypt(w io.Writer, passphrase []byte) (io.WriteCloser, error) {
	to, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	to.SetWorkFactor(workFactor)
	return age.Encrypt(w, to)
}

// Decrypt returns a reader of what stands in the file, which fails at the first 64 KiB that are not as they were
// written, and at an end that comes too early, with ErrDamaged. It fails with ErrPassphrase and ErrDamaged.
func Decrypt(r io.Reader, passphrase []byte) (io.Reader, error) {
	by, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, err
	}
	by.SetMaxWorkFactor(workFactorMax)
	plain, err := age.Decrypt(r, by)
	if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return damagedReader{plain}, nil
}

// damagedReader names its errors.
type damagedReader struct{ r io.Reader }

func (d damagedReader) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return n, err
}
