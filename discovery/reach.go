package discovery

import (
	"net/netip"

	"sottovoce/mesh/peer"
)

// Reach says how directly an endpoint is reached. Smaller is tried first.
//
// spec: 02-discovery#endpoints
type Reach uint8

// The reaches, in the order in which endpoints are dialled.
const (
	Subnet4   Reach = iota + 1 // IPv4 in a subnet of the interface
	Subnet6                    // IPv6, not link-local, under a prefix of the interface
	LinkLocal                  // fe80::/10 with the interface as its zone
	Routed                     // private, but behind a router
)

// Reachable is an endpoint with its reach and the interface it was heard on.
type Reachable struct {
	peer.Endpoint
	Reach Reach
	Via   string // name of the interface; "" for endpoints not heard on one
}

// Net is an interface as far as judging addresses needs it.
type Net struct {
	Name     string
	Loopback bool
	Prefixes []netip.Prefix // address and prefix length of each of our addresses
}

// dockerBridge is what every host with Docker calls its own.
var dockerBridge = netip.AddrFrom4([4]byte{172, 17, 0, 1})

// Place judges an address that was announced on n. It returns the address as it
// must be dialled (with its zone if link-local) and false for what must not be
// dialled at all: no host address, a public one outside our prefixes, loopback
// from outside, a bridge's address that every host has.
//
// spec: 02-discovery#endpoints
func (n Net) Place(addr netip.Addr) (netip.Addr, Reach, bool) {
	addr = addr.Unmap().WithZone("")
	switch {
	case !addr.IsValid(), addr.IsUnspecified(), addr.IsMulticast():
		return netip.Addr{}, 0, false
	case addr.IsLoopback():
		return addr, subnet(addr), n.Loopback
	case addr.Is6() && addr.IsLinkLocalUnicast():
		return addr.WithZone(n.Name), LinkLocal, true
	}
	for _, p := range n.Prefixes {
		if !p.Contains(addr) {
			continue
		}
		return addr, subnet(addr), !isBroadcast(p, addr)
	}
	return addr, Routed, addr.IsPrivate() && addr != dockerBridge
}

func subnet(addr netip.Addr) Reach {
	if addr.Is4() {
		return Subnet4
	}
	return Subnet6
}

// OnLink reports whether a packet from addr can have come from a neighbour on n.
func (n Net) OnLink(addr netip.Addr) bool {
	_, reach, ok := n.Place(addr)
	return ok && reach != Routed
}

// isBroadcast reports whether addr is the first or last address of an IPv4
// subnet: datagrams sent there would reach everybody.
func isBroadcast(p netip.Prefix, addr netip.Addr) bool {
	if addr.Is6() || p.Bits() > 30 {
		return false
	}
	b := addr.As4()
	host := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	mask := uint32(1)<<(32-p.Bits()) - 1
	return host&mask == 0 || host&mask == mask
}
