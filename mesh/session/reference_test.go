package session_test

import (
	"os"
	"path/filepath"
	"testing"

	"sottovoce/mesh/pagetest"
)

// TestReference has the second implementation, written in Python from the protocol text alone, recompute our vectors:
// what both agree on is in the text, and not only in this package.
func TestReference(t *testing.T) {
	files, err := filepath.Glob(filepath.FromSlash("testdata/*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors", err)
	}
	var args []string
	published := filepath.FromSlash("../../../shared/vectors/wycheproof")
	if _, err := os.Stat(published); err == nil {
		args = append(args, "--wycheproof", published)
	}
	t.Log(pagetest.Python(t, filepath.FromSlash("testdata/reference/reference.py"), "", append(args, files...)...))
}
