package mdns

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"time"

	"sottovoce/mesh/peer"
)

// router is a default router.
type router struct {
	addr   netip.Addr
	mac    peer.MAC // zero: not known yet
	metric uint32   // of the route; the smallest counts
}

// networksOf describes the networks behind some interfaces, by the interfaces' names.
func networksOf(chosen []nic, routers map[int]router) []peer.Network {
	out := make([]peer.Network, 0, len(chosen))
	for _, n := range chosen {
		r := routers[n.index]
		out = append(out, peer.Network{
			Interface: n.name, Own: n.mac, Prefixes: slices.Clone(n.prefixes), Router: r.mac, Routed: r.addr.IsValid(),
		})
	}
	slices.SortFunc(out, func(a, b peer.Network) int { return cmp.Compare(a.Interface, b.Interface) })
	return out
}

// stand tells the node where it stands, if that has changed, and announces nothing until
// the node has said anew what to announce.
//
// spec: 02-discovery#networks
func (r *loop) stand(chosen []nic, now time.Time) {
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
	r.f.withhold()
	r.stands(slices.Clone(networks))
}

// resolve finds the routers of the interfaces. One that is not among the neighbours at
// the moment keeps the hardware address it had; one that never had any is given a reason to
// tell it.
func (r *loop) resolve(chosen []nic) map[int]router {
	found := r.f.routers()
	for index, now := range found {
		if old := r.routers[index]; now.mac.IsZero() && old.addr == now.addr {
			now.mac = old.mac
			found[index] = now
		}
	}
	r.routers = found
	for _, n := range chosen {
		if at := found[n.index]; at.addr.IsValid() && at.mac.IsZero() {
			r.nudge(n, at.addr)
		}
	}
	return found
}

// nudge sends a router an empty packet that it throws away: to send it, the system has to
// find out the router's hardware address.
func (r *loop) nudge(n nic, to netip.Addr) {
	if to.IsLinkLocalUnicast() && to.Is6() {
		to = to.WithZone(n.name)
	}
	for _, l := range r.lines {
		for _, g := range l.legs {
			if l.name == n.name && (g.family == ip4) == to.Is4() {
				_, _ = g.asking.conn.WriteToUDP(nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, discardPort)))
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
