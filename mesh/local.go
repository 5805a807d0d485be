package mesh

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
)

// Fence keeps the sockets of links on the networks that the node stands on. Its methods
// answer at once and are safe for concurrent use.
type Fence interface {
	// Close lets nothing pass but to and from those networks, Open everything.
	Close()
	Open()
	// Surround says which networks those are.
	Surround(networks []peer.Network)
}

// openField is where there is no fence: sockets that reach nowhere else.
type openField struct{}

func (openField) Close()                  {}
func (openField) Open()                   {}
func (openField) Surround([]peer.Network) {}

// ErrLocalOnly says that an address is beyond the networks in use, which the person wants
// nothing to be sent to.
var ErrLocalOnly = errors.New("this node is local only, and nothing is sent beyond its own networks; 'sottovoce local-only off' lifts that")

// settingLocal is the setting that says so: it is there, or the node may send elsewhere.
const settingLocal = "local only"

// loadLocal reads whether the node is local only and sets the fence accordingly.
func (n *Node) loadLocal(tx *store.Tx) error {
	_, err := tx.Setting(settingLocal)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	n.confine(err == nil)
	return nil
}

// confine closes the fence, or opens it.
func (n *Node) confine(local bool) {
	if n.localOnly = local; local {
		n.fence.Close()
	} else {
		n.fence.Open()
	}
}

// saveLocal keeps whether the node is local only.
func saveLocal(tx *store.Tx, local bool) error {
	if local {
		return tx.SetSetting(settingLocal, []byte{1})
	}
	return tx.DeleteSetting(settingLocal)
}

// LocalOnly reports whether the node sends nothing beyond the networks it stands on.
func (n *Node) LocalOnly(ctx context.Context) (local bool, err error) {
	err = n.do(ctx, func(*turn) error {
		local = n.localOnly
		return nil
	})
	return local, err
}

// SetLocalOnly sets that, from now on and for later runs. Links that lead elsewhere end.
// spec: 02-discovery#local-only
func (n *Node) SetLocalOnly(ctx context.Context, local bool) error {
	return n.do(ctx, func(t *turn) error {
		if err := saveLocal(t.tx, local); err != nil {
			return err
		}
		if !local {
			t.then(func() { n.confine(false) })
			return nil
		}
		n.confine(true) // at once: a turn that fails reads the setting again
		return t.endRouted()
	})
}

// endRouted ends the links that lead beyond the networks we stand on.
func (t *turn) endRouted() error {
	n := t.n
	away := func(l *link.Link) bool {
		_, near := peer.NetworkOf(n.ground, l.Remote().Addr())
		return !near
	}
	for _, o := range n.open {
		if away(o.link) {
			o.link.Close(link.ReasonBye)
		}
	}
	for _, d := range n.devices {
		if v := d.route.live; v != nil && away(v.link) {
			v.link.Close(link.ReasonBye)
			if err := t.unlink(d, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// reachable refuses an address that a node that is local only does not dial.
func (n *Node) reachable(at peer.Endpoint) error {
	if _, near := peer.NetworkOf(n.ground, at.Addr()); n.localOnly && !near {
		return fmt.Errorf("%w (%s is beyond them)", ErrLocalOnly, at)
	}
	return nil
}

// Endpoints are where others reach us on a network.
func (s Status) Endpoints(on peer.Network) []peer.Endpoint {
	var all []peer.Endpoint
	for _, p := range on.Prefixes {
		a := p.Addr()
		if a.Is6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(on.Interface)
		}
		all = append(all, netip.AddrPortFrom(a, s.Port))
	}
	return all
}
