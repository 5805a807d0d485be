package daemon

import "golang.org/x/sys/unix"

// freeDisk is how many bytes the disk of a folder has left for us; 0: it does not say.
func freeDisk(folder string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(folder, &s) != nil {
		return 0
	}
	return int64(s.Bavail) * int64(s.Bsize) // of 32 bits on some machines
}
