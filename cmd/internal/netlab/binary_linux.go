package netlab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		built.path, built.err = build()
	}
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func build() (string, error) {
	path := filepath.Join(os.TempDir(), ownName("bin"), "sottovoce")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", path, "sottovoce/cmd/sottovoce")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %v\n%s", err, out)
	}
	return path, nil
}

// Main runs a package's tests and then removes the program that Binary built. Call it from TestMain.
func Main(m *testing.M) int {
	code := m.Run()
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path)) // the next run sweeps what stays
	}
	return code
}
