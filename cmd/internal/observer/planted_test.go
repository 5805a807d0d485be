package observer

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"sottovoce/cmd/internal/netlab"
)

// plantedEnv names what is planted.
const (
	plantedEnv     = "OBSERVER_PLANTED"
	plantedNothing = "nothing"
)

// Each of these makes the observer succeed, by the features that belong to it: else it would
// prove nothing that it does not succeed without.
func TestPlanted(t *testing.T) {
	t.Parallel()
	program := build(t, "testdata/planted.txtar")
	for _, c := range []struct{ planted, test, found string }{
		{"stable instance label", "TestPlantedDay", `mdns.announce.srv.name`},
		{"stable host label", "TestPlantedDay", `mdns.announce.srv.target`},
		{"stable TLS key", "TestPlantedDay", `probe.tls.key`},
		{"jitter of the home", "TestPlantedDay", `mdns.goodbye.(phase|between).1h`},
		{"unbound slots", "TestReplayer", `with another fingerprint: \[Bruno`},
		{plantedNothing, "TestPlantedDay", "^nothing found"},
		{"stable instance label", "TestRealVisits", `^\s+mdns.announce.srv.name`},
	} {
		t.Run(c.planted+" "+c.test, func(t *testing.T) {
			t.Parallel()
			if c.test == "TestRealVisits" {
				netlab.New(t, netlab.IPv4) // where there can be no such network the test is skipped, or fails
			}
			cmd := exec.Command(program, "-test.run=^"+c.test+"$", "-test.v")
			cmd.Env = append(os.Environ(), plantedEnv+"="+c.planted)
			out, err := cmd.CombinedOutput()
			if !regexp.MustCompile("(?m)" + c.found).Match(out) {
				t.Errorf("not found: %v\n%s", err, out)
			}
		})
	}
}

// TestPlantedDay is a short day; what was found is printed.
func TestPlantedDay(t *testing.T) {
	if _, ok := os.LookupEnv(plantedEnv); !ok {
		return // TestPlanted plays it
	}
	twice(t, func(t *testing.T, seed uint64) (against disproved) {
		cryptotest.SetGlobalRandom(t, seed)
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(begin))
			homes, _ := Homes(t, dir, names)
			w := newTown(t, homes, seed)
			w.live(4, 100*time.Minute, 10*time.Minute)
			verdict := Judge(w.log.Visits(w.packets), nil)
			if !verdict.Tells() {
				fmt.Println("nothing found")
				return
			}
			for _, f := range verdict.Found {
				fmt.Println(f)
			}
			against = disproved{claimVisits: verdict.String()}
		})
		return against
	})
}

// build compiles this package's tests with changed sources and returns the program.
func build(t *testing.T, archive string) string {
	t.Helper()
	parsed, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	module, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for _, f := range parsed.Files {
		path := filepath.Join(module, f.Name)
		before, after, change := strings.Cut(string(f.Data), "=======\n")
		if !change {
			texts[path] = before
			continue
		}
		if texts[path] == "" {
			original, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(original)
		}
		if n := strings.Count(texts[path], before); n != 1 {
			t.Fatalf("%s has %q %d times: change %s with it", f.Name, before, n, archive)
		}
		texts[path] = strings.Replace(texts[path], before, after, 1)
	}
	dir := t.TempDir()
	replace := make(map[string]string)
	for path, text := range texts {
		replace[path] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "observer.test")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building with changes: %v\n%s", err, out)
	}
	return program
}
