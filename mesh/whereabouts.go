package mesh

import (
	"slices"
	"time"

	"sottovoce/mesh/link"
)

// whereabouts lists where a device may be, the likeliest first. While it has a link only what
// is not that link's port counts, and what is remembered does not.
func (n *Node) whereabouts(d *device, now time.Time) []link.Place {
	r := d.route
	var all []link.Place
	add := func(p *place) {
		if len(p.endpoints) > 0 && n.believes(p, now) && (r.live == nil || r.live.link.Remote().Port() != p.endpoints[0].Port()) {
			all = append(all, link.Place{Endpoints: p.endpoints, Fingerprint: p.fingerprint})
		}
	}
	if r.seen != nil {
		add(r.seen)
	}
	for _, p := range r.told {
		if p.ends.After(now) {
			add(p)
		}
	}
	if known := n.whereKnown(d, now); r.live == nil && r.round > 0 && len(known) > 0 {
		all = append(all, link.Place{Endpoints: known})
	}
	return all
}

// leads reports whether a link is one to this place.
func (p *place) leads(l *link.Link) bool {
	return p != nil && len(p.endpoints) > 0 && p.endpoints[0].Port() == l.Remote().Port()
}

// way says how it came to a new link, as far as we do not hear its far end.
func (r *route) way(l *link.Link) Way {
	switch {
	case r.seen.leads(l):
		return WayHeard
	case !l.Dialed():
		return WayTheirs
	case slices.ContainsFunc(r.told, func(p *place) bool { return p.leads(l) }):
		return WayTold
	}
	return WayRemembered
}

// shownWay is the way of the link that there is.
func (r *route) shownWay() Way {
	if r.seen.leads(r.live.link) {
		return WayHeard
	}
	return r.live.way
}
