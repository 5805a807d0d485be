package mailbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// request is a call of Append or Delete that waits for its commit.
type request struct {
	community Community
	deposits  []prepared
	removals  []Removal
	size      int // bytes of blobs

	results []Result
	err     error
	done    chan struct{} // closed by the committer
}

// run is the committer: it takes what waits, makes one commit of it, and answers.
func (d *Disk) run() {
	defer close(d.ended)
	for {
		select {
		case <-d.stop:
			return
		case r := <-d.requests:
			d.commit(d.gather(r))
		case e := <-d.expiries:
			e.done <- d.expire(e.day)
		case found := <-d.losses:
			found.log.lose(found.places)
			close(found.done)
		case c := <-d.closings:
			c.closed, c.err = d.closeDay(d.log(c.community), c.day)
			close(c.done)
		}
	}
}

// gather takes the requests that wait beside the first, as many as one commit holds.
func (d *Disk) gather(first *request) []*request {
	batch := []*request{first}
	for size := first.size; size < commitBytes && len(batch) < commitRequests; {
		select {
		case r := <-d.requests:
			batch = append(batch, r)
			size += r.size
		default:
			return batch
		}
	}
	return batch
}

// commit makes one commit of the requests, which are answered when it returns.
func (d *Disk) commit(batch []*request) {
	plans := map[Community]*plan{}
	room := d.room()
	for _, r := range batch {
		p := plans[r.community]
		if p == nil {
			p = newPlan(d.log(r.community), d.Finished(), &room)
			plans[r.community] = p
		}
		for i := range r.deposits {
			r.results = append(r.results, p.deposit(&r.deposits[i]))
		}
		r.results = append(r.results, p.remove(r.removals)...)
	}
	ordered := slices.SortedFunc(maps.Values(plans), func(a, b *plan) int { return cmp.Compare(a.log.name, b.log.name) })
	for _, p := range ordered {
		p.log.lose(p.broken)
	}
	if err := d.write(ordered); err != nil {
		for _, r := range batch {
			r.fail(err, plans[r.community].first)
		}
	}
	for _, r := range batch {
		close(r.done)
	}
}

// fail gives the error to all results that the commit would have brought.
func (r *request) fail(err error, first uint64) {
	for i, result := range r.results {
		if result.Cursor >= first {
			r.results[i] = Result{Err: err}
		}
	}
	if !errors.Is(err, ErrFull) {
		r.err = err
	}
}

// loss is what a reader found that the disk does not return any more.
type loss struct {
	log    *log
	places []place
	done   chan struct{} // closed by the committer
}

// disown takes what the disk does not return out of the index. Who calls it holds nothing, since the committer does it; where
// that does not come to it, the next reader finds the same.
func (d *Disk) disown(ctx context.Context, l *log, places []place) {
	if len(places) == 0 {
		return
	}
	found := loss{l, places, make(chan struct{})}
	select {
	case d.losses <- found:
		<-found.done
	case <-d.stop:
	case <-ctx.Done():
	}
}

// lose marks blobs as lost, so that nobody is told that they are held and they can be brought again; the committer's.
//
// spec: 13-mailbox#what-the-disk-loses
func (l *log) lose(places []place) {
	if len(places) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range places {
		p.segment.lose(p.position)
	}
}

// write makes the plans durable and publishes them, or changes nothing. With ErrBroken the disk's state is unknown.
func (d *Disk) write(plans []*plan) error {
	plans = slices.DeleteFunc(plans, func(p *plan) bool { return len(p.records) == 0 })
	if len(plans) == 0 {
		return nil
	}
	if d.broken != nil {
		return d.broken
	}
	var writes []*appending
	for _, p := range plans {
		more, err := p.writes()
		if err != nil {
			return full(err)
		}
		writes = append(writes, more...)
	}
	err := d.append(writes)
	for _, p := range plans { // given once, whatever became of it
		p.log.nextUp = p.first + uint64(len(p.records))
	}
	if err != nil {
		return d.undo(writes, err)
	}
	for _, p := range plans {
		p.publish()
	}
	d.count()
	return nil
}

// full says ErrFull where an error means that.
func full(err error) error {
	if noRoom(err) {
		return ErrFull
	}
	return err
}

// appending is what a commit appends to one file.
type appending struct {
	file   file
	size   *int64 // of the file, as far as it is committed
	frames []frame
	bodies [][]byte
	end    int64
}

// writes are the appends of a plan, for files that exist then.
func (p *plan) writes() ([]*appending, error) {
	l := p.log
	if err := l.reserve(uint64(len(p.records))); err != nil {
		return nil, err
	}
	p.payments = p.packSpent()
	count := uint32(len(p.records))
	for _, bodies := range p.payments {
		count += uint32(len(bodies))
	}
	byDay := map[uint16]*appending{}
	var all []*appending
	for i := range p.records {
		r := &p.records[i]
		w := byDay[r.day]
		if w == nil {
			s, err := l.segment(r.day)
			if err != nil {
				return nil, err
			}
			w = &appending{file: s.file, size: &s.size, end: s.size}
			byDay[r.day] = w
			all = append(all, w)
		}
		r.frame.commit, r.frame.frames = p.first, count
		w.add(r.frame, r.body)
	}
	for _, day := range slices.Sorted(maps.Keys(p.payments)) {
		s, err := l.spentOf(day)
		if err != nil {
			return nil, err
		}
		w := &appending{file: s.file, size: &s.size, end: s.size}
		for _, body := range p.payments[day] {
			w.add(frame{kind: kindSpent, size: len(body), commit: p.first, frames: count}, body)
		}
		all = append(all, w)
	}
	return all, nil
}

func (w *appending) add(f frame, body []byte) {
	w.frames, w.bodies = append(w.frames, f), append(w.bodies, body)
	w.end += f.length()
}

// append writes all and syncs all.
func (d *Disk) append(writes []*appending) error {
	for _, w := range writes {
		if err := d.appendOne(w); err != nil {
			return err
		}
	}
	if len(writes) == 1 {
		return writes[0].file.Sync()
	}
	errs := make([]error, len(writes))
	var wait sync.WaitGroup
	for i, w := range writes {
		wait.Go(func() { errs[i] = w.file.Sync() })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// appendOne writes the frames in pieces, so that a large commit needs no second copy of itself.
func (d *Disk) appendOne(w *appending) error {
	const piece = 256 << 10
	at, b := *w.size, d.scratch[:0]
	for i, f := range w.frames {
		b = f.append(b, w.bodies[i])
		if len(b) < piece && i+1 < len(w.frames) {
			continue
		}
		if _, err := w.file.WriteAt(b, at); err != nil {
			return err
		}
		at, b = at+int64(len(b)), b[:0]
	}
	if d.scratch = b; cap(b) > 2*piece {
		d.scratch = nil
	}
	return nil
}

// undo cuts off what a failed commit wrote. Where the disk had no room that is all; after any other failure nothing more is written, since nobody
// knows what the disk holds.
func (d *Disk) undo(writes []*appending, cause error) error {
	var errs []error
	for _, w := range writes {
		errs = append(errs, w.file.Truncate(*w.size), w.file.Sync())
	}
	if err := errors.Join(errs...); err == nil && noRoom(cause) {
		return ErrFull
	}
	d.broken = fmt.Errorf("%w: %w", ErrBroken, cause)
	return d.broken
}

// publish shows what was committed.
func (p *plan) publish() {
	l := p.log
	last := p.records[len(p.records)-1].frame
	l.publish(Head{Cursor: last.cursor, Chain: last.after()}, func() {
		for _, r := range p.records {
			s := l.segments[r.day]
			record, err := recordOf(r.frame, r.body, s.size)
			if err != nil {
				panic("a blob that was checked before: " + err.Error())
			}
			s.size += r.frame.length()
			s.add(record)
			if !s.sideStop {
				s.side = record.append(s.side)
			}
		}
		for t := range p.spent {
			l.spent[t.Day].set.add(t.ID)
		}
		for day, bodies := range p.payments {
			for _, body := range bodies {
				l.spent[day].size += int64(frameHeader + len(body))
			}
		}
	})
	for _, s := range l.segments {
		if len(s.side) >= sideBlock*sideEntry {
			l.writeSide(s)
		}
	}
}
