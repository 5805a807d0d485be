//go:build !unix

package store

import "syscall"

// errQuota is what the writing of a full disk is called here.
const errQuota = syscall.ENOSPC
