package daemon

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// The log of a home: what a node does and what goes wrong, for days and not for ever.
const (
	logName   = "log"
	logBefore = "log.1"   // the one that was full
	logMax    = 256 << 10 // bytes of each: some weeks of a quiet node, and little to write on an SD card
)

// logFile is the log in a home. It never stands in the way: what cannot be written is
// left out.
type logFile struct {
	home string

	mu   sync.Mutex // guards the fields below
	f    *os.File   // nil when it cannot be written
	size int64
}

// openLog continues the log of a home.
func openLog(home string) *logFile {
	l := &logFile{home: home}
	l.open()
	return l
}

func (l *logFile) open() {
	f, err := os.OpenFile(filepath.Join(l.home, logName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	if info, err := f.Stat(); err == nil {
		l.f, l.size = f, info.Size()
	}
}

// Write appends a line, and begins a new file when this one is full. It never fails.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil && l.size > 0 && l.size+int64(len(line)) > logMax {
		l.turn()
	}
	if l.f != nil {
		n, _ := l.f.Write(line)
		l.size += int64(n)
	}
	return len(line), nil
}

// turn puts the full file in the place of the one before.
func (l *logFile) turn() {
	_ = l.f.Close() // of what it says nothing can be told
	l.f = nil
	if os.Rename(filepath.Join(l.home, logName), filepath.Join(l.home, logBefore)) == nil {
		l.open()
	}
}

// Close ends the log; what is logged after that is left out.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}

// logger logs to the file, and to where else the node's log goes.
func (l *logFile) logger(also *slog.Logger) *slog.Logger {
	return slog.New(slog.NewMultiHandler(slog.NewTextHandler(l, nil), also.Handler()))
}

// readLog returns the last bytes of the log of a home, at most so many, from the beginning
// of a line.
func readLog(home string, sizeMax int) ([]byte, error) {
	var all []byte
	for _, name := range []string{logBefore, logName} {
		b, err := os.ReadFile(filepath.Join(home, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		all = append(all, b...)
	}
	if len(all) <= sizeMax {
		return all, nil
	}
	all = all[len(all)-sizeMax:]
	for len(all) > 0 && all[0] != '\n' {
		all = all[1:]
	}
	return all[min(1, len(all)):], nil
}
