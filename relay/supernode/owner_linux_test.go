package supernode

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sottovoce/mesh/needtest"
)

// TestOwner: root does not work in the directory of a service, which could not read what root leaves there.
//
// spec: 08-custody#data-directory
func TestOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		needtest.Without(t, "only root can be refused")
	}
	const service = 4242 // has no name
	cfg := Config{Rand: rand.Reader}
	charter := Charter{Name: "Casa", Policy: policy}
	empty, served := t.TempDir(), t.TempDir()
	if _, err := Found(served, charter, cfg); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{empty, served} {
		if err := os.Chown(dir, service, service); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Found(dir, charter, cfg)
		if !errors.Is(err, ErrOwner) || !strings.Contains(err.Error(), "sudo -u #4242") {
			t.Errorf("founding: %v", err)
		}
		s, err := Open(dir, cfg)
		if !errors.Is(err, ErrOwner) {
			t.Errorf("opening: %v", err)
		}
		if err == nil {
			_ = s.Close()
		}
		after, err := os.Stat(dir)
		if err != nil || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
			t.Errorf("it has changed: %v (%v)", after, err)
		}
	}
	if _, err := os.Stat(filepath.Join(empty, lockName)); err == nil {
		t.Error("a lock is left that is root's")
	}
}
