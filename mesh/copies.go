package mesh

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// openedBlobs remembers for this run what was opened under each tag, the oldest going
// first. A blob is sealed once and sent again as it was, so another one under its tag shows
// that the device that sealed it was copied or put back.
//
// spec: 04-sessions#copies
type openedBlobs struct {
	seed  maphash.Seed
	by    map[[16]byte]openedBlob
	order [][16]byte // a ring
	next  int
}

type openedBlob struct {
	row int64 // whose it was
	sum uint64
}

// add remembers a blob.
func (o *openedBlobs) add(row int64, tag [16]byte, blob []byte) {
	if o.by == nil {
		o.seed, o.by = maphash.MakeSeed(), make(map[[16]byte]openedBlob)
	}
	if len(o.order) < openedKept {
		o.order = append(o.order, tag)
	} else {
		delete(o.by, o.order[o.next])
		o.order[o.next] = tag
		o.next = (o.next + 1) % openedKept
	}
	o.by[tag] = openedBlob{row, maphash.Bytes(o.seed, blob)}
}

// differs reports whether another blob of the same device was opened under the tag.
func (o *openedBlobs) differs(row int64, tag [16]byte, blob []byte) bool {
	was, found := o.by[tag]
	return found && was.row == row && was.sum != maphash.Bytes(o.seed, blob)
}

// same reports whether this very blob was opened lately.
func (o *openedBlobs) same(tag [16]byte, blob []byte) bool {
	was, found := o.by[tag]
	return found && was.sum == maphash.Bytes(o.seed, blob)
}

// knows reports whether a blob was opened under the tag lately.
func (o *openedBlobs) knows(tag [16]byte) bool {
	_, found := o.by[tag]
	return found
}

// copied tells the person that a contact's device runs twice or has gone back.
func (t *turn) copied(d *device) error {
	name := d.contact.shownName()
	return t.raise(noticeCopied, d.contact, fmt.Sprintf("%s's device was put back to an older state, or a copy of it is running: "+
		"some of what it sends is left out; ask %s in person which one is right", name, name))
}

// behind stops what we send to a device that has more of us than we know of.
//
// spec: 04-sessions#copies
func (t *turn) behind(d *device) error {
	if d.pair.Stop() {
		t.touch(d)
		t.n.custody.due = true // nothing more is left for it
		t.n.wakeBy(t.now)
	}
	if v := d.route.live; v != nil {
		t.then(func() { v.link.Close(link.ReasonBehind) })
	}
	name := d.contact.shownName()
	return t.raise(noticeBehind, d.contact, fmt.Sprintf("this home is an older copy: there are messages from you to %s that are not in it, so nothing more is sent to %s; "+
		"if another copy is in use, go on there; to go on here: sottovoce reset %q", name, name, name))
}

// noteOwn notes the tags that we seal under next. The logs of our communities hold what we left there: what stands in one under
// such a tag another copy of this home has sealed. Who seals under one goes on from there, see keep.
//
// spec: 04-sessions#copies
func (n *Node) noteOwn() {
	n.custody.own = make(map[[16]byte]tagged)
	for _, d := range n.devices {
		for tag, ref := range d.pair.OwnTags() {
			n.custody.own[tag] = tagged{d.row, ref}
		}
	}
}

// lookForOwn looks whether a page has what was sealed by another copy.
//
// spec: 04-sessions#copies
func (t *turn) lookForOwn(p Page) error {
	look := func(tag [16]byte) error {
		own, found := t.n.custody.own[tag]
		if !found {
			return nil
		}
		delete(t.n.custody.own, tag)
		d := t.n.devices[own.row]
		if d == nil || d.pair.Behind() {
			return nil
		}
		if session, ok := d.pair.Sending(); !ok || session != own.ref.Session {
			return nil // it was given up since
		}
		return t.behind(d)
	}
	for _, e := range p.Scanned {
		if err := look(e.Tag); err != nil {
			return err
		}
	}
	for _, blob := range p.Blobs {
		h, err := wire.ParseHeader(blob)
		if err != nil {
			continue
		}
		if err := look(h.Tag); err != nil {
			return err
		}
	}
	return nil
}

// compare looks at what a device names first of a session on a new link: never less than
// before that link.
//
// spec: 04-sessions#copies
func (t *turn) compare(d *device, v *live, r wire.Receipt) error {
	if slices.Contains(v.named, r.Session) || len(v.named) >= sessionsNamedMax {
		return nil
	}
	v.named = append(v.named, r.Session)
	if v.stood.Fallen(r) {
		return t.copied(d)
	}
	return nil
}

// suspectTwin looks whether somebody who announces our own slot holds our keys too: then
// this home runs twice. Only the keys prove it; a contact could imitate the slot.
//
// spec: 04-sessions#copies
func (t *turn) suspectTwin(s *sighted) {
	n := t.n
	if slices.Contains(n.labels, s.Instance) {
		return
	}
	instance := s.Instance
	target := link.Target{Endpoints: s.Endpoints, Fingerprint: &s.Fingerprint, Mode: handshake.Open}
	n.beside(func(ctx context.Context) {
		l, err := n.transport.Dial(ctx, target)
		if err == nil {
			l.Close(link.ReasonBye)
		}
		if errors.Is(err, link.ErrSelf) {
			n.post(func(t *turn) error {
				t.twinFound(instance, target.Endpoints)
				return nil
			})
		}
	})
}

// twinFound says where the other one is, as long as it is in sight.
func (t *turn) twinFound(instance string, at []peer.Endpoint) {
	n := t.n
	if _, inSight := n.nearby[instance]; !inSight {
		return
	}
	n.twin = instance
	n.troubled(troubleTwin, fmt.Sprintf("another copy of this home is running on this network, at %v: what is sent to you reaches one of the two only; "+
		"stop one with: sottovoce down", at[0].Addr()))
}

// twinLeft takes the notice back.
func (n *Node) twinLeft(instance string) {
	if instance == n.twin {
		n.twin = ""
		n.troubled(troubleTwin, "")
	}
}
