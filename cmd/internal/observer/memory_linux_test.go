package observer

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sottovoce/relay/supernode"
)

// shelfEnv names the data directory of a supernode whose memory is wanted.
const shelfEnv = "OBSERVED_SHELF"

// TestAsShelf is a supernode in a process of its own, which knows nothing but its data directory: it writes its memory down.
func TestAsShelf(t *testing.T) {
	dir := os.Getenv(shelfEnv)
	if dir == "" {
		return // TestShelf plays it
	}
	s, err := supernode.Open(dir, supernode.Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Status().Blobs == 0 {
		t.Fatal("it holds nothing")
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	out, err := os.Create(filepath.Join(dir, "..", "memory"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var may string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &may); err != nil || !strings.HasPrefix(may, "rw") {
			continue
		}
		for at := from; at < to; at += 1 << 20 {
			b := make([]byte, min(to-at, 1<<20))
			if n, err := memory.ReadAt(b, at); err == nil && len(bytes.Trim(b[:n], "\x00")) > 0 {
				if _, err := out.Write(b[:n]); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// memoryOf runs a supernode on a data directory and returns its memory.
func memoryOf(t *testing.T, dir string) []byte {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestAsShelf$")
	cmd.Env = []string{shelfEnv + "=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	memory, err := os.ReadFile(filepath.Join(dir, "..", "memory"))
	if err != nil {
		t.Fatal(err)
	}
	return memory
}
