package mesh

import (
	"context"
	"errors"
	"sync"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// deposit is blobs of one device that are to be left at a supernode.
type deposit struct {
	row   int64
	card  []byte
	blobs []int64
}

// depositBox holds what is to be left at one supernode. Of each device there is at most one
// deposit in it or under way, and their bytes are read when it is their turn.
type depositBox struct {
	wake chan struct{} // holds one token; never closed

	mu      sync.Mutex // guards waiting
	waiting []deposit
}

func newDepositBox() *depositBox { return &depositBox{wake: make(chan struct{}, 1)} }

func (b *depositBox) put(d deposit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, d)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns deposits that go together: one request of the custodian for many devices
// costs the supernode one write to its disk.
func (b *depositBox) take() (some []deposit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	blobs := 0
	for len(b.waiting) > 0 && blobs < depositBlobs {
		blobs += len(b.waiting[0].blobs)
		some = append(some, b.waiting[0])
		b.waiting = b.waiting[1:]
	}
	return some
}

// run leaves at a supernode what is put, until ctx ends.
func (b *depositBox) run(ctx context.Context, n *Node, at peer.ID) {
	for {
		select {
		case <-b.wake:
		case <-ctx.Done():
			return
		}
		for some := b.take(); len(some) > 0 && ctx.Err() == nil; some = b.take() {
			n.leave(ctx, at, some)
		}
	}
}

// leave deposits, and hands the loop the answers.
func (n *Node) leave(ctx context.Context, at peer.ID, some []deposit) {
	var parcels []Parcel
	counts := make([][]bool, len(some)) // which blobs there were to leave
	err := n.store.View(func(tx *store.Tx) error {
		for i, d := range some {
			for _, id := range d.blobs {
				blob, err := tx.OutBlob(id)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				there := err == nil && blob.Bytes != nil // else it was receipted meanwhile
				counts[i] = append(counts[i], there)
				if there {
					parcels = append(parcels, Parcel{Blob: blob.Bytes, Card: d.card})
				}
			}
		}
		return nil
	})
	var results []Custody
	if err == nil && len(parcels) > 0 {
		limited, cancel := context.WithTimeout(ctx, depositMax)
		results, err = n.custodian.Deposit(limited, at, parcels)
		cancel()
	}
	if err != nil || len(results) != len(parcels) {
		n.log.Debug("a supernode took nothing", "error", err)
		results = nil
	}
	run := func(t *turn) error {
		next := results
		for i, d := range some {
			answers := make([]Custody, len(d.blobs))
			for k := range d.blobs {
				switch {
				case i >= len(counts) || k >= len(counts[i]) || counts[i][k] && len(next) == 0:
					answers[k].Reason = wire.ReasonNotNow
				case counts[i][k]:
					answers[k], next = next[0], next[1:]
				default:
					answers[k].Reason = wire.ReasonTooLarge // there is nothing to leave
				}
			}
			if err := t.deposited(at, d, answers); err != nil {
				return err
			}
		}
		return nil
	}
	if err := n.await(ctx, command{run: run, done: make(chan error, 1), patient: true}); err != nil {
		n.log.Debug("what a supernode holds was not noted", "error", err)
	}
}

// deposit has blobs of a device left at a supernode after the commit.
func (t *turn) deposit(d *device, a outbox.Deposit) {
	job := deposit{row: d.row, card: d.contact.mailbox.Card, blobs: a.Blobs}
	if to := t.n.custody.depots[a.At]; to != nil {
		t.then(func() { to.box.put(job) })
	}
}

// deposited takes in what a supernode said to blobs of a device.
//
// spec: 06-conversations#custody
func (t *turn) deposited(at peer.ID, of deposit, results []Custody) error {
	n := t.n
	d := n.devices[of.row]
	if d == nil {
		return nil // removed
	}
	depot, number := n.depotOf(at)
	answers := make([]outbox.Answer, len(results))
	var evidence int64
	var statement []byte
	for i, r := range results {
		answers[i] = outbox.Answer{Blob: of.blobs[i], Reason: r.Reason, Day: r.Day}
		if r.Reason != 0 {
			depot.says(r, t)
			continue
		}
		if r.Log.At != at {
			answers[i].Reason = wire.ReasonNotNow
			continue
		}
		if evidence == 0 || string(statement) != string(r.Evidence) {
			var err error
			if evidence, err = t.tx.AddEvidence(r.Evidence); err != nil {
				return err
			}
			statement = r.Evidence
		}
		if err := t.heldBy(of.blobs[i], r, evidence); errors.Is(err, errLogs) {
			answers[i].Reason = wire.ReasonNotNow
			continue
		} else if err != nil {
			return err
		}
		depot.reason = 0
	}
	return t.step(d, outbox.Deposited{At: number, Answers: answers})
}

// says notes why a supernode took nothing, and which day it has.
func (s *depot) says(r Custody, t *turn) {
	if r.Reason == wire.ReasonTooLarge {
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
func (t *turn) heldBy(blob int64, r Custody, evidence int64) error {
	log, err := t.logOf(r.Log)
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
