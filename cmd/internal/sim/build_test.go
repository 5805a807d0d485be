package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// patch is a change of one source file. before is in it exactly once.
type patch struct {
	file          string // in the module, or below GOROOT/ of the toolchain
	before, after string
}

// sameAgain takes chance out of the toolchain's runtime: with it, and on one processor
// without garbage collection but where the simulation asks for it, one seed makes the same
// run each time. What draws by chance otherwise: the order in which a map is walked and a
// select looks at its channels, which of two timers of one instant is first, and when a
// goroutine has had its time.
var sameAgain = []patch{
	{"GOROOT/src/runtime/rand.go", "func rand() uint64 {\n", "func rand() uint64 {\n\treturn chosen()\n}\n\nfunc chance() uint64 {\n"},
	{"GOROOT/src/runtime/rand.go", "mp.cheaprand = rand()", "mp.cheaprand = chance()"},
	{"GOROOT/src/runtime/rand.go", "func rand32() uint32 {\n\treturn uint32(rand())\n}\n", `func rand32() uint32 {
	return uint32(chosen())
}

var choices uint64

//go:nosplit
func chosen() uint64 {
	choices += 0xa0761d6478bd642f
	hi, lo := math.Mul64(choices, choices^0xe7037ed1a0b428db)
	return hi ^ lo
}
`},
	{"GOROOT/src/runtime/select.go", "j := cheaprandn(uint32(norder + 1))", "j := uint32(chosen() % uint64(norder+1))"},
	{"GOROOT/src/runtime/time.go", "t.rand = cheaprand()", "t.rand = uint32(chosen())"},
	{"GOROOT/src/runtime/proc.go", "func retake(now int64) uint32 {\n", "func retake(now int64) uint32 {\n\tif now > 0 {\n\t\treturn 0\n\t}\n"},
	{"GOROOT/src/runtime/proc.go", "if pp.schedtick%61 == 0 && !sched.runq.empty()", "if pp.schedtick == 0 && !sched.runq.empty()"},
}

// build compiles this package's tests with changed sources and returns the program.
func build(t *testing.T, patches ...patch) string {
	t.Helper()
	dir := t.TempDir()
	overlay, err := overlayOf(dir, patches)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "sim.test")
	out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("building with changes: %v\n%s", err, out)
	}
	return program
}

// goroot is where the toolchain is.
var goroot = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(out)), err
})

// overlayOf writes changed copies of the sources to dir, and the file that tells the
// toolchain about them.
func overlayOf(dir string, patches []patch) (string, error) {
	toolchain, err := goroot()
	if err != nil {
		return "", err
	}
	module, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		return "", err
	}
	texts := make(map[string]string)
	for _, p := range patches {
		path := filepath.Join(module, p.file)
		if below, ok := strings.CutPrefix(p.file, "GOROOT/"); ok {
			path = filepath.Join(toolchain, below)
		}
		if texts[path] == "" {
			original, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			texts[path] = string(original)
		}
		if n := strings.Count(texts[path], p.before); n != 1 {
			return "", fmt.Errorf("%s has %q %d times: change the patch with it", p.file, p.before, n)
		}
		texts[path] = strings.Replace(texts[path], p.before, p.after, 1)
	}
	replace := make(map[string]string)
	for i, path := range sortedKeys(texts) {
		replace[path] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		err = errors.Join(err, os.WriteFile(replace[path], []byte(texts[path]), 0o600))
	}
	list, jsonErr := json.Marshal(map[string]any{"Replace": replace})
	name := filepath.Join(dir, "overlay.json")
	return name, errors.Join(err, jsonErr, os.WriteFile(name, list, 0o600))
}
