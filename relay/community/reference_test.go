package community

import (
	"path/filepath"
	"testing"

	"sottovoce/mesh/pagetest"
)

// TestReference has a second implementation, in Python and from the protocol text alone, recompute our vectors.
func TestReference(t *testing.T) {
	root := filepath.FromSlash("../..")
	t.Log(pagetest.Python(t, filepath.FromSlash("testdata/reference/community.py"), "",
		filepath.Join(root, "docs", "protocol"), filepath.Join(root, "mesh", "session", "testdata", "reference"), filepath.FromSlash("testdata/community.txt")))
}
