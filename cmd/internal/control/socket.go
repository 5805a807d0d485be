package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

const (
	// socketName is the socket's name in the home, or in the runtime directory when the home's path is too long for one.
	socketName = "control.sock"
	// socketNote is a file in the home that holds the path of the runtime directory; it exists only in that case.
	socketNote = "control.path"
)

// socketPath tells where the socket of a home is or would be. A home with a long path keeps its socket elsewhere and a
// note of where; without the note it is an fs.ErrNotExist.
func socketPath(home string) (string, error) {
	path := filepath.Join(home, socketName)
	if len(path) <= socketPathMax {
		return path, nil
	}
	note, err := os.ReadFile(filepath.Join(home, socketNote))
	if err != nil {
		return "", err
	}
	dir := strings.TrimSpace(string(note))
	if err := checkPrivate(dir); err != nil {
		return "", err
	}
	return filepath.Join(dir, socketName), nil
}

// checkPrivate makes sure that nobody but us can have put a socket into dir.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || !ownedByUs(info) {
		return Errorf(CodeFailed, "the socket is noted in %s, which others can enter: stop the node, delete %s in its home, start it again", dir, socketNote)
	}
	return nil
}

// runtimeDir finds or makes the private directory for the socket of a home with a long path, and notes it in the home.
func runtimeDir(home string) (string, error) {
	path := filepath.Join(home, socketNote)
	note, err := os.ReadFile(path)
	if err == nil {
		dir := strings.TrimSpace(string(note))
		if checkPrivate(dir) == nil {
			return dir, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	parent := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(parent) || len(parent) > socketPathMax/2 {
		parent = os.TempDir()
	}
	dir, err := os.MkdirTemp(parent, "sottovoce-")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, []byte(dir+"\n"), 0o600); err != nil {
		return "", errors.Join(err, os.Remove(dir))
	}
	return dir, nil
}

// Listen puts the control socket of a home in place, mode 0600 from its first moment, and replaces the one that a killed
// node left behind: the caller must hold the home's lock. Closing the listener removes the socket.
func Listen(home string) (net.Listener, error) {
	path := filepath.Join(home, socketName)
	if len(path) > socketPathMax {
		dir, err := runtimeDir(home)
		if err != nil {
			return nil, fmt.Errorf("a place for the control socket: %w", err)
		}
		path = filepath.Join(dir, socketName)
	}
	// Bound in a directory that only we may enter, closed to others, and only then moved to where it is found.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".")
	if err != nil {
		return nil, fmt.Errorf("a place for the control socket: %w", err)
	}
	defer os.RemoveAll(dir)
	l, err := listenPrivate(filepath.Join(dir, "s"))
	if err != nil {
		return nil, fmt.Errorf("the control socket: %w", err)
	}
	if err := os.Rename(filepath.Join(dir, "s"), path); err != nil {
		return nil, errors.Join(fmt.Errorf("the control socket: %w", err), l.Close())
	}
	return &listener{UnixListener: l, path: path, note: filepath.Join(home, socketNote)}, nil
}

func listenPrivate(path string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// listener removes what Listen made.
type listener struct {
	*net.UnixListener
	path, note string
}

// Close ends listening and removes the socket, and the runtime directory with its note where there is one.
func (l *listener) Close() error {
	err := l.UnixListener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	os.Remove(l.path)
	if dir := filepath.Dir(l.path); dir != filepath.Dir(l.note) {
		os.Remove(dir)
		os.Remove(l.note)
	}
	return err
}
