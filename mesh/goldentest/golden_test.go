package goldentest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// listener hears what a test is told.
type listener struct {
	testing.TB
	said string
}

func (l *listener) Errorf(format string, args ...any) { l.said += fmt.Sprintf(format, args...) }

func TestFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", "a.txt"), []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	File(t, "a.txt", "one\ntwo\n")
	l := &listener{TB: t}
	if File(l, "a.txt", "one\n2\n"); !strings.Contains(l.said, "-update") || !strings.Contains(l.said, `"two"`) {
		t.Errorf("a difference is told as %q", l.said)
	}
	*update = true
	defer func() { *update = false }()
	File(t, "b.txt", "three\n")
	if text, err := os.ReadFile(filepath.Join("testdata", "b.txt")); err != nil || string(text) != "three\n" || !Update() {
		t.Errorf("written was %q, %v", text, err)
	}
	File(t, "c.txt", "counted = 0708\n")
	if got := Hex(t, "c.txt")["counted"]; !bytes.Equal(got, Counted(7, 2)) {
		t.Errorf("read %x", got)
	}
}
