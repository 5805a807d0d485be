package mdns

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"

	"sottovoce/discovery"
)

// skippedNames begin the names of interfaces that lead to containers, virtual
// machines and tunnels: not the LAN that people stand in. The name decides, not
// the kind: inside a container or a test the real interface may be of any kind.
var skippedNames = []string{"docker", "veth", "br-", "virbr", "vmnet", "vboxnet", "tun", "tap", "wg", "utun", "tailscale", "zt"}

// dockerBridge is what every host with Docker calls its own: never announced.
var dockerBridge = netip.AddrFrom4([4]byte{172, 17, 0, 1})

// choose picks the interfaces to announce and browse on: those named, or else
// the real ones, or else virtual and tunnel ones that can multicast, or else
// loopback, so that two nodes on one host meet without any network.
//
// spec: 02-discovery#interfaces
func choose(all []Interface, named []string) []Interface {
	live := slices.DeleteFunc(slices.Clone(all), func(n Interface) bool {
		return n.Flags&net.FlagUp == 0 || n.Flags&net.FlagRunning == 0 || len(n.addrs()) == 0
	})
	if named != nil {
		return pick(live, func(n Interface) bool { return slices.Contains(named, n.Name) })
	}
	for _, tier := range []func(Interface) bool{
		func(n Interface) bool { return n.canMulticast() && !n.isVirtual() },
		Interface.canMulticast,
		Interface.isLoopback,
	} {
		if chosen := pick(live, tier); len(chosen) > 0 {
			return chosen
		}
	}
	return nil
}

// pick keeps at most interfacesMax interfaces, in the system's order.
func pick(nics []Interface, keep func(Interface) bool) []Interface {
	var out []Interface
	for _, n := range nics {
		if keep(n) && len(out) < interfacesMax {
			out = append(out, n)
		}
	}
	return out
}

func (n Interface) isLoopback() bool   { return n.Flags&net.FlagLoopback != 0 }
func (n Interface) canMulticast() bool { return n.Flags&net.FlagMulticast != 0 && !n.isLoopback() }

func (n Interface) isVirtual() bool {
	return n.Flags&net.FlagPointToPoint != 0 ||
		slices.ContainsFunc(skippedNames, func(p string) bool { return strings.HasPrefix(n.Name, p) })
}

// addrs returns the addresses to announce: IPv4, then link-local, then other
// IPv6, at most ownAddrsMax.
//
// spec: 02-discovery#interfaces
func (n Interface) addrs() []netip.Addr {
	var out []netip.Addr
	for _, p := range n.Prefixes {
		addr := p.Addr()
		if addr.IsValid() && !addr.IsUnspecified() && !addr.IsMulticast() && addr != dockerBridge && addr.IsLoopback() == n.isLoopback() {
			out = append(out, addr)
		}
	}
	rank := func(a netip.Addr) int {
		switch {
		case a.Is4():
			return 0
		case a.IsLinkLocalUnicast():
			return 1
		}
		return 2
	}
	slices.SortStableFunc(out, func(a, b netip.Addr) int { return cmp.Compare(rank(a), rank(b)) })
	return out[:min(len(out), ownAddrsMax)]
}

// has reports whether the interface has an address of the family.
func (n Interface) has(f Family) bool {
	return slices.ContainsFunc(n.addrs(), func(a netip.Addr) bool { return a.Is4() == (f == IPv4) })
}

func (n Interface) net() discovery.Net {
	return discovery.Net{Name: n.Name, Loopback: n.isLoopback(), Prefixes: n.Prefixes}
}

// sameLine reports whether sockets opened for one still serve the other: the
// interface is neither another one of that name nor of other families.
func (n Interface) sameLine(o Interface) bool {
	return n.Index == o.Index && n.Name == o.Name && n.MAC == o.MAC && n.has(IPv4) == o.has(IPv4) && n.has(IPv6) == o.has(IPv6)
}

// equal reports whether nothing of interest changed.
func (n Interface) equal(o Interface) bool {
	return n.sameLine(o) && n.Carriers == o.Carriers && slices.Equal(n.Prefixes, o.Prefixes)
}
