package mesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// Errors of Reset and PermitReset that callers branch on.
var (
	// ErrNoReset says that the contact does not ask to begin anew.
	ErrNoReset = errors.New("does not ask to begin anew; nothing was changed")
	// ErrAnew says that what the contact asked for can be accepted no more.
	ErrAnew = errors.New("asked too long ago; become contacts anew: both of you remove the other, then ask again")
)

// refused keeps a start that would replace a session in use, and asks the person.
//
// spec: 04-sessions#lost-keys
func (t *turn) refused(d *device, blob []byte, ref session.Ref) error {
	name, asked := d.contact.shownName(), d.pair.Refused()
	fresh := d.pair.Keep(blob, ref)
	if fresh {
		t.touch(d)
	}
	if asked && t.shows(noticeReset, d.contact) {
		if !fresh {
			return nil
		}
		return t.raise(noticeReset, d.contact, fmt.Sprintf("%s asks to begin anew once more, with other keys than before; unless %s did so twice, "+
			"somebody asks with a copy of %s's keys: ask %s in person, then: sottovoce reset %q --accept", name, name, name, name, name))
	}
	return t.raise(noticeReset, d.contact, fmt.Sprintf("%s wants to begin anew without the keys you two share; after a restored backup that is right, "+
		"but a copy of %s's keys could do it too: ask %s in person, then: sottovoce reset %q --accept", name, name, name, name))
}

// outdated is about a start of somebody who lost their keys and has only old ones of ours.
func (t *turn) outdated(d *device) error {
	name := d.contact.shownName()
	return t.raise(noticeAnew, d.contact, fmt.Sprintf("%s has lost the keys you two share, and what is left of them is too old: "+
		"become contacts anew: both of you remove the other, then ask again", name))
}

// PermitReset lets a contact begin anew that lost its keys: it accepts the very start that
// was refused and shown. It fails with ErrNotFound, ErrAmbiguous, ErrNoReset and ErrAnew.
//
// spec: 04-sessions#lost-keys
func (n *Node) PermitReset(ctx context.Context, who string) (Person, error) {
	var p Person
	err := n.do(ctx, func(t *turn) error {
		c, err := n.contactCalled(who)
		if err != nil {
			return refuse(err)
		}
		var permitted []*device
		for _, d := range c.devices {
			if !d.pair.Refused() {
				continue
			}
			if err := t.permit(d); err != nil {
				return err
			}
			permitted = append(permitted, d)
		}
		if p = n.person(c); len(permitted) == 0 { // or what it asked for was accepted by itself
			return cmp.Or(t.settled(c, noticeReset), refuse(fmt.Errorf("%s %w", c.shownName(), ErrNoReset)))
		}
		if err := t.settled(c, noticeReset, noticeAnew, noticeBehind, noticeCopied); err != nil {
			return err
		}
		for _, d := range permitted { // which opens what came behind the start, and may find something to warn of
			if err := t.promote(d); err != nil {
				return err
			}
		}
		p = n.person(c)
		return nil
	})
	return p, err
}

// permit accepts what a device asked for.
func (t *turn) permit(d *device) error {
	before, sending := d.pair.Sending()
	opened, err := d.pair.Permit(t.date)
	if err != nil {
		d.pair.Dismiss()
		t.touch(d)
		t.n.wakeBy(t.now) // its petition has no reason to stay
		return cmp.Or(t.settled(d.contact, noticeReset), refuse(fmt.Errorf("%s %w", d.contact.shownName(), ErrAnew)))
	}
	d.stale = true
	t.touch(d)
	if err := t.tellAgain(d.contact); err != nil {
		return err
	}
	d.receipts = append(d.receipts, opened.Ref)
	d.away = d.route.petition == nil // it hears of it by supernode
	t.n.custody.due = true
	t.movedOn() // what came behind the start may wait for it
	if sending {
		return t.step(d, outbox.Overtaken{Session: before})
	}
	return nil
}

// Reset gives up the keys shared with a contact and asks it to begin anew; its person has
// to accept that. It is for a home that was put back to an older state. It fails with
// ErrNotFound and ErrAmbiguous.
//
// spec: 04-sessions#lost-keys
func (n *Node) Reset(ctx context.Context, who string) (Person, error) {
	var p Person
	err := n.do(ctx, func(t *turn) error {
		c, err := n.contactCalled(who)
		if err != nil {
			return refuse(err)
		}
		if err := c.talk.log.Leap(n.me.device.ID(), n.rand); err != nil {
			return err
		}
		t.touchTalk(c.talk)
		if err := t.tellAgain(c); err != nil {
			return err
		}
		for _, d := range c.devices {
			if err := t.lose(d); err != nil {
				return err
			}
		}
		p = n.person(c)
		return t.settled(c, noticeReset, noticeAnew, noticeBehind)
	})
	return p, err
}

// lose begins anew with a device, over the link there is or the next one that we dial, or by supernode.
func (t *turn) lose(d *device) error {
	before, sending := d.pair.Sending()
	d.pair.Lose()
	d.stale = true
	t.touch(d)
	if sending {
		if err := t.step(d, outbox.Overtaken{Session: before}); err != nil {
			return err
		}
	}
	if !d.open() {
		return nil
	}
	t.n.custody.due = true // something may be left for it again
	t.n.wakeBy(t.now)
	if d.route.live == nil && d.route.seen != nil {
		d.route.failures, d.route.due = 0, t.now
	}
	if d.route.live == nil && len(d.depots) == 0 {
		return nil
	}
	blobs, err := t.start(d)
	if err != nil || blobs == nil {
		return err
	}
	return t.step(d, outbox.Sealed{Blobs: blobs})
}

// recoveryBit marks the pair, in a link's proof, of a device that dialled with the contact
// secret when other keys were due.
const recoveryBit = 1 << 63

// petition takes a link of a device that may have lost its keys. It takes no other link's
// place, nothing but a start is heard on it, and nothing but receipts is said.
//
// spec: 04-sessions#lost-keys
func (t *turn) petition(d *device, l *link.Link) {
	n, r := t.n, d.route
	if r.petition != nil {
		if r.petition.link == l { // in a turn that failed
			return
		}
		r.petition.link.Close(link.ReasonReplaced)
	}
	n.lastLink++
	r.petition = &live{id: n.lastLink, link: l, since: t.now, post: newPostbox(), held: t.now.Add(petitionMax)}
	n.wakeBy(r.petition.held)
	n.serve(d.row, r.petition)
	t.receiptAgain(d, r.petition) // whoever is an older copy learns it from them
}

// tickPetition closes a petition's link that brought nothing for a person to decide.
func (t *turn) tickPetition(d *device) {
	v := d.route.petition
	switch {
	case v == nil || d.pair.Refused():
	case v.held.After(t.now):
		t.n.wakeBy(v.held)
	default:
		v.link.Close(link.ReasonDeadline)
	}
}

// petitioned looks through what came over such a link for a start.
func (t *turn) petitioned(d *device, blobs [][]byte) error {
	v := d.route.petition
	if v == nil {
		return nil
	}
	for i, blob := range blobs {
		if d.route.live == v { // its start was accepted: what came with it counts
			return t.receive(d, v, blobs[i:])
		}
		h, err := wire.ParseBlob(blob)
		if err != nil {
			continue
		}
		if ref, is := v.start(d, h); !is {
			v.wait(blob) // until its start is accepted
		} else if err := t.asks(d, blob, ref); err != nil {
			return err
		}
	}
	return nil
}

// start looks whether a blob of a petition is a start; no more than petitionStarts are looked at.
func (v *live) start(d *device, h wire.Header) (ref session.Ref, is bool) {
	if v.looked >= petitionStarts {
		return ref, false
	}
	v.looked++
	for tag, ref := range d.pair.StartTags(h.ExpiryDay) {
		if tag == h.Tag && ref.Session == ([8]byte{}) {
			return ref, true
		}
	}
	return ref, false
}

// asks takes a start in that came over a petition's link. One that is accepted already, and not yet answered, is
// why the link is not one with the keys of its session.
func (t *turn) asks(d *device, blob []byte, ref session.Ref) error {
	before, sending := d.pair.Sending()
	opened, err := d.pair.Open(t.date, blob, ref, nil)
	now, _ := d.pair.Sending()
	if err == nil {
		d.stale = true
		t.touch(d)
	}
	switch {
	case errors.Is(err, session.ErrReset):
		return t.refused(d, blob, ref)
	case errors.Is(err, session.ErrPrekey) && d.pair.SaysLost(blob, ref):
		return t.outdated(d)
	case (err == nil || errors.Is(err, session.ErrSeen)) && now == opened.Session && !d.pair.Answered():
	default:
		t.drop("petition")
		return nil
	}
	t.touch(d)
	d.receipts = append(d.receipts, opened.Ref)
	if sending && d.pair.Overtaken(before) {
		if err := t.step(d, outbox.Overtaken{Session: before}); err != nil {
			return err
		}
	}
	return t.promote(d)
}

// promote makes a petition's link the link of the device, and opens what came behind the start.
func (t *turn) promote(d *device) error {
	r := d.route
	if r.petition == nil && r.live != nil { // which the start came over
		return t.receive(d, r.live, r.live.taken())
	}
	if r.petition == nil {
		if r.seen != nil && !r.dialing {
			r.failures, r.due = 0, t.now
			t.n.wakeBy(t.now)
		}
		return nil
	}
	if r.live != nil {
		r.live.link.Close(link.ReasonReplaced)
		if err := t.unlink(d, r.live); err != nil {
			return err
		}
	}
	r.live, r.petition = r.petition, nil
	r.due = time.Time{}
	if err := t.linked(d, r.live); err != nil {
		return err
	}
	return t.receive(d, r.live, r.live.taken())
}

// taken takes out what waits.
func (v *live) taken() (all [][]byte) {
	all, v.waiting = v.waiting, nil
	return all
}
