package mdns

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"

	"sottovoce/discovery"
	"sottovoce/mesh/peer"
)

// nic is a network interface at the moment of a scan.
type nic struct {
	name     string
	index    int
	flags    net.Flags
	mac      peer.MAC
	prefixes []netip.Prefix // our addresses with their prefix lengths
}

// systemNICs lists the interfaces of this machine.
func systemNICs() ([]nic, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	nics := make([]nic, 0, len(all))
	for i := range all {
		addrs, err := all[i].Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		n := nic{name: all[i].Name, index: all[i].Index, flags: all[i].Flags}
		if mac := all[i].HardwareAddr; len(mac) == len(n.mac) {
			n.mac = peer.MAC(mac)
		}
		for _, addr := range addrs {
			if p, ok := addr.(*net.IPNet); ok {
				n.prefixes = append(n.prefixes, prefixOf(p))
			}
		}
		slices.SortFunc(n.prefixes, netip.Prefix.Compare)
		nics = append(nics, n)
	}
	return nics, nil
}

func prefixOf(p *net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(p.IP)
	bits, _ := p.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), bits)
}

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
func choose(all []nic, named []string) []nic {
	live := slices.DeleteFunc(slices.Clone(all), func(n nic) bool {
		return n.flags&net.FlagUp == 0 || n.flags&net.FlagRunning == 0 || len(n.addrs()) == 0
	})
	if named != nil {
		return pick(live, func(n nic) bool { return slices.Contains(named, n.name) })
	}
	for _, tier := range []func(nic) bool{
		func(n nic) bool { return n.canMulticast() && !n.isVirtual() },
		nic.canMulticast,
		nic.isLoopback,
	} {
		if chosen := pick(live, tier); len(chosen) > 0 {
			return chosen
		}
	}
	return nil
}

// pick keeps at most interfacesMax interfaces, in the system's order.
func pick(nics []nic, keep func(nic) bool) []nic {
	var out []nic
	for _, n := range nics {
		if keep(n) && len(out) < interfacesMax {
			out = append(out, n)
		}
	}
	return out
}

func (n nic) isLoopback() bool   { return n.flags&net.FlagLoopback != 0 }
func (n nic) canMulticast() bool { return n.flags&net.FlagMulticast != 0 && !n.isLoopback() }

func (n nic) isVirtual() bool {
	return n.flags&net.FlagPointToPoint != 0 ||
		slices.ContainsFunc(skippedNames, func(p string) bool { return strings.HasPrefix(n.name, p) })
}

// addrs returns the addresses to announce: IPv4, then link-local, then other
// IPv6, at most ownAddrsMax.
//
// spec: 02-discovery#interfaces
func (n nic) addrs() []netip.Addr {
	var out []netip.Addr
	for _, p := range n.prefixes {
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
func (n nic) has(f family) bool {
	return slices.ContainsFunc(n.addrs(), func(a netip.Addr) bool { return a.Is4() == (f == ip4) })
}

func (n nic) net() discovery.Net {
	return discovery.Net{Name: n.name, Loopback: n.isLoopback(), Prefixes: n.prefixes}
}

// sameLine reports whether sockets opened for one still serve the other: the
// interface is neither another one of that name nor of other families.
func (n nic) sameLine(o nic) bool {
	return n.index == o.index && n.name == o.name && n.has(ip4) == o.has(ip4) && n.has(ip6) == o.has(ip6)
}

// equal reports whether nothing of interest changed.
func (n nic) equal(o nic) bool { return n.sameLine(o) && slices.Equal(n.prefixes, o.prefixes) }
