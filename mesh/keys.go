package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// Keys says how a contact's keys stand to those we knew.
type Keys string

// Of a contact with KeysAlarm nothing is sent until the person decides.
const (
	KeysOK      Keys = "ok"
	KeysChanged Keys = "changed" // as their old keys said; nobody has compared since
	KeysAlarm   Keys = "alarm"   // and their old keys do not vouch for it
)

// Errors of AcceptKeys, of Confirm, and of what an alarm keeps from being done.
var (
	ErrKeys     = contact.ErrKeys
	ErrNoChange = contact.ErrNoChange
	// ErrUnread says that the safety words that are now to be compared were not shown yet.
	ErrUnread = errors.New("their keys have changed, and with them the safety words; read the new ones to each other first: sottovoce verify")
	// ErrNoDevice says that a contact has struck off every device that we know.
	ErrNoDevice = errors.New("they have struck off every device of theirs that is known here; become contacts anew: sottovoce remove, then add")
)

// keysOf puts the standing of a contact's keys into a word.
func keysOf(k contact.Keys) Keys { return [...]Keys{KeysOK, KeysChanged, KeysAlarm}[k] }

// settingTrust begins the name of the setting that keeps what holds of a contact's account.
const settingTrust = "trust "

func trustOf(row int64) string { return settingTrust + strconv.FormatInt(row, 10) }

// loadTrust reads what holds of a contact's account; one about which nothing was ever kept
// is as its card said.
func loadTrust(tx *store.Tx, row int64, o *contact.Object) (*contact.Trust, error) {
	b, err := tx.Setting(trustOf(row))
	if errors.Is(err, store.ErrNotFound) {
		return contact.NewTrust(o), nil
	}
	if err != nil {
		return nil, err
	}
	return contact.LoadTrust(b)
}

// keepTrust keeps it with this turn.
func (t *turn) keepTrust(c *contactState) error {
	return t.tx.SetSetting(trustOf(c.row.ID), c.trust.Save())
}

// theirAccount judges the account that an op of a contact brought.
// spec: 05-contacts#key-changes
func (t *turn) theirAccount(d *device, op *conversation.Op, a conversation.Admission) error {
	raw, _ := op.Account()
	c := d.contact
	before := c.account
	change, err := c.trust.Take(raw, a.Lamport)
	if errors.Is(err, wire.ErrNewer) {
		t.notice(c.shownName() + " has changed something about their devices that needs a newer version of this program")
		return nil
	}
	if err != nil {
		return err
	}
	return t.keysMoved(c, change, before)
}

// keysMoved does what follows from a change of a contact's account.
// spec: 05-contacts#key-changes
func (t *turn) keysMoved(c *contactState, change contact.Change, before *identity.Account) error {
	if err := t.keepTrust(c); err != nil || change == contact.ChangeNone {
		return err
	}
	c.account = c.trust.Account()
	t.viewStale, t.keysStale = true, true
	name := c.shownName()
	var err error
	switch change {
	case contact.ChangeDevices:
		err = t.noteDevices(c, before)
	case contact.ChangeRoot:
		err = t.raise(noticeRoot, c, fmt.Sprintf("%s has new keys, and the old ones vouch for them: that is right if %s says so; "+
			"compare again: sottovoce verify %q", name, name, name))
	case contact.ChangeAlarm:
		err = t.alarm(c)
	}
	if err != nil {
		return err
	}
	if err := t.refit(c); err != nil {
		return err
	}
	return t.recordPerson(storedPerson, t.n.person(c))
}

// noteDevices says what of a contact's devices is new. It is a line and no warning: their
// root has signed it.
func (t *turn) noteDevices(c *contactState, before *identity.Account) error {
	were, are := before.Devices(), c.account.Devices()
	count := func(of, without []identity.DeviceKeys) (n int) {
		for _, d := range of {
			if !slices.Contains(without, d) {
				n++
			}
		}
		return n
	}
	for _, line := range []struct {
		n    int
		text string
	}{
		{count(are, were), "%s has a new device"},
		{count(were, are), "%s does not use a device any more; nothing is sent to it"},
	} {
		if line.n == 0 {
			continue
		}
		text := fmt.Sprintf(line.text, c.shownName())
		if err := t.recordNotice(c, text); err != nil {
			return err
		}
	}
	return nil
}

// alarm tells the person that a contact's keys are not what follows from those we knew.
func (t *turn) alarm(c *contactState) error {
	name := c.shownName()
	what := map[contact.Alarm]string{
		contact.AlarmForgot:    "left out what was in them before",
		contact.AlarmForked:    "were handed over to two others at once, so somebody has a copy",
		contact.AlarmOther:     "are those of somebody else",
		contact.AlarmUnsettled: "are not signed as they must be",
	}[c.trust.Alarm()]
	return t.raise(noticeAlarm, c, fmt.Sprintf("the keys of %s %s: somebody may be writing in %s's name, so nothing more is sent to %s; "+
		"ask %s in person; if all is well: sottovoce verify %q --accept-change; if not: sottovoce remove %q", name, what, name, name, name, name, name))
}

// refit brings devices and outboxes of a contact in line with its account and its keys.
func (t *turn) refit(c *contactState) error {
	t.n.watches.drop()
	for _, d := range c.devices {
		d.active = slices.ContainsFunc(c.account.Devices(), func(k identity.DeviceKeys) bool { return k.ID() == d.id })
		v := d.route.live
		if v == nil {
			continue
		}
		if !d.active {
			v.link.Close(link.ReasonBye)
			if err := t.unlink(d, v); err != nil {
				return err
			}
			continue
		}
		if d.open() {
			continue
		}
		if err := t.step(d, outbox.RouteDown{Link: v.id}); err != nil {
			return err
		}
	}
	return t.compareEvent(c, keysChanged{})
}

// open reports whether anything may be sent to the device.
// spec: 05-contacts#key-changes
func (d *device) open() bool { return d.active && d.contact.trust.Keys() != contact.KeysAlarm }

// AcceptKeys is the person's decision to go on with a contact whose keys have changed. The
// contact is not verified by it. It fails with ErrNotFound, ErrAmbiguous and ErrNoChange.
// spec: 05-contacts#key-changes
func (n *Node) AcceptKeys(ctx context.Context, who string) (Person, error) {
	return n.change(ctx, who, func(t *turn, c *contactState) error {
		alarmed := c.trust.Keys() == contact.KeysAlarm
		if err := c.trust.Accept(); err != nil {
			return refuse(err)
		}
		if err := t.keepTrust(c); err != nil {
			return err
		}
		c.account = c.trust.Account()
		t.keysStale = true
		if err := t.settled(c, noticeRoot, noticeAlarm); err != nil {
			return err
		}
		if err := t.refit(c); err != nil || !alarmed {
			return err
		}
		return t.reopen(c)
	})
}

// reopen lets go out what an alarm held back.
func (t *turn) reopen(c *contactState) error {
	for _, d := range c.devices {
		if v := d.route.live; v != nil && v.held.IsZero() && d.open() {
			if err := t.ready(d, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellAccounts tells every contact of our account who does not know it as it is now.
func (t *turn) tellAccounts() error {
	contacts := make([]*contactState, 0, len(t.n.contacts))
	for _, c := range t.n.contacts {
		contacts = append(contacts, c)
	}
	slices.SortFunc(contacts, func(a, b *contactState) int { return int(a.row.ID - b.row.ID) })
	for _, c := range contacts {
		if err := t.tellAccount(c); err != nil {
			return err
		}
	}
	return nil
}

// tellAccount does so for one contact.
// spec: 05-contacts#key-changes
func (t *turn) tellAccount(c *contactState) error {
	account := t.n.me.account
	if c.trust.Told(account.Heads()) {
		return nil
	}
	if _, err := t.say(c, conversation.Account(account.Bytes())); err != nil {
		return err
	}
	c.trust.Tell(account.Heads())
	return t.keepTrust(c)
}
