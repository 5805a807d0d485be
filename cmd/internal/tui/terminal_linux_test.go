package tui

import (
	"context"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
	"sottovoce/cmd/internal/ptytest"
)

// A terminal that takes nothing (Ctrl+S, a connection that hangs) keeps nobody from ending the face.
func TestStoppedTerminal(t *testing.T) {
	ours, theirs := ptytest.Pair(t, 80, 24)
	shown := ptytest.NewScreen(80, 24)
	go func() { _, _ = io.Copy(shown, ours) }()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	f := controltest.New("Anna")
	go func() {
		ended <- Run(ctx, Options{Node: f, In: theirs, Out: theirs, Env: func(string) string { return "" }, Beginning: Beginning{
			Exists: true, Start: func(context.Context, control.Passphrase) error { return nil },
		}})
	}()
	if _, ok := shown.Await(10*time.Second, func(screen string) bool { return len(screen) > 100 }); !ok {
		t.Fatal("the face shows nothing")
	}
	fd := int(theirs.Fd())
	if err := unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOOFF); err != nil {
		t.Fatal(err)
	}
	f.Meet("Bruno")
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the face waits for its terminal")
	}
	if err := unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOON); err != nil {
		t.Error(err)
	}
}
