package mesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
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
	HeldBy []Keeper

	Queued, Sealed, Delivered, Read time.Time
}

// Journey is all that is known of one message. Received is when one of theirs came here;
// ours have copies instead.
type Journey struct {
	Message  Message
	Received time.Time
	Copies   []Copy
}

// Journey tells how far a message came, which way, and what it waits for; or the edit or
// deletion of a message that counts, by its own id. ErrNotFound and ErrAmbiguousMessage.
func (n *Node) Journey(ctx context.Context, id string) (Journey, error) {
	var j Journey
	err := n.do(ctx, func(t *turn) error {
		row, err := opCalled(t.tx, id)
		if err != nil {
			return refuse(err)
		}
		text := row
		if row.Kind != uint8(conversation.KindText) {
			if text, err = changedBy(t.tx, row); err != nil {
				return err
			}
		}
		if text == nil {
			return refuse(ErrNotFound)
		}
		c, err := wordingOf(t.tx, text)
		if err != nil {
			return err
		}
		j.Message = *n.view.Load().shows(text, c)
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
	} else if len(d.depots) > 0 {
		c.Via = ViaSupernode
	}
	c.Tries, _ = d.queue.Sent(dl.Blob)
	if !c.State.Final() {
		if blob != nil {
			if c.HeldBy, err = t.holders(blob); err != nil {
				return c, err
			}
		}
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
	case d.route.live == nil && len(c.HeldBy) > 0:
		return "for them to collect it, or to be on this network: " + keptBy(c.HeldBy)
	case d.route.live == nil && len(d.depots) > 0 && blob != nil:
		return t.refusals(d, blob)
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

// holders lists who signed for a blob.
func (t *turn) holders(blob *store.OutBlob) ([]Keeper, error) {
	known, err := t.tx.CustodyOf(blob.ID)
	if err != nil {
		return nil, err
	}
	var all []Keeper
	names := t.n.view.Load().supernodes
	for at, log := range t.n.custody.logs {
		if slices.ContainsFunc(known, func(c store.Custody) bool { return c.Log == log.ID }) {
			all = append(all, Keeper{ID: at.At, Name: cmp.Or(names[at.At], at.At.String()), Until: blob.ExpiryDay})
		}
	}
	slices.SortFunc(all, func(a, b Keeper) int { return a.ID.Compare(b.ID) })
	return all, nil
}

// keptBy says who holds a copy, and until when.
func keptBy(all []Keeper) string {
	names := make([]string, len(all))
	for i, k := range all {
		names[i] = k.Name
	}
	verb := " keeps it until "
	if len(all) > 1 {
		verb = " keep it until "
	}
	return strings.Join(names, " and ") + verb + dateOf(all[0].Until)
}

// dateOf is a Unix day for people.
func dateOf(day uint16) string { return time.Unix(int64(day)*24*60*60, 0).UTC().Format("2006-01-02") }

// refusals says why the supernodes of a device did not take a blob, and what becomes of it.
func (t *turn) refusals(d *device, blob *store.OutBlob) string {
	names := t.n.view.Load().supernodes
	var all []string
	hopeless := 0
	for _, r := range d.depots {
		s := t.n.custody.depots[r.At]
		why := refusalWord(s.reason)
		if reason := d.queue.Hopeless(blob.ID, r.At); reason != 0 {
			why = hopelessWord(reason)
			hopeless++
		}
		if why != "" {
			all = append(all, cmp.Or(names[s.at], s.at.String())+" "+why)
		}
	}
	said := strings.Join(all, "; ")
	switch {
	case hopeless == len(d.depots):
		return "for another way to them: " + said + "; until " + dateOf(blob.ExpiryDay) +
			" it stays here for a link, for another supernode, or for this one when it is reached anew"
	case said == "":
		said = "it is being left there"
	default:
		said += "; it is tried again"
	}
	return "for a supernode to take it: " + said
}

// hopelessWord is why a supernode will not take one blob, whatever else it takes.
func hopelessWord(r wire.Reason) string {
	switch r {
	case wire.ReasonDeleted:
		return "says that it was deleted there"
	case wire.ReasonWrongDay:
		return "has a calendar by which its time is over"
	}
	return "takes nothing as large"
}

// refusalWord is why a supernode takes nothing.
func refusalWord(r wire.Reason) string {
	switch r {
	case 0:
		return ""
	case wire.ReasonDiskFull:
		return "is full"
	case wire.ReasonWrongDay:
		return "has another day on its calendar"
	case wire.ReasonToken:
		return "takes no more from us today"
	case wire.ReasonQuota:
		return "has as much from us, or from this community, as it keeps"
	}
	return "did not take it"
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
	return "; it is sealed, and kept until " + dateOf(blob.ExpiryDay)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprint(n, " times")
}
