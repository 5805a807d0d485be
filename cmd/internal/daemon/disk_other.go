//go:build !linux

package daemon

// freeDisk is how many bytes the disk of a folder has left for us; 0: it does not say.
func freeDisk(string) int64 { return 0 }
