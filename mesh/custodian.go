package mesh

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"sottovoce/mesh/outbox"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// custody is what the loop knows of supernodes. The first group mirrors the store; the
// second is about this run only.
type custody struct {
	logs    map[Log]*store.Log
	waiting unmatched

	reached []Reached
	own     map[[16]byte]tagged // of what we had not sealed yet when the program began; see copies.go
	numbers map[peer.ID]int64   // by which outboxes call supernodes, from 1 on; none is given twice
	number  int64               // the last that was given
	due     bool                // where can be deposited may be another question now
	tell    bool                // and whether somebody is to be told of our mailbox
	later   time.Time           // when both will be, because of what was collected; zero: not
	since   time.Time           // one was reached after none
	depots  map[int64]*depot
}

// depot is a supernode that was deposited at.
type depot struct {
	at      peer.ID
	box     *depositBox
	reason  wire.Reason // why it took nothing last; 0: it did
	endBy   uint16      // the last day that it takes, if that is before what is usual
	refused time.Time
}

// runCustodian keeps the custodian running beside the loop.
func (n *Node) runCustodian() {
	if n.custodian == nil {
		return
	}
	n.noteOwn()
	n.beside(func(ctx context.Context) {
		if err := n.custodian.Run(ctx, collector{n}); err != nil && ctx.Err() == nil {
			n.log.Error("nothing is left with supernodes or collected from them any more", "error", err)
			n.post(func(t *turn) error {
				t.reach(nil)
				return nil
			})
		}
	})
	n.post(func(t *turn) error {
		n.custody.due = true
		n.wakeBy(t.now)
		t.knownAgain() // who was removed just before the program ended
		return nil
	})
}

// collector is the node as a custodian sees it.
type collector struct{ n *Node }

// Cursor is how far a log was collected.
func (c collector) Cursor(ctx context.Context, from Log) (cursor uint64, err error) {
	c.n.readSlots(ctx, from)
	err = c.n.do(ctx, func(*turn) error {
		if log := c.n.custody.logs[from]; log != nil {
			cursor = log.Cursor
		}
		return nil
	})
	return cursor, err
}

// Match says which entries of a log are ours.
func (c collector) Match(ctx context.Context, entries []Entry) (wanted []bool, err error) {
	err = c.n.do(ctx, func(t *turn) error {
		wanted, err = t.wanted(entries)
		return err
	})
	return wanted, err
}

// Collected opens what of a page is ours.
func (c collector) Collected(ctx context.Context, p Page) error {
	run := func(t *turn) error { return t.collected(p) }
	err := c.n.await(ctx, command{run: run, done: make(chan error, 1), patient: true})
	if errors.Is(err, errLogs) {
		c.n.post(func(t *turn) error {
			t.notice("what a supernode keeps for you cannot be collected: too many supernodes are known; leave communities that you need no more")
			return nil
		})
	}
	return err
}

// Lost notes that a log is not what it was said to be.
func (c collector) Lost(ctx context.Context, from Log, at []uint64) error {
	run := func(t *turn) error { return t.lostAt(from, at) }
	return c.n.await(ctx, command{run: run, done: make(chan error, 1), patient: true})
}

// Reached says where can be deposited now.
func (c collector) Reached(at []Reached) {
	at = slices.Clone(at)
	c.n.post(func(t *turn) error {
		t.reach(at)
		return nil
	})
}

// Changed says that the custodian may answer otherwise now.
func (c collector) Changed() {
	c.n.post(func(t *turn) error {
		t.recogniseAnew()
		t.n.custody.due, t.n.custody.tell, t.viewStale = true, true, true
		t.n.wakeBy(t.now)
		return t.dropLeft()
	})
}

// reach takes over at which supernodes can be deposited.
func (t *turn) reach(at []Reached) {
	c := &t.n.custody
	if len(c.reached) == 0 {
		c.since = t.now
	}
	t.n.reachedAnew(at)
	clear(c.waiting.behind) // what comes now is a catch-up
	c.reached, c.due, t.viewStale = at, true, true
	for _, r := range at {
		t.n.depotOf(r.At)
	}
	t.n.wakeBy(t.now)
}

// depotOf returns a supernode by which outboxes call it, and its number.
func (n *Node) depotOf(at peer.ID) (*depot, int64) {
	c := &n.custody
	number, known := c.numbers[at]
	if !known {
		c.number++
		number = c.number
		c.numbers[at] = number
		d := &depot{at: at, box: newDepositBox()}
		c.depots[number] = d
		n.beside(func(ctx context.Context) { d.box.run(ctx, n, at) })
	}
	return c.depots[number], number
}

// forgetDepots forgets supernodes that are not reached and have nothing to do, where there are many: a contact may name other ones
// on each card, and to be named is to be reached until a dial has failed.
func (n *Node) forgetDepots() {
	c := &n.custody
	if len(c.depots) <= len(c.reached)+depotsKept {
		return
	}
	for number, d := range c.depots {
		if !slices.ContainsFunc(c.reached, func(r Reached) bool { return r.At == d.at }) && d.box.end() {
			delete(c.depots, number)
			delete(c.numbers, d.at)
		}
	}
}

// lookForDepots finds out for every device at which supernodes it can be left something
// now, when that may have changed.
func (t *turn) lookForDepots() error {
	n := t.n
	if n.custodian == nil || !n.custody.due {
		return nil
	}
	n.custody.due, n.custody.tell = false, true
	ours := n.ourLogs()
	for _, d := range n.inOrder() {
		depots, err := t.depotsFor(d, ours)
		if err != nil {
			return err
		}
		if slices.Equal(depots, d.depots) {
			continue
		}
		d.depots = depots
		if err := cmp.Or(t.startAnew(d), t.step(d, outbox.Reached{Depots: depots})); err != nil {
			return err
		}
	}
	n.forgetDepots() // no device names one of those now
	return nil
}

// depotsFor lists the supernodes that are reached and where a device collects. The custodian
// is asked even when none is reached: by the card it may reach some.
func (t *turn) depotsFor(d *device, ours map[Log]bool) (depots []outbox.Depot, err error) {
	n, card := t.n, d.contact.mailbox.Card
	if len(card) == 0 || !d.open() || d.contact.row.Blocked || d.contact.talk == nil || d.pair.Behind() {
		return nil, nil
	}
	for _, l := range n.custodian.Where(card) {
		i := slices.IndexFunc(n.custody.reached, func(r Reached) bool { return r.At == l.At })
		if i < 0 {
			continue
		}
		_, number := n.depotOf(l.At)
		depot := outbox.Depot{At: number, Link: n.custody.reached[i].Link}
		if ours[l] {
			log, err := t.logOf(l, nil)
			if err != nil && !errors.Is(err, errLogs) {
				return nil, err
			}
			if err == nil {
				depot.Log = log.ID
			}
		}
		depots = append(depots, depot)
	}
	return depots, nil
}

// startAnew sends the start of a session once more whose blob has expired while what was
// sealed later waits: nobody could read that without it. Who lost the keys of a session asks for another
// even if nothing waits.
//
// spec: 04-sessions#when-to-start
func (t *turn) startAnew(d *device) error {
	blobs, _ := d.queue.Pending()
	if d.loaded != nil {
		blobs += len(d.loaded.Blobs)
	}
	way := d.route.live != nil && d.route.live.held.IsZero() || len(d.depots) > 0
	if !d.open() || blobs == 0 && !d.pair.Lost() || !way || !d.pair.NeedsStart(t.date) {
		return nil
	}
	start, err := t.start(d)
	if err != nil || start == nil {
		return err
	}
	return t.step(d, outbox.Sealed{Blobs: start})
}

// logOf returns what is known of a log: of one that we collect from, or of one that a contact
// named and that is to hold something for it.
//
// spec: 09-storage#logs
func (t *turn) logOf(l Log, named *contactState) (*store.Log, error) {
	logs := t.n.custody.logs
	if known := logs[l]; known != nil {
		return known, nil
	}
	if len(logs) >= logsMax || named != nil && (len(logs) >= logsForeign || named.crowded) {
		return nil, refuse(errLogs)
	}
	if named != nil {
		held, err := t.tx.LogsHeldFor(named.row.ID)
		if err != nil {
			return nil, err
		}
		if named.crowded = held >= logsOfContact; named.crowded {
			return nil, refuse(errLogs)
		}
	}
	row := &store.Log{Supernode: l.At, Community: l.Community}
	if err := t.tx.PutLog(row); err != nil {
		return nil, err
	}
	logs[l] = row
	return row, nil
}

// of lists the logs of a supernode.
func (c *custody) of(at peer.ID) (all []*store.Log) {
	for l, row := range c.logs {
		if l.At == at {
			all = append(all, row)
		}
	}
	return all
}

func (l Log) compare(other Log) int {
	return cmp.Or(l.At.Compare(other.At), bytes.Compare(l.Community[:], other.Community[:]))
}

// loadCustody reads what the store knows of logs. What waits for its key is read when it is
// asked for.
func (n *Node) loadCustody(tx *store.Tx) error {
	rows, err := tx.Logs()
	n.custody.logs = make(map[Log]*store.Log, len(rows))
	for _, row := range rows {
		n.custody.logs[Log{row.Supernode, row.Community}] = &row
	}
	n.custody.waiting = unmatched{}
	n.custody.due = true
	return err
}

// Errors of pages.
var (
	errGap  = errors.New("the page begins after what was collected")
	errLogs = errors.New("more logs of supernodes than are kept")
)

// shownName is what people call a supernode, safe to show.
func (s Supernode) shownName() string {
	name, community := peer.ShowName(s.Name), peer.ShowName(s.Community)
	switch {
	case s.Name == "":
		name = s.ID.String()[:12]
	case s.Community == "":
		return name
	}
	return name + " (" + community + ")"
}

// supernodes lists those that we use, in the order of their names.
func (n *Node) supernodes() []Supernode {
	if n.custodian == nil {
		return nil
	}
	all := n.custodian.Supernodes()
	for i := range all {
		s := &all[i]
		s.Reached = slices.ContainsFunc(n.custody.reached, func(r Reached) bool { return r.At == s.ID })
	}
	slices.SortFunc(all, func(a, b Supernode) int {
		return cmp.Or(cmp.Compare(a.Community, b.Community), cmp.Compare(a.Name, b.Name), a.ID.Compare(b.ID))
	})
	return all
}
