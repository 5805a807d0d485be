package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
)

// TestBackupInterrupted: Ctrl-C in the middle of a backup leaves nothing of it.
func TestBackupInterrupted(t *testing.T) {
	home, out := filepath.Join(t.TempDir(), "h"), t.TempDir()
	p := fakeProgram()
	if err := p.Init(home, "Anna", control.VisibleEveryone); err != nil {
		t.Fatal(err)
	}
	l, err := control.Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- control.NewServer(controltest.New("Anna"), "1.2.3").Run(serving, l) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	words := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(words, []byte(controltest.StuckPassphrase), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	p.Stderr = &said
	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, []string{"--home", home, "backup", filepath.Join(out, "a.age"), "--passphrase-file", words}, p)
	}()
	begun := func() bool { files, _ := os.ReadDir(out); return len(files) > 0 }
	for end := time.Now().Add(10 * time.Second); !begun() && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	interrupt()
	if got := <-code; got != 1 || said.String() != "sottovoce: interrupted\n" {
		t.Errorf("it ended with %d and said %q", got, said.String())
	}
	if begun() {
		t.Error("something is left behind")
	}
}
