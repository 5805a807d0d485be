package store

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// filledHome is a closed home with a world in it.
func filledHome(t testing.TB) (home string, w *world) {
	t.Helper()
	home, w = newHome(t), newWorld()
	s := openHome(t, home)
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	closeStore(t, s)
	return home, w
}

// sums returns the hashes of the files that hold something.
func sums(t testing.TB, home string) map[string][32]byte {
	t.Helper()
	all := make(map[string][32]byte)
	for _, name := range []string{keysName, unlockName, databaseName, databaseName + "-wal"} {
		b, err := os.ReadFile(inHome(home, name))
		if errors.Is(err, os.ErrNotExist) || len(b) == 0 {
			continue
		}
		must(t, err)
		all[name] = sha256.Sum256(b)
	}
	return all
}

func flip(t testing.TB, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	b[at] ^= 0x10
	must(t, os.WriteFile(path, b, 0o600))
}

// refused opens a home that is to be refused with this error, in one line that
// names the file, and without a change.
func refused(t *testing.T, home string, want error, file string) {
	t.Helper()
	before := sums(t, home)
	s, err := Open(home, rand.Reader)
	if err == nil {
		closeStore(t, s)
	}
	if !errors.Is(err, want) {
		t.Fatalf("%v instead of %v", err, want)
	}
	if text := err.Error(); !strings.Contains(text, inHome(home, file)) || strings.Contains(text, "\n") || !strings.Contains(text, ": ") {
		t.Errorf("the error does not tell what to do: %q", text)
	}
	same(t, sums(t, home), before)
}

// Whatever page is changed, what is read is the truth or ErrTampered.
func TestEveryDamagedPage(t *testing.T) {
	home, want := filledHome(t)
	path := inHome(home, databaseName)
	whole, err := os.ReadFile(path)
	must(t, err)
	if len(whole)%4096 != 0 || len(whole) < 40*4096 {
		t.Fatalf("database of %d bytes", len(whole))
	}
	noticed := 0
	for page := 0; page*4096 < len(whole); page++ {
		must(t, os.WriteFile(path, whole, 0o600))
		flip(t, path, int64(page*4096+page*37%4096))
		if page == 0 {
			refused(t, home, ErrTampered, databaseName)
		}
		before := sums(t, home)
		got, err := readDamaged(home)
		switch {
		case errors.Is(err, ErrTampered):
			noticed++
		case err != nil:
			t.Fatalf("page %d: %v", page, err)
		case !cmp.Equal(got, want, cmpopts.EquateEmpty()):
			t.Fatalf("page %d is damaged, and something else is read", page)
		}
		same(t, sums(t, home), before)
	}
	if pages := len(whole) / 4096; noticed < pages*3/4 { // the rest are indexes that the reading did not use
		t.Errorf("noticed on %d of %d pages", noticed, pages)
	}
}

func readDamaged(home string) (w *world, err error) {
	s, err := Open(home, rand.Reader)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = s.View(func(tx *Tx) error {
		w, err = readWorld(tx)
		return err
	})
	return w, err
}

// A value sealed for one row does not open in another.
func TestSwappedValues(t *testing.T) {
	home, w := filledHome(t)
	s := openHome(t, home)
	swapped := errors.New("swapped")
	for name, c := range map[string]struct {
		table, column, id string
		rows              [2]int64
	}{
		"contact objects": {"contacts", "object", "id", [2]int64{w.Contacts[0].ID, w.Contacts[1].ID}},
		"pair states":     {"pairs", "state", "id", [2]int64{w.Pairs[0].ID, w.Pairs[1].ID}},
		"fixed states":    {"pair_fixed", "fixed", "pair", [2]int64{w.Pairs[0].ID, w.Pairs[1].ID}},
		"request states":  {"requests", "state", "id", [2]int64{w.Requests[0].ID, w.Requests[1].ID}},
		"op bodies":       {"ops", "body", "seq", [2]int64{w.Ops[0].Seq, w.Ops[1].Seq}},
		"blobs":           {"out_blobs", "bytes", "id", [2]int64{w.OutBlobs[0].ID, w.OutBlobs[1].ID}},
		"delete secrets":  {"out_blobs", "secret", "id", [2]int64{w.OutBlobs[0].ID, w.OutBlobs[1].ID}},
	} {
		err := s.Update(func(tx *Tx) error {
			must(t, tx.change(fmt.Sprintf(`UPDATE %[1]s SET %[2]s = (SELECT o.%[2]s FROM %[1]s o WHERE o.%[3]s = %[4]d) WHERE %[3]s = %[5]d`,
				c.table, c.column, c.id, c.rows[0], c.rows[1])).execOne())
			if _, err := readWorld(tx); !errors.Is(err, ErrTampered) {
				t.Errorf("%s: %v", name, err)
			}
			return swapped
		})
		if !errors.Is(err, swapped) {
			t.Errorf("%s: %v", name, err)
		}
	}
	checkWorld(t, s, w)
}

func TestDamagedKeys(t *testing.T) {
	home, w := filledHome(t)
	keep := func(name string) func() {
		b, err := os.ReadFile(inHome(home, name))
		must(t, err)
		return func() { must(t, os.WriteFile(inHome(home, name), b, 0o600)) }
	}
	restoreKeys, restoreUnlock, restoreDatabase := keep(keysName), keep(unlockName), keep(databaseName)
	size := int64(len(sampleKeyFile(t, sampleSecrets(), sampleUnlock())))
	for at := int64(0); at < size; at += 97 {
		flip(t, inHome(home, keysName), at)
		refused(t, home, ErrTampered, keysName)
		restoreKeys()
	}
	for name, damage := range map[string]func(path string) error{
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"shorter": func(path string) error { return os.Truncate(path, 31) },
		"longer":  func(path string) error { return os.WriteFile(path, make([]byte, keyFileSizeMax+2), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			must(t, damage(inHome(home, keysName)))
			refused(t, home, ErrTampered, keysName)
			restoreKeys()
			must(t, damage(inHome(home, unlockName)))
			refused(t, home, ErrTampered, unlockName)
			restoreUnlock()
		})
	}
	flip(t, inHome(home, unlockName), 5)
	refused(t, home, ErrLocked, unlockName)
	must(t, os.Remove(inHome(home, unlockName)))
	refused(t, home, ErrLocked, "")
	restoreUnlock()

	must(t, os.Remove(inHome(home, databaseName)))
	refused(t, home, ErrTampered, databaseName)
	must(t, os.WriteFile(inHome(home, databaseName), nil, 0o600))
	refused(t, home, ErrTampered, databaseName)
	must(t, os.WriteFile(inHome(home, databaseName), []byte("hello"), 0o600))
	refused(t, home, ErrTampered, databaseName)
	restoreDatabase()

	must(t, os.Remove(inHome(home, keysName)))
	refused(t, home, ErrTampered, keysName)
	if err := Init(home, sampleSecrets(), rand.Reader); !errors.Is(err, ErrTampered) {
		t.Errorf("Init over a database without its key file: %v", err)
	}
	restoreKeys()
	checkWorld(t, openHome(t, home), w)
}

// A body key that is gone makes the conversation unreadable, not wrong.
func TestMissingBodyKey(t *testing.T) {
	home, w := filledHome(t)
	s := openHome(t, home)
	must(t, s.SaveSecrets(func(to *Secrets) { delete(to.Conversations, w.Conversations[0].ID) }))
	err := s.View(func(tx *Tx) error {
		_, err := tx.Op(w.Ops[0].Seq)
		return err
	})
	if !errors.Is(err, ErrTampered) {
		t.Error(err)
	}
}

// A database of a newer version is left as it is, its log too.
func TestNewerDatabase(t *testing.T) {
	home, _ := filledHome(t)
	newer := fmt.Sprintf("PRAGMA user_version=%d", schemaVersion+1)
	t.Run("closed", func(t *testing.T) {
		s := openHome(t, home)
		must(t, s.writer.db.Exec(newer))
		closeStore(t, s)
		refused(t, home, ErrNewer, databaseName)
	})
	t.Run("crashed", func(t *testing.T) {
		home, w := filledHome(t)
		s := openHome(t, home)
		doUpdate(t, s, func(tx *Tx) { must(t, tx.SavePair(w.Pairs[0].ID, []byte("in the log"))) })
		must(t, s.writer.db.Exec(newer))
		crashed := copyHome(t, home)
		if _, ok := sums(t, crashed)[databaseName+"-wal"]; !ok {
			t.Fatal("there is no log")
		}
		refused(t, crashed, ErrNewer, databaseName)
	})
	t.Run("key file", func(t *testing.T) {
		home, _ := filledHome(t)
		f, err := parseKeyFile(sampleKeyFile(t, sampleSecrets(), sampleUnlock()))
		must(t, err)
		f.Version++
		b, err := f.append(nil)
		must(t, err)
		must(t, os.WriteFile(inHome(home, keysName), b, 0o600))
		refused(t, home, ErrNewer, keysName)
	})
}

// copyHome copies the files as a crash would leave them.
func copyHome(t testing.TB, home string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	must(t, os.Mkdir(to, 0o700))
	files, err := os.ReadDir(home)
	must(t, err)
	for _, f := range files {
		b, err := os.ReadFile(inHome(home, f.Name()))
		must(t, err)
		must(t, os.WriteFile(inHome(to, f.Name()), b, 0o600))
	}
	return to
}

// Nothing that a person or a key is known by stands in the home in clear, while
// the store is open or after it.
func TestHomeHoldsNothingInClear(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	secrets := sampleSecrets()
	bodyKey := s.Secrets().Conversations[w.Conversations[0].ID]
	words := map[string][]byte{
		"text": []byte(sampleText), "name": []byte(sampleName), "alias": []byte(sampleAlias),
		"account": w.Contacts[0].Account[:], "peer": w.Pairs[0].Peer[:], "author": w.Ops[0].Author[:],
		"root": secrets.Root[:], "device": secrets.Device[:], "open": secrets.Open[:], "discovery": secrets.Discovery,
		"database key": secrets.Database[:], "body key": bodyKey[:], "skipped key": w.Skipped[0].Key[:],
		"delete": w.OutBlobs[0].Delete[:], "object": w.Contacts[0].Object[:64], "state": w.Pairs[0].State[:64],
		"handle": w.Requests[0].Handle[:], "schema": []byte("CREATE TABLE"),
	}
	if found := grep(t, home, words); len(found) > 0 {
		t.Errorf("while it is open: %v", found)
	}
	closeStore(t, s)
	if found := grep(t, home, words); len(found) > 0 {
		t.Errorf("after it was closed: %v", found)
	}
	// The search does find what is there.
	must(t, os.WriteFile(inHome(home, "planted"), []byte("… "+hex.EncodeToString(w.Pairs[0].Peer[:])+sampleName), 0o600))
	same(t, len(grep(t, home, words)), 2)
}

// grep returns the words that some file contains, as they are or in hexadecimal.
func grep(t testing.TB, home string, words map[string][]byte) (found []string) {
	t.Helper()
	files, err := os.ReadDir(home)
	must(t, err)
	if len(files) < 4 {
		t.Fatalf("only %d files", len(files))
	}
	for _, f := range files {
		b, err := os.ReadFile(inHome(home, f.Name()))
		must(t, err)
		for name, word := range words {
			if bytes.Contains(b, word) || bytes.Contains(bytes.ToLower(b), []byte(hex.EncodeToString(word))) {
				found = append(found, f.Name()+": "+name)
			}
		}
	}
	return found
}
