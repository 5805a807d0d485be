package mesh

import (
	"errors"
	"time"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/session"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// step gives a device's queue an event and carries out everything that follows from it.
// A queue that was just read from the store is told that first.
func (t *turn) step(d *device, event outbox.Event) error {
	var events []outbox.Event
	if d.loaded != nil {
		events = append(events, *d.loaded)
		d.loaded = nil
		if v := d.route.live; v != nil && v.held.IsZero() && d.open() {
			events = append(events, outbox.RouteUp{Link: v.id})
		}
		if t.now.Before(d.quiet) {
			events = append(events, outbox.Quiet{Until: d.quiet})
		}
		if len(d.depots) > 0 {
			events = append(events, outbox.Reached{Depots: d.depots})
		}
	}
	for events = append(events, event); len(events) > 0; events = events[1:] {
		d.tick = time.Time{}
		for _, action := range d.queue.Step(t.now, events[0]) {
			answer, err := t.act(d, action)
			if err != nil {
				return err
			}
			if answer != nil {
				events = append(events, answer)
			}
		}
		events = append(events, d.overtaken...)
		d.overtaken = nil
	}
	return nil
}

// act carries out one action of the outbox and returns the event that answers it.
func (t *turn) act(d *device, action outbox.Action) (outbox.Event, error) {
	switch a := action.(type) {
	case outbox.Load:
		return t.loadBlobs(d, a)
	case outbox.Seal:
		return t.seal(d, a.Max)
	case outbox.Transmit:
		return nil, t.transmit(d, a)
	case outbox.Deposit:
		return nil, t.deposit(d, a)
	case outbox.Wait:
		d.tick = a.Until
		t.n.wakeBy(a.Until)
	case outbox.Expire:
		return nil, t.expire(d, a.Blobs)
	case outbox.Reseal:
		return t.reseal(d, a.Blobs)
	}
	return nil, nil
}

func (t *turn) loadBlobs(d *device, a outbox.Load) (outbox.Event, error) {
	return loadPage(t.tx, d.row, a.After, a.Max, t.now, t.n.mark)
}

// loadPage reads a page of the blobs that wait for a device.
func loadPage(tx *store.Tx, pair, after int64, limit int, now time.Time, mark clock.Mark) (outbox.Loaded, error) {
	rows, err := tx.OutBlobHeads(pair, after, limit+1)
	loaded := outbox.Loaded{More: len(rows) > limit}
	for _, row := range rows[:min(len(rows), limit)] {
		blob := queued(row, now, mark)
		blob.Old = true
		if blob.Kept, err = tx.SeenAt(row.ID); err != nil {
			return loaded, err
		}
		loaded.Blobs = append(loaded.Blobs, blob)
	}
	return loaded, err
}

// queued is what the outbox keeps of a blob. What is left of its life goes by the mark: a
// clock that is set ahead does not make it expire.
func queued(b store.OutBlob, now time.Time, mark clock.Mark) outbox.Blob {
	return outbox.Blob{ID: b.ID, Size: b.Size, Expires: now.Add(mark.Left(b.ExpiryDay)), Session: b.Session, Day: b.ExpiryDay, Start: b.Start}
}

// seal puts resting ops into at most limit blobs, full ones as long as there is enough,
// behind a start when there is no session to send in.
func (t *turn) seal(d *device, limit int) (outbox.Event, error) {
	var done outbox.Sealed
	blobs, err := t.start(d)
	if err != nil {
		return nil, err
	}
	done.Blobs = blobs
	for len(done.Blobs) < limit {
		resting, err := t.tx.Deliveries(d.row, true, conversation.OpsPerPayloadMax)
		if err != nil {
			return nil, err
		}
		if len(resting) == 0 {
			break
		}
		blob, count, err := t.sealSome(d, resting)
		switch {
		case errors.Is(err, session.ErrWindow), errors.Is(err, session.ErrBehind):
			return outbox.WindowFull(done), nil
		case errors.Is(err, session.ErrNoSession):
			return done, nil
		}
		if err != nil {
			return nil, err
		}
		done.Blobs = append(done.Blobs, blob)
		done.Ops += count
		if count == len(resting) && count < conversation.OpsPerPayloadMax {
			break
		}
	}
	return done, nil
}

// sealSome seals as many of the resting ops as one blob holds.
func (t *turn) sealSome(d *device, resting []store.Delivery) (outbox.Blob, int, error) {
	ops := make([][]byte, len(resting))
	for i, r := range resting {
		op, err := t.op(r.Op)
		if err != nil {
			return outbox.Blob{}, 0, err
		}
		ops[i] = op.row.Body
	}
	receipts := d.pair.Receipts()
	count := conversation.Fit(ops, d.pair.Room(wire.Class2)-receiptsRoom(receipts))
	payload, err := conversation.Pack(ops[:count])
	if err != nil {
		return outbox.Blob{}, 0, err
	}
	blob, err := t.sealContent(d, session.Content{Payload: payload, Receipts: receipts})
	if err != nil {
		return outbox.Blob{}, 0, err
	}
	ids := make([]int64, count)
	for i := range ids {
		ids[i] = resting[i].ID
	}
	return blob, count, t.tx.SealDeliveries(ids, blob.ID)
}

// sealContent seals what goes to a device, with a bundle if one is due, and keeps it to be
// sent. It carries our receipts, so none are owed any more.
func (t *turn) sealContent(d *device, content session.Content) (outbox.Blob, error) {
	if d.pair.BundleDue(t.date) {
		var err error
		if content.Bundle, err = d.pair.Offer(t.date, t.n.rand); err != nil {
			return outbox.Blob{}, err
		}
	}
	d.pair.EndBy(t.endBy(d))
	sealed, err := d.pair.Seal(t.date, content, t.n.rand)
	if err != nil {
		return outbox.Blob{}, err
	}
	blob, err := t.keep(d, sealed)
	if err != nil {
		return outbox.Blob{}, err
	}
	return blob, t.paid(d)
}

// start makes a session, if one is needed, and keeps its start blob to be sent. When it
// cannot be made the device is left to start one.
func (t *turn) start(d *device) ([]outbox.Blob, error) {
	if !d.pair.NeedsStart(t.date) {
		return nil, nil
	}
	before, sending := d.pair.Sending()
	d.pair.EndBy(t.endBy(d))
	sealed, err := d.pair.Start(t.date, t.n.rand)
	if err != nil {
		t.n.log.Warn("no session could be started", "error", err)
		return nil, nil
	}
	if sending && d.pair.Overtaken(before) {
		d.overtaken = append(d.overtaken, outbox.Overtaken{Session: before})
	}
	d.stale = true // the answers have tags of their own
	blob, err := t.keep(d, sealed)
	return []outbox.Blob{blob}, err
}

// keep writes a sealed blob to the outbox.
func (t *turn) keep(d *device, s session.Sealed) (outbox.Blob, error) {
	header, err := wire.ParseHeader(s.Blob)
	if err != nil {
		return outbox.Blob{}, err
	}
	row := store.OutBlob{
		Pair: d.row, Session: s.Session, Start: s.Start, Chain: s.Chain, N: s.N,
		Bytes: s.Blob, Delete: s.Delete, ExpiryDay: header.ExpiryDay, Created: t.now.UnixMilli(),
	}
	if err := t.tx.PutOutBlob(&row); err != nil {
		return outbox.Blob{}, err
	}
	delete(t.n.custody.own, header.Tag)
	t.fresh[row.ID] = row.Bytes
	t.touch(d)
	return queued(row, t.now, t.n.mark), nil
}

// transmit hands blobs to the device's link after the commit, and tells the queue
// when they have left.
func (t *turn) transmit(d *device, a outbox.Transmit) error {
	v := d.route.live
	blobs := make([][]byte, 0, len(a.Blobs))
	for _, id := range a.Blobs {
		b, ok := t.fresh[id]
		if !ok {
			row, err := t.tx.OutBlob(id)
			if err != nil {
				return err
			}
			b = row.Bytes
		}
		if b == nil {
			continue // receipted in this turn, which the queue hears next
		}
		blobs = append(blobs, b)
	}
	n, row := t.n, d.row
	sent := func() {
		n.enqueue(command{patient: true, run: func(t *turn) error {
			if d := n.devices[row]; d != nil {
				return t.step(d, outbox.Sent(a))
			}
			return nil
		}})
	}
	t.ship(func() { v.post.put(parcel{blobs: blobs, sent: sent}) })
	return nil
}

// expire gives blobs up that no receipt came for in all of their life.
func (t *turn) expire(d *device, blobs []int64) error {
	for _, id := range blobs {
		if err := t.settleBlob(d, id, conversation.StateExpired, "not received within 58 days"); err != nil {
			return err
		}
	}
	return nil
}

// settleBlob gives every op of a blob its last state at this device and lets the
// blob's bytes go.
func (t *turn) settleBlob(d *device, blob int64, state conversation.State, reason string) error {
	deliveries, err := t.tx.DeliveriesIn(blob)
	if err != nil {
		return err
	}
	for _, dl := range deliveries {
		next := conversation.State(dl.State).Advance(state)
		if uint8(next) == dl.State {
			continue
		}
		if err := t.tx.SetDelivery(dl.ID, uint8(next), reason, t.now.UnixMilli()); err != nil {
			return err
		}
		t.moved[dl.Op] = struct{}{}
		if dl.Blob == 0 { // it rested to be sealed again
			d.queued--
			t.touch(d)
		}
	}
	return t.tx.DropOutBlob(blob)
}

// reseal lets the ops of blobs rest again, to be sealed under the session that counts.
func (t *turn) reseal(d *device, blobs []int64) (outbox.Event, error) {
	count := 0
	for _, id := range blobs {
		if err := t.resealStart(d, id); err != nil {
			return nil, err
		}
		deliveries, err := t.tx.DeliveriesIn(id)
		if err != nil {
			return nil, err
		}
		var ids []int64
		for _, dl := range deliveries {
			if dl.Blob != id || conversation.State(dl.State).Final() {
				continue
			}
			op, err := t.op(dl.Op)
			if err != nil {
				return nil, err
			}
			if len(op.row.Body) > 0 {
				ids = append(ids, dl.ID)
			} else if err := t.withdraw(dl); err != nil {
				return nil, err
			}
		}
		if err := t.tx.SealDeliveries(ids, 0); err != nil {
			return nil, err
		}
		if err := t.tx.DropOutBlob(id); err != nil {
			return nil, err
		}
		count += len(ids)
	}
	return outbox.OpsQueued{Ops: count}, nil
}

// resealStart seals a start anew that no supernode takes as it is.
func (t *turn) resealStart(d *device, blob int64) error {
	row, err := t.tx.OutBlob(blob)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || !row.Start {
		return err
	}
	if sending, ok := d.pair.Sending(); !ok || sending != row.Session {
		return nil // overtaken
	}
	d.pair.EndBy(t.endBy(d))
	sealed, err := d.pair.StartAgain(t.date, t.n.rand)
	if err != nil {
		t.n.log.Debug("a start was not sealed again", "error", err)
		return nil
	}
	again, err := t.keep(d, sealed)
	if err != nil {
		return err
	}
	d.overtaken = append(d.overtaken, outbox.Sealed{Blobs: []outbox.Blob{again}})
	return nil
}

// frame takes a frame of a link's control stream. Refusals are about custody, which
// the far end of a link between contacts does not take.
func (t *turn) frame(d *device, v *live, f wire.Frame) error {
	switch f := f.(type) {
	case wire.Typing:
		t.theyType(d, v, f)
	case wire.Peers:
		t.hearPeers(v, f)
	case wire.Look:
		t.theyLook(d, v, f)
	case wire.View:
		t.theyView(d, f)
	case wire.Same:
		return t.theySame(d, v, f)
	}
	switch f.(type) {
	case wire.SASCommit, wire.SASNonce, wire.SASReveal, wire.SASStop:
		return t.compareFrame(d, v, f)
	}
	heard := v.heardOut // what they have of what we send
	if r, ok := f.(wire.Receipt); ok {
		if err := t.compare(d, v, r); err != nil {
			return err
		}
		if err := t.receipted(d, r); err != nil {
			return err
		}
		sending, _ := d.pair.Sending()
		heard = heard || r.Session == sending
	}
	if !heard || v.held.IsZero() || d.pair.Behind() {
		return nil
	}
	return t.ready(d, v)
}

// receipted settles what the device says it has.
// spec: 04-sessions#receipts
func (t *turn) receipted(d *device, r wire.Receipt) error {
	if d.pair.Ahead(r) {
		return t.behind(d)
	}
	var rows []store.OutBlob
	if d.pair.Receipted(t.date, r) {
		t.touch(d)
	} else {
		r.Ranges = nil // no news; but the session may have been known before its start was receipted
	}
	for _, g := range r.Ranges {
		found, err := t.tx.FindOutBlobs(d.row, r.Session, false, g.Chain, g.First, g.Last)
		if err != nil {
			return err
		}
		rows = append(rows, found...)
	}
	if r.Start {
		found, err := t.tx.FindOutBlobs(d.row, r.Session, true, 0, 0, 0)
		if err != nil {
			return err
		}
		rows = append(rows, found...)
	}
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
		if err := t.settleBlob(d, row.ID, conversation.StateDelivered, ""); err != nil {
			return err
		}
	}
	if len(ids) == 0 && len(r.Ranges) == 0 {
		return nil
	}
	return t.step(d, outbox.Receipted{Blobs: ids})
}
