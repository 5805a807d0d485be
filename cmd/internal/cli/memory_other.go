//go:build !linux

package cli

import "os"

// inMemory reports whether no disk holds what is written to f; that is known on Linux only.
func inMemory(*os.File) bool { return false }

// isJournal reports whether what is written to a stream goes to the journal, which only Linux has.
func isJournal(any) bool { return false }
