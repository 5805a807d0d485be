package supernode

import (
	"context"
	"slices"
	"sync"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/relay/community"
)

// sightings are where the other supernodes of the communities that are served announce themselves. Whoever hears an
// announcement can say it again from elsewhere, so the last few of each are kept, and a place proves nothing.
//
// spec: 12-replication#finding-each-other
type sightings struct {
	mu sync.Mutex // guards at
	at map[peer.ID][]sighted
}

// sighted is where one was announced, by the announcement's instance.
type sighted struct {
	instance string
	place    link.Place
}

// take notes where a supernode is, and reports whether that is news.
func (s *sightings) take(id peer.ID, heard peer.Sighting) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := sighted{heard.Instance, link.Place{Endpoints: slices.Clone(heard.Endpoints), Fingerprint: &heard.Fingerprint}}
	news := !slices.ContainsFunc(s.at[id], func(k sighted) bool {
		return k.instance == fresh.instance && slices.Equal(k.place.Endpoints, fresh.place.Endpoints)
	})
	known := slices.DeleteFunc(s.at[id], func(k sighted) bool { return k.instance == fresh.instance })
	s.at[id] = append(known[max(0, len(known)+1-sightingsMax):], fresh)
	return news
}

// gone forgets an announcement that has ended.
func (s *sightings) gone(instance string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, known := range s.at {
		if s.at[id] = slices.DeleteFunc(known, func(k sighted) bool { return k.instance == instance }); len(s.at[id]) == 0 {
			delete(s.at, id)
		}
	}
}

// of are the places of a supernode, the last first.
func (s *sightings) of(id peer.ID) (places []link.Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range slices.Backward(s.at[id]) {
		places = append(places, k.place)
	}
	return places
}

// heardOf takes an announcement on a network of ours: it may be that of another supernode of a community, which is dialled then.
//
// spec: 12-replication#finding-each-other
func (s *Supernode) heardOf(heard peer.Sighting) {
	if heard.Gone {
		s.sightings.gone(heard.Instance)
		return
	}
	for _, c := range s.all() {
		if id, found := c.fellow(heard.Announcement); found && s.sightings.take(id, heard) {
			c.replicator.Seen(id)
		}
	}
}

// fellow finds the other supernode of the community whose beacon is in an announcement.
//
// spec: 10-communities#beacons
func (c *served) fellow(a peer.Announcement) (peer.ID, bool) {
	today, day := uint32(c.at.today()), a.Epoch/epochsPerDay
	if day+foreignDaysMax < today || day > today+foreignDaysMax {
		return peer.ID{}, false
	}
	for _, b := range c.beaconsOn(day) {
		if b.Key.Match(b.Supernode, a) {
			return b.Supernode, true
		}
	}
	return peer.ID{}, false
}

// beaconsOn are the beacons of a day of the other supernodes; they are kept until the papers change, as anybody on the network
// can have them asked for as often as they like.
func (c *served) beaconsOn(day uint32) []community.Beacon {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, found := c.beacons[day]
	if !found {
		known = c.house.Beacons(day)
		c.beacons[day] = known
	}
	return known
}

// target is where to dial another supernode, and how: where it announces itself, and at the addresses that it has told.
func (d dialer) target(ctx context.Context, known community.Known) (to link.Target, found bool) {
	to = link.Target{Mode: handshake.Supernode, Pair: &handshake.Pair{Their: known.Agree}}
	places := d.c.at.sightings.of(known.ID())
	for _, p := range places {
		places = append(places, link.Place{Endpoints: p.Endpoints}) // its certificate may be a new one by now
	}
	if typed := resolve(ctx, known.Addresses); len(typed) > 0 {
		places = append(places, link.Place{Endpoints: typed})
	}
	if len(places) == 0 {
		return to, false
	}
	to.Endpoints, to.Fingerprint, to.Others = places[0].Endpoints, places[0].Fingerprint, places[1:]
	return to, true
}
