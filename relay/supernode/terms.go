package supernode

import (
	"math"
	"sync"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// window is which expiry days are taken.
type window struct {
	today uint16
	first uint16 // the first that is taken
	last  uint16
}

func (w window) takes(day uint16) bool { return day >= w.first && day <= w.last }

// terms are what a deposit is judged by at one moment.
type terms struct {
	days  window
	quota int64 // bytes that the community may still have
	disk  int64 // bytes that the disk may still take of all
}

// judge says why a blob is not taken, if it is new and paid for; what it takes is taken off.
//
// spec: 08-custody#deposit
func (t *terms) judge(day uint16, size int64) wire.Reason {
	switch {
	case !t.days.takes(day):
		return wire.ReasonWrongDay
	case size > t.disk:
		return wire.ReasonDiskFull
	case size > t.quota:
		return wire.ReasonQuota
	}
	t.disk -= size
	t.quota -= size
	return 0
}

// disk knows about how much of the disk each community has, without asking the store each time.
type disk struct {
	limit int64
	stats func() mailbox.Stats

	mu   sync.Mutex          // guards the following
	logs []mailbox.Community // in the order of their numbers
	used []int64
	most []int64   // that the operator allows each
	rest int64     // what the store takes beside
	read time.Time // when both were read
}

// serve adds a community.
func (d *disk) serve(id mailbox.Community) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.logs, d.most = append(d.logs, id), append(d.most, math.MaxInt64)
	d.look(0)
}

// add counts bytes that were written since.
func (d *disk) add(i int, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used[i] += bytes
}

// bound sets how many bytes community number i may have.
func (d *disk) bound(i int, most int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.most[i] = most
}

// room is how many more bytes community number i may have, at most so many in all and its share, and
// how many all may have together.
func (d *disk) room(i int, most int64) (own, all int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look(statsAge)
	limit := max(d.limit-d.rest, 0)
	all = limit
	for _, u := range d.used {
		all -= u
	}
	return max(min(roomFor(limit, d.used, d.most, i), most-d.used[i]), 0), max(all, 0)
}

// refresh asks the store, whenever that was done last.
func (d *disk) refresh() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look(0)
}

// taken is what all communities have.
func (d *disk) taken() (all int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look(statsAge)
	all = d.rest
	for _, u := range d.used {
		all += u
	}
	return all
}

// look asks the store if that is longer ago than age. The lock is held.
func (d *disk) look(age time.Duration) {
	if age > 0 && time.Since(d.read) < age {
		return
	}
	stats := d.stats()
	d.used, d.rest = make([]int64, len(d.logs)), stats.Bytes
	for i, log := range d.logs {
		for _, day := range stats.Logs[log] {
			d.used[i] += day.Bytes
		}
		d.rest -= d.used[i]
	}
	d.read = time.Now()
}
