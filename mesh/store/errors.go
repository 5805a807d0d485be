package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/ncruces/go-sqlite3"
)

// Errors that callers branch on. What Init, Open and the methods return wraps
// one of them where it fits, and says in one line which file it is about and
// what to do.
var (
	// ErrExists says that the home holds an identity already.
	ErrExists = errors.New("the home exists already")
	// ErrNoHome says that the home holds no identity.
	ErrNoHome = errors.New("no identity in this home")
	// ErrLocked says that it takes a passphrase to open the home, and none was given.
	ErrLocked = errors.New("a passphrase protects the home")
	// ErrPassphrase says that the passphrase is not the right one, or no possible one.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrInUse says that another process has the home open.
	ErrInUse = errors.New("the home is in use")
	// ErrNewer says that a newer version wrote the home; nothing was touched.
	ErrNewer = errors.New("written by a newer version")
	// ErrTampered says that the key file or the database was damaged or changed
	// from outside; nothing was touched.
	ErrTampered = errors.New("damaged or changed from outside")
	// ErrReadOnly says that the home cannot be written.
	ErrReadOnly = errors.New("the home cannot be written")
	// ErrGone says that the files of the home are not there any more; the transaction is lost.
	ErrGone = errors.New("the home is gone")
	// ErrFull says that the disk is full; the transaction left nothing behind.
	ErrFull = errors.New("the disk is full")
	// ErrClosed says that the store was closed before the call.
	ErrClosed = errors.New("the store is closed")
	// ErrNotFound says that the one thing asked for is not there.
	ErrNotFound = errors.New("not found")
	// ErrFork says that another op holds this op's place in its author's log.
	ErrFork = errors.New("another op has this author and sequence number")
)

// fault is an error for people that still matches one of the errors above.
type fault struct {
	kind error
	text string
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.kind }

func faultf(kind error, format string, args ...any) error {
	return &fault{kind, fmt.Sprintf(format, args...)}
}

// explain turns what the operating system or the database said into one of our
// errors, or leaves it.
func explain(home string, err error) error {
	var ours *fault
	switch {
	case err == nil || errors.As(err, &ours):
		return err
	case errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR_SHMSIZE), isFull(err):
		return faultf(ErrFull, "the disk is full: make room on that of %s and try again", home)
	case errors.Is(err, sqlite3.READONLY_DBMOVED), errors.Is(err, sqlite3.CANTOPEN) && errors.Is(err, fs.ErrNotExist):
		return faultf(ErrGone, "%s is not where it was, or its disk is gone: bring it back and start again", home)
	case isDamage(err):
		return faultf(ErrTampered, "%s was damaged or changed from outside (%v): restore the home from a backup", inHome(home, databaseName), err)
	case errors.Is(err, sqlite3.READONLY) || isReadOnly(err):
		return faultf(ErrReadOnly, "the home cannot be written: mount %s writable or give it to the user who runs this", home)
	}
	return fmt.Errorf("home: %w", err)
}

func isDamage(err error) bool {
	return errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB) ||
		errors.Is(err, sqlite3.IOERR_DATA) || errors.Is(err, sqlite3.IOERR_SHORT_READ) || errors.Is(err, errDamaged)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota)
}

func isReadOnly(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}
