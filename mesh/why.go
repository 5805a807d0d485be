package mesh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// Copy is one message on its way to one device of its recipient. Times that are zero have
// not come, or are not known any more: Sealed is forgotten when the sealed copy expires.
type Copy struct {
	To     Person
	Device string
	State  conversation.State
	Reason string // why it expired or failed
	Via    Via    // the way there is now
	Seen   time.Time
	Tries  int    // times that it was sent on the present link
	Waits  string // what for, in plain words; empty when nothing more is to come

	Queued, Sealed, Delivered, Read time.Time
}

// Journey is all that is known of one message. Received is when one of theirs came here;
// ours have copies instead.
type Journey struct {
	Message  Message
	Received time.Time
	Copies   []Copy
}

// Journey tells how far a message came, which way, and what it waits for. ErrNotFound and
// ErrAmbiguousMessage.
func (n *Node) Journey(ctx context.Context, id string) (Journey, error) {
	var j Journey
	err := n.do(ctx, func(t *turn) error {
		row, err := opCalled(t.tx, id)
		if err == nil && row.Kind != uint8(conversation.KindText) {
			err = ErrNotFound
		}
		if err != nil {
			return refuse(err)
		}
		s, err := standingOf(t.tx, row)
		if err != nil {
			return err
		}
		j.Message = *n.view.Load().shows(row, textOf(row), s)
		if !row.Mine {
			j.Received = time.UnixMilli(row.Received)
			return nil
		}
		deliveries, err := t.tx.DeliveriesOf(row.Seq)
		if err != nil {
			return err
		}
		for _, dl := range deliveries {
			c, err := t.copy(dl)
			if err != nil {
				return err
			}
			j.Copies = append(j.Copies, c)
		}
		return nil
	})
	return j, err
}

// copy tells of one delivery.
func (t *turn) copy(dl store.Delivery) (Copy, error) {
	c := Copy{
		State: conversation.State(dl.State), Reason: dl.Reason, Via: ViaNone,
		Queued: time.UnixMilli(dl.Time), Read: moment(dl.ReadAt),
	}
	if c.State == conversation.StateDelivered || c.State == conversation.StateRead {
		c.Delivered = moment(dl.Settled)
	}
	blob, err := t.tx.OutBlob(dl.Blob)
	if err == nil {
		c.Sealed = time.UnixMilli(blob.Created)
	} else if !errors.Is(err, store.ErrNotFound) {
		return c, err
	}
	d := t.n.devices[dl.Pair]
	if d == nil { // of a contact that was removed
		return c, nil
	}
	c.To, c.Device, c.Seen = t.n.person(d.contact), d.id.String(), moment(d.seen)
	if d.route.live != nil {
		c.Via, c.Seen = ViaLink, t.now
	}
	c.Tries, _ = d.queue.Sent(dl.Blob)
	if !c.State.Final() {
		c.Waits = t.waits(d, &c, blob)
	}
	return c, nil
}

// moment is the time of a Unix ms, zero for 0.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// waits says what a copy that is under way waits for. blob is nil when it rests unsealed.
func (t *turn) waits(d *device, c *Copy, blob *store.OutBlob) string {
	switch {
	case d.contact.row.Blocked:
		return "for you to unblock them"
	case d.contact.trust.Keys() == contact.KeysAlarm:
		return "for you to decide about their keys, which have changed: sottovoce status tells how"
	case !d.active:
		return "for nothing more: they do not use that device any more"
	case d.route.live == nil:
		return "for a way to them: " + t.absence(d, c.Seen) + until(blob)
	case blob == nil && d.queue.Full():
		return "for them to confirm earlier messages: so many are under way that no further one may be sealed"
	case blob == nil:
		_, ops := d.queue.Pending()
		return fmt.Sprintf("for its turn: %d of your messages are next", ops)
	case c.Tries == 0:
		return "for its turn on the link"
	}
	return "for them to confirm it: it was sent " + times(c.Tries) + " on this link"
}

// absence says why there is no link to a device.
func (t *turn) absence(d *device, seen time.Time) string {
	switch {
	case d.route.seen != nil && d.route.failures > 1:
		return fmt.Sprintf("they are on this network, but %d attempts to reach them failed", d.route.failures)
	case d.route.seen != nil:
		return "they are on this network, and are being reached"
	case seen.IsZero():
		return "they have not been reached yet, and are not on this network"
	}
	return "they are not seen on this network, and were last reached on " + seen.Format("2006-01-02 at 15:04")
}

// until says how long a sealed copy is kept.
func until(blob *store.OutBlob) string {
	if blob == nil {
		return "; it is kept as long as that takes"
	}
	return "; it is sealed, and kept until " + time.Unix(int64(blob.ExpiryDay)*24*60*60, 0).UTC().Format("2006-01-02")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprint(n, " times")
}
