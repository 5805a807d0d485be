package mesh

import (
	"context"
	"fmt"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
)

// Rename gives a contact a name of our own, which stands in place of theirs and stays
// when they change it; an empty one brings theirs back. Nobody is told. ErrNotFound,
// ErrAmbiguous and ErrName.
func (n *Node) Rename(ctx context.Context, typed, name string) (Person, error) {
	if name != "" {
		var err error
		if name, err = peer.CleanName(name); err != nil {
			return Person{}, fmt.Errorf("%w: %v", ErrName, err)
		}
	}
	return n.change(ctx, typed, func(_ *turn, c *contactState) error {
		c.row.Alias = name
		return nil
	})
}

// Block shuts a contact out: its link ends, there is no other, nothing goes there, and
// nothing of it is shown. It is not told, and sees of us what a stranger sees.
// What was not delivered waits on either side. ErrNotFound and ErrAmbiguous.
// spec: 05-contacts#blocking
func (n *Node) Block(ctx context.Context, typed string) (Person, error) {
	return n.change(ctx, typed, func(t *turn, c *contactState) error {
		if c.row.Blocked {
			return nil
		}
		c.row.Blocked = true
		t.keysStale = true
		if err := t.renew(); err != nil {
			return err
		}
		if c.again != nil {
			if err := t.letGo(c.again); err != nil {
				return err
			}
			c.again = nil
		}
		for _, d := range c.devices {
			d.route.due = time.Time{}
			if v := d.route.live; v != nil {
				v.link.Close(link.ReasonBye)
				if err := t.unlink(d, v); err != nil {
					return err
				}
			}
		}
		return t.leaveNothing(c)
	})
}

// Unblock lets a contact in again. What waited goes out with the next link.
// ErrNotFound and ErrAmbiguous.
// spec: 05-contacts#blocking
func (n *Node) Unblock(ctx context.Context, typed string) (Person, error) {
	return n.change(ctx, typed, func(t *turn, c *contactState) error {
		c.row.Blocked = false
		t.keysStale = true
		t.lookFarSoon() // for what came meanwhile
		n.custody.due = true
		n.wakeBy(t.now)
		t.knownAgain()
		t.then(func() { n.rotate(t.now) }) // it lacks our key, and is shown another beacon
		for _, d := range c.devices {
			if d.route.seen != nil {
				t.approach(d, d.route.seen)
			} else {
				t.seek(d)
			}
		}
		return nil
	})
}

// change finds a contact, changes its row, and tells the faces.
func (n *Node) change(ctx context.Context, typed string, to func(*turn, *contactState) error) (Person, error) {
	var p Person
	err := n.do(ctx, func(t *turn) error {
		c, err := n.contactCalled(typed)
		if err != nil {
			return refuse(err)
		}
		if err := to(t, c); err != nil {
			return err
		}
		if err := t.tx.PutContact(&c.row); err != nil {
			return err
		}
		p, t.viewStale = n.person(c), true
		return t.recordPerson(storedPerson, p)
	})
	return p, err
}

// called takes a contact's new name. Of several the latest in the conversation's order
// counts, whichever arrives first; a name of ours stays.
// spec: 06-conversations#profile
func (t *turn) called(c *contactState, op *conversation.Op, a conversation.Admission) error {
	profile, ok := op.Profile()
	if !ok || a.Lamport <= c.row.Named {
		return nil
	}
	same := profile.Name == c.row.Name
	c.row.Name, c.row.Named = profile.Name, a.Lamport
	if err := t.tx.PutContact(&c.row); err != nil || same {
		return err
	}
	t.viewStale = true
	return t.recordPerson(storedPerson, t.n.person(c))
}

// shutOut reports whether a profile is that of a contact who is blocked.
func (n *Node) shutOut(profile contact.Profile) bool {
	for _, c := range n.contacts {
		if c.row.Blocked && c.profile == profile {
			return true
		}
	}
	return false
}
