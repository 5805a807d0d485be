package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOpenInMemory: root words go to no file that somebody else has put there to read them, nor through a link of theirs.
func TestOpenInMemory(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/dev/shm", "sottovoce-words-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	name, link := filepath.Join(dir, "words"), filepath.Join(dir, "link")
	if err := os.WriteFile(name, []byte("of a founding that was cut short"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	if f, err := openInMemory(link, true); err == nil {
		t.Errorf("a link was followed to %s", f.Name())
	}
	f, err := openInMemory(name, true)
	if err != nil {
		t.Fatal(err)
	}
	is, err := f.Stat()
	if err != nil || is.Size() != 0 || is.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", is, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return // and cannot give a file to somebody else
	}
	if err := os.Chown(name, 4242, 4242); err != nil {
		t.Fatal(err)
	}
	if _, err := openInMemory(name, true); err == nil || !strings.Contains(err.Error(), "somebody else's") {
		t.Errorf("the file of another user: %v", err)
	}
}
