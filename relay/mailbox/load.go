package mailbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"

	"sottovoce/mesh/wire"
)

// loading is the start of one log: what its files hold, until it is known whether their last commit is whole.
//
// spec: 13-mailbox#start
type loading struct {
	log     *log
	last    headOf // of the head file
	known   bool   // there is one
	indexed uint64 // the last cursor that a side index names: its commit was whole
	tails   []*tail
	cut     int64
}

// tail is the last commit of one file, which is held back.
type tail struct {
	file    file
	size    *int64
	from    int64 // where it begins
	commit  uint64
	frames  uint32
	held    int
	resumes bool   // behind damage it goes on with a later commit
	release func() // enters what is held back into the index
}

// load reads what the disk has of a community, cuts what a crash left unfinished, and returns how many bytes that were.
func (l *log) load() (cut int64, err error) {
	ld := &loading{log: l}
	names, err := l.disk.List(l.name)
	if err != nil {
		return 0, err
	}
	if err := ld.openHead(); err != nil {
		return 0, err
	}
	for _, name := range names {
		day, ending, ours := parseFileName(name)
		switch {
		case name == closeName:
			err = l.loadClosed()
		case !ours:
		case ending == blobsEnding:
			err = ld.segment(day)
		case ending == spentEnding:
			err = ld.spent(day)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path.Join(l.name, name), err)
		}
	}
	if err := ld.settle(); err != nil {
		return 0, err
	}
	ld.placeHead()
	return ld.cut, nil
}

func (ld *loading) openHead() error {
	file, value, err := openSlots(ld.log.disk, path.Join(ld.log.name, headName))
	if err != nil {
		return err
	}
	if ld.log.headFile = file; value == nil {
		return nil
	}
	ld.last, err = parseHead(value)
	ld.known = err == nil
	return nil
}

// segment reads the side index of a file of blobs, and the frames behind it.
func (ld *loading) segment(day uint16) error {
	l := ld.log
	s := &segment{day: day, name: l.path(day, blobsEnding), sideName: l.path(day, sideEnding)}
	var err error
	if s.file, err = l.disk.Open(s.name); err != nil {
		return err
	}
	l.segments[day] = s
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	if err := ld.side(s, size); err != nil {
		return err
	}
	t := &tail{file: s.file, size: &s.size, from: s.sideEnd}
	var held []sideRecord
	t.release = func() {
		for _, r := range held {
			s.add(r)
			if !s.sideStop {
				s.side = r.append(s.side)
			}
		}
		if held = held[:0]; len(s.side) >= sideBlock*sideEntry {
			l.writeSide(s)
		}
	}
	before := ld.indexedOf(s)
	s.size, err = ld.scan(t, s.sideEnd, size, func(f frame, body []byte, at int64) error {
		r, err := recordOf(f, body, at)
		if err != nil || f.cursor <= before || f.kind == kindBlob && dayOf(body) != day {
			return errors.New("holds what does not belong there: not written by this store")
		}
		before = f.cursor
		held = append(held, r)
		return nil
	})
	return err
}

func dayOf(blob []byte) uint16 {
	h, err := wire.ParseHeader(blob)
	if err != nil {
		return 0
	}
	return h.ExpiryDay
}

// indexedOf is the last cursor that the side index of a segment names.
func (ld *loading) indexedOf(s *segment) (last uint64) {
	if n := s.len(); n > 0 {
		last = s.cursor(n - 1)
	}
	if n := len(s.tombs); n > 0 {
		last = max(last, s.tombs[n-1].cursor)
	}
	ld.indexed = max(ld.indexed, last)
	return last
}

// side enters what the side index describes of a file of so many bytes, as far as it is whole and fits the file, and cuts the rest.
func (ld *loading) side(s *segment, size int64) error {
	file, err := ld.log.disk.Open(s.sideName)
	if err != nil {
		return err
	}
	defer file.Close()
	length, err := file.Size()
	if err != nil {
		return err
	}
	b := make([]byte, sideHeader+sideBlock*sideEntry)
	for s.sideSize < length {
		n, err := fill(file, b, s.sideSize)
		if err != nil {
			return err
		}
		records, begin, end, taken, err := parseSideBlock(b[:n])
		if err != nil || int64(begin)*unit != s.sideEnd || int64(end)*unit > size || !s.fits(records, end) {
			break
		}
		for ; len(records) > 0; records = records[sideEntry:] {
			s.add(parseSideRecord(records))
		}
		s.sideSize += int64(taken)
		s.sideEnd = int64(end) * unit
	}
	if s.sideSize < length {
		return file.Truncate(s.sideSize)
	}
	return nil
}

// fits tells whether the last of the records describes a frame of the file, which ends at unit end.
func (s *segment) fits(records []byte, end uint32) bool {
	r := parseSideRecord(records[len(records)-sideEntry:])
	b := make([]byte, frameHeader)
	if n, err := fill(s.file, b, int64(r.at)*unit); err != nil || n < frameHeader {
		return false
	}
	f, err := parseFrameHeader(b)
	return err == nil && f.kind == r.kind && f.cursor == r.cursor && f.id == r.id && r.at+uint32(r.units) == end
}

// spent reads a file of spent tokens.
func (ld *loading) spent(day uint16) error {
	l := ld.log
	s := &spentFile{name: l.path(day, spentEnding)}
	var err error
	if s.file, err = l.disk.Open(s.name); err != nil {
		return err
	}
	l.spent[day] = s
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	var held []byte
	t := &tail{file: s.file, size: &s.size, resumes: true}
	t.release = func() {
		for ; len(held) > 0; held = held[tokenSize:] {
			s.set.add([tokenSize]byte(held))
		}
		held = nil
	}
	s.size, err = ld.scan(t, 0, size, func(f frame, body []byte, _ int64) error {
		if f.kind != kindSpent {
			return errors.New("holds what does not belong there: not written by this store")
		}
		held = append(held, body...)
		return nil
	})
	return err
}

// scan hands the whole frames of a file to take, from offset at on, and releases each commit when the next one begins. It
// returns where the last whole frame ends.
func (ld *loading) scan(t *tail, at, size int64, take func(f frame, body []byte, at int64) error) (int64, error) {
	ld.tails = append(ld.tails, t)
	in := bufio.NewReaderSize(io.NewSectionReader(t.file, at, size-at), 256<<10)
	var b []byte
	whole := at // where the last whole frame ends
	for {
		f, body, err := readFrame(in, &b)
		switch {
		case errors.Is(err, errTorn):
			if at, err = t.resume(whole, size); err != nil {
				return whole, err
			}
			ld.cut += at - whole
			if at == size {
				return whole, cutTo(t.file, whole, size)
			}
			in.Reset(io.NewSectionReader(t.file, at, size-at))
			continue
		case err != nil:
			return whole, err
		}
		if f.commit != t.commit {
			t.release()
			t.from, t.commit, t.frames, t.held = whole, f.commit, f.frames, 0
		}
		if err := take(f, body, at); err != nil {
			return whole, err
		}
		t.held++
		at += f.length()
		whole = at
	}
}

// resume finds where whole frames of a later commit begin behind damage at an offset of a file of so many bytes, which no crash makes:
// size, if nowhere.
func (t *tail) resume(at, size int64) (int64, error) {
	if !t.resumes {
		return size, nil
	}
	rest := make([]byte, size-at)
	if n, err := fill(t.file, rest, at); err != nil || n < len(rest) {
		return size, err
	}
	for from := unit; from+frameHeader <= len(rest); from += unit {
		if kind(rest[from+4]) != kindSpent { // bodies are hashes: few places are left
			continue
		}
		if f, _, err := parseFrame(rest[from:]); err == nil && f.commit > t.commit {
			return at + int64(from), nil
		}
	}
	return size, nil
}

// readFrame reads one frame into *b, which grows as needed; the end of the file is errTorn.
func readFrame(in *bufio.Reader, b *[]byte) (frame, []byte, error) {
	head, err := in.Peek(frameHeader)
	if err != nil {
		return frame{}, nil, tornOr(err)
	}
	f, err := parseFrameHeader(head)
	if err != nil {
		return frame{}, nil, err
	}
	if size := int(f.length()); cap(*b) < size {
		*b = make([]byte, size)
	}
	*b = (*b)[:f.length()]
	if _, err := io.ReadFull(in, *b); err != nil {
		return frame{}, nil, tornOr(err)
	}
	return parseFrame(*b)
}

// tornOr says errTorn for the end of a file, and leaves other errors.
func tornOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// cutTo makes a file of size bytes end at an offset, for good: what was cut must not come back behind later records.
func cutTo(f file, at, size int64) error {
	if at == size {
		return nil
	}
	return errors.Join(f.Truncate(at), f.Sync())
}

// settle releases the last commit, or cuts it off where it is not whole: it was acknowledged to nobody.
func (ld *loading) settle() error {
	var last uint64
	for _, t := range ld.tails {
		last = max(last, t.commit)
	}
	held, frames := 0, 0
	for _, t := range ld.tails {
		if t.commit == last {
			held, frames = held+t.held, int(t.frames)
		}
	}
	whole := held == frames || last <= max(ld.indexed, ld.last.head.Cursor)
	for _, t := range ld.tails {
		if t.commit < last || whole {
			t.release()
			continue
		}
		ld.cut += *t.size - t.from
		if err := cutTo(t.file, t.from, *t.size); err != nil {
			return err
		}
		*t.size = t.from
	}
	return nil
}

// placeHead finds where the log stands, and the next cursor that nobody was ever given.
func (ld *loading) placeHead() {
	l := ld.log
	l.head, l.free = ld.last.head, ld.last.free
	for _, s := range l.segments {
		at, cursor := s.lastFrame()
		if cursor <= l.head.Cursor {
			continue
		}
		l.head.Cursor = cursor
		b := make([]byte, frameHeader)
		if n, err := fill(s.file, b, int64(at)*unit); err == nil && n == frameHeader {
			if f, err := parseFrameHeader(b); err == nil && f.cursor == cursor {
				l.head.Chain = f.after()
			}
		}
	}
	l.nextUp = max(l.free, l.head.Cursor+1)
	if !ld.known && l.head.Cursor > 0 {
		l.nextUp += lostHead
	}
}

// lastFrame is where the frame with the largest cursor of a segment begins, in units, and that cursor.
func (s *segment) lastFrame() (at uint32, cursor uint64) {
	if n := s.len(); n > 0 {
		at, cursor = s.entry(n-1).at, s.cursor(n-1)
	}
	if n := len(s.tombs); n > 0 && s.tombs[n-1].cursor > cursor {
		at, cursor = s.tombs[n-1].at, s.tombs[n-1].cursor
	}
	return at, cursor
}
