package peer

import (
	"net/netip"
	"slices"
)

// MAC is the hardware address of a network interface; zero where it has none of 48 bits.
type MAC [6]byte

// IsZero reports whether there is no address.
func (m MAC) IsZero() bool { return m == MAC{} }

// Network is a network that this node stands on, as one of its interfaces shows it.
//
// spec: 02-discovery#networks
type Network struct {
	Interface string         // its name on this machine
	Own       MAC            // of the interface
	Prefixes  []netip.Prefix // our addresses with the lengths of their prefixes, ascending
	Router    MAC            // of the default router; zero: there is none, or it is not known yet
	Routed    bool           // there is a default router, be its address known or not
}

// Equal reports whether nothing about the network differs.
func (n Network) Equal(o Network) bool {
	return n.Interface == o.Interface && n.Own == o.Own && n.Router == o.Router && n.Routed == o.Routed && slices.Equal(n.Prefixes, o.Prefixes)
}
