package mesh

import (
	"errors"
	"time"

	"sottovoce/mesh/outbox"
	"sottovoce/mesh/session"
)

// owe notes that a device is to hear of what came from it by supernode. At once would tell
// the supernode who collected it: the receipts ride with our next message, go over a link
// when there is one, or leave in a fixed slot.
//
// spec: 06-conversations#receipts-by-supernode
func (t *turn) owe(d *device) error {
	if d.owes == 0 {
		d.owes = t.now.UnixMilli()
		if err := t.tx.SetPairOwes(d.row, d.owes); err != nil {
			return err
		}
	}
	t.n.wakeBy(t.slotOf(d))
	return nil
}

// hush leaves nothing at supernodes for a device by itself, until the slot of receipts, when
// something of it came by supernode (from is nil): what followed would show who collected that.
// What our person says does not wait, nor what goes over a link.
//
// spec: 06-conversations#answers-by-supernode
func (t *turn) hush(from, d *device) error {
	if from != nil || d.route.live != nil || t.now.Before(d.quiet) {
		return nil
	}
	d.quiet = slotAfter(t.now)
	return t.step(d, outbox.Quiet{Until: d.quiet})
}

// speak ends that for a device that our person has said something to.
func (t *turn) speak(d *device) error {
	said := d.said
	if d.said = false; !said || !t.now.Before(d.quiet) {
		return nil
	}
	d.quiet = time.Time{}
	if !t.n.custody.later.IsZero() { // it may have told where it collects now
		t.n.custody.later = t.now
		t.n.wakeBy(t.now)
	}
	return t.step(d, outbox.Quiet{})
}

// slotAfter is the end of the five minutes of the clock that a time is in.
func slotAfter(at time.Time) time.Time { return at.Truncate(receiptSlot).Add(receiptSlot) }

// paid notes that the receipts are under way.
func (t *turn) paid(d *device) error {
	if d.owes == 0 {
		return nil
	}
	d.owes = 0
	return t.tx.SetPairOwes(d.row, 0)
}

// slotOf is when receipts leave that are owed to a device: the end of the five minutes of
// the clock in which they came to be, or in which a supernode was reached.
func (t *turn) slotOf(d *device) time.Time {
	from := time.UnixMilli(d.owes)
	if since := t.n.custody.since; since.After(from) {
		from = since
	}
	if from.After(t.now) { // the clock went back
		from = t.now
	}
	return slotAfter(from)
}

// payDue sends receipts that are owed to a device and whose slot has come, in one blob of
// nothing else. Over a link they went when it came up.
func (t *turn) payDue(d *device) error {
	if d.owes == 0 || len(d.depots) == 0 && d.route.live == nil {
		return nil
	}
	if slot := t.slotOf(d); slot.After(t.now) {
		t.n.wakeBy(slot)
		return nil
	}
	if d.route.live != nil {
		return t.paid(d)
	}
	receipts := d.pair.Receipts()
	if len(receipts) == 0 {
		return t.paid(d)
	}
	blobs, err := t.start(d)
	if err != nil {
		return err
	}
	blob, err := t.sealContent(d, session.Content{Receipts: receipts})
	switch {
	case errors.Is(err, session.ErrWindow), errors.Is(err, session.ErrBehind), errors.Is(err, session.ErrNoSession):
		if err = t.paid(d); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		blobs = append(blobs, blob)
	}
	return t.step(d, outbox.Sealed{Blobs: blobs})
}
