package tidy

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// rules are all checks by name. The name is also the file in testdata that shows the check failing.
var rules = map[string]func(*tree) []string{
	"imports":      checkImports,
	"purity":       checkPurity,
	"packages":     checkPackages,
	"spec":         checkSpecLinks,
	"pages":        checkPages,
	"ratchet":      checkRatchet,
	"dependencies": checkDependencies,
	"toplevel":     checkTopLevel,
	"leftovers":    checkLeftovers,
	"inits":        checkInits,
	"skips":        checkSkips,
	"fuzz":         checkFuzz,
}

// TestHouse runs every rule on our own tree.
func TestHouse(t *testing.T) {
	house, err := load(os.DirFS(filepath.Join("..", "..", "..")))
	if err != nil {
		t.Fatal(err)
	}
	if len(house.files) < 10 {
		t.Fatalf("only %d Go files found: this is not the whole tree", len(house.files))
	}
	for name, check := range rules {
		t.Run(name, func(t *testing.T) {
			for _, finding := range check(house) {
				t.Error(finding)
			}
		})
	}
}

// TestRulesCanFail runs every rule on a small tree in testdata/<rule>.txtar. The text before the first file lists
// the findings expected, sorted; what is not listed must pass.
func TestRulesCanFail(t *testing.T) {
	for name, check := range rules {
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSpace(string(archive.Comment)), "\n")
			broken, err := load(treeOf(archive))
			if err != nil {
				t.Fatal(err)
			}
			got := check(broken)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func treeOf(archive *txtar.Archive) fs.FS {
	files := fstest.MapFS{}
	for _, file := range archive.Files {
		files[file.Name] = &fstest.MapFile{Data: file.Data}
	}
	return files
}
