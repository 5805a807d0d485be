package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
	"sottovoce/cmd/internal/ptytest"
)

// A person at a terminal reads what is shown, and is told who writes; whom they write to is told that, not what commands
// they type. To remove somebody they are asked.
func TestTerminalWithContact(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	keyboard, screen := ptytest.Pair(t, 80, 24)
	shown := new(watcher)
	go func() { _, _ = shown.seenFrom(keyboard) }()
	home := filepath.Join(t.TempDir(), "h")
	p := fakeProgram()
	p.Stdin, p.Stdout, p.Stderr = screen, screen, screen
	if err := p.Init(home, "Anna", control.VisibleEveryone); err != nil {
		t.Fatal(err)
	}
	f := controltest.New("Anna")
	bob := f.Befriend(f.Meet("Bob").ID)
	typing := make(chan bool, 100)
	f.OnTyping = func(_ control.Person, on bool) { typing <- on }
	l, err := control.Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- control.NewServer(f, "").Run(ctx, l) }()
	code := make(chan int)
	go func() { code <- Run(t.Context(), []string{"--home", home, "--lines"}, p) }()
	shown.wait(t, "You are writing to Bob")
	f.Type(bob.ID, true)
	shown.wait(t, "Bob is writing> ")
	m := f.Receive(bob.ID, "have you seen this?")
	f.Type(bob.ID, false)
	shown.wait(t, "have you seen this?")
	fmt.Fprint(keyboard, "/who\r")
	shown.wait(t, "  1  Bob")
	select {
	case <-typing:
		t.Error("a command was told as writing")
	default:
	}
	fmt.Fprint(keyboard, "ye")
	select {
	case <-typing:
	case <-time.After(10 * time.Second):
		t.Error("Bob was not told that somebody was writing")
	}
	fmt.Fprint(keyboard, "s\r\x04")
	shown.wait(t, "Goodbye.")
	if got := <-code; got != 0 {
		t.Errorf("the chat ended with %d", got)
	}
	if r := f.Reads[len(f.Reads)-1]; r.ID != m.ID || r.With.ID != bob.ID {
		t.Errorf("read was %+v", r)
	}

	for answer, want := range map[string]int{"no": 1, "": 1, "yes": 0} {
		go func() { code <- Run(t.Context(), []string{"--home", home, "remove", "Bob"}, p) }()
		shown.wait(t, "for good? Type yes: ")
		fmt.Fprint(keyboard, answer+"\n")
		if got := <-code; got != want {
			t.Errorf("after %q remove ended with %d", answer, got)
		}
		if want == 0 {
			f.Befriend(f.Meet("Bob").ID)
		}
	}
	stop()
	<-served
}
