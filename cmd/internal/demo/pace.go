package demo

import (
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
	in   *os.File    // the terminal that keys come from; nil: there is none
	keys chan []byte // what was pressed; nil until somebody reads
}

// ctrlC is what that key sends where a terminal makes no signal of it.
const ctrlC = 3

// wait returns when a key is pressed or a text of that many bytes is read, and fails when ctx ends or the key is Ctrl-C.
func (p *pace) wait(ctx context.Context, read int) error {
	if p == nil {
		return ctx.Err()
	}
	end := time.NewTimer(min(pauseMin+time.Duration(read)*pausePerByte, pauseMax))
	defer end.Stop()
	if p.in != nil {
		before, err := term.MakeRaw(int(p.in.Fd()))
		if err != nil {
			return err
		}
		// It fails only where the terminal is gone.
		defer func() { _ = term.Restore(int(p.in.Fd()), before) }()
		p.listen()
	}
	select {
	case <-end.C:
	case <-ctx.Done():
	case pressed := <-p.keys:
		for _, b := range pressed {
			if b == ctrlC {
				return errStopped
			}
		}
	}
	return ctx.Err()
}

// listen begins to read keys, once. A read that waits stays until the program ends, or its terminal.
func (p *pace) listen() {
	if p.keys != nil {
		return
	}
	p.keys = make(chan []byte)
	go func() {
		for {
			b := make([]byte, 32)
			n, err := p.in.Read(b)
			if err != nil {
				return
			}
			p.keys <- b[:n]
		}
	}()
}
