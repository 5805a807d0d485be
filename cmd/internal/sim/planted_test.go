package sim

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// plantedSeedsMax is how many seeds a planted bug may stay hidden for.
const plantedSeedsMax = 40

// Each of the bugs in testdata/planted is found by the simulation, for the reason that the
// file gives. They are planted in a copy that only the compiler sees.
func TestPlanted(t *testing.T) {
	files, err := filepath.Glob("testdata/planted/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d bugs to plant: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			bug, found := readBug(t, file)
			program := build(t, append(bug, sameAgain...)...)
			seeds := make([]uint64, plantedSeedsMax)
			for i := range seeds {
				seeds[i] = uint64(i + 1)
			}
			caught := false
			runAll(t, program, seeds, func(r result) (more bool) {
				if !caught && !r.ok {
					caught = found.MatchString(r.found())
					t.Logf("seed %d: %s", r.seed, r.found())
				}
				return !caught
			})
			if !caught {
				t.Errorf("not found with %d seeds", plantedSeedsMax)
			}
		})
	}
}

// readBug reads the patches of a bug and what finding it looks like.
func readBug(t *testing.T, file string) (bug []patch, found *regexp.Regexp) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, words, _ := strings.Cut(string(archive.Comment), "found: ")
	found, err = regexp.Compile(strings.TrimSpace(words))
	if err != nil || words == "" {
		t.Fatalf("%s does not say how it is found: %v", file, err)
	}
	for _, f := range archive.Files {
		before, after, ok := strings.Cut(string(f.Data), "=======\n")
		if !ok {
			t.Fatalf("%s: %s has no after", file, f.Name)
		}
		bug = append(bug, patch{file: f.Name, before: strings.TrimSuffix(before, "\n"), after: strings.TrimSuffix(after, "\n")})
	}
	return bug, found
}
