package control_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sottovoce/cmd/internal/control"
)

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
