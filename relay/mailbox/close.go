package mailbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
)

// DayClose is where a log stood when a day was over.
//
// spec: 13-mailbox#close-of-the-day
type DayClose struct {
	Day uint16
	Head
}

// closing is a call of CloseDay.
type closing struct {
	community Community
	day       uint16
	closed    DayClose
	err       error
	done      chan struct{} // closed by the committer
}

// CloseDay is Store's.
func (d *Disk) CloseDay(ctx context.Context, c Community, day uint16) (DayClose, error) {
	r := &closing{community: c, day: day, done: make(chan struct{})}
	select {
	case d.closings <- r:
		<-r.done
		return r.closed, r.err
	case <-d.stop:
		return DayClose{}, ErrClosed
	case <-ctx.Done():
		return DayClose{}, context.Cause(ctx)
	}
}

// closeDay writes down where a log stands, unless it was for this day or a later one; the committer's.
func (d *Disk) closeDay(l *log, day uint16) (DayClose, error) {
	switch {
	case l.closed.Day >= day:
		return l.closed, nil
	case d.broken != nil:
		return DayClose{}, ErrBroken
	}
	closed := DayClose{Day: day, Head: d.placeOfClose(l)}
	if err := l.setClosed(closed); err != nil {
		return DayClose{}, fmt.Errorf("cannot write down where a log stood at the end of day %d: %w", day, full(err))
	}
	d.count()
	return closed, nil
}

// placeOfClose is where the log stands, or the last multiple of closeStep of a day that brought as much. Where no close is known one
// may have been lost that was signed beyond that.
func (d *Disk) placeOfClose(l *log) Head {
	at := l.head
	if l.closed.Day == 0 || at.Cursor < l.closed.Cursor+closeStep || at.Cursor%closeStep == 0 {
		return at
	}
	cursor := at.Cursor - at.Cursor%closeStep
	page, broken, err := d.since(context.Background(), l, cursor, 1)
	l.lose(broken)
	if err != nil || page.From != cursor { // what lay there has expired: the chain there is not known
		return at
	}
	return Head{Cursor: cursor, Chain: page.Base}
}

// setClosed makes the close of a day durable before anybody is told.
func (l *log) setClosed(closed DayClose) error {
	if err := l.found(); err != nil {
		return err
	}
	if l.closeFile == nil {
		file, _, err := openSlots(l.disk, path.Join(l.name, closeName))
		if err != nil {
			return err
		}
		if err := l.disk.SyncDir(l.name); err != nil {
			return errors.Join(err, file.close())
		}
		l.closeFile = file
	}
	if err := l.closeFile.set(closed.append(nil)); err != nil {
		return err
	}
	l.closed = closed
	return nil
}

// loadClosed reads the close of the last day that has one. Where its file is damaged none is known, and of that day another may be signed:
// two writes have to be lost for that.
func (l *log) loadClosed() error {
	file, value, err := openSlots(l.disk, path.Join(l.name, closeName))
	if err != nil {
		return err
	}
	l.closeFile = file
	if value != nil {
		l.closed, err = parseDayClose(value)
	}
	return err
}

func (c DayClose) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, c.Day)
	b = binary.BigEndian.AppendUint64(b, c.Cursor)
	return append(b, c.Chain[:]...)
}

func parseDayClose(b []byte) (DayClose, error) {
	if len(b) != 42 {
		return DayClose{}, errors.New("close of a day of a mailbox log: wrong size")
	}
	return DayClose{Day: binary.BigEndian.Uint16(b), Head: Head{Cursor: binary.BigEndian.Uint64(b[2:]), Chain: Chain(b[10:])}}, nil
}
