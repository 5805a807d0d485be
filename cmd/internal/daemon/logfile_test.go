package daemon

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func logSizes(t *testing.T, home string) (now, before int64) {
	t.Helper()
	sizes := map[string]int64{}
	files, err := os.ReadDir(home)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
		sizes[f.Name()] = info.Size()
	}
	if len(sizes) > 2 {
		t.Errorf("there are %d files", len(sizes))
	}
	return sizes[logName], sizes[logBefore]
}

// Whatever is logged, the log takes two files of a fixed size, and its end is there.
func TestLogTurns(t *testing.T) {
	home := t.TempDir()
	line := strings.Repeat("x", 99) + "\n"
	last := 0
	for range 3 { // over restarts
		l := openLog(home)
		for range 2 * logMax / len(line) {
			last++
			fmt.Fprintf(l, "%06d %s", last, line)
			if now, before := l.size, int64(0); now > logMax || before > logMax {
				t.Fatalf("%d and %d bytes", now, before)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if now, before := logSizes(t, home); now == 0 || now > logMax || before > logMax || before < logMax/2 {
		t.Errorf("%d and %d bytes at the end", now, before)
	}
	tail, err := readLog(home, 1000)
	lines := strings.Split(strings.TrimSuffix(string(tail), "\n"), "\n")
	if err != nil || len(tail) > 1000 || len(lines) != 9 || !strings.HasPrefix(lines[8], fmt.Sprintf("%06d ", last)) ||
		!strings.HasPrefix(lines[0], fmt.Sprintf("%06d ", last-8)) {
		t.Errorf("the end of the log is %q, %v", lines, err)
	}
}

// Where no log can be written the node is not disturbed.
func TestLogThatCannotBeWritten(t *testing.T) {
	l := openLog(filepath.Join(t.TempDir(), "none"))
	var also bytes.Buffer
	l.logger(slog.New(slog.NewTextHandler(&also, nil))).Info("heard all the same")
	if n, err := l.Write([]byte("x")); n != 1 || err != nil || !strings.Contains(also.String(), "heard all the same") {
		t.Errorf("%d, %v, %q", n, err, also.String())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
