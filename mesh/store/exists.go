package store

import (
	"os"
	"path/filepath"
)

// Exists reports whether home holds a key file: an identity, or one whose making was
// cut short.
func Exists(home string) bool {
	_, err := os.Stat(filepath.Join(home, keysName))
	return err == nil
}
