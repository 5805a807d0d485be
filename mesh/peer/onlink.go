package peer

import "net/netip"

// OnLink reports whether a is the address of one host that is reached by the network's
// interface without a router: in one of our subnets there, or link-local with that
// interface as its zone. The first and last address of an IPv4 subnet are everybody's.
//
// spec: 02-discovery#endpoints
func (n Network) OnLink(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
		return false
	}
	if a.Is6() && a.IsLinkLocalUnicast() {
		return a.Zone() == n.Interface
	}
	for _, p := range n.Prefixes {
		if p.Contains(a.WithZone("")) {
			return !everybody(p, a)
		}
	}
	return false
}

// everybody reports whether a datagram to an address of an IPv4 subnet reaches all hosts.
func everybody(p netip.Prefix, a netip.Addr) bool {
	if a.Is6() || p.Bits() > 30 || a.IsLoopback() {
		return false
	}
	b := a.As4()
	host := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	mask := uint32(1)<<(32-p.Bits()) - 1
	return host&mask == 0 || host&mask == mask
}

// NetworkOf finds the network on which an address is reached without a router.
func NetworkOf(all []Network, a netip.Addr) (Network, bool) {
	for _, n := range all {
		if n.OnLink(a) {
			return n, true
		}
	}
	return Network{}, false
}
