package supernode

import (
	"crypto/rand"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestRest: a supernode that nobody asks for anything writes at midnight, and at no other time.
//
// spec: 08-custody#data-directory
func TestRest(t *testing.T) {
	const days = 9
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)))
		r := found(t)
		s, err := Open(r.dir, Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Vouched: func() bool { return true }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r.know(s)
		s.tick(t.Context(), 0)
		r.put(r.blobs(9))
		written(t, r.dir)
		for end := time.Now().Add(days * 24 * time.Hour); time.Now().Before(end); {
			time.Sleep(turnPeriod)
			s.tick(t.Context(), turnPeriod)
			names := written(t, r.dir)
			midnight := time.Now().Equal(time.Now().Truncate(24 * time.Hour))
			if len(names) > 0 != midnight || len(names) > writtenMax {
				t.Errorf("%v: these are written: %q", time.Now(), names)
			}
		}
	})
}

// writtenMax is how many files are written at midnight: what the clock's mark is, the close of the day, what has expired, and in some nights the keys of
// the week or the head of a log.
const writtenMax = 4

// written lists the files of a folder that were written since it was asked last. It does so by their times, which it sets back: the clock of a
// file system is too coarse to tell one write from the next.
func written(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		is, err := d.Info()
		if err != nil || is.ModTime().Equal(time.Unix(0, 0)) {
			return err
		}
		names = append(names, path)
		return os.Chtimes(path, time.Time{}, time.Unix(0, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
