package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sottovoce/cmd/internal/control"
)

// progressPause is how often progress is shown at a terminal.
const progressPause = 200 * time.Millisecond

// writeFile is newFile with the progress shown at the terminal.
func (c *call) writeFile(path string, fill func(io.Writer) error) (size int64, err error) {
	return newFile(path, c.progress("%.1f MB written", 1e6), fill)
}

// newFile makes a new file that is there whole or not at all, also after Ctrl-C or a kill, and returns its size. show hears how
// large it is so far, and -1 once it is filled.
func newFile(path string, show func(int64), fill func(io.Writer) error) (size int64, err error) {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return 0, taken(path)
	case !errors.Is(err, os.ErrNotExist):
		return 0, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	counted := &counter{w: f, show: show}
	if err := fill(counted); err != nil {
		return 0, err
	}
	counted.show(-1)
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	return counted.size, give(f.Name(), path)
}

func taken(path string) error {
	return control.Errorf(control.CodeFailed, "%s exists already; choose another name", path)
}

// give gives a file its name, unless something has got that meanwhile: a name is linked, where renaming would replace what has it. A stick
// that knows no links is looked at once more.
func give(file, name string) error {
	err := os.Link(file, name)
	if err == nil {
		return os.Remove(file)
	}
	if _, there := os.Lstat(name); errors.Is(err, os.ErrExist) || there == nil {
		return taken(name)
	}
	return os.Rename(file, name)
}

// counter counts what goes through it.
type counter struct {
	w    io.Writer
	size int64
	show func(int64)
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.size += int64(n)
	c.show(c.size)
	return n, err
}

// progress returns what shows a number, divided by unit, on the last line of a terminal, and wipes it for -1. Where
// standard error is none it shows nothing.
func (c *call) progress(format string, unit float64) func(int64) {
	if !isTerminal(c.Stderr) {
		return func(int64) {}
	}
	var shown time.Time
	return func(n int64) {
		switch {
		case n < 0:
			fmt.Fprint(c.Stderr, "\r\x1b[K")
		case time.Since(shown) >= progressPause:
			shown = time.Now()
			fmt.Fprintf(c.Stderr, "\r"+format+"\x1b[K", float64(n)/unit)
		}
	}
}
