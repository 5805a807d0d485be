package mailbox

import (
	"context"
	"slices"
)

// Since is Store's.
func (d *Disk) Since(ctx context.Context, c Community, cursor uint64, limit int) (Page, error) {
	l := d.seen(c)
	if l == nil {
		l = newLog(d.disk, c) // empty
	}
	page, broken, err := d.since(ctx, l, cursor, limit)
	d.disown(ctx, l, broken)
	return page, err
}

// since is Since, and says what it found broken.
func (d *Disk) since(ctx context.Context, l *log, cursor uint64, limit int) (page Page, broken []place, err error) {
	done, err := d.reading(ctx)
	if err != nil {
		return Page{}, nil, err
	}
	defer done()
	for {
		l.mu.RLock()
		b := pageBuilder{page: Page{From: cursor}, known: cursor == 0, head: l.head}
		spots, more := l.spots(cursor, limit)
		last, found := l.before(cursor)
		l.mu.RUnlock()
		if cursor >= b.head.Cursor {
			return Page{From: cursor, Base: b.head.Chain, Until: cursor, Chain: b.head.Chain, End: true}, broken, nil
		}
		if found {
			if f, err := last.head(); err == nil {
				b.page.Base, b.known = f.after(), true
			}
		}
		page = b.build(spots, more)
		if broken = append(broken, b.broken...); b.any || len(more) == 0 {
			return page, broken, nil
		}
		cursor = page.Until // nothing on the page could be read
	}
}

// spots are the records behind a cursor that make up one page; more is the one that follows, if any. With mu held.
func (l *log) spots(cursor uint64, limit int) (spots, more []spot) {
	size, blobs, others := 0, 0, 0
	l.walk(cursor, func(s *segment, position int, deletion bool) bool {
		next := spot{}
		if deletion {
			next = s.tombSpot(position)
		} else {
			next = s.blobSpot(position)
		}
		shown := !next.deletion && !next.absent
		switch {
		case shown && blobs > 0 && size+next.size-frameHeader > limit, blobs == pageBlobsMax, others == pageOthersMax:
			more = []spot{next}
			return false
		case shown:
			blobs++
			size += next.size - frameHeader
		default:
			others++
		}
		spots = append(spots, next)
		return true
	})
	return spots, more
}

// pageBuilder reads the records of one page, as far as the chain goes through all of them.
type pageBuilder struct {
	page  Page
	chain Chain // behind the last record
	known bool  // Base is the chain at From
	any   bool  // there is a record
	head  Head  // of the log

	broken []place // blobs that the disk does not return
}

func (b *pageBuilder) build(spots, more []spot) Page {
	b.chain = b.page.Base
	whole := together(spots)
	for i, s := range spots {
		f, body, err := s.parts(whole[i])
		if body == nil && !s.absent && !s.deletion {
			s.lost = true
			b.broken = append(b.broken, place{s.segment, s.position})
		}
		if s.lost && err == nil && !b.hangs(f, slices.Concat(spots[i+1:], more)) {
			err = errTorn
		}
		switch {
		case err != nil && !b.any: // as if it had expired
			b.known = false
			b.page.From, b.page.Until = s.cursor, s.cursor
			continue
		case err != nil, b.any && f.before != b.chain:
			return b.end(false)
		case !b.any && (!b.known || f.before != b.chain):
			b.page.From, b.page.Base = s.cursor-1, f.before
		}
		b.take(s, f, body)
	}
	return b.end(len(more) == 0)
}

// hangs tells whether the chain goes through a lost blob as what stands before its body says.
func (b *pageBuilder) hangs(f frame, others []spot) bool {
	if (b.any || b.known) && f.before != b.chain {
		return false
	}
	if len(others) == 0 {
		return b.head.Chain == f.after()
	}
	next, err := others[0].head()
	return err == nil && next.before == f.after()
}

// parts takes a record apart, without a body where that is not shown or damaged: then only the chain, which goes through it, tells that the rest is right.
func (s spot) parts(whole []byte) (frame, []byte, error) {
	if f, body, err := parseFrame(whole); err == nil && f.cursor == s.cursor {
		return f, body, nil
	}
	f, err := s.head()
	return f, nil, err
}

// together reads the frames of the records that are shown, those that lie side by side in a file with one call, or each by itself where
// that fails. What cannot be read stays empty.
func together(spots []spot) [][]byte {
	whole := make([][]byte, len(spots))
	runs := map[*segment][]int{} // places in spots
	for i, s := range spots {
		if s.absent {
			continue
		}
		run := runs[s.segment]
		if n := len(run); n > 0 && spots[run[n-1]].end() != int64(s.at)*unit {
			fetchRun(spots, run, whole)
			run = run[:0]
		}
		runs[s.segment] = append(run, i)
	}
	for _, run := range runs {
		fetchRun(spots, run, whole)
	}
	return whole
}

// end is where the frame ends in its file, in bytes.
func (s spot) end() int64 { return int64(s.at)*unit + int64(s.size) }

func fetchRun(spots []spot, run []int, whole [][]byte) {
	first, last := spots[run[0]], spots[run[len(run)-1]]
	begin := int64(first.at) * unit
	b := make([]byte, last.end()-begin)
	n, err := fill(first.segment.file, b, begin)
	if err != nil && len(run) > 1 {
		for _, i := range run {
			fetchRun(spots, []int{i}, whole)
		}
		return
	}
	for _, i := range run {
		from, to := int64(spots[i].at)*unit-begin, spots[i].end()-begin
		if err == nil && to <= int64(n) {
			whole[i] = b[from:to:to]
		}
	}
}

func (b *pageBuilder) take(s spot, f frame, body []byte) {
	b.any, b.chain, b.page.Until = true, f.after(), s.cursor
	switch {
	case s.deletion:
		t, of, err := parseTombstone(body)
		if err == nil {
			b.page.Deleted = append(b.page.Deleted, Removed{Cursor: s.cursor, Tombstone: t, Blob: Absence{of, f.id}})
		}
	case body == nil:
		b.page.Absent = append(b.page.Absent, Absence{s.cursor, f.id})
	default:
		b.page.Blobs = append(b.page.Blobs, Record{s.cursor, body})
	}
}

// end closes the page behind its last record; at the head if it reaches so far.
func (b *pageBuilder) end(all bool) Page {
	head := b.head
	switch {
	case all && !b.any: // nothing is left of what was there
		if !b.known || b.page.Base != head.Chain {
			b.page.From, b.page.Base = head.Cursor, head.Chain
		}
		b.page.Until, b.page.End, b.chain = head.Cursor, true, head.Chain
	case all && b.chain == head.Chain:
		b.page.Until, b.page.End = head.Cursor, true
	}
	b.page.Chain = b.chain
	return b.page
}
