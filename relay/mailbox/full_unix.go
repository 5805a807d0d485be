//go:build unix

package mailbox

import (
	"errors"
	"syscall"
)

// noRoom tells whether a write failed because the disk, or this user's part of it, is full.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
