package mailbox

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// log is what is kept for one community. Only the committer changes it.
type log struct {
	disk disk
	name string // of its folder

	// The committer's own.
	headFile  *slots // nil until the folder exists
	closeFile *slots // nil until a day was closed
	closed    DayClose
	free      uint64 // the first cursor that is not reserved
	nextUp    uint64 // the next cursor to give

	// What mu guards: what readers see.
	mu       sync.RWMutex
	head     Head
	segments map[uint16]*segment
	spent    map[uint16]*spentFile
	moved    chan struct{} // closed and replaced when head moves
}

// spentFile is the file of the tokens spent of one day.
type spentFile struct {
	name string
	file file
	size int64 // bytes that are on the disk
	set  tokens
}

func newLog(d disk, c Community) *log {
	return &log{
		disk: d, name: hex.EncodeToString(c[:]), nextUp: 1,
		segments: map[uint16]*segment{}, spent: map[uint16]*spentFile{}, moved: make(chan struct{}),
	}
}

// The endings of the files of one day.
const (
	blobsEnding = ".blobs"
	sideEnding  = ".index"
	spentEnding = ".spent"
	asideEnding = ".damaged"
	headName    = "head"
	closeName   = "close"
)

func (l *log) path(day uint16, ending string) string {
	return path.Join(l.name, fmt.Sprintf("%05d%s", day, ending))
}

// parseFileName tells of which day a file is and its ending; false for what is not ours.
func parseFileName(name string) (day uint16, ending string, ok bool) {
	digits, _, _ := strings.Cut(name, ".")
	ending = strings.TrimPrefix(name, digits)
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || fmt.Sprintf("%05d", n) != digits || !slices.Contains([]string{blobsEnding, sideEnding, spentEnding, asideEnding}, ending) {
		return 0, "", false
	}
	return uint16(n), ending, true
}

// found makes the folder with its head, so that cursors can be reserved.
func (l *log) found() error {
	if l.headFile != nil {
		return nil
	}
	if err := l.disk.Mkdir(l.name); err != nil {
		return err
	}
	file, _, err := openSlots(l.disk, path.Join(l.name, headName))
	if err != nil {
		return err
	}
	if err := errors.Join(file.set(headOf{head: l.head, free: l.free}.append(nil)), l.disk.SyncDir(l.name), l.disk.SyncDir("")); err != nil {
		return errors.Join(err, file.close())
	}
	l.headFile = file
	return nil
}

// reserve sees to it that n cursors can be given which no start will give again.
func (l *log) reserve(n uint64) error {
	if err := l.found(); err != nil {
		return err
	}
	if l.nextUp+n <= l.free {
		return nil
	}
	return l.setHead(l.nextUp + n + reserved)
}

// setHead writes down where the log stands and from where on cursors are free.
func (l *log) setHead(free uint64) error {
	if err := l.headFile.set(headOf{head: l.head, free: free}.append(nil)); err != nil {
		return err
	}
	l.free = free
	return nil
}

// segment returns that of a day, with a file; the committer's.
func (l *log) segment(day uint16) (*segment, error) {
	if s := l.segments[day]; s != nil {
		return s, nil
	}
	if err := l.found(); err != nil {
		return nil, err
	}
	s := &segment{day: day, name: l.path(day, blobsEnding), sideName: l.path(day, sideEnding)}
	var err error
	if s.file, err = l.disk.Open(s.name); err != nil {
		return nil, err
	}
	if err := l.disk.SyncDir(l.name); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments[day] = s
	return s, nil
}

// spentOf returns the file of the tokens of a day; the committer's.
func (l *log) spentOf(day uint16) (*spentFile, error) {
	if s := l.spent[day]; s != nil {
		return s, nil
	}
	if err := l.found(); err != nil {
		return nil, err
	}
	s := &spentFile{name: l.path(day, spentEnding)}
	var err error
	if s.file, err = l.disk.Open(s.name); err != nil {
		return nil, err
	}
	if err := l.disk.SyncDir(l.name); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spent[day] = s
	return s, nil
}

// publish shows a commit to readers and wakes those who wait.
func (l *log) publish(head Head, change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.head = head
	close(l.moved)
	l.moved = make(chan struct{})
}

// writeSide brings the side index of a segment up to its last record. It is not synced, and need not be: what it lacks is read from the blobs.
//
// spec: 13-mailbox#side-index
func (l *log) writeSide(s *segment) {
	if s.sideStop || len(s.side) == 0 {
		return
	}
	var b []byte
	begin := uint32(s.sideEnd / unit)
	for records := range slices.Chunk(s.side, sideBlock*sideEntry) {
		last := parseSideRecord(records[len(records)-sideEntry:])
		end := last.at + uint32(last.units)
		b = appendSideBlock(b, records, begin, end)
		begin = end
	}
	side, err := l.disk.Open(s.sideName)
	if err == nil {
		_, err = side.WriteAt(b, s.sideSize)
		err = errors.Join(err, side.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		s.sideStop = true // for good: what follows would not join on
		return
	}
	s.sideSize += int64(len(b))
	s.sideEnd = int64(begin) * unit
	s.side = s.side[:0]
}

// bytes is what the log has on the disk.
func (l *log) bytes() (n int64) {
	if l.headFile != nil {
		n = 2 * slotSize
	}
	if l.closeFile != nil {
		n += 2 * slotSize
	}
	for _, s := range l.segments {
		n += s.bytes()
	}
	for _, s := range l.spent {
		n += s.size
	}
	return n
}

func (s *segment) bytes() int64 { return s.size + s.sideSize }

// days are the expiry days of which there is something, ascending.
func (l *log) days() []uint16 { return slices.Sorted(maps.Keys(l.segments)) }

// close closes the files.
func (l *log) close() error {
	var errs []error
	for _, s := range l.segments {
		errs = append(errs, s.file.Close())
	}
	for _, s := range l.spent {
		errs = append(errs, s.file.Close())
	}
	if l.headFile != nil {
		errs = append(errs, l.headFile.close())
	}
	if l.closeFile != nil {
		errs = append(errs, l.closeFile.close())
	}
	return errors.Join(errs...)
}
