package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/term"
)

// errStopped says that the person has had enough.
var errStopped = errors.New("stopped")

// pace gives a person time to read.
type pace struct {
	keys chan struct{} // a key was pressed; what nobody waits for is left out
}

// ctrlC is what that key sends where the terminal makes no signal of it.
const ctrlC = 3

// wait returns when a key is pressed or a text of that many bytes is read, and fails when ctx ends.
func (p *pace) wait(ctx context.Context, read int) error {
	if p == nil {
		return ctx.Err()
	}
	end := time.NewTimer(min(pauseMin+time.Duration(read)*pausePerByte, pauseMax))
	defer end.Stop()
	select {
	case <-end.C:
	case <-p.keys:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// listen takes keys from a terminal, as they are pressed and without showing them, until restore; Ctrl-C calls stop. A read that
// waits stays until the program ends, or its terminal.
func (p *pace) listen(in *os.File, stop func()) (restore func(), err error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	go func() {
		b := make([]byte, 32) // one key of several bytes is one
		for {
			n, err := in.Read(b)
			if err != nil {
				return
			}
			p.pressed(b[:n], stop)
		}
	}()
	// It fails only where the terminal is gone.
	return func() { _ = term.Restore(int(in.Fd()), before) }, nil
}

func (p *pace) pressed(key []byte, stop func()) {
	if bytes.IndexByte(key, ctrlC) >= 0 {
		stop()
		return
	}
	select {
	case p.keys <- struct{}{}:
	default:
	}
}
