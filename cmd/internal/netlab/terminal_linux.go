package netlab

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Terminal is a command on a host with a terminal of 80 by 24 in front of it, as a person uses it.
type Terminal struct {
	*Process
	screen *os.File // our end of the terminal
}

// Terminal starts a command on a terminal of its own.
func (h *Host) Terminal(args ...string) *Terminal {
	h.lan.t.Helper()
	ours, theirs, err := openTerminal()
	if err != nil {
		h.lan.t.Fatal(err)
	}
	p := h.process(args)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs, theirs, theirs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	p.launch()
	theirs.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&p.output, ours) // ends with an error when the last process lets go of the terminal
	}()
	h.lan.t.Cleanup(func() {
		p.Kill()
		ours.Close()
		<-read
	})
	return &Terminal{Process: p, screen: ours}
}

// Type types a line and presses return.
func (t *Terminal) Type(line string) {
	t.host.lan.t.Helper()
	t.Press(line + "\r")
}

// Press presses keys, as a terminal sends them.
func (t *Terminal) Press(keys string) {
	t.host.lan.t.Helper()
	if _, err := t.screen.WriteString(keys); err != nil {
		t.host.lan.t.Fatal(err)
	}
}

// openTerminal makes a pair of a terminal's two ends: ours, and the one a process takes for its terminal.
func openTerminal() (ours, theirs *os.File, err error) {
	ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			ours.Close()
		}
	}()
	raw, err := ours.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	var number int
	control := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			return
		}
		if err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
			return
		}
		number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
	})
	if control != nil {
		return nil, nil, control
	}
	if err != nil {
		return nil, nil, err
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	return ours, theirs, err
}
