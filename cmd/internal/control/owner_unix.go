//go:build unix

package control

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByUs tells that the directory is ours and closed to everybody else.
func ownedByUs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid() && info.Mode().Perm()&0o077 == 0
}
