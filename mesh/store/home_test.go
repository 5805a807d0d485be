package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestInitAndOpen(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	same(t, secretsBody(*s.Secrets()), secretsBody(sampleSecrets()))
	doView(t, s, func(*Tx) {})
	for _, name := range []string{".", keysName, unlockName, databaseName, databaseName + "-wal", databaseName + "-shm", lockName} {
		fi, err := os.Stat(inHome(home, name))
		must(t, err)
		if fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, fi.Mode())
		}
	}
	closeStore(t, s)
	var names []string
	files, err := os.ReadDir(home)
	must(t, err)
	for _, f := range files {
		names = append(names, f.Name())
	}
	same(t, names, []string{databaseName, keysName, lockName, unlockName})
	if err := Init(home, sampleSecrets(), rand.Reader); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if err := Init(filepath.Join(t.TempDir(), "x"), Secrets{}, rand.Reader); err == nil {
		t.Error("a home without a database key")
	}
}

func TestInitCopiesTheSecrets(t *testing.T) {
	secrets := sampleSecrets()
	home := filepath.Join(t.TempDir(), "home")
	must(t, Init(home, secrets, rand.Reader))
	same(t, secretsBody(secrets), secretsBody(sampleSecrets()))
}

func TestNoHome(t *testing.T) {
	dir := t.TempDir()
	for _, home := range []string{dir, filepath.Join(dir, "none"), filepath.Join(dir, "none", "deeper")} {
		if _, err := Open(home, rand.Reader); !errors.Is(err, ErrNoHome) {
			t.Error(err)
		}
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	same(t, len(files), 0)
}

// A database without its key file is a home that needs help, not a place for a new one.
func TestLostKeyFile(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	same(t, Exists(home), false)
	must(t, Init(home, sampleSecrets(), rand.Reader))
	same(t, Exists(home), true)
	must(t, os.Remove(inHome(home, keysName)))
	same(t, Exists(home), true)
	if _, err := Open(home, rand.Reader); !errors.Is(err, ErrTampered) {
		t.Error(err)
	}
}

// Homes have all kinds of names; a socket could not be made in the last.
func TestNamesOfHomes(t *testing.T) {
	for _, name := range []string{"with space", "quest?ion=1&vfs=unix", "ha#sh", "per%41cent", "ünï", "a'b;c", strings.Repeat("long/", 40) + "home"} {
		home := filepath.Join(t.TempDir(), name)
		must(t, Init(home, sampleSecrets(), rand.Reader))
		s := openHome(t, home)
		doUpdate(t, s, func(tx *Tx) { must(t, tx.SetSetting("a", []byte("b"))) })
		doView(t, s, func(tx *Tx) {
			value, err := tx.Setting("a")
			must(t, err)
			same(t, string(value), "b")
		})
		closeStore(t, s)
		if _, err := os.Stat(inHome(home, databaseName)); err != nil {
			t.Error(err)
		}
	}
}

// A Restore that fails leaves nothing; one that was cut off at any point is done again, or
// is completed by Open.
func TestRestore(t *testing.T) {
	w := newWorld()
	fill := func(s *Store) error {
		return s.Update(func(tx *Tx) error {
			w.put(t, tx)
			return nil
		})
	}
	home := filepath.Join(t.TempDir(), "home")
	enough := errors.New("enough")
	err := Restore(home, sampleSecrets(), rand.Reader, func(s *Store) error { return errors.Join(fill(s), enough) })
	if _, there := os.Stat(home); !errors.Is(err, enough) || !os.IsNotExist(there) {
		t.Errorf("a Restore that failed: %v, and the home: %v", err, there)
	}
	w = newWorld()
	must(t, Restore(home, sampleSecrets(), rand.Reader, fill))
	s := openHome(t, home)
	checkWorld(t, s, w)
	closeStore(t, s)
	var names []string
	files, err := os.ReadDir(home)
	must(t, err)
	for _, f := range files {
		names = append(names, f.Name())
	}
	same(t, names, []string{databaseName, keysName, lockName, unlockName})
	if err := Restore(home, sampleSecrets(), rand.Reader, fill); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	for _, moved := range [][]string{{}, {databaseName}, {databaseName, unlockName}, {databaseName, unlockName, keysName}} {
		cut := copyHome(t, home)
		inner := inHome(cut, restoreName)
		must(t, os.Mkdir(inner, 0o700))
		for _, name := range []string{databaseName, unlockName, keysName} {
			to := inHome(inner, name)
			if slices.Contains(moved, name) {
				to = inHome(cut, strings.Replace(name, databaseName, databaseNewName, 1))
			}
			must(t, os.Rename(inHome(cut, name), to))
		}
		if len(moved) < 3 {
			if _, err := Open(cut, rand.Reader); !errors.Is(err, ErrNoHome) {
				t.Errorf("%v moved: %v", moved, err)
			}
			must(t, Restore(cut, sampleSecrets(), rand.Reader, func(*Store) error { return nil }))
		}
		s := openHome(t, cut)
		if len(moved) == 3 {
			checkWorld(t, s, w)
		}
		closeStore(t, s)
		if _, err := os.Stat(inner); !os.IsNotExist(err) {
			t.Errorf("%v moved: the inner home stays", moved)
		}
	}
}

// An Init that was cut off at any point is done again, or is completed by Open.
func TestInitCutOff(t *testing.T) {
	whole := newHome(t)
	for name, leave := range map[string]func(home string){
		"directory":  func(home string) { removeFiles(t, home, keysName, unlockName, databaseName) },
		"database":   func(home string) { removeFiles(t, home, keysName, unlockName); renameBack(t, home) },
		"unlock key": func(home string) { removeFiles(t, home, keysName); renameBack(t, home) },
		"torn database": func(home string) {
			removeFiles(t, home, keysName, unlockName)
			renameBack(t, home)
			must(t, os.Truncate(inHome(home, databaseNewName), 5000))
		},
	} {
		home := copyHome(t, whole)
		leave(home)
		if _, err := Open(home, rand.Reader); !errors.Is(err, ErrNoHome) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, Init(home, sampleSecrets(), rand.Reader))
		closeStore(t, openHome(t, home))
	}
	home := copyHome(t, whole)
	renameBack(t, home) // all but the last step
	if err := Init(home, sampleSecrets(), rand.Reader); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	closeStore(t, openHome(t, home))
}

func removeFiles(t *testing.T, home string, names ...string) {
	t.Helper()
	for _, name := range names {
		must(t, os.RemoveAll(inHome(home, name)))
	}
}

func renameBack(t *testing.T, home string) {
	t.Helper()
	must(t, os.Rename(inHome(home, databaseName), inHome(home, databaseNewName)))
}

func TestInitWithoutRandomness(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	for _, n := range []int{0, 20, 33, 70} {
		if err := Init(home, sampleSecrets(), bytes.NewReader(make([]byte, n))); err == nil {
			t.Errorf("made from %d bytes", n)
		}
		if there, err := exists(home); there || err != nil {
			t.Errorf("%d bytes: something stays (%v)", n, err)
		}
	}
}

func TestInitClosesTheDirectory(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	must(t, os.Mkdir(home, 0o755))
	must(t, Init(home, sampleSecrets(), rand.Reader))
	fi, err := os.Stat(home)
	must(t, err)
	same(t, fi.Mode().Perm(), os.FileMode(0o700))
}

func TestSaveSecrets(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	before := s.Secrets()
	must(t, s.SaveSecrets(func(to *Secrets) {
		to.Open[0] ^= 1
		to.Discovery[0] ^= 1
	}))
	same(t, secretsBody(*before), secretsBody(sampleSecrets())) // a copy that was handed out does not change
	want := s.Secrets().clone()
	if want.Open == before.Open || want.Discovery[0] == before.Discovery[0] {
		t.Error("nothing changed")
	}
	if err := s.SaveSecrets(func(to *Secrets) { to.Database[0] ^= 1 }); err == nil {
		t.Error("the database key was changed")
	}
	same(t, secretsBody(*s.Secrets()), secretsBody(*want))
	closeStore(t, s)
	same(t, secretsBody(*openHome(t, home).Secrets()), secretsBody(*want))
}

// The body key is in the key file before the conversation is in the database.
func TestBodyKeyIsSavedFirst(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	c := Conversation{}
	doUpdate(t, s, func(tx *Tx) {
		must(t, tx.PutConversation(&c))
		_, err := tx.AppendOp(&Op{Conversation: c.ID, Body: []byte("first")})
		must(t, err)
	})
	key, ok := s.Secrets().Conversations[c.ID]
	if !ok || key == [32]byte{} {
		t.Fatal("no body key")
	}
	other := Conversation{Key: [32]byte{1}}
	doUpdate(t, s, func(tx *Tx) { must(t, tx.PutConversation(&other)) })
	if s.Secrets().Conversations[other.ID] == key {
		t.Error("two conversations have one key")
	}
	// A key file that cannot be written keeps the conversation from existing.
	must(t, os.Mkdir(inHome(home, keysName+".new"), 0o700))
	err := s.Update(func(tx *Tx) error { return tx.PutConversation(&Conversation{Key: [32]byte{2}}) })
	if err == nil {
		t.Error("committed without its key")
	}
	doView(t, s, func(tx *Tx) {
		all, err := tx.Conversations()
		must(t, err)
		same(t, all, []Conversation{c, other})
	})
}

// scrub scrubs while nobody reads.
func scrub(t testing.TB, s *Store) {
	t.Helper()
	if done, err := s.Scrub(); !done || err != nil {
		t.Fatalf("not scrubbed: %v", err)
	}
}

// After a scrub the log holds nothing, and nothing else is lost. It waits for no view.
func TestScrub(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	doUpdate(t, s, func(tx *Tx) { must(t, tx.DeleteSkipped(w.Skipped[0].Tag)) })
	log := inHome(home, databaseName+"-wal")
	if fi, err := os.Stat(log); err != nil || fi.Size() == 0 {
		t.Fatalf("no log: %v", err)
	}
	doView(t, s, func(tx *Tx) {
		if _, err := tx.Contacts(); err != nil { // a view begins with what it reads first
			t.Fatal(err)
		}
		begun := time.Now()
		if done, err := s.Scrub(); done || err != nil || time.Since(begun) > busyTimeout*time.Millisecond/2 {
			t.Errorf("while somebody reads: done %t, %v, after %v", done, err, time.Since(begun))
		}
	})
	scrub(t, s)
	if fi, err := os.Stat(log); err != nil || fi.Size() != 0 {
		t.Errorf("the log has %d bytes (%v)", fi.Size(), err)
	}
	w.Skipped = w.Skipped[1:]
	checkWorld(t, s, w)
}
