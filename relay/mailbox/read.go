package mailbox

import (
	"context"
	"slices"

	"sottovoce/mesh/wire"
)

// spot is where a record stands, as read from the index.
type spot struct {
	segment  *segment
	position int // in the index
	cursor   uint64
	id       wire.ShortID // of a blob
	at       uint32
	size     int
	deletion bool
	absent   bool // a blob that is not shown: gone, lost, or of class 3
	lost     bool // a blob that the disk does not return
}

// frame reads the record whole.
func (s spot) frame() (frame, []byte, error) { return s.segment.frameAt(s.at, s.size, s.cursor) }

// head reads what stands before the body, for which nothing vouches but that it fits the index.
func (s spot) head() (frame, error) {
	b := make([]byte, frameHeader)
	if n, err := fill(s.segment.file, b, int64(s.at)*unit); err != nil || n < frameHeader {
		return frame{}, errTorn
	}
	f, err := parseFrameHeader(b)
	if err == nil && (f.cursor != s.cursor || s.deletion != (f.kind == kindTombstone) || !s.deletion && wire.ShortID(f.id[:8]) != s.id) {
		err = errTorn
	}
	return f, err
}

// idOf is the id of the blob at a position; where the disk does not tell, zeros behind its beginning.
func (s *segment) idOf(position int) wire.BlobID {
	if f, err := s.blobSpot(position).head(); err == nil {
		return f.id
	}
	var id wire.BlobID
	copy(id[:], s.entry(position).id[:])
	return id
}

func (s *segment) blobSpot(p int) spot {
	e := s.entry(p)
	return spot{
		segment: s, position: p, cursor: s.cursor(p), id: e.id, at: e.at, size: int(e.units) * unit,
		absent: e.isGone() || e.class() == wire.Class3, lost: e.state&lost != 0,
	}
}

func (s *segment) tombSpot(i int) spot {
	t := s.tombs[i]
	return spot{segment: s, position: i, cursor: t.cursor, at: t.at, size: frameHeader + tombstoneBody, deletion: true}
}

// walk goes through the records behind a cursor in their order, until each returns false; with mu held.
func (l *log) walk(cursor uint64, each func(s *segment, position int, deletion bool) bool) {
	type runner struct {
		s              *segment
		blob, deletion int
		next           uint64
	}
	var runners []*runner
	advance := func(r *runner) {
		r.next = 0
		if r.blob < r.s.len() {
			r.next = r.s.cursor(r.blob)
		}
		if r.deletion < len(r.s.tombs) && (r.next == 0 || r.s.tombs[r.deletion].cursor < r.next) {
			r.next = r.s.tombs[r.deletion].cursor
		}
	}
	for _, s := range l.segments {
		r := &runner{s: s}
		r.blob, r.deletion = s.behind(cursor)
		if advance(r); r.next != 0 {
			runners = append(runners, r)
		}
	}
	for len(runners) > 0 {
		first := 0
		for i, r := range runners {
			if r.next < runners[first].next {
				first = i
			}
		}
		r := runners[first]
		deletion := r.deletion < len(r.s.tombs) && r.s.tombs[r.deletion].cursor == r.next
		position := r.blob
		if deletion {
			position = r.deletion
			r.deletion++
		} else {
			r.blob++
		}
		if !each(r.s, position, deletion) {
			return
		}
		if advance(r); r.next == 0 {
			runners = slices.Delete(runners, first, first+1)
		}
	}
}

// before is the last record up to a cursor; false if there is none. With mu held.
func (l *log) before(cursor uint64) (last spot, found bool) {
	for _, s := range l.segments {
		blob, deletion := s.behind(cursor)
		if blob > 0 && s.cursor(blob-1) > last.cursor {
			last, found = s.blobSpot(blob-1), true
		}
		if deletion > 0 && s.tombs[deletion-1].cursor > last.cursor {
			last, found = s.tombSpot(deletion-1), true
		}
	}
	return last, found
}

// reading is held while files are read.
func (d *Disk) reading(ctx context.Context) (done func(), err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	d.files.RLock()
	if d.closed {
		d.files.RUnlock()
		return nil, ErrClosed
	}
	return d.files.RUnlock, nil
}

// seen returns the log of a community, if it has one.
func (d *Disk) seen(c Community) *log {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.logs[c]
}

// Scan is Store's.
func (d *Disk) Scan(ctx context.Context, c Community, cursor uint64, limit int) (Listing, error) {
	done, err := d.reading(ctx)
	if err != nil {
		return Listing{}, err
	}
	defer done()
	listing := Listing{Until: cursor, End: true}
	l := d.seen(c)
	if l == nil {
		return listing, nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	l.walk(cursor, func(s *segment, position int, deletion bool) bool {
		if deletion {
			return true
		}
		e := s.entry(position)
		if e.isGone() || e.class() == wire.Class3 {
			return true
		}
		if len(listing.Entries) == max(limit, 1) {
			listing.End = false
			return false
		}
		listing.Entries = append(listing.Entries, wire.Entry{Tag: e.tag, Class: e.class(), ID: e.id, ExpiryDay: s.day})
		listing.Until = s.cursor(position)
		return true
	})
	if listing.End {
		listing.Until = max(cursor, l.head.Cursor)
	}
	return listing, nil
}

// Get is Store's.
func (d *Disk) Get(ctx context.Context, c Community, ids []wire.ShortID, limit int) ([]Record, error) {
	l := d.seen(c)
	if l == nil {
		l = newLog(d.disk, c) // empty
	}
	records, broken, err := d.get(ctx, l, ids, limit)
	d.disown(ctx, l, broken)
	return records, err
}

// get is Get, and says what it found broken.
func (d *Disk) get(ctx context.Context, l *log, ids []wire.ShortID, limit int) (records []Record, broken []place, err error) {
	done, err := d.reading(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	size := 0
	for _, s := range l.spotsOf(ids) {
		_, body, err := s.frame()
		if err != nil {
			broken = append(broken, place{s.segment, s.position})
			continue
		}
		if size += len(body); size > limit && len(records) > 0 {
			break
		}
		records = append(records, Record{s.cursor, body})
	}
	return records, broken, nil
}

// spotsOf finds the blobs whose ids begin so.
func (l *log) spotsOf(ids []wire.ShortID) (spots []spot) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	days := l.days()
	for _, id := range ids {
		for _, day := range days {
			s := l.segments[day]
			s.find(id, func(p int) bool {
				if !s.entry(p).isGone() {
					spots = append(spots, s.blobSpot(p))
				}
				return false
			})
		}
	}
	return spots
}

// Head is Store's.
func (d *Disk) Head(c Community) Head {
	l := d.seen(c)
	if l == nil {
		return Head{}
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.head
}

// Chain is Store's.
func (d *Disk) Chain(ctx context.Context, c Community, cursor uint64) (Chain, bool, error) {
	done, err := d.reading(ctx)
	if err != nil {
		return Chain{}, false, err
	}
	defer done()
	l := d.seen(c)
	if l == nil || cursor == 0 {
		return Chain{}, cursor == 0, nil
	}
	l.mu.RLock()
	head := l.head
	s, found := l.before(cursor)
	l.mu.RUnlock()
	switch {
	case cursor == head.Cursor:
		return head.Chain, true, nil
	case !found || s.cursor != cursor:
		return Chain{}, false, nil
	}
	f, err := s.head()
	return f.after(), err == nil, nil
}

// Moved is Store's.
func (d *Disk) Moved(c Community, cursor uint64) <-chan struct{} {
	l := d.log(c)
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.head.Cursor > cursor {
		return already
	}
	return l.moved
}

// already is closed: there is nothing to wait for.
var already = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Spent is Store's.
func (d *Disk) Spent(c Community, t Token) bool {
	if t.Day <= d.Finished() {
		return true
	}
	l := d.seen(c)
	if l == nil {
		return false
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.isSpent(t)
}

// IDs is Store's.
func (d *Disk) IDs(ctx context.Context, c Community, day uint16) ([]wire.BlobID, error) {
	done, err := d.reading(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	l := d.seen(c)
	if l == nil {
		return nil, nil
	}
	l.mu.RLock()
	s := l.segments[day]
	if s == nil {
		l.mu.RUnlock()
		return nil, nil
	}
	spots := make([]spot, 0, s.live)
	for p := range s.len() {
		if !s.entry(p).isGone() {
			spots = append(spots, s.blobSpot(p))
		}
	}
	side, size := slices.Clone(s.side), s.sideSize
	l.mu.RUnlock()

	listed := l.listed(s.sideName, size, side)
	ids := make([]wire.BlobID, 0, len(spots))
	for _, spot := range spots {
		id, found := listed[spot.cursor]
		if !found { // the side index could not be written
			f, err := spot.head()
			if err != nil {
				continue
			}
			id = f.id
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// listed are the ids that a side index names, by cursor: it is a fiftieth of the size of the blobs. side are the records that are not in its file yet.
func (l *log) listed(name string, size int64, side []byte) map[uint64]wire.BlobID {
	ids := map[uint64]wire.BlobID{}
	take := func(records []byte) {
		for ; len(records) > 0; records = records[sideEntry:] {
			if r := parseSideRecord(records); r.kind == kindBlob {
				ids[r.cursor] = r.id
			}
		}
	}
	take(side)
	file, err := l.disk.Open(name)
	if err != nil {
		return ids
	}
	defer file.Close()
	b := make([]byte, sideHeader+sideBlock*sideEntry)
	for at := int64(0); at < size; {
		n, err := fill(file, b, at)
		if err != nil {
			break
		}
		records, _, _, taken, err := parseSideBlock(b[:n])
		if err != nil {
			break
		}
		take(records)
		at += int64(taken)
	}
	return ids
}

// Tombstones is Store's.
func (d *Disk) Tombstones(ctx context.Context, c Community, day uint16) ([]Tombstone, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	l := d.seen(c)
	if l == nil {
		return nil, nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := l.segments[day]
	if s == nil {
		return nil, nil
	}
	var all []Tombstone
	for _, t := range s.tombs {
		if s.forbidden[wire.CommitTo(t.d)] == t.cursor { // the first of several records of one tombstone
			all = append(all, Tombstone{t.d, day})
		}
	}
	return all, nil
}

// Stats is Store's.
func (d *Disk) Stats() Stats {
	stats := Stats{Bytes: d.used.Load(), Limit: d.limit, Cut: d.cut, Damaged: d.bad, Logs: map[Community][]Day{}}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for c, l := range d.logs {
		l.mu.RLock()
		for _, day := range l.days() {
			s := l.segments[day]
			stats.Blobs += s.live
			stats.Lost += s.lost
			stats.Logs[c] = append(stats.Logs[c], Day{Day: day, Blobs: s.live, Tombstones: len(s.forbidden), Bytes: s.bytes()})
		}
		l.mu.RUnlock()
	}
	return stats
}
