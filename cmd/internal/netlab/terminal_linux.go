package netlab

import (
	"io"
	"os"
	"syscall"

	"sottovoce/cmd/internal/ptytest"
)

const terminalColumns, terminalRows = 80, 24

// Terminal is a command on a host with a terminal of 80 by 24 in front of it, as a person uses it.
type Terminal struct {
	*Process
	Shown *ptytest.Screen // what it shows
	end   *os.File        // ours of the terminal
}

// Terminal starts a command on a terminal of its own.
func (h *Host) Terminal(args ...string) *Terminal {
	h.lan.t.Helper()
	ours, theirs, err := ptytest.Open(terminalColumns, terminalRows)
	if err != nil {
		h.lan.t.Fatal(err)
	}
	p := h.process(args)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs, theirs, theirs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p.launch()
	theirs.Close()
	shown := ptytest.NewScreen(terminalColumns, terminalRows)
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.MultiWriter(&p.output, shown), ours) // ends with an error when the last process lets go of the terminal
	}()
	h.lan.t.Cleanup(func() {
		p.Kill()
		ours.Close()
		<-read
	})
	return &Terminal{Process: p, Shown: shown, end: ours}
}

// Type types a line and presses return.
func (t *Terminal) Type(line string) {
	t.host.lan.t.Helper()
	t.Press(line + "\r")
}

// Press presses keys, as a terminal sends them.
func (t *Terminal) Press(keys string) {
	t.host.lan.t.Helper()
	if _, err := t.end.WriteString(keys); err != nil {
		t.host.lan.t.Fatal(err)
	}
}

// Resize changes the size of the terminal.
func (t *Terminal) Resize(columns, rows int) {
	t.host.lan.t.Helper()
	t.Shown.Resize(columns, rows)
	if err := ptytest.Resize(t.end, columns, rows); err != nil {
		t.host.lan.t.Fatal(err)
	}
}

// Cooked tells whether the terminal is as a shell wants it.
func (t *Terminal) Cooked() bool {
	t.host.lan.t.Helper()
	cooked, err := ptytest.Cooked(t.end)
	if err != nil {
		t.host.lan.t.Fatal(err)
	}
	return cooked
}

// HangUp takes the terminal away, as when its window is killed.
func (t *Terminal) HangUp() { t.end.Close() }
