package netlab

import (
	"path/filepath"
	"strconv"
	"strings"
)

// Screen is a whole terminal with a command on it, as a person sees it: tmux stands in for the terminal.
type Screen struct {
	host   *Host
	socket string
}

// Screen runs a command on a terminal of its own, of so many columns and rows. It ends with the test.
func (h *Host) Screen(columns, rows int, command string) *Screen {
	h.lan.t.Helper()
	s := &Screen{host: h, socket: filepath.Join(h.Home, "tmux")}
	server := h.Start("tmux", "-D", "-f", "/dev/null", "-S", s.socket)
	h.lan.t.Cleanup(server.Kill)
	h.waitFor("a terminal", func() error {
		_, err := s.tmux("list-sessions") // which starts no other server while this one is not there yet
		return err
	})
	if _, err := s.tmux("new-session", "-d", "-s", "screen", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows), command); err != nil {
		h.lan.t.Fatal(err)
	}
	return s
}

func (s *Screen) tmux(args ...string) (string, error) {
	got := s.host.Run(s.host.lan.t.Context(), append([]string{"tmux", "-S", s.socket}, args...)...)
	if got.Code != 0 {
		return "", &resultError{got}
	}
	return got.Stdout, nil
}

// resultError is a command that failed.
type resultError struct{ Result }

func (e *resultError) Error() string { return strings.TrimSpace(e.Stderr) }

// Press presses keys, by the names that tmux has for them: Enter, Escape, M-Down, C-q.
func (s *Screen) Press(keys ...string) {
	s.host.lan.t.Helper()
	if _, err := s.tmux(append([]string{"send-keys", "-t", "screen"}, keys...)...); err != nil {
		s.host.lan.t.Fatal(err)
	}
}

// Type types a text.
func (s *Screen) Type(text string) { s.Press("-l", text) }

// Text is what is on the screen, row by row; an error once the command has ended.
func (s *Screen) Text() (string, error) { return s.tmux("capture-pane", "-p", "-t", "screen") }

// Resize changes the size of the terminal.
func (s *Screen) Resize(columns, rows int) {
	s.host.lan.t.Helper()
	if _, err := s.tmux("resize-window", "-t", "screen", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows)); err != nil {
		s.host.lan.t.Fatal(err)
	}
}
