package outbox

import (
	"cmp"
	"slices"
	"time"

	"sottovoce/mesh/wire"
)

// depot is a supernode that is reached. Blobs are left there in one Deposit at a time.
//
//	free ──Deposit──▶ busy ──kept──▶ free
//	  ▲                 │
//	  └──── due ◀───────┴── refused, or no answer
type depot struct {
	Depot
	since time.Time // it was reached
	busy  bool
	tries int       // deposits in a row that it refused, or did not answer
	due   time.Time // before which nothing more is tried there
}

// left is that a blob was left at a supernode, or is being.
type left struct {
	at     int64
	link   uint64      // of then
	reason wire.Reason // why it will not be taken there on this link, whatever else is; 0: it may be
}

// reached takes over where can be deposited. What was left at a supernode that is reached
// anew is offered there again, unless it was kept in a log that we read: that tells of a lost
// disk, and what is offered again tells who is away.
//
// spec: 06-conversations#custody
func (q *Queue) reached(now time.Time, ev Reached) {
	before := q.depots
	q.depots = nil
	for _, d := range ev.Depots[:min(len(ev.Depots), depotsMax)] {
		i := slices.IndexFunc(before, func(b depot) bool { return b.At == d.At && b.Link == d.Link })
		if i >= 0 {
			q.depots = append(q.depots, before[i])
			q.depots[len(q.depots)-1].Log = d.Log
			continue
		}
		q.depots = append(q.depots, depot{Depot: d, since: now})
	}
	for i := range q.page {
		e := &q.page[i]
		e.left = slices.DeleteFunc(e.left, func(l left) bool {
			return !slices.ContainsFunc(q.depots, func(d depot) bool { return d.At == l.at && d.Link == l.link })
		})
	}
}

// deposit adds what is to be left where: a blob at two supernodes at once, and at each that
// is reached later.
//
// spec: 06-conversations#custody
func (q *Queue) deposit(now time.Time, todo []Action) []Action {
	if now.Before(q.quiet) {
		return todo
	}
	for i := range q.depots {
		d := &q.depots[i]
		if d.busy || now.Before(d.due) {
			continue
		}
		var ids, first []int64
		var taken room
		starts := 0
		for k := range q.page {
			e := &q.page[k]
			if !q.wanted(now, e, i) {
				continue
			}
			if len(ids) == DepositBlobsMax || !taken.fits(e.Size) {
				break
			}
			taken.take(e.Size)
			if e.since.IsZero() {
				e.since = now
			}
			if !e.Old && !slices.Contains(e.offered, d.At) {
				at := len(first)
				if e.Start {
					at, starts = starts, starts+1
				}
				first, e.offered = slices.Insert(first, at, e.ID), append(e.offered[max(0, len(e.offered)+1-offeredMax):], d.At)
			}
			e.left = append(e.left, left{at: d.At, link: d.Link})
			ids = append(ids, e.ID)
		}
		if ids != nil {
			d.busy = true
			todo = append(todo, Deposit{At: d.At, Blobs: ids, First: first})
		}
	}
	return todo
}

// wanted reports whether a blob is to be left at the i-th supernode now.
func (q *Queue) wanted(now time.Time, e *entry, i int) bool {
	d := &q.depots[i]
	if q.up && (e.tries == 0 || now.Before(e.sent.Add(DepositDelay))) {
		return false // the link may do
	}
	if _, there := e.at(d.At); there || e.keptIn(d.Log) {
		return false
	}
	if e.Old || e.everywhere || !e.since.IsZero() && d.since.After(e.since) {
		return true
	}
	others := 0 // that have it, or that it waits for
	for k := range q.depots {
		o := &q.depots[k]
		if l, there := e.at(o.At); there && l.reason == 0 || e.keptIn(o.Log) || !there && k < i && !now.Before(o.due) {
			others++
		}
	}
	return others < AimMax
}

// at is what is known of a blob at a supernode.
func (e *entry) at(at int64) (l left, there bool) {
	i := slices.IndexFunc(e.left, func(l left) bool { return l.at == at })
	if i < 0 {
		return left{}, false
	}
	return e.left[i], true
}

// keptIn reports whether a log holds a blob, as far as we have read it.
func (e *entry) keptIn(log int64) bool { return log != 0 && slices.Contains(e.Kept, log) }

// lost takes in that blobs are not where they were kept. Of another log than was read all are offered again at once; single
// ones are offered elsewhere, and there once on each link: a supernode that signs for them again and again is not asked all the while.
//
// spec: 06-conversations#custody
func (q *Queue) lost(ev Lost) {
	there := func(l left) bool {
		return slices.ContainsFunc(q.depots, func(d depot) bool { return d.At == l.at && d.Log == ev.Log })
	}
	for i := range q.page {
		e := &q.page[i]
		if ev.Blobs != nil && !slices.Contains(ev.Blobs, e.ID) || !e.keptIn(ev.Log) && !slices.ContainsFunc(e.left, there) {
			continue
		}
		e.Kept = slices.DeleteFunc(slices.Clone(e.Kept), func(log int64) bool { return log == ev.Log })
		if e.everywhere = true; ev.Blobs == nil {
			e.left = slices.DeleteFunc(e.left, there)
		}
	}
}

// deposited takes in what a supernode answered. A refusal delays everything that goes
// there; a blob that it will never take delays nothing, and is left elsewhere.
//
// spec: 06-conversations#custody
func (q *Queue) deposited(now time.Time, ev Deposited, todo []Action) []Action {
	i := slices.IndexFunc(q.depots, func(d depot) bool { return d.At == ev.At })
	if i < 0 {
		return todo
	}
	d := &q.depots[i]
	d.busy = false
	kept, refused := false, false
	var again []int64
	for _, a := range ev.Answers {
		switch {
		case a.Reason == 0:
			kept = true
			q.keep(a.Blob, d.Log)
		case a.Reason == wire.ReasonTooLarge, a.Reason == wire.ReasonDeleted, a.Reason == wire.ReasonWrongDay && q.over(now, a):
			q.mark(a.Blob, d.At, a.Reason)
		case a.Reason == wire.ReasonWrongDay && q.tooFar(now, a):
			again = append(again, a.Blob)
		default:
			refused = true
			q.unleave(a.Blob, d.At)
		}
	}
	switch {
	case refused:
		d.due = now.Add(depositAgain[min(d.tries, len(depositAgain)-1)])
		d.tries++
	case kept:
		d.tries = 0
	}
	if again != nil {
		if ids := q.remove(func(e *entry) bool { return slices.Contains(again, e.ID) }); ids != nil {
			todo = append(todo, Reseal{Blobs: ids})
		}
	}
	return todo
}

// tooFar reports whether a blob expires later than a supernode allows whose day is behind
// ours, so that sealing it again for that day helps. Another day is taken over once in a
// while only: a supernode could name them as it likes.
func (q *Queue) tooFar(now time.Time, a Answer) bool {
	i := slices.IndexFunc(q.page, func(e entry) bool { return e.ID == a.Blob })
	if i < 0 || a.Day == 0 {
		return false
	}
	ahead := int(q.page[i].Day) - int(a.Day)
	if ahead <= wire.ExpiryDaysMax || ahead > 2*wire.ExpiryDaysMax {
		return false
	}
	if a.Day != q.sealDay && !q.resealed.IsZero() && now.Sub(q.resealed) < resealPause {
		return false
	}
	if a.Day != q.sealDay {
		q.resealed, q.sealDay = now, a.Day
	}
	return true
}

// over reports whether a blob's day is past at a supernode that would take one sealed now: so it says by the day that it
// names, or by refusing one of the days that it takes.
func (q *Queue) over(now time.Time, a Answer) bool {
	i := slices.IndexFunc(q.page, func(e entry) bool { return e.ID == a.Blob })
	fresh := int(wire.DayAt(now)) + wire.ExpiryDaysMax
	return i >= 0 && a.Day != 0 && int(a.Day) <= fresh && int(q.page[i].Day) <= int(a.Day)+wire.ExpiryDaysMax
}

// keep notes that a blob is held in a log.
func (q *Queue) keep(blob, log int64) {
	for k := range q.page {
		if e := &q.page[k]; e.ID == blob && log != 0 && !e.keptIn(log) {
			e.Kept = append(e.Kept, log)
		}
	}
}

// mark notes that a supernode will not take a blob.
func (q *Queue) mark(blob, at int64, why wire.Reason) {
	for k := range q.page {
		for j := range q.page[k].left {
			if l := &q.page[k].left[j]; q.page[k].ID == blob && l.at == at {
				l.reason = why
			}
		}
	}
}

// Hopeless returns why a supernode will not take a blob on the link that there is, whatever else it takes; 0: it may.
func (q *Queue) Hopeless(blob, at int64) wire.Reason {
	i, found := slices.BinarySearchFunc(q.page, blob, func(e entry, id int64) int { return cmp.Compare(e.ID, id) })
	if !found {
		return 0
	}
	l, _ := q.page[i].at(at)
	return l.reason
}

// unleave forgets that a blob was left at a supernode.
func (q *Queue) unleave(blob, at int64) {
	for k := range q.page {
		if e := &q.page[k]; e.ID == blob {
			e.left = slices.DeleteFunc(e.left, func(l left) bool { return l.at == at })
		}
	}
}

// sealableAway returns how many blobs may be sealed for supernodes alone: none before what
// is sealed is left at one. The more there is that nobody has receipted, the rarer, so that
// more ops share a blob: the session allows 1,000 of them.
//
// spec: 06-conversations#custody
func (q *Queue) sealableAway(now time.Time) int {
	if now.Before(q.sealAt) || now.Before(q.quiet) || !slices.ContainsFunc(q.depots, func(d depot) bool { return !now.Before(d.due) }) {
		return 0
	}
	if slices.ContainsFunc(q.page, func(e entry) bool { return len(e.left)+len(e.Kept) == 0 }) {
		return 0
	}
	for _, pace := range sealPaces {
		if len(q.page) >= pace.from {
			q.sealAt = now.Add(pace.pause)
			break
		}
	}
	return min(SealMax, PageMax-len(q.page))
}
