package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
	"sottovoce/cmd/internal/ptytest"
)

// served is a home whose node is the fake one, until the test ends.
func served(t *testing.T, f *controltest.Fake) (home string) {
	t.Helper()
	home = filepath.Join(t.TempDir(), "h")
	if err := fakeProgram().Init(home, "Anna", control.VisibleEveryone); err != nil {
		t.Fatal(err)
	}
	l, err := control.Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- control.NewServer(f, "").Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return home
}

// atTerminal runs a command at a terminal of its own.
func atTerminal(ctx context.Context, t *testing.T, args ...string) (keyboard *os.File, seen *watcher, code chan int) {
	t.Helper()
	keyboard, screen := ptytest.Pair(t, 80, 24)
	seen, code = new(watcher), make(chan int, 1)
	go func() { _, _ = seen.seenFrom(keyboard) }()
	p := fakeProgram()
	p.Stdin, p.Stdout, p.Stderr = screen, screen, screen
	go func() { code <- Run(ctx, args, p) }()
	return keyboard, seen, code
}

// Two people compare emoji, one of them at this terminal.
func TestVerifyAtTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	f := controltest.New("Anna")
	bob := f.Befriend(f.Meet("Bob").ID)
	home := served(t, f)
	verified := func() bool {
		p, err := f.Contact(t.Context(), "Bob")
		if err != nil {
			t.Fatal(err)
		}
		return p.Verified
	}
	for _, c := range []struct {
		name     string
		begin    func(*watcher)
		typed    string
		sees     string
		code     int
		verified bool
	}{
		{"the same, when they join", func(seen *watcher) {
			seen.wait(t, `sottovoce verify "Anna"`)
			f.JoinComparison(bob.ID)
		}, "perhaps\nyes\n", "Bob is verified: nobody stands between you two.", 0, true},
		{"not the same", func(seen *watcher) {
			seen.wait(t, "Waiting for Bob")
			f.JoinComparison(bob.ID)
		}, "no\n", "somebody may be between you and Bob", 1, false},
		{"the same, when they began", func(*watcher) {}, "sì\n", "Bob is verified", 0, true},
		{"they went away", func(seen *watcher) {
			seen.wait(t, "Waiting for Bob")
			f.EndComparison(bob.ID, "Bob has stopped it")
		}, "", "the comparison has ended: Bob has stopped it", 1, true},
		{"we went away", func(seen *watcher) {
			seen.wait(t, "Waiting for Bob")
			f.JoinComparison(bob.ID)
		}, "\x04", "nothing was decided", 1, true},
	} {
		if c.name == "the same, when they began" {
			f.BeginComparison(bob.ID)
		}
		keyboard, seen, code := atTerminal(t.Context(), t, "--home", home, "verify", "Bob")
		c.begin(seen)
		if c.typed != "" {
			seen.wait(t, "🌵  cactus / cactus")
			seen.wait(t, "Type yes or no: ")
			fmt.Fprint(keyboard, c.typed)
		}
		seen.wait(t, c.sees)
		if got := <-code; got != c.code || verified() != c.verified {
			t.Errorf("%s: exit code %d, verified %t", c.name, got, verified())
		}
		keyboard.Close()
	}
}

// Ctrl-C does not leave the other side waiting.
func TestVerifyInterrupted(t *testing.T) {
	t.Setenv("TERM", "xterm")
	f := controltest.New("Anna")
	f.Befriend(f.Meet("Bob").ID)
	person, interrupt := context.WithCancel(t.Context())
	_, seen, code := atTerminal(person, t, "--home", served(t, f), "verify", "Bob")
	seen.wait(t, "Waiting for Bob")
	interrupt()
	if got := <-code; got != 1 {
		t.Errorf("exit code %d", got)
	}
	if v, err := f.Verification(t.Context(), "Bob"); err != nil || v.Comparison.State != control.ComparisonNone {
		t.Errorf("still %+v, %v", v.Comparison, err)
	}
}
