package outbox

import (
	"cmp"
	"slices"
	"time"

	"sottovoce/mesh/wire"
)

// Queue is the state of one peer device. Its caller delivers events one after the
// other, carries the actions out in their order, and delivers the answers.
//
//	            op: resting ──Seal──▶ in a blob
//	                   ▲                 │
//	                   └──── Reseal ─────┤
//	                                     ▼            Sent               receipt
//	blob:                             waiting ──▶ handed ──▶ in flight ──────────▶ gone
//	                                     ▲  Transmit           │    │
//	                                     └──── new link ───────┘    └── LifeMax ─▶ expired
//
// Beside that each blob is left at supernodes, see depots. Nothing is sealed without a way,
// a link or a supernode: a resting op is cheap and can wait for ever.
//
// spec: 06-conversations#outbox
type Queue struct {
	page []entry // by id
	last int64   // highest id up to which all was in the page
	more bool    // the store has further blobs after last
	ops  int     // resting; below zero for a moment when Sealed overtakes OpsQueued

	up   bool
	link uint64

	loading bool
	sealing bool
	full    bool // the session's window

	dead [][8]byte // sessions that were overtaken, the latest last

	depots   []depot   // where can be deposited, the nearest first
	quiet    time.Time // before which nothing is
	sealAt   time.Time // before which nothing more is sealed for supernodes alone
	resealed time.Time // when a supernode's day was last taken over, for which blobs are sealed again,
	sealDay  uint16    // and that day
}

// entry is a blob and where it stands on the present link.
type entry struct {
	Blob
	handed  bool      // between Transmit and Sent
	tries   int       // completed transmissions
	sent    time.Time // the first of them
	due     time.Time // of the next one, when tries > 0
	left    []left    // at which supernodes
	since   time.Time // it was first left at one, or was to be
	offered []int64   // supernodes at which it was, or was to be, since the start of the program

	everywhere bool // it was lost somewhere: it is left wherever one is reached
}

// inFlight reports whether e takes room of the flight limit. A blob that was sent as
// often as there are pauses has had its chance: it is offered again and again, but
// others no longer wait behind it.
func (e *entry) inFlight() bool { return (e.handed || e.tries > 0) && e.tries < len(resendAfter) }

// New returns a queue that waits for its first event, Loaded.
func New() *Queue { return &Queue{loading: true} }

// Pending returns how many blobs are held in memory and how many ops rest unsealed.
func (q *Queue) Pending() (blobs, ops int) { return len(q.page), max(q.ops, 0) }

// Full reports whether sealing pauses because the session allows no further number.
func (q *Queue) Full() bool { return q.full }

// Sent returns how often a blob was sent on the present link; ok is false for one that is
// not held in memory.
func (q *Queue) Sent(blob int64) (tries int, ok bool) {
	i, ok := slices.BinarySearchFunc(q.page, blob, func(e entry, id int64) int { return cmp.Compare(e.ID, id) })
	if !ok {
		return 0, false
	}
	return q.page[i].tries, true
}

// Step takes an event at its time and returns what is to be done, in order.
func (q *Queue) Step(now time.Time, ev Event) []Action {
	var todo []Action
	switch ev := ev.(type) {
	case Loaded:
		q.loaded(ev)
	case OpsQueued:
		q.ops += ev.Ops
	case RouteUp:
		q.routeUp(ev.Link)
	case RouteDown:
		if q.up && q.link == ev.Link {
			q.up = false
		}
	case Sealed:
		q.sealed(ev)
		if len(ev.Blobs) == 0 && ev.Ops == 0 {
			q.ops = min(q.ops, 0)
		}
	case WindowFull:
		q.sealed(Sealed(ev))
		q.full = true
	case WindowOpen:
		q.full = false
	case Sent:
		q.sent(now, ev)
	case Receipted:
		q.full = false
		q.remove(func(e *entry) bool { return slices.Contains(ev.Blobs, e.ID) })
	case Refused:
		todo = q.refused(now, ev, todo)
	case Reached:
		q.reached(now, ev)
	case Deposited:
		todo = q.deposited(now, ev, todo)
	case Lost:
		q.lost(ev)
	case Quiet:
		q.quiet = ev.Until
	case Overtaken:
		q.full = false
		q.dead = append(q.dead, ev.Session)
		q.dead = q.dead[max(0, len(q.dead)-deadMax):]
	}
	return q.proceed(now, todo)
}

// proceed adds everything that the state now calls for.
func (q *Queue) proceed(now time.Time, todo []Action) []Action {
	if ids := q.remove(func(e *entry) bool { return slices.Contains(q.dead, e.Session) }); ids != nil {
		todo = append(todo, Reseal{Blobs: ids})
	}
	if ids := q.remove(func(e *entry) bool { return !now.Before(e.Expires) }); ids != nil {
		todo = append(todo, Expire{Blobs: ids})
	}
	if q.more && !q.loading && len(q.page) <= PageMax/2 {
		q.loading = true
		todo = append(todo, Load{After: q.last, Max: PageMax - len(q.page)})
	}
	if q.up {
		if ids := q.transmit(now); ids != nil {
			todo = append(todo, Transmit{Link: q.link, Blobs: ids})
		}
	}
	todo = q.deposit(now, todo)
	if n := q.sealable(now); n > 0 {
		q.sealing = true
		todo = append(todo, Seal{Max: n})
	}
	if until, ok := q.next(now); ok {
		todo = append(todo, Wait{Until: until})
	}
	return todo
}

// transmit hands over what is due, in order: what was never sent on this link as far
// as the flight limit allows, and what has waited long enough for its receipt.
func (q *Queue) transmit(now time.Time) []int64 {
	var flight, handed room
	for i := range q.page {
		e := &q.page[i]
		if e.inFlight() {
			flight.take(e.Size)
		}
		if e.handed {
			handed.take(e.Size)
		}
	}
	var ids []int64
	for i := range q.page {
		e := &q.page[i]
		if e.handed || e.tries > 0 && now.Before(e.due) {
			continue
		}
		if !handed.fits(e.Size) || e.tries == 0 && !flight.fits(e.Size) {
			// Later blobs may be smaller, but would overtake.
			if e.tries == 0 {
				break
			}
			continue
		}
		if e.tries == 0 {
			flight.take(e.Size)
		}
		handed.take(e.Size)
		e.handed = true
		ids = append(ids, e.ID)
	}
	return ids
}

// sealable returns how many blobs may be sealed now: none before everything that is
// sealed already has been sent on this link, or left where there is none.
func (q *Queue) sealable(now time.Time) int {
	if q.ops <= 0 || q.sealing || q.full || q.loading || q.more {
		return 0
	}
	if !q.up {
		return q.sealableAway(now)
	}
	var flight room
	for i := range q.page {
		e := &q.page[i]
		if !e.handed && e.tries == 0 {
			return 0
		}
		if e.inFlight() {
			flight.take(e.Size)
		}
	}
	if flight.bytes >= FlightBytesMax {
		return 0
	}
	return min(SealMax, FlightBlobsMax-flight.blobs, PageMax-len(q.page))
}

// next returns the earliest time at which Step would act by itself.
func (q *Queue) next(now time.Time) (earliest time.Time, ok bool) {
	consider := func(t time.Time) {
		if t.After(now) && (!ok || t.Before(earliest)) {
			earliest, ok = t, true
		}
	}
	for i := range q.page {
		e := &q.page[i]
		consider(e.Expires)
		if q.up && e.tries > 0 && !e.handed {
			consider(e.due)
		}
		if q.up && e.tries > 0 && len(q.depots) > 0 {
			consider(e.sent.Add(DepositDelay))
		}
	}
	for i := range q.depots {
		consider(q.depots[i].due)
		consider(q.quiet)
	}
	if q.ops > 0 && len(q.depots) > 0 && !q.up {
		consider(q.sealAt)
	}
	return earliest, ok
}

func (q *Queue) loaded(ev Loaded) {
	q.loading, q.more = false, ev.More
	q.ops += ev.Ops
	q.add(ev.Blobs)
	for _, b := range ev.Blobs {
		q.last = max(q.last, b.ID)
	}
}

func (q *Queue) routeUp(link uint64) {
	q.up, q.link, q.full = true, link, false
	q.ops = max(q.ops, 0)
	q.forgetLink()
}

// forgetLink makes every blob one that was never sent on this link.
func (q *Queue) forgetLink() {
	for i := range q.page {
		e := &q.page[i]
		*e = entry{Blob: e.Blob, left: e.left, since: e.since, offered: e.offered, everywhere: e.everywhere}
	}
}

func (q *Queue) sealed(ev Sealed) {
	q.sealing = false
	q.ops -= ev.Ops
	q.add(ev.Blobs)
	for _, b := range ev.Blobs {
		if !q.more && !q.loading { // else those between are loaded yet
			q.last = max(q.last, b.ID)
		}
	}
}

func (q *Queue) sent(now time.Time, ev Sent) {
	if !q.up || q.link != ev.Link {
		return
	}
	for i := range q.page {
		if e := &q.page[i]; e.handed && slices.Contains(ev.Blobs, e.ID) {
			e.handed = false
			if e.tries == 0 {
				e.sent = now
			}
			e.due = now.Add(resendAfter[min(e.tries, len(resendAfter)-1)])
			e.tries++
		}
	}
}

func (q *Queue) refused(now time.Time, ev Refused, todo []Action) []Action {
	if ev.Reason == wire.ReasonWrongDay {
		if ids := q.remove(func(e *entry) bool { return e.ID == ev.Blob }); ids != nil {
			todo = append(todo, Reseal{Blobs: ids})
		}
		return todo
	}
	for i := range q.page {
		if e := &q.page[i]; e.ID == ev.Blob {
			e.handed = false
			e.tries = len(resendAfter)
			e.due = now.Add(resendAfter[len(resendAfter)-1])
		}
	}
	return todo
}

// add inserts blobs that are not there yet.
func (q *Queue) add(blobs []Blob) {
	for _, b := range blobs {
		i, found := slices.BinarySearchFunc(q.page, b.ID, func(e entry, id int64) int { return cmp.Compare(e.ID, id) })
		if !found {
			q.page = slices.Insert(q.page, i, entry{Blob: b})
		}
	}
}

// remove takes the blobs that which chooses out of the page and returns their ids.
func (q *Queue) remove(which func(*entry) bool) (ids []int64) {
	kept := q.page[:0]
	for i := range q.page {
		if e := &q.page[i]; which(e) {
			ids = append(ids, e.ID)
		} else {
			kept = append(kept, *e)
		}
	}
	q.page = kept
	return ids
}

// room counts blobs and bytes against the flight limit.
type room struct{ blobs, bytes int }

func (r *room) take(size int) { r.blobs++; r.bytes += size }

func (r *room) fits(size int) bool {
	return r.blobs == 0 || r.blobs < FlightBlobsMax && r.bytes+size <= FlightBytesMax
}
