package control_test

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"sottovoce/cmd/internal/control"
)

func skipWithoutModes(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are no file modes here")
	}
}

// TestSocketIsPrivate looks at the mode under the most permissive umask.
func TestSocketIsPrivate(t *testing.T) {
	skipWithoutModes(t)
	defer syscall.Umask(syscall.Umask(0))
	home := t.TempDir()
	serve(t, home, town())
	if info, err := os.Stat(filepath.Join(home, "control.sock")); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
}

// TestStaleSocket comes up where a killed node left its socket.
func TestStaleSocket(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "control.sock")
	l := must(net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}))
	l.SetUnlinkOnClose(false)
	l.Close()
	_, err := control.NewClient(home).Me(t.Context())
	wantCode(t, err, control.CodeNotRunning)
	c := serve(t, home, town())
	must(c.Me(t.Context()))
}

func TestNoSocket(t *testing.T) {
	_, err := control.NewClient(t.TempDir()).Me(t.Context())
	wantCode(t, err, control.CodeNotRunning)
	_, err = control.NewClient(filepath.Join(t.TempDir(), "absent")).Me(t.Context())
	wantCode(t, err, control.CodeNotRunning)
	_, err = control.NewClient(longHome(t)).Me(t.Context())
	wantCode(t, err, control.CodeNotRunning)
	_, err = control.Listen(filepath.Join(t.TempDir(), "absent"))
	if err == nil {
		t.Error("a socket stands in a home that is not there")
	}
}

func longHome(t *testing.T) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

// TestLongHome uses a home whose path is too long for a socket, twice, the second time after a kill.
func TestLongHome(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	home := longHome(t)
	note := filepath.Join(home, "control.path")
	killed := must(control.Listen(home))
	dir := strings.TrimSpace(string(must(os.ReadFile(note))))
	if info, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("the runtime directory is %v, %v", info, err)
	}
	before := must(os.ReadFile(note))

	l := must(control.Listen(home))
	if after := must(os.ReadFile(note)); !bytes.Equal(before, after) {
		t.Errorf("the second node moved from %s to %s", before, after)
	}
	stop := serveOn(t, l, town())
	c := control.NewClient(home)
	must(c.Me(t.Context()))
	c.Close()
	stop()
	if _, err := os.Stat(dir); err == nil {
		t.Error("the runtime directory is still there")
	}
	if _, err := os.Stat(note); err == nil {
		t.Error("the note is still there")
	}
	killed.Close()
}

// TestForeignDirectory has a runtime directory that others can enter: neither side uses it.
func TestForeignDirectory(t *testing.T) {
	skipWithoutModes(t)
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
