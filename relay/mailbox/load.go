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
	cut     int64 // bytes that a crash can have left
	damaged int64 // bytes that none can
}

// tail is the last commit of one file, which is held back.
type tail struct {
	file    file
	size    *int64
	from    int64 // where it begins
	commit  uint64
	frames  uint32
	held    int
	cursor  uint64 // of the last whole frame
	gap     int64  // bytes among it that are no whole frames
	hashes  bool   // its bodies are hashes: nothing in them looks like a frame
	torn    uint64 // commit of the frame that was cut off at the end, if that says so
	end     int64  // bytes that were
	aside   string // the file that takes what cannot be read
	release func() // enters what is held back into the index
}

// load reads what the disk has of a community, and cuts what a crash left unfinished.
func (ld *loading) load() error {
	l := ld.log
	names, err := l.disk.List(l.name)
	if err != nil {
		return err
	}
	if err := ld.openHead(); err != nil {
		return err
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
		case ending == asideEnding:
			err = ld.countAside(l.path(day, ending))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path.Join(l.name, name), err)
		}
	}
	if err := ld.settle(); err != nil {
		return err
	}
	ld.placeHead()
	return nil
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
	t := &tail{file: s.file, size: &s.size, from: s.sideEnd, cursor: ld.indexedOf(s), aside: l.path(day, asideEnding)}
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
	s.size, err = ld.scan(t, s.sideEnd, size, func(f frame, body []byte, at int64) error {
		r, err := recordOf(f, body, at)
		if err != nil || f.cursor <= t.cursor || f.kind == kindBlob && dayOf(body) != day {
			return errors.New("holds what does not belong there: not written by this store")
		}
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
	t := &tail{file: s.file, size: &s.size, hashes: true}
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
		case errors.Is(err, wire.ErrNewer):
			return whole, err
		case err != nil: // nothing can be read here, or nothing sound
			at = t.resume(whole, size)
			if at == size && !errors.Is(err, errTorn) {
				return whole, err
			}
			if at == size {
				return whole, ld.cutOff(t, whole, size)
			}
			in.Reset(io.NewSectionReader(t.file, at, size-at))
			continue
		}
		if f.commit != t.commit {
			t.release()
			ld.damaged += t.gap
			t.from, t.commit, t.frames, t.held, t.gap = whole, f.commit, f.frames, 0, 0
		}
		if err := take(f, body, at); err != nil {
			return whole, err
		}
		t.held++
		t.cursor, t.gap = f.cursor, t.gap+at-whole
		at += f.length()
		whole = at
	}
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
		if t.torn != 0 && t.torn < last { // it was finished before the last was begun
			ld.cut, ld.damaged = ld.cut-t.end, ld.damaged+t.end
		}
		if t.commit < last || whole {
			t.release()
			ld.damaged += t.gap
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
	if l.closed.Cursor > l.head.Cursor { // what lay before it is damaged, and was signed for
		l.head = l.closed.Head
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
