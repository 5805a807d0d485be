package mdns

import (
	"net/netip"
	"slices"
	"time"

	"sottovoce/discovery"
	"sottovoce/mesh/peer"
)

// take judges a parsed packet.
func (r *loop) take(p parsed, now time.Time) {
	if !p.Group && p.Index != 0 && p.Index != p.leg.index && !r.redirect(&p) {
		return
	}
	n := p.line.nic.net()
	if !p.Group && !n.OnLink(p.From.Addr()) {
		return // from beyond this link: not a neighbour's
	}
	r.bad.Add(uint64(p.bad))
	own := p.line.owns(p.From.Addr())
	if !p.response {
		if len(p.questions) > 0 && !own {
			p.leg.questions.Add(1)
		}
		r.respond(p, now)
		r.answerSoon(p, now)
		return
	}
	source := peer.SourceMDNS
	switch {
	case p.asks && p.leg.scanned(p.id):
		source = peer.SourceScan
		defer r.introduce(p, now)
	case p.asks && !p.leg.knows(p.id):
		return // an answer to no question of ours
	}
	if !own {
		p.count(now)
	}
	for _, instance := range p.gone {
		if s, ok := r.table.Leave(instance); ok {
			r.f.forgets(instance)
			r.seen(s)
		}
	}
	for _, f := range p.found {
		if a := r.f.current.Load(); a != nil && a.Instance == f.announcement.Instance {
			if !p.asks {
				p.leg.echo.set(now)
			}
			continue
		}
		newcomer := !r.table.Knows(f.announcement.Instance)
		s, news := r.table.Hear(now, discovery.Heard{
			Announcement: f.announcement, Source: source, From: p.From.Addr(), TTL: f.life,
			Endpoints: endpoints(n, f, p.From.Addr()),
		})
		if !p.asks && r.table.Knows(f.announcement.Instance) {
			r.f.hears(f.announcement.Instance, p.leg.family, now)
		}
		if news {
			r.seen(s)
		}
		if news && newcomer {
			r.callSoon(now)
		}
	}
}

// count notes for Health that another host's node was heard.
func (p *parsed) count(now time.Time) {
	switch {
	case len(p.found) == 0:
		return
	case p.asks:
		p.leg.answers.Add(1)
	default:
		p.leg.announcements.Add(1)
	}
	p.leg.heard.set(now)
}

// redirect gives a packet that reached one of our sockets to the interface that it
// came by: of several on one port the system picks any.
func (r *loop) redirect(p *parsed) bool {
	for _, l := range r.lines {
		for _, g := range l.legs {
			if g.index == p.Index && g.family == p.leg.family {
				p.line, p.leg = l, g
				return true
			}
		}
	}
	return false
}

// endpoints judges the addresses of an instance heard on n from a source. Of a
// link-local address only the neighbour itself can speak: on a host with two
// networks, the responder of the one also hears questions on the other. Where
// nothing fits this link, the source itself is the hint.
//
// spec: 02-discovery#endpoints
func endpoints(n discovery.Net, f found, source netip.Addr) []discovery.Reachable {
	source = source.WithZone("")
	own := slices.Contains(f.addrs, source)
	var out []discovery.Reachable
	add := func(addr netip.Addr) (direct bool) {
		placed, reach, ok := n.Place(addr)
		if ok {
			at := netip.AddrPortFrom(placed, f.announcement.Port)
			out = append(out, discovery.Reachable{Endpoint: at, Reach: reach, Via: n.Name})
		}
		return ok && reach != discovery.Routed
	}
	direct := false
	for _, addr := range f.addrs {
		if !own && addr.Is6() && addr.IsLinkLocalUnicast() {
			continue
		}
		direct = add(addr) || direct
	}
	if !direct && n.OnLink(source) {
		add(source)
	}
	return out
}
