package mesh

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/link"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/session"
	"sottovoce/mesh/store"
)

// kindDirect is the kind of conversation of two accounts, as the store keeps it.
const kindDirect uint8 = 1

// befriend makes a contact of what an exchange ended in: the contact, its
// conversation, and what sessions with its devices are made of, in this turn's commit.
// A known account is not keyed anew by an exchange: that would let a copy of its card
// in.
func (t *turn) befriend(q *request, o *contact.Object) error {
	n := t.n
	account := o.Their.Account
	if err := t.forgetIntroductions(account.ID(), q.exchange.Our()); err != nil {
		return err
	}
	if known := n.contacts[account.ID()]; known != nil {
		return t.befriendAgain(known, o)
	}
	c := newContact(o)
	c.row = store.Contact{Account: account.ID(), Name: o.Their.Card.Name, Added: t.now.UnixMilli(), Object: o.Save()}
	if err := t.tx.PutContact(&c.row); err != nil {
		return err
	}
	log := conversation.NewLog(conversation.DirectID(n.me.account.ID(), account.ID()))
	if n.removed[whoWas(account.ID())] { // they may know how we went on
		if err := log.Leap(n.me.device.ID(), n.rand); err != nil {
			return err
		}
	}
	c.talk = &talk{log: log, row: store.Conversation{Key: log.ID(), Kind: kindDirect, Contact: c.row.ID, Log: log.Save()}}
	if err := t.tx.PutConversation(&c.talk.row); err != nil {
		return err
	}
	configs, err := o.Pairs(n.me.device)
	if err != nil {
		return err
	}
	for _, cfg := range configs {
		if err := t.addDevice(c, cfg); err != nil {
			return err
		}
	}
	if err := t.befriendKey(c, o); err != nil {
		return err
	}
	n.contacts[account.ID()] = c
	t.viewStale, t.keysStale = true, true
	if s := t.whereIs(q); s != nil && len(c.devices) == 1 {
		t.approach(c.devices[0], s)
	}
	t.recogniseAnew()
	if o.Our.Card.Name != n.me.name { // it was changed since the card was made
		if _, err := t.say(c, conversation.Profile{Name: n.me.name}); err != nil {
			return err
		}
	}
	if o.Asker { // the other side has the contact only when our card is there
		for _, d := range c.devices {
			d.route.due = t.now.Add(dialDelaySecond)
		}
	}
	return t.recordPerson(storedPerson, n.person(c))
}

// befriendAgain is about an account that is a contact already. A card proves nothing, so
// whoever has seen one can show it again: the keys stay as they are until a link proves the
// newer ones. Of a contact that was never heard two exchanges may have gone on at once, and the
// two sides hear of their ends in any order.
//
// spec: 05-contacts#one-person-asked-twice
func (t *turn) befriendAgain(c *contactState, o *contact.Object) error {
	heard := slices.ContainsFunc(c.devices, func(d *device) bool { return d.pair.Reached() || d.route.live != nil })
	if err := t.befriendBeside(c, o); err != nil {
		return err
	}
	if c.again != nil {
		c.again.crossed = !heard
	}
	return nil
}

// adopts decides whether a link with the keys that stand beside a contact's makes them its
// keys. Of two exchanges that crossed that with the smaller transcript goes before, unless the
// far end does not know it.
//
// spec: 05-contacts#one-person-asked-twice
func (t *turn) adopts(again *contactState, l *link.Link) bool {
	c := t.n.contacts[again.account.ID()]
	if !again.crossed || l.Dialed() || bytes.Compare(again.transcript[:], c.transcript[:]) < 0 {
		return true
	}
	for _, d := range c.devices {
		if d.route.refused > 0 {
			return true
		}
		if len(t.n.whereabouts(d, t.now)) == 0 { // it does not announce itself by the keys that it does not know
			d.route.seen = &place{endpoints: []peer.Endpoint{l.Remote()}}
		}
		d.route.due = t.now
	}
	t.n.wakeBy(t.now)
	return false
}

// addDevice keeps what sessions with a new device of a contact are made of.
func (t *turn) addDevice(c *contactState, cfg session.PairConfig) error {
	pair, err := session.NewPair(cfg)
	if err != nil {
		return err
	}
	d := &device{
		id: cfg.Their.ID(), contact: c, keys: cfg.Their, pair: pair, queue: outbox.New(), route: &route{}, stale: true, active: true,
	}
	row := store.Pair{Contact: c.row.ID, Peer: d.id, Fixed: pair.SaveFixed(), State: pair.Save()}
	if err := t.tx.PutPair(&row); err != nil {
		return err
	}
	d.row = row.ID
	d.rekey()
	c.devices = append(c.devices, d)
	t.n.devices[d.row] = d
	if t.n.custodian != nil { // its start may have come before it was a contact
		t.n.starts = starts{}
		t.n.custody.waiting.far = append(t.n.custody.waiting.far, d.row)
		t.n.wakeBy(t.now)
	}
	return t.step(d, outbox.Loaded{})
}

// whereIs is where the profile of a request is right now: in sight, or else at the far
// end of the link that the exchange went over.
func (t *turn) whereIs(q *request) *place {
	if m := t.n.meetingOf(q.exchange.Our()); m != nil {
		if at := t.n.placeOf(m); at != nil {
			return at
		}
	}
	if s := t.n.findNearby(q.row.Handle); s != nil {
		return s.place()
	}
	if o := t.n.open[q.exchange.Their()]; o != nil {
		return &place{endpoints: []peer.Endpoint{o.link.Remote()}}
	}
	return nil
}

// loadContacts reads the contacts with their conversations and sessions. The routes are
// of this run and stay.
func (n *Node) loadContacts(tx *store.Tx, routes map[int64]*route) error {
	rows, err := tx.Contacts()
	if err != nil {
		return err
	}
	byRow := make(map[int64]*contactState, len(rows))
	for _, row := range rows {
		if row.Removed {
			n.removed[row.Account] = true
			continue
		}
		o, err := contact.LoadObject(row.Object)
		if err != nil {
			return fmt.Errorf("a contact: %w", err)
		}
		c := newContact(o)
		c.row = row
		if c.trust, err = loadTrust(tx, row.ID, o); err != nil {
			return fmt.Errorf("a contact: %w", err)
		}
		c.account = c.trust.Account()
		err = cmp.Or(c.loadKey(tx, o.Their.Discovery()), c.loadMailbox(tx))
		o.Erase()
		if err != nil {
			return err
		}
		byRow[row.ID] = c
		if known := n.contacts[row.Account]; known != nil {
			known.again = c
			continue
		}
		n.contacts[row.Account] = c
	}
	talks, err := tx.Conversations()
	if err != nil {
		return err
	}
	for _, row := range talks {
		log, err := conversation.LoadLog(row.Log)
		if err != nil {
			return fmt.Errorf("a conversation: %w", err)
		}
		if c := byRow[row.Contact]; c != nil {
			c.talk = &talk{row: row, log: log}
		}
	}
	return n.loadDevices(tx, byRow, routes)
}

// loadDevices reads the sessions and begins their outboxes.
func (n *Node) loadDevices(tx *store.Tx, contacts map[int64]*contactState, routes map[int64]*route) error {
	rows, err := tx.Pairs()
	if err != nil {
		return err
	}
	for _, row := range rows {
		pair, err := session.LoadPair(n.me.device, row.Fixed, row.State, nil)
		if err != nil {
			return fmt.Errorf("a session: %w", err)
		}
		c := contacts[row.Contact]
		d := &device{row: row.ID, id: row.Peer, contact: c, pair: pair, queue: outbox.New(), route: routes[row.ID], seen: row.Seen, owes: row.Owes, stale: true}
		if d.route == nil {
			d.route = &route{}
		}
		if err := d.loadKnown(tx); err != nil {
			return err
		}
		for _, keys := range c.account.Devices() {
			if keys.ID() == d.id {
				d.keys, d.active = keys, true
			}
		}
		d.rekey()
		c.devices = append(c.devices, d)
		n.devices[d.row] = d
		if err := d.loadQueue(tx, n.now(), n.mark); err != nil {
			return err
		}
	}
	return nil
}

// loadQueue reads what waits for the device; step tells its outbox.
func (d *device) loadQueue(tx *store.Tx, now time.Time, mark clock.Mark) error {
	loaded, err := loadPage(tx, d.row, 0, outbox.PageMax, now, mark)
	if err != nil {
		return err
	}
	if loaded.Ops, err = tx.UnsealedCount(d.row); err != nil {
		return err
	}
	d.loaded = &loaded
	return nil
}
