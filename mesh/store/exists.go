package store

import (
	"os"
	"path/filepath"
)

// Exists reports whether home holds a key file, which is an identity or one whose
// making was cut short, or a database that has lost its key file: Open says what to do.
func Exists(home string) bool {
	for _, name := range []string{keysName, databaseName} {
		if _, err := os.Stat(filepath.Join(home, name)); err == nil {
			return true
		}
	}
	return false
}
