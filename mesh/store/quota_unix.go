//go:build unix

package store

import "syscall"

// errQuota is a full disk, too: the share of one user of it.
const errQuota = syscall.EDQUOT
