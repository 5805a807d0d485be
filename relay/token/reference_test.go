package token

import (
	"os"
	"path/filepath"
	"testing"

	"sottovoce/mesh/pagetest"
)

// TestReference has the second implementation, written in Python from the protocol text and the two RFCs alone, recompute
// our vectors and the RFC's: what both agree on is in the texts, and not only in this package.
func TestReference(t *testing.T) {
	const script = "testdata/reference/tokens.py"
	published := []string{"testdata/rfc9497.txt", "testdata/rfc9496.txt"}
	pagetest.Python(t, script, "", append([]string{"testdata/draw.txt"}, published...)...)
	vectors, err := os.ReadFile(filepath.FromSlash("testdata/draw.txt"))
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "draw.txt")
	if err := os.WriteFile(changed, append(vectors[:len(vectors)-3], "00\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := pagetest.Command(t.Context(), t, script, append([]string{changed}, published...)...).CombinedOutput(); err == nil {
		t.Errorf("another id of a token is taken\n%s", out)
	}
}
