package mdns

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// shareAddress lets several programs of this host, and we ourselves, listen on
// port 5353; here one option means both.
func shareAddress(_, _ string, c syscall.RawConn) error {
	var err error
	ctl := c.Control(func(fd uintptr) {
		err = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
	})
	return errors.Join(ctl, err)
}

// stayOnLink leaves the socket as it is: this system ignores the option, and the
// addresses are chosen from our subnets.
func stayOnLink(_, _ string, _ syscall.RawConn) error { return nil }
