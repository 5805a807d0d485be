package token

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestReference has the second implementation, written in Python from the protocol text and the two RFCs alone, recompute
// our vectors and the RFC's: what both agree on is in the texts, and not only in this package.
func TestReference(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 is needed for the second implementation")
		}
		t.Skip("no python3 for the second implementation")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := func(draw string) ([]byte, error) {
		return exec.CommandContext(ctx, python, "-B", filepath.FromSlash("testdata/reference/tokens.py"),
			draw, filepath.FromSlash("testdata/rfc9497.txt"), filepath.FromSlash("testdata/rfc9496.txt")).CombinedOutput()
	}
	if out, err := run(filepath.FromSlash("testdata/draw.txt")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	vectors, err := os.ReadFile(filepath.FromSlash("testdata/draw.txt"))
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "draw.txt")
	if err := os.WriteFile(changed, append(vectors[:len(vectors)-3], "00\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(changed); err == nil {
		t.Errorf("another id of a token is taken\n%s", out)
	}
}
