//go:build unix

package mdns

import (
	"errors"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// shareAddress lets several programs of this host, and we ourselves, listen on
// port 5353 of one interface each. On Linux SO_REUSEADDR does for that; with
// SO_REUSEPORT as well, the system would deal out what comes by unicast among all
// programs of one user.
func shareAddress(_, _ string, c syscall.RawConn) error {
	var err error
	ctl := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		if runtime.GOOS != "linux" {
			err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		}
	})
	return errors.Join(ctl, err)
}

// stayOnLink lets unicast reach neighbours only, past every router.
func stayOnLink(_, _ string, c syscall.RawConn) error {
	var err error
	ctl := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DONTROUTE, 1) })
	return errors.Join(ctl, err)
}
