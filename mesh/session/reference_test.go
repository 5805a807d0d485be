package session_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestReference has the second implementation, written in Python from the protocol text alone, recompute our vectors:
// what both agree on is in the text, and not only in this package.
func TestReference(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3 is needed for the second implementation")
		}
		t.Skip("no python3 for the second implementation")
	}
	files, err := filepath.Glob(filepath.FromSlash("testdata/*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors", err)
	}
	args := []string{"-B", filepath.FromSlash("testdata/reference/reference.py")}
	published := filepath.FromSlash("../../../shared/vectors/wycheproof")
	if _, err := os.Stat(published); err == nil {
		args = append(args, "--wycheproof", published)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, python, append(args, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
