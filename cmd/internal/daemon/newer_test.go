package daemon

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/vfs/adiantum"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh/store"
)

// A home that a later version of the program has led up is refused in one line, with exit
// code 1, and left as it is.
func TestNewerHome(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	if err := Init(home, "Anna"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, "chat.db")
	leadUp(t, home, path)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Options{Home: home})
	if err == nil || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), "use the newer program") ||
		strings.Contains(err.Error(), "\n") || control.AsError(err).ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Errorf("the database was changed (%v)", err)
	}
}

// leadUp gives a database a schema version of the far future.
func leadUp(t *testing.T, home, path string) {
	t.Helper()
	s, err := store.Open(home, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("file:%s?vfs=adiantum&hexkey=%x", path, s.Secrets().Database[:])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite3.OpenFlags(name, sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("PRAGMA user_version=1000000"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
