package ptytest

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"sottovoce/mesh/needtest"
)

// Open makes a pair of a terminal's two ends: ours, and the one that a process takes for its terminal.
func Open(columns, rows int) (ours, theirs *os.File, err error) {
	ours, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			ours.Close()
		}
	}()
	if err = Resize(ours, columns, rows); err != nil {
		return nil, nil, err
	}
	var number int
	err = inside(ours, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	theirs, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	return ours, theirs, err
}

// Pair is Open for a test, to the end of which both ends stay open. Where there are no terminals the test is skipped; with
// CI=true it fails.
func Pair(t testing.TB, columns, rows int) (ours, theirs *os.File) {
	t.Helper()
	ours, theirs, err := Open(columns, rows)
	if err != nil {
		needtest.Without(t, "there are no terminals here: "+err.Error())
	}
	t.Cleanup(func() {
		ours.Close()
		theirs.Close()
	})
	return ours, theirs
}

// Resize changes the size of a terminal; the processes in its foreground are told.
func Resize(ours *os.File, columns, rows int) error {
	return inside(ours, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(columns)})
	})
}

// Cooked tells whether a terminal is as shells want it: it gathers lines, shows what is typed, and makes signals of keys.
func Cooked(ours *os.File) (cooked bool, err error) {
	err = inside(ours, func(fd int) error {
		const all = unix.ICANON | unix.ECHO | unix.ISIG
		modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		cooked = err == nil && modes.Lflag&all == all
		return err
	})
	return cooked, err
}

// inside does something with a file's descriptor and leaves the file as it is.
func inside(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if failed := raw.Control(func(fd uintptr) { err = do(int(fd)) }); failed != nil {
		return failed
	}
	return err
}
