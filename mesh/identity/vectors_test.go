package identity

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the vectors in testdata")

// vector is one line "name = hex" of a file in testdata.
type vector struct {
	name string
	b    []byte
}

// checkVectors compares vectors with testdata/file, or writes that file with -update.
func checkVectors(t *testing.T, file string, vectors []vector) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		var out strings.Builder
		for _, v := range vectors {
			fmt.Fprintf(&out, "%s = %x\n", v.name, v.b)
		}
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := readVectors(t, path)
	if len(want) != len(vectors) {
		t.Errorf("%s has %d vectors, the test %d", path, len(want), len(vectors))
	}
	for _, v := range vectors {
		if !bytes.Equal(v.b, want[v.name]) {
			t.Errorf("%s: %s is\n%x, frozen is\n%x", path, v.name, v.b, want[v.name])
		}
	}
}

func readVectors(t *testing.T, path string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	vectors := make(map[string][]byte)
	for line := range strings.Lines(string(text)) {
		name, digits, found := strings.Cut(strings.TrimSpace(line), " = ")
		b, err := hex.DecodeString(digits)
		if !found || err != nil {
			t.Fatalf("%s: %q is no vector", path, line)
		}
		vectors[name] = b
	}
	return vectors
}

// counted returns the bytes from, from+1, from+2 …
func counted(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}
