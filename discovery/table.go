// Package discovery merges what its sources hear about nodes on the LAN into
// one list of sightings: several interfaces and families, one sighting per
// instance; endpoints in the order in which to dial them; expiry, goodbye, and
// our own echo left out.
//
// It is pure: packets, sockets and clocks are its sources' (package mdns), and
// whether a sighting is a friend is the node's to find out. Nothing here is
// proven; a sighting is a claim.
package discovery

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"sottovoce/mesh/peer"
)

// Heard is one announcement as a source received it.
type Heard struct {
	peer.Announcement
	Source    peer.Source
	From      netip.Addr // who said it; zero where that is nobody on the network
	Endpoints []Reachable
	TTL       time.Duration // how long it holds unless it is heard again
}

// Table holds the sightings of one node. It is not safe for concurrent use.
//
//	Hear ──▶ known ──Hear, nothing new──▶ known, expiry moved
//	           ├──Hear, other content or another endpoint──▶ changed
//	           └──Leave, Expire──▶ gone
type Table struct {
	known map[string]*entry  // by instance
	from  map[netip.Addr]int // how many of them by the address that first said so
	own   []string           // our instances, the newest last
	next  time.Time          // nothing ends before; zero: nothing ends
}

type entry struct {
	announcement peer.Announcement
	source       peer.Source
	from         netip.Addr
	ends         time.Time
	heard        time.Time
	changed      time.Time
	endpoints    []endpoint // sorted by reach, then age; at most EndpointsMax
}

type endpoint struct {
	Reachable
	ends time.Time
}

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{known: make(map[string]*entry), from: make(map[netip.Addr]int)}
}

// Own names an instance that is ourselves: it is never a sighting.
func (t *Table) Own(instance string) {
	if t.isOwn(instance) {
		return
	}
	if len(t.own) == ownMax {
		t.own = slices.Delete(t.own, 0, 1)
	}
	t.own = append(t.own, instance)
	t.forget(instance)
}

func (t *Table) isOwn(instance string) bool { return slices.Contains(t.own, instance) }

// full reports whether there is no room for a newcomer that from speaks of.
func (t *Table) full(from netip.Addr) bool {
	return len(t.known) >= SightingsMax || from.IsValid() && t.from[from] >= SourceMax
}

// forget removes an instance, if it is known.
func (t *Table) forget(instance string) {
	e := t.known[instance]
	if e == nil {
		return
	}
	delete(t.known, instance)
	if t.from[e.from]--; t.from[e.from] == 0 {
		delete(t.from, e.from)
	}
}

// Len returns the number of sightings.
func (t *Table) Len() int { return len(t.known) }

// Knows reports whether the instance is in the table.
func (t *Table) Knows(instance string) bool { return t.known[instance] != nil }

// Hear takes in one announcement. It returns the sighting and true when it is
// new or changed: another content under the same instance (taken at most once
// a second), or a further endpoint. Our own echo, newcomers to a full table or
// from an address that has filled its share, and announcements without an endpoint or a life are dropped.
//
// spec: 02-discovery#sightings
func (t *Table) Hear(now time.Time, h Heard) (peer.Sighting, bool) {
	if t.isOwn(h.Instance) || h.TTL <= 0 || len(h.Endpoints) == 0 {
		return peer.Sighting{}, false
	}
	e := t.known[h.Instance]
	news := e == nil
	switch {
	case news && t.full(h.From):
		return peer.Sighting{}, false
	case news:
		e = &entry{changed: now, from: h.From}
		e.announcement = clone(h.Announcement)
		t.known[h.Instance] = e
		t.from[h.From]++
	case !Same(&e.announcement, &h.Announcement):
		if now.Sub(e.changed) < changeEvery {
			return peer.Sighting{}, false
		}
		if e.announcement.Port != h.Port {
			e.endpoints = nil // nobody listens there any more
		}
		e.announcement, e.changed, news = clone(h.Announcement), now, true
	}
	ends := now.Add(min(h.TTL, TTLMax))
	e.source, e.heard, e.ends = h.Source, now, later(e.ends, ends)
	t.ending(ends)
	for _, r := range h.Endpoints {
		news = e.reachable(r, ends) || news
	}
	return e.sighting(), news
}

// reachable adds or refreshes one endpoint and reports whether it was added.
// With no room left, a better reach takes the place of the worst.
func (e *entry) reachable(r Reachable, ends time.Time) bool {
	for i := range e.endpoints {
		if e.endpoints[i].Endpoint == r.Endpoint {
			e.endpoints[i].ends = later(e.endpoints[i].ends, ends)
			e.endpoints[i].Via = r.Via
			return false
		}
	}
	if len(e.endpoints) == EndpointsMax {
		last := len(e.endpoints) - 1
		if e.endpoints[last].Reach <= r.Reach {
			return false
		}
		e.endpoints = e.endpoints[:last]
	}
	e.endpoints = append(e.endpoints, endpoint{r, ends})
	slices.SortStableFunc(e.endpoints, func(a, b endpoint) int { return cmp.Compare(a.Reach, b.Reach) })
	return true
}

// Leave takes a goodbye. It returns the sighting, marked gone, and whether there
// was one.
//
// spec: 02-discovery#goodbye
func (t *Table) Leave(instance string) (peer.Sighting, bool) {
	e := t.known[instance]
	if e == nil {
		return peer.Sighting{}, false
	}
	t.forget(instance)
	return e.gone(), true
}

// Lost says that an interface went away: what was heard on it is given ten
// seconds to be heard again.
func (t *Table) Lost(now time.Time, via string) {
	limit := now.Add(lostGrace)
	t.ending(limit)
	for _, e := range t.known {
		elsewhere := false
		for i := range e.endpoints {
			p := &e.endpoints[i]
			if p.Via == via && p.ends.After(limit) {
				p.ends = limit
			}
			elsewhere = elsewhere || p.ends.After(limit)
		}
		if !elsewhere && e.ends.After(limit) {
			e.ends = limit
		}
	}
}

// Expire removes what was not heard again in time and returns those sightings
// that are gone or have fewer endpoints now, in the order of their instances.
func (t *Table) Expire(now time.Time) []peer.Sighting {
	var out []peer.Sighting
	t.next = time.Time{}
	for _, instance := range slices.Sorted(maps.Keys(t.known)) {
		e := t.known[instance]
		before := len(e.endpoints)
		e.endpoints = slices.DeleteFunc(e.endpoints, func(p endpoint) bool { return !p.ends.After(now) })
		switch {
		case !e.ends.After(now) || len(e.endpoints) == 0:
			t.forget(instance)
			out = append(out, e.gone())
			continue
		case len(e.endpoints) != before:
			out = append(out, e.sighting())
		}
		t.ending(e.ends)
		for _, p := range e.endpoints {
			t.ending(p.ends)
		}
	}
	return out
}

// Next returns when something ends unless it is heard again before; zero if
// nothing does.
func (t *Table) Next() time.Time { return t.next }

// ending notes that something ends then.
func (t *Table) ending(at time.Time) {
	if t.next.IsZero() || at.Before(t.next) {
		t.next = at
	}
}

// Heard returns how many instances were heard at or after a time.
func (t *Table) Heard(since time.Time) int {
	count := 0
	for _, e := range t.known {
		if !e.heard.Before(since) {
			count++
		}
	}
	return count
}

// Said returns what was first heard from an address that by accepts, in the order
// of the instances.
func (t *Table) Said(by func(netip.Addr) bool) []peer.Announcement {
	var out []peer.Announcement
	for _, instance := range slices.Sorted(maps.Keys(t.known)) {
		if e := t.known[instance]; e.from.IsValid() && by(e.from) {
			out = append(out, clone(e.announcement))
		}
	}
	return out
}

// Scanned returns the best endpoint of each sighting that only a scan has found,
// and that was last heard before the given time.
func (t *Table) Scanned(before time.Time) []Reachable {
	var out []Reachable
	for _, instance := range slices.Sorted(maps.Keys(t.known)) {
		if e := t.known[instance]; e.source == peer.SourceScan && e.heard.Before(before) {
			out = append(out, e.endpoints[0].Reachable)
		}
	}
	return out
}

// Stale reports whether some sighting was last heard before the given time:
// reason to ask.
func (t *Table) Stale(before time.Time) bool {
	for _, e := range t.known {
		if e.heard.Before(before) {
			return true
		}
	}
	return false
}

func (e *entry) sighting() peer.Sighting {
	s := peer.Sighting{Announcement: clone(e.announcement), Source: e.source}
	for _, p := range e.endpoints {
		s.Endpoints = append(s.Endpoints, p.Endpoint)
	}
	return s
}

func (e *entry) gone() peer.Sighting {
	return peer.Sighting{Announcement: clone(e.announcement), Source: e.source, Gone: true}
}

// Same reports whether two announcements say the same.
func Same(a, b *peer.Announcement) bool {
	if (a.Open == nil) != (b.Open == nil) || a.Open != nil && *a.Open != *b.Open {
		return false
	}
	x, y := *a, *b
	x.Open, y.Open = nil, nil
	return x == y
}

// clone copies an announcement, so that neither side can change the other's.
func clone(a peer.Announcement) peer.Announcement {
	if a.Open != nil {
		open := *a.Open
		a.Open = &open
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
