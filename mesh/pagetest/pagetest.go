// Package pagetest holds parsers against the protocol pages. A second reader, in Python and written from docs/protocol alone, whose
// CDDL it reads as it stands, changes objects at every limit of the text, and byte by byte, and says of each what the
// text says: the parser must say the same.
//
// What stands in files and streams that are no CBOR is left to the references beside the code, scripts that it runs.
package pagetest

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/needtest"
	"sottovoce/mesh/wire"
)

// stuck is after how long a script is; the slowest takes some seconds, and twenty times as long on a machine that is busy.
const stuck = 5 * time.Minute

// Agree wants parse and the pages to say the same of objects that differ from the vectors at one place each: nil for what the
// text allows, wire.ErrNewer for what needs a newer version, any other error for what is malformed. What is "frame", "op",
// or a rule of a page: "10-communities#papers".
func Agree(t *testing.T, what string, vectors [][]byte, parse func([]byte) error) {
	t.Helper()
	said := map[string]int{}
	for line := range strings.Lines(read(t, what, vectors)) {
		want, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		said[want]++
		got, err := "ok", parse(b)
		switch {
		case errors.Is(err, wire.ErrNewer):
			got = "newer"
		case err != nil:
			got = "malformed"
		}
		if got != want {
			t.Errorf("the text says %s, the code %s (%v): %.400s", want, got, err, text)
		}
	}
	if said["ok"] == 0 || said["malformed"] == 0 || said["newer"] == 0 {
		t.Fatalf("the second reader has little to say: %v", said)
	}
	t.Log(said)
}

// read returns what the second reader says, a line for each object.
func read(t *testing.T, what string, vectors [][]byte) string {
	t.Helper()
	root := "."
	for range 8 { // tests run in the folder of their package
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		root = filepath.Join(root, "..")
	}
	pages, cbor := filepath.Join(root, "docs", "protocol"), filepath.Join(root, "mesh", "session", "testdata", "reference")
	noted(t, pages)
	noted(t, cbor)
	var in strings.Builder
	for _, v := range vectors {
		in.WriteString(hex.EncodeToString(v) + "\n")
	}
	return Python(t, filepath.Join(root, "mesh", "pagetest", "testdata", "reader.py"), in.String(), pages, cbor, what)
}

// Python runs a script, and returns what it says; it fails if the script does. Without Python it skips.
func Python(t *testing.T, script, in string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stuck)
	defer cancel()
	run := Command(ctx, t, script, args...)
	run.Stdin = strings.NewReader(in)
	out, err := run.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		t.Fatalf("%v\n%s%s", err, out, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Command is a script with arguments, to be run. Without Python it skips.
func Command(ctx context.Context, t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	needtest.Programs(t, "python3")
	noted(t, filepath.Dir(script))
	return exec.CommandContext(ctx, "python3", append([]string{"-B", script}, args...)...)
}

// noted looks at the files of a folder, which only another process reads, so that go test knows that we depend on them.
func noted(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(folder, err)
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Fatal(err)
		}
	}
}
