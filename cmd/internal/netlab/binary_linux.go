package netlab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var built struct {
	sync.Mutex
	path string
	err  error
}

// Binary builds the program once per process, static as it is shipped, and returns its path.
func Binary(t testing.TB) string {
	t.Helper()
	requireTools(t)
	built.Lock()
	defer built.Unlock()
	if built.path == "" && built.err == nil {
		path := filepath.Join(os.TempDir(), ownName("bin"), "sottovoce")
		if built.err = build(path); built.err == nil {
			built.path = path
		}
	}
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// build builds the program as it is shipped, for this machine if the settings do not say another. Packages and make cross take what
// is compiled for it.
func build(path string, settings ...string) error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	cmd := exec.Command("make", "-s", "-C", strings.TrimSpace(string(root)), "build", "OUT="+path, "VERSION=")
	cmd.Env = append(os.Environ(), settings...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %v\n%s", err, out)
	}
	return nil
}

// Main runs a package's tests and then removes the program that Binary built. Call it from TestMain.
func Main(m *testing.M) int {
	code := m.Run()
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path)) // the next run sweeps what stays
	}
	return code
}
