//go:build !linux

package daemon

import "runtime"

// residentMemory is what the Go runtime holds of the system's memory, in bytes: the
// nearest to a resident set that can be had everywhere.
func residentMemory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}
