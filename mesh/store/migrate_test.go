package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// testdata/home-N.sql is a home of schema version N with a small world in it, as the
// program of that version left it: the secrets' body keys in comments, then all tables and
// rows. That of version 1 was written once and stays; each later one is what its step makes
// of the one before, rewritten by -update until it is released.
func homeFile(version int) string {
	return filepath.Join("testdata", fmt.Sprintf("home-%d.sql", version))
}

// smallWorld is newWorld without its long values.
func smallWorld() *world {
	w := newWorld()
	short := func(b *[]byte) { *b = (*b)[:min(len(*b), 40)] }
	for i := range w.Contacts {
		short(&w.Contacts[i].Object)
	}
	for i := range w.Pairs {
		short(&w.Pairs[i].State)
		short(&w.Pairs[i].Fixed)
	}
	for i := range w.Ops {
		short(&w.Ops[i].Body)
	}
	for i := range w.OutBlobs {
		short(&w.OutBlobs[i].Bytes)
		w.OutBlobs[i].Size = len(w.OutBlobs[i].Bytes)
	}
	return w
}

// oldHome makes the home of a version anew.
func oldHome(t testing.TB, version int) (home string) {
	t.Helper()
	text, err := os.ReadFile(homeFile(version))
	must(t, err)
	home = newHome(t)
	s := openHome(t, home)
	must(t, s.SaveSecrets(func(to *Secrets) { to.Conversations = bodyKeys(t, string(text)) }))
	closeStore(t, s)
	path := inHome(home, databaseName)
	must(t, os.Truncate(path, 0))
	c, err := dial(path, sampleSecrets().Database)
	must(t, err)
	must(t, c.format())
	must(t, c.db.Exec(string(text)))
	must(t, c.settle(writer))
	must(t, c.close())
	return home
}

const bodyKeyLine = "-- body key %d %x\n"

// bodyKeys reads the keys at the head of a file.
func bodyKeys(t testing.TB, text string) map[int64][32]byte {
	keys := make(map[int64][32]byte)
	for line := range strings.Lines(text) {
		var id int64
		var key []byte
		if n, _ := fmt.Sscanf(line, bodyKeyLine, &id, &key); n == 2 {
			keys[id] = [32]byte(key)
		}
	}
	if len(keys) == 0 {
		t.Fatal("no body keys")
	}
	return keys
}

// dump is the content of a database as statements, behind the body keys.
func dump(t testing.TB, c *conn, keys map[int64][32]byte) string {
	t.Helper()
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		key := keys[id]
		fmt.Fprintf(&b, bodyKeyLine, id, key[:])
	}
	tx := &Tx{s: new(Store), c: c}
	var tables []string
	must(t, tx.query("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").each(func(r *row) {
		fmt.Fprintf(&b, "%s;\n", r.text(2))
		if r.text(0) == "table" {
			tables = append(tables, r.text(1))
		}
	}))
	for _, table := range tables {
		var columns []string
		must(t, tx.query("SELECT name FROM pragma_table_info('"+table+"')").each(func(r *row) {
			columns = append(columns, "quote("+r.text(0)+")")
		}))
		must(t, tx.query("SELECT "+strings.Join(columns, "||', '||")+" FROM "+table).each(func(r *row) {
			fmt.Fprintf(&b, "INSERT INTO %s VALUES (%s);\n", table, r.text(0))
		}))
	}
	v, err := c.version()
	must(t, err)
	fmt.Fprintf(&b, "PRAGMA user_version=%d;\n", v)
	return b.String()
}

// Each step makes of the home before it what is in its file.
func TestEachMigration(t *testing.T) {
	for to := 2; to <= schemaVersion; to++ {
		t.Run(fmt.Sprint(to), func(t *testing.T) {
			home := oldHome(t, to-1)
			before, err := os.ReadFile(homeFile(to - 1))
			must(t, err)
			c := dialHome(t, home)
			must(t, c.migrate(to-1, to))
			got := dump(t, c, bodyKeys(t, string(before)))
			if *update {
				must(t, os.WriteFile(homeFile(to), []byte(got), 0o644))
			}
			want, err := os.ReadFile(homeFile(to))
			must(t, err)
			same(t, got, string(want))
		})
	}
}

func dialHome(t testing.TB, home string) *conn {
	t.Helper()
	c, err := dial(inHome(home, databaseName), sampleSecrets().Database)
	must(t, err)
	must(t, c.settle(writer))
	t.Cleanup(func() { must(t, c.close()) })
	return c
}

// Whatever version wrote a home, everything is as it was once it is opened, and the
// tables are those of a new home.
func TestHomeOfEveryVersion(t *testing.T) {
	written, fresh := smallWorld(), newHome(t)
	doUpdate(t, openHome(t, fresh), func(tx *Tx) { written.put(t, tx) })
	for version := 1; version <= schemaVersion; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			home := oldHome(t, version)
			for range 2 {
				s := openHome(t, home)
				checkWorld(t, s, written)
				same(t, tablesOf(t, s.writer), tablesOf(t, dialHome(t, fresh)))
				must(t, s.Update(func(tx *Tx) error { return tx.SetSetting("more", nil) }))
				closeStore(t, s)
			}
		})
	}
}

func tablesOf(t testing.TB, c *conn) (sql []string) {
	t.Helper()
	tx := &Tx{s: new(Store), c: c}
	must(t, tx.query("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").each(func(r *row) { sql = append(sql, r.text(0)) }))
	return sql
}

// failing is a disk that is full, or gone, from the n-th write on.
type failing struct {
	vfs.VFS
	left *int
}

func (f failing) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, got, err := vfsutil.WrapOpenFilename(f.VFS, name, flags)
	if err != nil {
		return nil, got, err
	}
	return failingFile{file, f.left}, got, nil
}

type failingFile struct {
	vfs.File
	left *int
}

func (f failingFile) spend() error {
	if *f.left <= 0 {
		return syscall.ENOSPC
	}
	*f.left--
	return nil
}

func (f failingFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.spend(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f failingFile) Sync(flags vfs.SyncFlag) error {
	if err := f.spend(); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

func (f failingFile) Truncate(size int64) error {
	if err := f.spend(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f failingFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f failingFile) Unwrap() vfs.File               { return f.File }

// A migration that is cut off between any two writes, by a kill or a full disk, leaves
// a home of the old version or of the new one, and the next opening goes on.
func TestMigrationCutOff(t *testing.T) {
	old := oldHome(t, 1)
	left := 0
	vfs.Register("failing", encrypted(failing{disk{vfs.Find("")}, &left}))
	written := smallWorld()
	doUpdate(t, openHome(t, newHome(t)), func(tx *Tx) { written.put(t, tx) })
	migrate := func(home string) error {
		c, err := dialOn("failing", inHome(home, databaseName), sampleSecrets().Database)
		must(t, err)
		must(t, c.settle(writer))
		err = c.migrate(1, schemaVersion)
		if err != nil && !isFull(err) && !errors.Is(err, sqlite3.FULL) {
			t.Fatal(err)
		}
		killed := copyHome(t, home) // as the kill leaves it
		_ = c.close()               // a full disk stays full
		for _, home := range []string{killed, home} {
			s := openHome(t, home)
			checkWorld(t, s, written)
			closeStore(t, s)
		}
		return err
	}
	for n := 0; ; n++ {
		left = n
		if err := migrate(copyHome(t, old)); err == nil {
			if n < 3 {
				t.Fatalf("done after %d writes: the test does not test what it is for", n)
			}
			return
		}
	}
}
