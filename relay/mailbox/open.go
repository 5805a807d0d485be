package mailbox

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
)

// Disk is a Store in a directory of its own: files to which is only appended, one for each community and expiry day, which
// are removed whole when the day is over.
//
// spec: 13-mailbox#files
type Disk struct {
	disk  disk
	lock  *flock.Flock
	limit int64 // bytes; 0: none
	cut   int64 // bytes that the start cut off
	bad   int64 // bytes that are damaged

	requests chan *request
	expiries chan expiry
	losses   chan loss
	closings chan *closing
	stop     chan struct{} // closed by Close
	ended    chan struct{} // closed by the committer
	closing  sync.Once

	// The committer's own.
	days    *slots // the last day that was finished with
	scratch []byte
	broken  error // why nothing is written any more

	finished atomic.Uint32
	used     atomic.Int64 // bytes on the disk

	// files is held for reading while files are read, and for writing while some are closed.
	files  sync.RWMutex
	closed bool

	// What mu guards.
	mu   sync.RWMutex
	logs map[Community]*log
}

// expiry is a call of Expire.
type expiry struct {
	day  uint16
	done chan error
}

const (
	lockName = "lock"
	daysName = "days"
)

// Open opens the store in a directory, which it makes if there is none, for one process at a time. It takes up to limit bytes
// of disk, 0: as many as there are. Writes that a crash interrupted are cut off; only a directory of a newer
// version, or damage that no crash makes, is refused.
func Open(dir string, limit int64) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the mailbox: %w", err)
	}
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	if held, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("cannot lock the mailbox: %w", err)
	} else if !held {
		return nil, fmt.Errorf("mailbox %s is in use by another process", dir)
	}
	d, err := openOn(folder{dir}, limit)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open the mailbox: %w", err), lock.Close())
	}
	d.lock = lock
	return d, nil
}

func openOn(files disk, limit int64) (*Disk, error) {
	d := &Disk{
		disk: files, limit: limit, logs: map[Community]*log{},
		requests: make(chan *request), expiries: make(chan expiry), losses: make(chan loss), closings: make(chan *closing),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := d.load(); err != nil {
		return nil, errors.Join(err, d.closeFiles())
	}
	d.count()
	go d.run()
	return d, nil
}

// load reads everything, and removes what a start before could not remove.
func (d *Disk) load() error {
	var value []byte
	var err error
	if d.days, value, err = openSlots(d.disk, daysName); err != nil {
		return err
	}
	if len(value) == 2 {
		d.finished.Store(uint32(binary.BigEndian.Uint16(value)))
	} else if err := d.setFinished(0); err != nil { // its blocks exist from now on
		return err
	}
	if err := d.disk.SyncDir(""); err != nil {
		return err
	}
	names, err := d.disk.List("")
	if err != nil {
		return err
	}
	for _, name := range names {
		id, err := hex.DecodeString(name)
		if err != nil || len(id) != len(Community{}) {
			continue
		}
		l := newLog(d.disk, Community(id))
		d.logs[Community(id)] = l
		ld := loading{log: l}
		if err := ld.load(); err != nil {
			return err
		}
		d.cut, d.bad = d.cut+ld.cut, d.bad+ld.damaged
		if err := d.expireLog(l, d.Finished()); err != nil {
			return err
		}
	}
	return nil
}

func (d *Disk) setFinished(day uint16) error {
	if err := d.days.set(binary.BigEndian.AppendUint16(nil, day)); err != nil {
		return err
	}
	d.finished.Store(uint32(day))
	return nil
}

// log returns that of a community, new and empty if it has none; it exists on the disk with its first record.
func (d *Disk) log(c Community) *log {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.logs[c]
	if l == nil {
		l = newLog(d.disk, c)
		d.logs[c] = l
	}
	return l
}

// room is how many bytes the limit leaves; -1: there is none.
func (d *Disk) room() int64 {
	if d.limit == 0 {
		return -1
	}
	return max(0, d.limit-d.used.Load())
}

// count counts what is on the disk.
func (d *Disk) count() {
	n := int64(2 * slotSize)
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, l := range d.logs {
		n += l.bytes()
	}
	d.used.Store(n)
}

// Append is Store's.
func (d *Disk) Append(ctx context.Context, c Community, deposits []Deposit) ([]Result, error) {
	r := &request{community: c, deposits: prepare(deposits), done: make(chan struct{})}
	for _, deposit := range deposits {
		r.size += len(deposit.Blob)
	}
	return d.submit(ctx, r)
}

// Delete is Store's.
func (d *Disk) Delete(ctx context.Context, c Community, removals []Removal) ([]Result, error) {
	return d.submit(ctx, &request{community: c, removals: removals, done: make(chan struct{})})
}

// submit hands a request to the committer and waits for its answer; until it is taken, ctx ends it.
func (d *Disk) submit(ctx context.Context, r *request) ([]Result, error) {
	select {
	case d.requests <- r:
		<-r.done
		return r.results, r.err
	case <-d.stop:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Current is Store's: one process has the store open, and sees what it writes.
func (d *Disk) Current(ctx context.Context, _ Community) error { return context.Cause(ctx) }

// Expire is Store's.
func (d *Disk) Expire(ctx context.Context, day uint16) error {
	e := expiry{day, make(chan error, 1)}
	select {
	case d.expiries <- e:
		return <-e.done
	case <-d.stop:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Finished is Store's.
func (d *Disk) Finished() uint16 { return uint16(d.finished.Load()) }

// expire writes the day down before anything goes, so that nothing of it is taken again whatever happens next.
func (d *Disk) expire(day uint16) error {
	if day > d.Finished() {
		if err := d.setFinished(day); err != nil {
			return fmt.Errorf("cannot finish with day %d: %w", day, full(err))
		}
	}
	d.mu.RLock()
	logs := make([]*log, 0, len(d.logs))
	for _, l := range d.logs {
		logs = append(logs, l)
	}
	d.mu.RUnlock()
	var errs []error
	for _, l := range logs {
		errs = append(errs, d.expireLog(l, d.Finished()))
	}
	d.count()
	return errors.Join(errs...)
}

// expireLog removes the files of a log up to a day. Where the log stands is written down first: what would tell it may go.
//
// spec: 13-mailbox#expiry
func (d *Disk) expireLog(l *log, finished uint16) error {
	var names []string
	var files []file
	for day, s := range l.segments {
		if day <= finished {
			names, files = append(names, s.name, s.sideName, l.path(day, asideEnding)), append(files, s.file)
		}
	}
	for day, s := range l.spent {
		if day <= finished {
			names, files = append(names, s.name), append(files, s.file)
		}
	}
	if len(names) == 0 {
		return nil
	}
	if err := l.setHead(max(l.free, l.nextUp)); err != nil {
		return fmt.Errorf("cannot write down where a log stands: %w", full(err))
	}
	l.forget(finished)
	d.files.Lock()
	defer d.files.Unlock()
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	for _, name := range names {
		if err := d.disk.Remove(name); !isNone(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, d.disk.SyncDir(l.name))...)
}

// forget takes the days up to one out of the index.
func (l *log) forget(finished uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for day := range l.segments {
		if day <= finished {
			delete(l.segments, day)
		}
	}
	for day := range l.spent {
		if day <= finished {
			delete(l.spent, day)
		}
	}
}

// Close is Store's.
func (d *Disk) Close() error {
	var err error
	d.closing.Do(func() {
		close(d.stop)
		<-d.ended
		err = d.tidyUp()
		d.files.Lock()
		d.closed = true
		err = errors.Join(err, d.closeFiles())
		d.files.Unlock()
		if d.lock != nil {
			err = errors.Join(err, d.lock.Close())
		}
	})
	return err
}

// tidyUp makes the next start quick: side indexes that are whole, and no cursors written off that were not used.
func (d *Disk) tidyUp() error {
	if d.broken != nil {
		return nil
	}
	var errs []error
	for _, l := range d.logs {
		for _, s := range l.segments {
			l.writeSide(s)
		}
		if l.headFile != nil && l.free > l.nextUp {
			errs = append(errs, full(l.setHead(l.nextUp)))
		}
	}
	return errors.Join(errs...)
}

func (d *Disk) closeFiles() error {
	var errs []error
	for _, l := range d.logs {
		errs = append(errs, l.close())
	}
	if d.days != nil {
		errs = append(errs, d.days.close())
	}
	return errors.Join(errs...)
}
