package mailbox

import (
	"errors"
	"os"
	"syscall"
)

// syncData leaves out what fsync writes beside content and size: the time of the last change.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
