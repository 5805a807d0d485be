package mesh

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"sottovoce/mesh/peer"
)

// sighted is somebody that discovery shows right now: a contact's device when a slot
// matched, else a stranger with an open profile.
type sighted struct {
	peer.Sighting
	device *device
	own    bool      // by our own keys
	waits  bool      // to be tested for whose it is
	rank   int       // among those that wait
	unmet  bool      // nobody was told of it: it was not tested yet
	at     time.Time // of the latest word

	supernode *peer.ID // one of ours
}

// saw takes a sighting from discovery.
func (t *turn) saw(s peer.Sighting) error {
	n := t.n
	old, known := n.nearby[s.Instance]
	if s.Gone {
		if known {
			delete(n.nearby, s.Instance)
			delete(n.ways, s.Instance)
			t.left(old)
			n.twinLeft(s.Instance)
		}
		return nil
	}
	n.agrees(s.Epoch, t.now)
	fresh := &sighted{Sighting: s, at: t.now, unmet: !known || old.unmet}
	if known && sameClaim(old.Announcement, s.Announcement) {
		fresh.device, fresh.own, fresh.waits, fresh.rank, fresh.supernode = old.device, old.own, old.waits, old.rank, old.supernode
		t.supernodeSeen(fresh)
		if w := n.ways[s.Instance]; w != nil {
			w.place = fresh.place()
		}
	} else {
		t.recognise(fresh)
	}
	if !known && len(n.nearby) >= sightedMax && (fresh.device == nil || !t.forgetStranger()) {
		return nil
	}
	n.nearby[s.Instance] = fresh
	if !fresh.waits || !fresh.unmet {
		t.came(fresh, fresh.unmet)
	}
	return nil
}

// came does what is due about somebody in sight, who was not there before if new.
func (t *turn) came(s *sighted, new bool) {
	s.unmet = false
	if s.device != nil {
		t.approach(s.device, s.place())
	} else if s.own && new {
		t.suspectTwin(s)
	}
	if s.Open != nil { // of a contact too: it may not have our card yet
		t.approachRequested(s, new)
	}
	if new {
		t.appeared(s)
		t.n.tellSoon(t.now)
	}
}

// forgetStranger makes room for a contact.
func (t *turn) forgetStranger() bool {
	for instance, s := range t.n.nearby {
		if s.device == nil {
			delete(t.n.nearby, instance)
			t.left(s)
			return true
		}
	}
	return false
}

// departure is somebody who was seen last a moment ago.
type departure struct {
	person Person
	due    time.Time // when the faces are told
}

// appeared tells the faces of somebody who was not there before, restarts and
// rotations of the same person aside.
func (t *turn) appeared(s *sighted) {
	p, ok := t.n.shown(s)
	if !ok || t.n.sightings(p.ID) != 1 {
		return
	}
	gone, back := t.n.leaving[p.ID]
	delete(t.n.leaving, p.ID)
	if !back || gone.person.Name != p.Name || gone.person.Contact != p.Contact {
		t.then(func() { t.n.publish(Event{Kind: EventPerson, Time: t.now, Person: &p}) })
	}
}

// left plans to tell the faces of somebody who is gone: no other sighting. Who announces
// themselves anew says goodbye to the old labels first, and is back in a moment.
func (t *turn) left(s *sighted) {
	if s.device != nil && s.device.route.seen != nil && s.device.route.seen.instance == s.Instance {
		s.device.route.seen = nil
	}
	p, ok := t.n.shown(s)
	if !ok || t.n.sightings(p.ID) > 0 {
		return
	}
	due := t.now.Add(leavingHold)
	t.n.leaving[p.ID] = departure{p, due}
	t.n.wakeBy(due)
}

// tickLeaving tells the faces of those who did not come back.
func (t *turn) tickLeaving() {
	n := t.n
	for _, id := range slices.Sorted(maps.Keys(n.leaving)) {
		gone := n.leaving[id]
		if gone.due.After(t.now) {
			n.wakeBy(gone.due)
			continue
		}
		delete(n.leaving, id)
		p := gone.person
		for _, c := range n.contacts { // a link may have come or gone meanwhile
			if now := n.person(c); now.ID == id {
				p = now
			}
		}
		if p.Blocked {
			continue
		}
		p.Online = p.Via == ViaLink
		t.then(func() { n.publish(Event{Kind: EventPerson, Time: t.now, Person: &p}) })
	}
}

// sightings counts those that show the person with this id.
func (n *Node) sightings(id string) int {
	count := 0
	for _, s := range n.nearby {
		if p, ok := n.shown(s); ok && p.ID == id {
			count++
		}
	}
	return count
}

// shown is the person that a sighting shows, if it shows one.
func (n *Node) shown(s *sighted) (Person, bool) {
	switch {
	case s.unmet:
	case s.device != nil:
		return n.person(s.device.contact), !s.device.contact.row.Blocked
	case s.Open != nil:
		return stranger(s.Open.Handle, s.Open.Name), true
	}
	return Person{}, false
}

// stranger is a person known by an open profile only.
func stranger(h peer.Handle, name string) Person {
	return Person{ID: h.String(), Name: peer.ShowName(name), Via: ViaNone, Online: true}
}

// Nearby lists who is on this network, one entry a person, by name.
func (n *Node) Nearby(ctx context.Context) ([]Person, error) {
	var people []Person
	err := n.do(ctx, func(*turn) error {
		people = n.people()
		return nil
	})
	byName(people)
	return people, err
}

// people is everybody in sight, once. Who is linked is here whatever discovery says: a
// goodbye proves nothing.
func (n *Node) people() []Person {
	var people []Person
	for _, c := range n.contacts {
		if p := n.person(c); p.Via == ViaLink {
			people = append(people, p)
		}
	}
	for _, s := range n.nearby {
		if p, ok := n.shown(s); ok {
			people = appendNew(people, p)
		}
	}
	return people
}

func byName(people []Person) {
	slices.SortFunc(people, func(a, b Person) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// places are where an open profile was seen, the latest first. Anybody can announce a
// handle, so all of them count until a link has proven the keys behind it.
func (n *Node) places(h peer.Handle) []*place {
	var found []*sighted
	for _, s := range n.nearby {
		if s.Open != nil && s.Open.Handle == h {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *sighted) int { return b.at.Compare(a.at) })
	var places []*place
	for _, s := range found[:min(len(found), placesMax)] {
		places = append(places, s.place())
	}
	return places
}

// findNearby returns the freshest sighting of an open profile.
func (n *Node) findNearby(h peer.Handle) *sighted {
	var best *sighted
	for _, s := range n.nearby {
		if s.Open != nil && s.Open.Handle == h && (best == nil || s.at.After(best.at)) {
			best = s
		}
	}
	return best
}
