package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/ptytest"
)

// watcher gathers what a terminal shows.
type watcher struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (w *watcher) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Write(b)
}

// wait waits until the terminal has shown a text.
func (w *watcher) wait(t *testing.T, text string) string {
	t.Helper()
	for range 500 {
		w.mu.Lock()
		seen := w.seen.String()
		w.mu.Unlock()
		if strings.Contains(seen, text) {
			return seen
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the terminal never showed %q, but %q", text, w.seen.String())
	return ""
}

// TestTerminal types half a line, lets others speak, and finishes the line: it arrives whole, and stands whole below what
// was said. The terminal is left as it was found.
func TestTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	keyboard, screen := ptytest.Pair(t, 80, 24)
	before, err := term.GetState(int(screen.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	shown := new(watcher)
	go func() { _, _ = shown.seenFrom(keyboard) }()
	home := filepath.Join(t.TempDir(), "h")
	p := fakeProgram()
	p.Stdin, p.Stdout, p.Stderr = screen, screen, screen
	code := make(chan int)
	go func() { code <- Run(t.Context(), []string{"--home", home, "--lines"}, p) }()
	shown.wait(t, "What should the others call you?")
	fmt.Fprint(keyboard, "Anna\r")
	shown.wait(t, "1, 2 or 3")
	fmt.Fprint(keyboard, "who?\r\r")
	shown.wait(t, "Please answer with 1, 2 or 3.")
	shown.wait(t, "Type /help")
	fmt.Fprint(keyboard, "/add Bob\r")
	shown.wait(t, "Bob\x1b[0m is a contact now")
	fmt.Fprint(keyboard, "/to Bob\r")
	shown.wait(t, "Bob> ")
	fmt.Fprint(keyboard, "echo one\rhalf a ")
	shown.wait(t, "Bob\x1b[0m: one")
	fmt.Fprint(keyboard, "line, slow\r")
	c := control.NewClient(home)
	defer c.Close()
	for range 500 {
		found, err := c.Log(t.Context(), "Bob", control.LogQuery{N: 1})
		if err == nil && len(found) == 1 && found[0].Text == "half a line, slow" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if seen := shown.wait(t, "half a line, slow"); strings.Count(seen, "Bob> half a ") < 1 {
		t.Errorf("the line being typed was not kept whole: %q", seen)
	}
	fmt.Fprint(keyboard, "\x03")
	shown.wait(t, "Goodbye.")
	if got := <-code; got != 0 {
		t.Errorf("the chat ended with %d", got)
	}
	if after, err := term.GetState(int(screen.Fd())); err != nil || *after != *before {
		t.Errorf("the terminal is not as it was: %+v, %v", after, err)
	}
}

// seenFrom copies until the terminal is closed.
func (w *watcher) seenFrom(keyboard *os.File) (int64, error) {
	b := make([]byte, 4096)
	for {
		n, err := keyboard.Read(b)
		_, _ = w.Write(b[:n])
		if err != nil {
			return 0, err
		}
	}
}

// terminalEchoes tells whether what is typed appears.
func terminalEchoes(screen *os.File) (bool, error) {
	state, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
	if err != nil {
		return false, err
	}
	return state.Lflag&unix.ECHO != 0, nil
}
