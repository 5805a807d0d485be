package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"sottovoce/mesh/peer"
)

func inHome(home, name string) string { return filepath.Join(home, name) }

// Init makes a home with these secrets, which it copies: a directory for its
// owner only, the key file, the file key that opens it, and an empty database.
// It returns ErrExists where there is an identity already, and leaves nothing
// half-made behind.
//
// spec: 09-storage#home
func Init(home string, s Secrets, rand io.Reader) error {
	if s.Database == ([32]byte{}) {
		return errors.New("init: no database key")
	}
	return found(home, func(home string) error { return fillHome(home, &s, rand) })
}

// Restore is Init, and fill fills the database before the home exists. What fill returns
// is returned, and then there is no home.
//
// spec: 09-storage#home
func Restore(home string, s Secrets, rand io.Reader, fill func(*Store) error) error {
	return found(home, func(home string) error {
		inner := inHome(home, restoreName)
		if err := os.RemoveAll(inner); err != nil {
			return err
		}
		if err := Init(inner, s, rand); err != nil {
			return err
		}
		db, err := Open(inner, rand)
		if err != nil {
			return err
		}
		if err := errors.Join(fill(db), db.Close()); err != nil {
			return err
		}
		for _, move := range [][2]string{{databaseName, databaseNewName}, {unlockName, unlockName}} {
			if err := os.Rename(inHome(inner, move[0]), inHome(home, move[1])); err != nil {
				return err
			}
		}
		if err := syncDir(home); err != nil {
			return err
		}
		return os.Rename(inHome(inner, keysName), inHome(home, keysName)) // with it the home exists
	})
}

// found makes a home of what build puts into it, the key file last.
func found(home string, build func(home string) error) (err error) {
	home, err = filepath.Abs(home)
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	made, err := makeHome(home)
	if err != nil {
		return explain(home, err)
	}
	lock, err := lockHome(home)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, lock.Close())
		if err != nil && made {
			_ = os.Remove(inHome(home, lockName)) // it is nobody's; the directory stays if it is not empty
			_ = os.Remove(home)
		}
	}()
	switch there, err := exists(inHome(home, keysName)); {
	case err != nil:
		return explain(home, err)
	case there:
		return faultf(ErrExists, "%s holds an identity already", home)
	}
	if err := refuseOrphan(home); err != nil {
		return err
	}
	if err := build(home); err != nil {
		_ = emptyHome(home) // what stays is overwritten by the next Init
		return explain(home, err)
	}
	return finishHome(home)
}

// makeHome makes the directory, or closes the one that is there to others.
func makeHome(home string) (made bool, err error) {
	there, err := exists(home)
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return false, err
	}
	if there {
		return false, closeToOthers(home)
	}
	return true, syncDir(filepath.Dir(home))
}

// lockHome keeps all other processes out until the lock is closed.
func lockHome(home string) (*flock.Flock, error) {
	lock := flock.New(inHome(home, lockName), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	switch got, err := lock.TryLock(); {
	case err != nil:
		return nil, explain(home, err)
	case !got:
		return nil, faultf(ErrInUse, "%s is in use by another process: stop it first", home)
	}
	return lock, nil
}

// refuseOrphan refuses to touch a database whose key file is gone.
func refuseOrphan(home string) error {
	switch there, err := exists(inHome(home, databaseName)); {
	case err != nil:
		return explain(home, err)
	case there:
		return faultf(ErrTampered, "%s is missing but %s is there: restore it from a backup, or move the database away",
			inHome(home, keysName), inHome(home, databaseName))
	}
	return nil
}

// fillHome makes everything under the names it has until finishHome, and last
// the key file: with it the home exists.
func fillHome(home string, s *Secrets, rand io.Reader) error {
	if err := emptyHome(home); err != nil {
		return err
	}
	if err := createDatabase(inHome(home, databaseNewName), s.Database); err != nil {
		return err
	}
	var key [32]byte
	if err := fill(rand, key[:]); err != nil {
		return err
	}
	unlock := FileKey(key)
	defer unlock.Erase()
	f, slot, err := newKeyFile(unlock, rand)
	if err != nil {
		return err
	}
	if err := f.seal(s, slot, rand); err != nil {
		return err
	}
	content, err := f.append(nil)
	if err != nil {
		return err
	}
	if err := replaceFile(inHome(home, unlockName), key[:]); err != nil {
		return err
	}
	return replaceFile(inHome(home, keysName), content)
}

// emptyHome removes what an Init left that did not come to its end.
func emptyHome(home string) error {
	if err := os.RemoveAll(inHome(home, restoreName)); err != nil {
		return err
	}
	database := inHome(home, databaseNewName)
	return removeAll(database, database+"-journal", database+"-wal", database+"-shm",
		inHome(home, unlockName), inHome(home, unlockName+".new"), inHome(home, keysName+".new"))
}

func createDatabase(path string, key [32]byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	c, err := dial(path, key)
	if err != nil {
		return err
	}
	if err := c.create(); err != nil {
		return errors.Join(err, c.close())
	}
	if err := c.settle(writer); err != nil {
		return errors.Join(err, c.close())
	}
	return c.close() // copies the log back
}

// finishHome gives the database its name, if an Init or a Restore has not come that far.
func finishHome(home string) error {
	switch there, err := exists(inHome(home, databaseName)); {
	case err != nil:
		return explain(home, err)
	case there:
		return nil
	}
	_ = os.RemoveAll(inHome(home, restoreName)) // nothing is in it any more that counts
	err := os.Rename(inHome(home, databaseNewName), inHome(home, databaseName))
	if errors.Is(err, fs.ErrNotExist) {
		return faultf(ErrTampered, "%s is missing: restore the home from a backup", inHome(home, databaseName))
	}
	if err == nil {
		err = syncDir(home)
	}
	return explain(home, err)
}

// Open opens a home without a passphrase, see OpenWith.
func Open(home string, rand io.Reader) (*Store, error) { return OpenWith(home, nil, rand) }

// OpenWith opens the home for this process alone, with the passphrase if it takes one.
// The errors are ErrNoHome, ErrLocked, ErrPassphrase, ErrInUse, ErrNewer, ErrTampered,
// ErrReadOnly and ErrFull, or what the operating system said; none of them has changed
// anything.
//
// spec: 09-storage#home
func OpenWith(home string, passphrase []byte, rand io.Reader) (*Store, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	switch there, err := exists(inHome(home, keysName)); {
	case err != nil:
		return nil, explain(home, err)
	case !there:
		if err := refuseOrphan(home); err != nil {
			return nil, err
		}
		return nil, faultf(ErrNoHome, "no identity in %s", home)
	}
	lock, err := lockHome(home)
	if err != nil {
		return nil, err
	}
	s := &Store{home: home, rand: rand, lock: lock, readers: make(chan *conn, readersMax), authors: make(map[peer.ID]int64)}
	if err := s.open(passphrase); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	for range readersMax {
		s.readers <- nil
	}
	return s, nil
}

func (s *Store) open(passphrase []byte) error {
	if err := s.loadKeys(passphrase); err != nil {
		return err
	}
	if err := finishHome(s.home); err != nil {
		return err
	}
	s.rows = newRowSealer(s.Secrets().Database)
	path := inHome(s.home, databaseName)
	c, err := dial(path, s.Secrets().Database)
	if err != nil {
		return explain(s.home, err)
	}
	if err := s.begin(c); err != nil {
		return errors.Join(err, c.close())
	}
	// The library does not make the name of the log durable.
	err = errors.Join(closeToOthers(path, path+"-wal", path+"-shm"), syncDir(s.home))
	if err != nil {
		return errors.Join(explain(s.home, err), c.close())
	}
	s.writer = c
	return nil
}

// begin makes c the writer, if the database is ours to write.
func (s *Store) begin(c *conn) error {
	version, err := c.check(s.home)
	if err != nil {
		return err
	}
	if err := c.settle(writer); err != nil {
		return explain(s.home, err)
	}
	// The last commit that a crash left may end in the middle of a block of the log. What is
	// appended there writes that block anew, and a second crash could tear it: begin anew.
	if err := explain(s.home, c.run(sqlScrub)); err != nil && !errors.Is(err, ErrFull) {
		return err
	}
	if err := c.migrate(version, schemaVersion); err != nil {
		return explain(s.home, err)
	}
	reserved, err := c.number("SELECT reserved FROM sequence")
	if err != nil {
		return explain(s.home, err)
	}
	s.ids = sequence{last: reserved, reserved: reserved}
	erased, err := (&Tx{s: s, c: c}).erasedConversations()
	if len(erased) > 0 {
		s.hide(erased)
	}
	return err
}

// readLimited reads a file that is at most so long; of a longer one it reads a
// byte more.
func readLimited(path string, sizeMax int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, sizeMax+1))
	return b, errors.Join(err, f.Close())
}

// SaveSecrets changes a copy of the secrets by fn, writes the key file anew and
// makes the copy what Secrets returns; when it fails nothing has changed. fn
// must not call the store.
func (s *Store) SaveSecrets(fn func(*Secrets)) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	if s.keys == nil {
		return ErrClosed
	}
	next := s.Secrets().clone()
	fn(next)
	if next.Database != s.Secrets().Database {
		return errors.New("key file: the database key cannot change")
	}
	f := *s.keys
	s.drawing.Lock()
	err := f.seal(next, s.slot, s.rand)
	s.drawing.Unlock()
	if err != nil {
		return err
	}
	content, err := f.append(nil)
	if err != nil {
		return err
	}
	if err := replaceFile(inHome(s.home, keysName), content); err != nil {
		return explain(s.home, err)
	}
	s.keys = &f
	s.secrets.Store(next)
	return nil
}

const sqlScrub = `PRAGMA wal_checkpoint(TRUNCATE)`

// Scrub makes erased rows leave the log of the database as well, which
// otherwise keeps their last versions, encrypted, until it comes round. It waits
// for nobody: while a view reads, nothing is done, which is to be tried again.
//
// spec: 09-storage#erasure
func (s *Store) Scrub() (done bool, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.writer == nil {
		return false, ErrClosed
	}
	if err := s.writer.db.BusyTimeout(0); err != nil {
		return false, explain(s.home, err)
	}
	busy, err := s.writer.number(sqlScrub)
	err = errors.Join(err, s.writer.db.BusyTimeout(busyTimeout*time.Millisecond))
	return err == nil && busy == 0, explain(s.home, err)
}

// Close waits for what runs and closes the home. The secrets are erased. It may
// be called again.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.writer == nil {
		return nil
	}
	var errs []error
	for range readersMax {
		errs = append(errs, (<-s.readers).close())
	}
	close(s.readers)
	errs = append(errs, s.writer.close())
	s.writer = nil
	s.saving.Lock()
	defer s.saving.Unlock()
	s.Secrets().Erase()
	s.keys, s.slot = nil, slotKey{}
	errs = append(errs, s.lock.Close())
	if err := errors.Join(errs...); err != nil {
		return explain(s.home, err)
	}
	return nil
}
