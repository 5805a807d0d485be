package mesh

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// deposit is blobs of one device that are to be left at a supernode.
type deposit struct {
	row     int64
	card    []byte
	blobs   []int64
	answers []outbox.Answer // one a blob; the loop's
	open    int             // blobs without an answer
}

// slip is one blob of a deposit that waits for its turn.
type slip struct {
	of   *deposit
	k    int    // its place among the deposit's blobs
	rank uint64 // random: whose is lowest goes first
}

// depositBox holds what is to be left at one supernode, as one heap: a request takes from it
// without regard to devices, in random order. Of each device there is at most one deposit in it
// or under way, and their bytes are read when it is their turn.
//
// spec: 06-conversations#custody
type depositBox struct {
	wake chan struct{} // holds one token; never closed
	gone chan struct{} // closed by end

	mu      sync.Mutex // guards the following
	waiting []slip
	busy    bool // some are under way
}

func newDepositBox() *depositBox {
	return &depositBox{wake: make(chan struct{}, 1), gone: make(chan struct{})}
}

// end has run return, unless there is something to do.
func (b *depositBox) end() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy || len(b.waiting) > 0 {
		return false
	}
	close(b.gone)
	return true
}

func (b *depositBox) put(slips []slip) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, slips...)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// drop takes out what is for a device.
func (b *depositBox) drop(row int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = slices.DeleteFunc(b.waiting, func(s slip) bool { return s.of.row == row })
}

// take returns what goes into the next request at the most: one for many devices costs the
// supernode one write to its disk.
func (b *depositBox) take() []slip {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.SortStableFunc(b.waiting, func(a, b slip) int { return cmp.Compare(a.rank, b.rank) })
	n := min(len(b.waiting), wire.BatchBlobsMax)
	some := slices.Clone(b.waiting[:n])
	b.waiting = slices.Delete(b.waiting, 0, n)
	b.busy = n > 0
	return some
}

// run leaves at a supernode what is put, until ctx or the box ends. What is put within a moment goes together:
// when one is reached that is what waits for all devices.
func (b *depositBox) run(ctx context.Context, n *Node, at peer.ID) {
	for {
		select {
		case <-b.wake:
		case <-b.gone:
			return
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(depositMoment):
		case <-ctx.Done():
			return
		}
		for some := b.take(); len(some) > 0 && ctx.Err() == nil; some = b.take() {
			if rest := n.leave(ctx, at, some); len(rest) > 0 {
				b.put(rest)
			}
		}
	}
}

// leave deposits what fits into one request, hands the loop the answers, and returns the rest.
func (n *Node) leave(ctx context.Context, at peer.ID, some []slip) (rest []slip) {
	var parcels []Parcel
	var there []bool // of which blobs there is something to leave
	err := n.store.View(func(tx *store.Tx) error {
		size := 0
		for _, s := range some {
			blob, err := tx.OutBlob(s.of.blobs[s.k])
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if size += len(blob.Bytes); len(parcels) > 0 && size > wire.BatchSizeMax {
				return nil
			}
			whole := err == nil && blob.Bytes != nil // else it was receipted meanwhile
			if there = append(there, whole); whole {
				parcels = append(parcels, Parcel{Blob: blob.Bytes, Card: s.of.card})
			}
		}
		return nil
	})
	var results []Custody
	if err == nil {
		some, rest = some[:len(there)], some[len(there):]
		if len(parcels) > 0 {
			results, err = n.custodian.Deposit(ctx, at, parcels)
		}
	}
	if err != nil || len(results) != len(parcels) {
		n.log.Debug("a supernode took nothing", "error", err)
		results = nil
	}
	answers := make([]Custody, len(some))
	for i, s := range some {
		switch {
		case err != nil || there[i] && len(results) == 0:
			answers[i].Reason = wire.ReasonNotNow
		case there[i]:
			answers[i], results = results[0], results[1:]
		default:
			answers[i].Reason = wire.ReasonTooLarge // there is nothing to leave
		}
		s.of.open--
	}
	run := func(t *turn) error { return t.deposited(at, some, answers) }
	if err := n.await(ctx, command{run: run, done: make(chan error, 1), patient: true}); err != nil {
		n.log.Debug("what a supernode holds was not noted", "error", err)
	}
	return rest
}

// deposit has blobs of a device left at a supernode after the commit.
func (t *turn) deposit(d *device, a outbox.Deposit) error {
	to := t.n.custody.depots[a.At]
	if to == nil {
		return nil
	}
	job := &deposit{row: d.row, card: d.contact.mailbox.Card, blobs: a.Blobs, answers: make([]outbox.Answer, len(a.Blobs)), open: len(a.Blobs)}
	slips, err := shuffled(job, a.First, t.n.rand)
	if err != nil {
		return err
	}
	t.then(func() { to.box.put(slips) })
	return nil
}

// leaveNothing ends what is left at supernodes for a contact that was removed or blocked.
//
// spec: 06-conversations#custody
func (t *turn) leaveNothing(c *contactState) error {
	n := t.n
	for _, d := range c.devices {
		t.then(func() {
			for _, to := range n.custody.depots {
				to.box.drop(d.row)
			}
		})
		if d.depots = nil; c.row.Blocked {
			if err := t.step(d, outbox.Reached{}); err != nil {
				return err
			}
		}
	}
	t.knownAgain()
	return nil
}

// shuffled gives the blobs of a deposit random places among all that waits. In those places what is
// offered for the first time keeps its order: a session is found by its start, and by tags that are
// not too far ahead. What is offered again does not, or it would show after a few times which blobs
// always come in one order.
func shuffled(of *deposit, first []int64, rand io.Reader) ([]slip, error) {
	slips := make([]slip, len(of.blobs))
	var ranks []uint64 // of the first ones
	for k, id := range of.blobs {
		var b [8]byte
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return nil, err
		}
		slips[k] = slip{of, k, binary.BigEndian.Uint64(b[:])}
		if slices.Contains(first, id) {
			ranks = append(ranks, slips[k].rank)
		}
	}
	slices.Sort(ranks)
	for i, id := range first {
		slips[slices.Index(of.blobs, id)].rank = ranks[i]
	}
	return slips, nil
}

// deposited takes in what a supernode said to blobs: what it holds at once, and the rest of it once
// all blobs of a device's deposit have an answer.
//
// spec: 06-conversations#custody
func (t *turn) deposited(at peer.ID, some []slip, results []Custody) error {
	n := t.n
	depot, number := n.depotOf(at)
	var evidence int64
	var statement []byte
	var ended []*deposit
	for i, r := range results {
		of, blob := some[i].of, some[i].of.blobs[some[i].k]
		d := n.devices[of.row]
		if d == nil {
			continue // removed
		}
		if of.open == 0 && !slices.Contains(ended, of) {
			ended = append(ended, of)
		}
		answer := &of.answers[some[i].k]
		*answer = outbox.Answer{Blob: blob, Reason: r.Reason, Day: r.Day}
		if r.Reason != 0 {
			depot.says(r, t)
			continue
		}
		if r.Log.At != at {
			answer.Reason = wire.ReasonNotNow
			continue
		}
		if evidence == 0 || string(statement) != string(r.Evidence) {
			var err error
			if evidence, err = t.tx.AddEvidence(r.Evidence); err != nil {
				return err
			}
			statement = r.Evidence
		}
		if err := t.heldBy(d.contact, blob, r, evidence); errors.Is(err, errLogs) {
			answer.Reason = wire.ReasonNotNow
			continue
		} else if err != nil {
			return err
		}
		depot.reason = 0
	}
	for _, of := range ended {
		d := n.devices[of.row]
		if err := t.step(d, outbox.Deposited{At: number, Answers: of.answers}); err != nil {
			return err
		}
		for _, blob := range of.blobs {
			if why := d.queue.Hopeless(blob, number); why != wire.ReasonDeleted && why != wire.ReasonWrongDay {
				continue
			}
			if err := t.goneFrom(at, blob); err != nil {
				return err
			}
		}
	}
	return nil
}

// goneFrom notes that a supernode does not hold a blob any more, by its own word: what is held by nobody else is queued again.
//
// spec: 06-conversations#delivery-states
func (t *turn) goneFrom(at peer.ID, blob int64) error {
	return t.unheld(blob, func(log int64) bool {
		return slices.ContainsFunc(t.n.custody.of(at), func(l *store.Log) bool { return l.ID == log })
	})
}

// unheld notes that some logs do not hold a blob any more.
func (t *turn) unheld(blob int64, gone func(log int64) bool) error {
	known, err := t.tx.CustodyOf(blob)
	if err != nil {
		return err
	}
	left := known[:0:0]
	for _, c := range known {
		if !gone(c.Log) {
			left = append(left, c)
		} else if err := t.tx.DropCustody(blob, c.Log); err != nil {
			return err
		}
	}
	if len(known) == len(left) {
		return nil
	}
	deliveries, err := t.tx.DeliveriesIn(blob)
	if err != nil {
		return err
	}
	for _, dl := range deliveries {
		if dl.Blob != blob || conversation.State(dl.State) != conversation.StateHeld {
			continue
		}
		if len(left) == 0 {
			if err := t.tx.SetDelivery(dl.ID, uint8(conversation.StateQueued), "", 0); err != nil {
				return err
			}
		}
		t.moved[dl.Op] = struct{}{}
	}
	return nil
}

// says notes why a supernode took nothing, and which day it has.
func (s *depot) says(r Custody, t *turn) {
	if r.Reason == wire.ReasonTooLarge || r.Reason == wire.ReasonDeleted { // that is about one blob
		return
	}
	s.reason, s.refused = r.Reason, t.now
	if r.Reason == wire.ReasonWrongDay && r.Day != 0 {
		s.endBy = r.Day + min(wire.ExpiryDaysMax, 1<<16-1-r.Day)
	}
}

// heldBy notes that a supernode signed for a blob, and makes what is in it held.
//
// spec: 06-conversations#delivery-states
func (t *turn) heldBy(to *contactState, blob int64, r Custody, evidence int64) error {
	log, err := t.logOf(r.Log, to)
	if err != nil {
		return err
	}
	known, err := t.tx.CustodyOf(blob)
	if err != nil {
		return err
	}
	news := true
	for _, c := range known {
		news = news && c.Log != log.ID
	}
	if err := t.tx.PutCustody(store.Custody{Blob: blob, Log: log.ID, Cursor: r.Cursor, Evidence: evidence, Time: t.now.UnixMilli()}); err != nil || !news {
		return err
	}
	deliveries, err := t.tx.DeliveriesIn(blob)
	if err != nil {
		return err
	}
	for _, dl := range deliveries {
		if dl.Blob != blob || conversation.State(dl.State).Final() {
			continue
		}
		if err := t.tx.SetDelivery(dl.ID, uint8(conversation.StateHeld), "", 0); err != nil {
			return err
		}
		t.moved[dl.Op] = struct{}{}
	}
	return nil
}

// endBy is the last day that all of a device's supernodes take: the nearest of those that
// were told lately.
func (t *turn) endBy(d *device) uint16 {
	day := uint16(0)
	for _, r := range d.depots {
		s := t.n.custody.depots[r.At]
		if s.endBy != 0 && t.now.Sub(s.refused) < housekeeping && (day == 0 || s.endBy < day) {
			day = s.endBy
		}
	}
	return day
}
