//go:build !linux

package mailbox

import "os"

func syncData(f *os.File) error { return f.Sync() }
