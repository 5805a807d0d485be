// Package needtest skips a test where the machine lacks what it needs. With CI=true nothing may be skipped, but for what [Vectors] reads: there the test fails.
//
// It leaves it to .ci/need to install what is missing.
package needtest

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Programs skips the test where one of these programs is not installed.
func Programs(t testing.TB, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			Without(t, "needs "+program+": .ci/need namespaces, with CI=true, installs it")
		}
	}
}

// Without skips the test, and says why.
func Without(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s, and in CI nothing is skipped", why)
	}
	t.Skip(why)
}

// Vectors reads a file of Project Wycheproof's published vectors, which are not ours to keep: they lie beside the repository, seen from
// a package in mesh. Where the whole folder is missing the test is skipped, also in CI; where it is there, each file must be.
func Vectors(t testing.TB, name string) []byte {
	t.Helper()
	const folder = "../../../shared/vectors/wycheproof"
	if _, err := os.Stat(filepath.FromSlash(folder)); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the vectors of Project Wycheproof are not beside the repository")
	}
	text, err := os.ReadFile(filepath.Join(filepath.FromSlash(folder), name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
