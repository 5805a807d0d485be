package cli

import (
	"fmt"
	"os"
	"syscall"
)

// The file systems that keep everything in memory, by the numbers that the kernel has for them.
const (
	tmpfs = 0x01021994
	ramfs = 0x858458f6
)

// noFollow has a file not be opened by a link to it.
const noFollow = syscall.O_NOFOLLOW

// isOurs reports whether a file belongs to nobody else.
func isOurs(is os.FileInfo) bool {
	s, ok := is.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}

// inMemory reports whether no disk holds what is written to f.
func inMemory(f *os.File) bool {
	var s syscall.Statfs_t
	err := syscall.Fstatfs(int(f.Fd()), &s)
	return err == nil && (uint32(s.Type) == tmpfs || uint32(s.Type) == ramfs)
}

// isJournal reports whether what is written to a stream goes to the journal, as systemd says it to what it starts.
func isJournal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	var s syscall.Stat_t
	err := syscall.Fstat(int(f.Fd()), &s)
	return err == nil && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}
