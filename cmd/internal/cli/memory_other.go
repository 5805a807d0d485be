//go:build !linux

package cli

import "os"

// noFollow has a file not be opened by a link to it; only Linux is asked for that.
const noFollow = 0

// isOurs reports whether a file belongs to nobody else. None gets root words here in any case.
func isOurs(os.FileInfo) bool { return true }

// inMemory reports whether no disk holds what is written to f; that is known on Linux only.
func inMemory(*os.File) bool { return false }

// isJournal reports whether what is written to a stream goes to the journal, which only Linux has.
func isJournal(any) bool { return false }
