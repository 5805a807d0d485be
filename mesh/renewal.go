package mesh

import (
	"cmp"
	"slices"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/store"
)

// renew draws another discovery key, so that who had the former one does not recognise us
// any more: it begins on the day of the mark, and an epoch of its own begins with it.
//
// spec: 01-identity#renewal
func (t *turn) renew() error {
	n := t.n
	key, err := identity.NewDiscoveryKey(n.rand, max(uint32(n.mark.Day), n.me.discovery.Day()))
	if err != nil {
		return err
	}
	if err := t.replaceOurKey(key, n.me.number+1); err != nil {
		return err
	}
	t.then(func() {
		n.rotate(t.now)
		n.scrubSoon()
	})
	n.wakeBy(t.now)
	return nil
}

// cameToNothing draws another key after an exchange that ended with our card, and so the key,
// in the hands of somebody who is no contact. Whoever uses a link of ours may begin again as
// often as they like, and knows us as long as there is the link.
//
// spec: 01-identity#renewal
func (t *turn) cameToNothing(q *request) error {
	if phase := q.exchange.Phase(); phase != contact.PhaseDeclined && phase != contact.PhaseRefused {
		return nil
	}
	if m := t.n.meetingOf(q.exchange.Our()); m != nil && m.Kind == meetingGiven {
		return nil
	}
	return t.renew()
}

// lacksOurKey reports whether the contact is to be told our discovery key and has not
// receipted it.
func (n *Node) lacksOurKey(c *contactState) bool {
	return c.known.Has != n.me.number && !c.row.Blocked && c.talk != nil
}

// lacking lists who lacks our key, in the order in which they became contacts.
func (n *Node) lacking() []*contactState {
	var all []*contactState
	for _, c := range n.contacts {
		if n.lacksOurKey(c) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *contactState) int { return cmp.Compare(a.row.ID, b.row.ID) })
	return all
}

// tellKeys tells our discovery key to contacts that lack it and are linked, each once at a
// time: who is away hears of the newest only.
//
// spec: 06-conversations#discovery-key
func (t *turn) tellKeys() error {
	n := t.n
	told := 0
	for _, c := range n.lacking() {
		linked := slices.ContainsFunc(c.devices, func(d *device) bool { return d.open() && d.route.live != nil && d.route.live.held.IsZero() })
		if c.known.Op != 0 || !linked {
			continue
		}
		if told++; told > tellBatch {
			n.wakeBy(t.now)
			return nil
		}
		row, err := t.say(c, conversation.Discovery{Day: n.me.discovery.Day(), Key: n.me.discovery.Secret()})
		if err != nil {
			return err
		}
		c.known.Op, c.known.Telling = row.Seq, n.me.number
		if err := t.saveKey(c); err != nil {
			return err
		}
	}
	return nil
}

// tellAgain has a contact told our key once more: one of the two homes was put back to an
// older state, and what was told since may be gone.
//
// spec: 01-identity#renewal
func (t *turn) tellAgain(c *contactState) error {
	c.known.Has = 0
	t.n.wakeBy(t.now)
	return cmp.Or(t.saveKey(c), t.tellMailboxAgain(c))
}

// told is about an op of ours that tells our key, when its deliveries moved: it is over
// when every device has it, or none will.
func (t *turn) told(op *store.Op, s standing) error {
	n := t.n
	everywhere := s.Delivered == s.Devices
	if !everywhere && s.State != conversation.StateExpired && s.State != conversation.StateFailed {
		return nil
	}
	for _, c := range n.contacts {
		if c.known.Op != op.Seq {
			continue
		}
		c.known.Op = 0
		if everywhere {
			c.known.Has = c.known.Telling
		}
		if err := t.saveKey(c); err != nil {
			return err
		}
	}
	n.wakeBy(t.now)         // for a newer one
	n.recent.forget(op.Seq) // its body
	return t.tx.EmptyOp(op)
}

// theyRenewed takes a contact's newest key. Of several the latest in the conversation's
// order counts, whichever arrives first.
//
// spec: 06-conversations#discovery-key
func (t *turn) theyRenewed(c *contactState, op *conversation.Op, a conversation.Admission) error {
	told, ok := op.Discovery()
	if !ok || a.Lamport <= c.known.Lamport {
		return nil
	}
	former := c.discovery
	c.discovery, c.stepped = identity.DiscoveryKeyOf(told.Day, told.Key), identity.DiscoveryKey{}
	c.known.Lamport = a.Lamport
	t.recogniseAnew()
	t.then(func() {
		former.Erase()
		t.n.scrubSoon()
	})
	return t.saveKey(c)
}
