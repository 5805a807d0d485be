package demo

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/term"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/ptytest"
)

// TestTerminal presses a key again and again at a terminal, and Ctrl-C when something was sealed: it is told in two columns, keys are
// not shown, and the terminal is left as it was.
func TestTerminal(t *testing.T) {
	keyboard, screen := ptytest.Pair(t, 120, 40)
	before, err := term.GetState(int(screen.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlay(Options{In: screen, Out: screen, Env: func(key string) string { return map[string]string{"TERM": "xterm"}[key] }})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.run(t.Context()) }()
	shown := make(chan string, 1)
	go func() {
		var seen strings.Builder
		key := []byte("x")
		defer func() { shown <- seen.String() }()
		for b := make([]byte, 4096); ; {
			n, err := keyboard.Read(b)
			if err != nil {
				return
			}
			if seen.Write(b[:n]); strings.Contains(seen.String(), "“"+english.Texts.Nearby+"”") {
				key = []byte{ctrlC}
			}
			if strings.Contains(seen.String(), "The folder is removed.") {
				return
			}
			time.AfterFunc(50*time.Millisecond, func() { _, _ = keyboard.Write(key) })
		}
	}()
	err = <-ended
	if e := control.AsError(err); err == nil || e.ExitCode() != 1 || !strings.Contains(e.Message, "stopped before the end") {
		t.Errorf("it ends with %v", err)
	}
	seen := <-shown
	for _, want := range []string{"── Nearby: three laptops in a piazza ─", "─┬─ What the supernode sees ─", looks[anna] + "mAnna\x1b[m sees", " │ ", "The folder is removed."} {
		if !strings.Contains(seen, want) {
			t.Errorf("the terminal does not show %q", want)
		}
	}
	if strings.Contains(seen, "x\x1b[") || strings.Contains(strings.ReplaceAll(seen, "\r\n", ""), "\n") || strings.Contains(seen, "\x1b[?") {
		t.Errorf("the terminal shows %q", seen)
	}
	if after, err := term.GetState(int(screen.Fd())); err != nil || *after != *before {
		t.Errorf("the terminal is left as %v, %v", after, err)
	}
	if _, err := os.Stat(p.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}
