package mesh

import (
	"net/netip"
	"slices"

	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
)

// nearEnds are the addresses of ours on the network of a link's far end, one of which the
// link is likely to come from; none if that is not a network we stand on.
func (n *Node) nearEnds(l *link.Link) []netip.Prefix {
	network, _ := networkTo(n.ground, l.Remote())
	return slices.DeleteFunc(slices.Clone(network.Prefixes), func(p netip.Prefix) bool { return !p.Contains(plain(l.Remote())) })
}

// networkTo finds the network of an endpoint, a link-local one by its zone.
func networkTo(ground []peer.Network, at peer.Endpoint) (peer.Network, bool) {
	if zone := at.Addr().Zone(); zone != "" {
		ground = slices.DeleteFunc(slices.Clone(ground), func(n peer.Network) bool { return n.Interface != zone })
	}
	return peer.NetworkOf(ground, at.Addr())
}

// plain is the address of an endpoint as prefixes contain it.
func plain(e peer.Endpoint) netip.Addr { return e.Addr().Unmap().WithZone("") }

// leaveStranded ends the links that come from addresses which we have no more on that
// network: nothing comes back on them. Their far ends are dialled anew.
//
// spec: 03-links#two-ends
func (t *turn) leaveStranded() error {
	n := t.n
	for _, d := range n.inOrder() {
		v := d.route.live
		if v == nil || len(v.from) == 0 {
			continue
		}
		network, near := networkTo(n.ground, v.link.Remote())
		if !near || slices.ContainsFunc(v.from, func(p netip.Prefix) bool { return slices.Contains(network.Prefixes, p) }) {
			continue
		}
		v.link.Close(link.ReasonBye)
		if err := t.unlink(d, v); err != nil {
			return err
		}
		d.route.failures = 0
		t.plan(d)
	}
	return nil
}
