package mesh

import (
	"cmp"
	"context"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// Remove forgets a contact for good: its keys and sessions, what waits for it, and all
// that was said. Nobody is told; its link ends, and it sees of us what a stranger sees. It
// returns the person as it was. ErrNotFound and ErrAmbiguous.
// spec: 05-contacts#removal
func (n *Node) Remove(ctx context.Context, typed string) (Person, error) {
	var p Person
	err := n.do(ctx, func(t *turn) error {
		c, err := n.contactCalled(typed)
		if err != nil {
			return refuse(err)
		}
		p = n.person(c)
		p.Online, p.Via, p.Contact, p.Blocked, p.Verified, p.Keys = false, ViaNone, false, false, false, ""
		key, row := [32]byte(c.talk.log.ID()), c.talk.row.ID
		if err := t.tx.DropConversation(row); err != nil {
			return err
		}
		if err := t.tx.DropReadMarks(key); err != nil {
			return err
		}
		for _, gone := range []*contactState{c.again, c} {
			if gone == nil {
				continue
			}
			if q := n.requests[gone.profile]; q != nil {
				if err := t.forgetRequest(q); err != nil {
					return err
				}
			}
			if err := t.letGo(gone); err != nil {
				return err
			}
		}
		n.recent = recent{}
		delete(n.contacts, c.account.ID())
		if err := cmp.Or(t.leaveNothing(c), t.tx.ExpireCustody(), t.dropLogs()); err != nil {
			return err
		}
		delete(n.sames, c.account.ID())
		n.removed[whoWas(c.account.ID())] = true
		t.recogniseAnew()
		if err := t.renew(); err != nil {
			return err
		}
		t.then(n.past.ring)
		return t.recordPerson(storedPerson, p)
	})
	if err == nil {
		err = n.shred(ctx) // the answer means that nobody can read it any more
	}
	return p, err
}

// whoWas is all that is kept of a removed contact's account: enough to know it again.
func whoWas(id identity.AccountID) identity.AccountID {
	return identity.AccountID(wire.HashOf("sv1 removed", id[:]))
}

// letGo lets go of a contact's links, keys and sessions.
func (t *turn) letGo(c *contactState) error {
	n := t.n
	for _, d := range c.devices {
		if v := d.route.live; v != nil {
			v.link.Close(link.ReasonBye)
			d.route.live = nil
		}
		for _, tag := range d.tags {
			if n.tags[tag].row == d.row {
				delete(n.tags, tag)
			}
		}
		d.pair.Erase()
		if err := t.tx.DeleteSetting(knownKey(d)); err != nil {
			return err
		}
		delete(n.devices, d.row)
		delete(t.dirty, d)
	}
	delete(t.talks, c.talk)
	t.viewStale, t.keysStale = true, true
	err := t.dropNotices(func(k keptNotice) bool { return k.Contact == c.row.ID })
	if err = cmp.Or(err, t.tx.DeleteSetting(settingOf(c.row.ID))); err != nil {
		return err
	}
	if err := cmp.Or(t.tx.DeleteSetting(trustOf(c.row.ID)), t.tx.DeleteSetting(mailboxOf(c.row.ID))); err != nil {
		return err
	}
	return t.tx.RemoveContact(c.row.ID, whoWas(c.account.ID()))
}

// befriendBeside keeps what an exchange with a contact that was heard before ended in,
// beside that contact: who only has a copy of its card cannot prove a link with the new
// keys. The latest such exchange counts.
// spec: 05-contacts#beginning-anew
func (t *turn) befriendBeside(c *contactState, o *contact.Object) error {
	if c.row.Blocked {
		t.notice(c.shownName() + " is a contact whom you have blocked; another request in that name was ignored")
		return nil
	}
	if c.again != nil {
		if err := t.letGo(c.again); err != nil {
			return err
		}
	}
	again := newContact(o)
	again.row = store.Contact{Account: again.account.ID(), Name: o.Their.Card.Name, Alias: c.row.Alias, Added: c.row.Added, Object: o.Save()}
	if err := t.tx.PutContact(&again.row); err != nil {
		return err
	}
	configs, err := o.Pairs(t.n.me.device)
	if err != nil {
		return err
	}
	for _, cfg := range configs {
		if err := t.addDevice(again, cfg); err != nil {
			return err
		}
	}
	c.again, t.keysStale = again, true
	return t.befriendKey(again, o)
}

// beginAnew puts the contact that has proven itself with the keys of a newer exchange in
// the place of the one before. What was said stays, and what waits goes to the new one.
// spec: 05-contacts#beginning-anew
func (t *turn) beginAnew(again *contactState) error {
	n := t.n
	old := n.contacts[again.account.ID()]
	again.talk, old.again, again.trust = old.talk, nil, old.trust
	again.row.Alias, again.row.Named, again.known.Lamport = old.row.Alias, old.row.Named, old.known.Lamport
	again.mailbox = theirMailbox{Card: old.mailbox.Card, Lamport: old.mailbox.Lamport}
	if err := cmp.Or(t.tx.PutContact(&again.row), t.saveKey(again), t.saveMailbox(again)); err != nil {
		return err
	}
	again.talk.row.Contact = again.row.ID
	if err := t.tx.PutConversation(&again.talk.row); err != nil {
		return err
	}
	for _, d := range again.devices {
		for _, was := range old.devices {
			if was.id == d.id {
				if err := t.tx.MovePending(was.row, d.row); err != nil {
					return err
				}
			}
		}
		if err := d.loadQueue(t.tx, t.now, n.mark); err != nil {
			return err
		}
	}
	if err := cmp.Or(t.compareEvent(old, keysChanged{}), t.letGo(old)); err != nil { // what is compared is of keys that go
		return err
	}
	n.contacts[again.account.ID()] = again
	o, err := contact.LoadObject(again.row.Object)
	if err != nil {
		return err
	}
	before := old.account
	again.account = before
	defer o.Erase()
	if err := t.keysMoved(again, again.trust.Meet(o), before); err != nil {
		return err
	}
	t.touchTalk(again.talk)
	t.recogniseAnew()
	if !again.crossed {
		t.notice(again.shownName() + " removed you as a contact and asked again: you begin anew, with new keys")
	}
	return t.recordPerson(storedPerson, n.person(again))
}
