// Package goldentest compares what a test has made with a file in its testdata that somebody has read and found good.
// With -update the test rewrites the file, and the diff is for review.
//
// It leaves to the tests what stands in their files.
package goldentest

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// Update tells whether -update was given.
func Update() bool { return *update }

// File compares got with the file testdata/name, or writes it there with -update.
func File(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s differs; if that is meant, run the test with -update and read the diff (-want +got):\n%s", path, diff)
	}
}

// Hex reads the lines "name = hex" of the file testdata/name.
func Hex(t testing.TB, name string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string][]byte)
	for line := range strings.Lines(string(text)) {
		name, digits, found := strings.Cut(strings.TrimSpace(line), " = ")
		b, err := hex.DecodeString(digits)
		if !found || err != nil {
			t.Fatalf("%q is no line of names and hex", line)
		}
		values[name] = b
	}
	return values
}

// Counted returns the n bytes from, from+1, from+2 …
func Counted(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}
