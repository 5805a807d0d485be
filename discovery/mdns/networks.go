package mdns

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"sottovoce/mesh/peer"
)

// networksOf describes the networks behind some interfaces, by the interfaces' names.
func networksOf(chosen []Interface, routers map[int]Router) []peer.Network {
	out := make([]peer.Network, 0, len(chosen))
	for _, n := range chosen {
		r := routers[n.Index]
		out = append(out, peer.Network{
			Interface: n.Name, Own: n.MAC, Prefixes: slices.Clone(n.Prefixes), Router: r.MAC, Routed: r.Addr.IsValid(),
		})
	}
	slices.SortFunc(out, func(a, b peer.Network) int { return cmp.Compare(a.Interface, b.Interface) })
	return out
}

// stand tells the node where it stands, if that has changed, and announces nothing until
// the node has said anew what to announce.
//
// spec: 02-discovery#networks
func (r *loop) stand(chosen []Interface, now time.Time) {
	networks := networksOf(chosen, r.resolve(chosen))
	if r.stood && slices.EqualFunc(r.networks, networks, peer.Network.Equal) {
		return
	}
	for _, l := range r.lines {
		same := func(n peer.Network) bool { return n.Interface == l.name }
		before, after := slices.IndexFunc(r.networks, same), slices.IndexFunc(networks, same)
		if before < 0 || after < 0 || !r.networks[before].Equal(networks[after]) {
			l.shown = nil // who heard it may be out of reach, and others must not
		}
	}
	r.stood, r.networks, r.moved = true, networks, now
	r.f.withhold(networks)
	r.stands(slices.Clone(networks))
}

// resolve finds the routers of the interfaces. One that is not among the neighbours at
// the moment keeps the hardware address it had; one that never had any is given a reason to
// tell it.
func (r *loop) resolve(chosen []Interface) map[int]Router {
	found := r.f.system.Routers()
	for index, now := range found {
		if old := r.routers[index]; now.MAC.IsZero() && old.Addr == now.Addr {
			now.MAC = old.MAC
			found[index] = now
		}
	}
	r.routers = found
	for _, n := range chosen {
		if at := found[n.Index]; at.Addr.IsValid() && at.MAC.IsZero() {
			r.nudge(n, at.Addr)
		}
	}
	return found
}

// nudge sends a router an empty packet that it throws away: to send it, the system has to
// find out the router's hardware address.
func (r *loop) nudge(n Interface, to netip.Addr) {
	if to.IsLinkLocalUnicast() && to.Is6() {
		to = to.WithZone(n.Name)
	}
	for _, l := range r.lines {
		for _, g := range l.legs {
			if l.name == n.Name && (g.family == IPv4) == to.Is4() {
				_ = g.asking.Send(nil, netip.AddrPortFrom(to, discardPort)) // again at the next look
			}
		}
	}
}

// resolving reports whether the network has just changed and a router in it has yet to
// tell its hardware address.
func (r *loop) resolving() bool {
	return r.scanned.Before(r.moved.Add(settleMax)) &&
		slices.ContainsFunc(r.networks, func(n peer.Network) bool { return n.Routed && n.Router.IsZero() })
}
