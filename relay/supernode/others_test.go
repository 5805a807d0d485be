package supernode

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestOthers: a directory that holds other things stays as it is; what a founding that was cut short has left is no such thing.
//
// spec: 08-custody#data-directory
func TestOthers(t *testing.T) {
	t.Parallel()
	cfg := Config{Rand: rand.Reader}
	charter := Charter{Name: "Casa", Policy: policy}
	for name, refused := range map[string]bool{"www": true, "supernode.txt": true, "lost+found": false, lockName: false, keysName + freshSuffix: false} {
		dir := filepath.Join(t.TempDir(), "srv")
		if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, name), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		_, err := Found(dir, charter, cfg)
		if errors.Is(err, ErrOthers) != refused || !refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		entries, readErr := os.ReadDir(dir)
		is, statErr := os.Stat(dir)
		if err := errors.Join(readErr, statErr); err != nil {
			t.Fatal(err)
		}
		if left := is.Mode().Perm() == 0o755 && len(entries) == 1; left != refused {
			t.Errorf("%s: it is %v now, with %d files", name, is.Mode(), len(entries))
		}
	}
}

// TestKilledThere: what a process leaves that is killed keeps the next one out of no directory, though that of a process before a cluster has
// little else.
func TestKilledThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{lockName, "control.sock", "control.path"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkOthers(dir); err != nil {
		t.Error(err)
	}
}
