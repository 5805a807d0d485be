package mailbox

import (
	"errors"
	"syscall"
)

// errDiskFull is ERROR_DISK_FULL, which package syscall has no name for.
const errDiskFull syscall.Errno = 112

// noRoom tells whether a write failed because the disk is full.
func noRoom(err error) bool { return errors.Is(err, errDiskFull) }
