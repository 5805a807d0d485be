package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/ptytest"
)

// keyboardFor runs the program at a terminal, and returns what is typed on, what is shown, and the exit code to come.
func keyboardFor(t *testing.T, ctx context.Context, args ...string) (keyboard, screen *os.File, shown *watcher, code <-chan int) {
	t.Helper()
	keyboard, screen = ptytest.Pair(t, 80, 24)
	shown = new(watcher)
	go func() { _, _ = shown.seenFrom(keyboard) }()
	p := fakeProgram()
	p.Stdin, p.Stdout, p.Stderr = screen, screen, screen
	ended := make(chan int, 1)
	go func() { ended <- Run(ctx, args, p) }()
	return keyboard, screen, shown, ended
}

// typeUnseen types a line once the terminal does not show what is typed.
func typeUnseen(t *testing.T, keyboard, screen *os.File, shown *watcher, prompt, text string) {
	t.Helper()
	shown.wait(t, prompt)
	visible, err := terminalEchoes(screen)
	for end := time.Now().Add(5 * time.Second); err == nil && visible && time.Now().Before(end); visible, err = terminalEchoes(screen) {
		time.Sleep(time.Millisecond)
	}
	if visible || err != nil {
		t.Fatalf("the terminal goes on showing what is typed: %v", err)
	}
	fmt.Fprint(keyboard, text)
}

func TestPassphraseIsNotShown(t *testing.T) {
	home := filepath.Join(t.TempDir(), "h")
	if err := fakeProgram().Init(home, "Anna", control.VisibleEveryone); err != nil {
		t.Fatal(err)
	}
	keyboard, screen, shown, code := keyboardFor(t, t.Context(), "--home", home, "passphrase", "set")
	typeUnseen(t, keyboard, screen, shown, "New passphrase: ", "correct horse\n")
	typeUnseen(t, keyboard, screen, shown, "Again: ", "correct horse\n")
	if seen := shown.wait(t, "protects this home"); strings.Contains(seen, "horse") {
		t.Errorf("the terminal shows the passphrase: %q", seen)
	}
	if got := <-code; got != 0 {
		t.Errorf("it ended with %d", got)
	}
}

// Whoever is asked and leaves finds the terminal as it was.
func TestPassphraseInterrupted(t *testing.T) {
	home := filepath.Join(t.TempDir(), "h")
	if err := fakeProgram().Init(home, "Anna", control.VisibleEveryone); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	keyboard, screen, shown, code := keyboardFor(t, ctx, "--home", home, "passphrase", "set")
	typeUnseen(t, keyboard, screen, shown, "New passphrase: ", "corr")
	interrupt()
	shown.wait(t, "interrupted; nothing has changed")
	if got := <-code; got != 1 {
		t.Errorf("it ended with %d", got)
	}
	if visible, err := terminalEchoes(screen); err != nil || !visible {
		t.Errorf("the terminal does not show any more what is typed: %v", err)
	}
}
