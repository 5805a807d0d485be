package mesh

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"slices"

	"sottovoce/mesh/peer"
)

// networkID is a name of this home for a network: without the home's key it means
// nothing to anybody.
//
// spec: 02-discovery#recognising-networks
type networkID [16]byte

// What a network is known by, as its id says.
const (
	byRouter   = 1
	byPrefixes = 2
	byNothing  = 3 // link-local addresses alone
)

// nameNetwork is the id of a network under a home's key.
func nameNetwork(key [32]byte, n peer.Network) networkID {
	if !n.Router.IsZero() && !isShared(n.Router) {
		return nameOf(key, "sv1 network", []byte{byRouter}, n.Router[:])
	}
	if prefixes := tellingPrefixes(n.Prefixes); len(prefixes) > 0 {
		parts := [][]byte{{byPrefixes}}
		for _, p := range prefixes {
			addr := p.Addr().As16()
			parts = append(parts, addr[:], []byte{byte(p.Bits())})
		}
		return nameOf(key, "sv1 network", parts...)
	}
	return nameOf(key, "sv1 network", []byte{byNothing})
}

// isShared reports whether routers of many networks have this hardware address: that of a
// virtual router, RFC 9568 section 7.3.
func isShared(m peer.MAC) bool { return bytes.HasPrefix(m[:], []byte{0x00, 0x00, 0x5e, 0x00}) }

// tellingPrefixes are those that say something about a network, ascending, each once.
func tellingPrefixes(all []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range all {
		if !p.Addr().IsLinkLocalUnicast() && p.Bits() < p.Addr().BitLen() {
			out = append(out, p.Masked())
		}
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return slices.Compact(out)
}

// nameOf hashes parts under a home's key.
func nameOf(key [32]byte, label string, parts ...[]byte) networkID {
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(label))
	for _, p := range parts {
		mac.Write(p)
	}
	return networkID(mac.Sum(nil)[:16])
}

// foot is one place where this node stands: a network, and our hardware address on it.
type foot struct {
	id  networkID
	own peer.MAC
}

// footing is everything that this node stands on, ascending, each once. What is announced
// belongs to one footing; on another one everything is drawn anew.
//
// spec: 02-discovery#change-of-network
type footing []foot

func newFooting(key [32]byte, networks []peer.Network) footing {
	g := make(footing, 0, len(networks))
	for _, n := range networks {
		g = append(g, foot{nameNetwork(key, n), n.Own})
	}
	slices.SortFunc(g, func(a, b foot) int {
		return cmp.Or(bytes.Compare(a.id[:], b.id[:]), bytes.Compare(a.own[:], b.own[:]))
	})
	return slices.Compact(g)
}

// ids are the networks of the footing, ascending, each once.
func (g footing) ids() []networkID {
	var out []networkID
	for _, f := range g {
		out = append(out, f.id)
	}
	return slices.Compact(out)
}

// whole names all networks of the footing together: one alone as itself.
func (g footing) whole(key [32]byte) networkID {
	ids := g.ids()
	if len(ids) == 1 {
		return ids[0]
	}
	var parts [][]byte
	for _, id := range ids {
		parts = append(parts, id[:])
	}
	return nameOf(key, "sv1 networks", parts...)
}

// apart reports whether two footings have nothing in common: who leaves one for the other
// is seen by nobody on both ends of the way.
func (g footing) apart(o footing) bool {
	return !slices.ContainsFunc(g, func(f foot) bool { return slices.Contains(o, f) })
}

// isSettled reports whether there is nothing more to be expected of networks that have
// just changed: each has an address that says where it is, and its router, if it has one,
// is known.
func isSettled(networks []peer.Network) bool {
	return !slices.ContainsFunc(networks, func(n peer.Network) bool {
		return n.Routed && n.Router.IsZero() || !n.Routed && len(tellingPrefixes(n.Prefixes)) == 0
	})
}
