//go:build unix

package control_test

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sottovoce/cmd/internal/control"
)

// TestSocketIsPrivate looks at the mode under the most permissive umask.
func TestSocketIsPrivate(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	home := t.TempDir()
	serve(t, home, town())
	if info, err := os.Stat(filepath.Join(home, "control.sock")); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket is %v, %v", info, err)
	}
}

// TestForeignDirectory has a runtime directory that others can enter: neither side uses it.
func TestForeignDirectory(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	home, open := longHome(t), t.TempDir()
	os.Chmod(open, 0o755)
	note := filepath.Join(home, "control.path")
	os.WriteFile(note, []byte(open+"\n"), 0o600)
	foreign := must(net.Listen("unix", filepath.Join(open, "control.sock")))
	defer foreign.Close()
	c := control.NewClient(home)
	if _, err := c.Me(t.Context()); err == nil || control.AsError(err).Code != control.CodeFailed {
		t.Errorf("the client says %v", err)
	}
	must(serve(t, home, town()).Me(t.Context()))
	if strings.HasPrefix(string(must(os.ReadFile(note))), open) {
		t.Error("the node uses the open directory")
	}
}
