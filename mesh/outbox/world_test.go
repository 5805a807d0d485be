package outbox

import (
	"fmt"
	"slices"
	"time"

	"sottovoce/mesh/wire"
)

// world is everything around one queue: the disk, a link that can break and lose, a
// recipient that can drop and refuse. Whatever the queue does that it must not do is
// noted in faults.
type world struct {
	q      *Queue
	now    time.Time
	tick   time.Time
	faults []string

	// On disk.
	nextOp  int
	resting []int // ops not sealed
	blobs   []stored
	nextID  int64
	session byte
	dead    []byte
	window  int // blobs that may be unreceipted; 0: no limit

	// The link.
	up       bool
	link     uint64
	wire     []int64 // sent and not arrived
	onLink   []int64 // first transmissions, in order
	lastSent map[int64]time.Time

	// The recipient.
	seen    []int // ops in the order of their first arrival
	have    map[int]bool
	expired map[int]bool
	took    map[int64]bool // blobs it stored: receipted again when they come again
}

type stored struct {
	Blob
	ops      []int
	wrongDay bool
}

func newWorld() *world {
	w := &world{
		now: time.Unix(1_800_000_000, 0), have: map[int]bool{}, expired: map[int]bool{}, took: map[int64]bool{},
		lastSent: map[int64]time.Time{},
	}
	w.restart()
	return w
}

func (w *world) faultf(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// restart forgets what is not on disk, as kill -9 does.
func (w *world) restart() {
	w.q, w.tick = New(), time.Time{}
	w.cut()
	w.step(w.page(Load{Max: PageMax}, len(w.resting)))
	for _, s := range w.dead {
		w.step(Overtaken{Session: [8]byte{s}})
	}
}

func (w *world) cut() { w.up, w.wire, w.onLink = false, nil, nil }

// step delivers an event and everything that follows from it at once.
func (w *world) step(ev Event) {
	for events := []Event{ev}; len(events) > 0; events = events[1:] {
		w.tick = time.Time{}
		for _, a := range w.q.Step(w.now, events[0]) {
			if answer := w.act(a); answer != nil {
				events = append(events, answer)
			}
		}
		w.check()
	}
}

func (w *world) act(a Action) Event {
	switch a := a.(type) {
	case Load:
		if a.Max < 1 || a.Max > PageMax {
			w.faultf("load of %d", a.Max)
		}
		return w.page(a, 0)
	case Seal:
		return w.seal(a)
	case Transmit:
		w.transmit(a)
	case Expire:
		for _, b := range w.take(a.Blobs) {
			if w.now.Before(b.Expires) {
				w.faultf("blob %d given up before its time", b.ID)
			}
			for _, op := range b.ops {
				w.expired[op] = true
			}
		}
	case Reseal:
		return w.reseal(a)
	case Wait:
		if !a.Until.After(w.now) {
			w.faultf("wait until %v at %v", a.Until, w.now)
		}
		w.tick = a.Until
	}
	return nil
}

// page is what a store would answer to Load.
func (w *world) page(a Load, ops int) Loaded {
	l := Loaded{Ops: ops}
	for _, b := range w.blobs {
		if b.ID <= a.After {
			continue
		}
		if len(l.Blobs) == a.Max {
			l.More = true
			break
		}
		l.Blobs = append(l.Blobs, b.Blob)
	}
	return l
}

// seal packs two ops into a blob; sizes vary, so that the byte limit counts too.
func (w *world) seal(a Seal) Event {
	if !w.up {
		w.faultf("sealed without a link")
	}
	var done Sealed
	for len(done.Blobs) < a.Max && len(w.resting) > 0 {
		if w.window > 0 && len(w.blobs) >= w.window {
			return WindowFull(done)
		}
		n := min(2, len(w.resting))
		w.nextID++
		size := wire.Class0.Size()
		if w.nextID%5 == 0 {
			size = wire.Class2.Size()
		}
		b := stored{Blob: Blob{ID: w.nextID, Size: size, Expires: w.now.Add(LifeMax), Session: [8]byte{w.session}}, ops: w.resting[:n:n]}
		w.resting = w.resting[n:]
		w.blobs = append(w.blobs, b)
		done.Blobs = append(done.Blobs, b.Blob)
		done.Ops += n
	}
	return done
}

func (w *world) transmit(a Transmit) {
	if !w.up || a.Link != w.link {
		w.faultf("transmit on link %d, which is not up", a.Link)
		return
	}
	for _, id := range a.Blobs {
		if w.find(id) < 0 {
			w.faultf("transmit of blob %d, which is not on disk", id)
		}
		if !slices.Contains(w.onLink, id) {
			if n := len(w.onLink); n > 0 && w.onLink[n-1] > id {
				w.faultf("blob %d sent after blob %d", id, w.onLink[n-1])
			}
			w.onLink = append(w.onLink, id)
		} else if gap := w.now.Sub(w.lastSent[id]); gap < resendAfter[0] {
			w.faultf("blob %d sent again after %v", id, gap)
		}
		w.lastSent[id] = w.now
	}
	w.wire = append(w.wire, a.Blobs...)
	if len(w.wire) > 2*FlightBlobsMax {
		w.faultf("%d blobs handed over at once", len(w.wire))
	}
}

func (w *world) reseal(a Reseal) Event {
	n := 0
	for _, b := range w.take(a.Blobs) {
		if !b.wrongDay && !slices.Contains(w.dead, b.Session[0]) {
			w.faultf("blob %d sealed again without a reason", b.ID)
		}
		w.resting = append(w.resting, b.ops...)
		n += len(b.ops)
	}
	slices.Sort(w.resting)
	return OpsQueued{Ops: n}
}

func (w *world) find(id int64) int {
	return slices.IndexFunc(w.blobs, func(b stored) bool { return b.ID == id })
}

// take removes blobs from the disk.
func (w *world) take(ids []int64) (gone []stored) {
	for _, id := range ids {
		i := w.find(id)
		if i < 0 {
			w.faultf("blob %d is not on disk", id)
			continue
		}
		gone = append(gone, w.blobs[i])
		w.blobs = slices.Delete(w.blobs, i, i+1)
	}
	return gone
}

// What can happen.

func (w *world) queueOps(n int) {
	for range n {
		w.nextOp++
		w.resting = append(w.resting, w.nextOp)
	}
	w.step(OpsQueued{Ops: n})
}

func (w *world) linkUp() {
	w.cut()
	w.link++
	w.up = true
	w.step(RouteUp{Link: w.link})
}

func (w *world) linkDown() {
	if w.up {
		link := w.link
		w.cut()
		w.step(RouteDown{Link: link})
	}
}

// arrive takes the first n blobs off the wire: the link's stream reports them sent,
// and the recipient stores and receipts those that keep says; others it loses.
func (w *world) arrive(n int, keep func(int64) bool) {
	n = min(n, len(w.wire))
	ids := slices.Clone(w.wire[:n])
	w.wire = w.wire[n:]
	w.step(Sent{Link: w.link, Blobs: ids})
	var got []int64
	for _, id := range ids {
		if i := w.find(id); i >= 0 && keep(id) {
			w.store(w.blobs[i])
			got = append(got, id)
		}
	}
	w.take(got)
	w.step(Receipted{Blobs: got})
}

func (w *world) store(b stored) {
	for _, op := range b.ops {
		if !w.have[op] {
			w.have[op] = true
			w.seen = append(w.seen, op)
		}
	}
}

func (w *world) refuse(reason wire.Reason) {
	if len(w.wire) == 0 {
		return
	}
	id := w.wire[0]
	w.wire = w.wire[1:]
	w.step(Sent{Link: w.link, Blobs: []int64{id}})
	if i := w.find(id); i >= 0 {
		w.blobs[i].wrongDay = reason == wire.ReasonWrongDay
		w.step(Refused{Blob: id, Reason: reason})
	}
}

// oldReceipt is a receipt for a blob whose ops were to be sealed again: one of them is
// delivered while it rests, and nobody tells the queue.
func (w *world) oldReceipt() {
	if len(w.dead) > 0 && len(w.resting) > 0 {
		w.have[w.resting[0]] = true
		w.resting = w.resting[1:]
	}
}

// overtake starts another session; what is unreceipted is sealed again.
func (w *world) overtake() {
	if len(w.dead) == deadMax {
		return
	}
	w.dead = append(w.dead, w.session)
	w.session++
	w.step(Overtaken{Session: [8]byte{w.session - 1}})
}

// pass lets time go by, ticking whenever the queue asked for it.
func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); ; {
		if w.tick.IsZero() || w.tick.After(end) {
			w.now = end
			return
		}
		w.now = w.tick
		w.step(Tick{})
	}
}

// check holds the queue against what must always be true.
func (w *world) check() {
	if blobs, _ := w.q.Pending(); blobs > PageMax {
		w.faultf("%d blobs in memory", blobs)
	}
	var flight room
	for i := range w.q.page {
		if e := &w.q.page[i]; e.inFlight() {
			flight.take(e.Size)
		}
	}
	if flight.blobs > FlightBlobsMax || flight.blobs > 1 && flight.bytes > FlightBytesMax {
		w.faultf("%d blobs of %d bytes in flight", flight.blobs, flight.bytes)
	}
	for op := 1; op <= w.nextOp; op++ {
		if !w.have[op] && !w.expired[op] && !w.kept(op) {
			w.faultf("op %d is forgotten", op)
		}
	}
}

func (w *world) kept(op int) bool {
	return slices.Contains(w.resting, op) ||
		slices.ContainsFunc(w.blobs, func(b stored) bool { return slices.Contains(b.ops, op) })
}
