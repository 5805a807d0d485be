package mesh

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// tellSoon makes sure that contacts hear before long whom we heard.
func (n *Node) tellSoon(now time.Time) {
	if at := now.Add(tellDelay); n.tellAt.IsZero() || n.tellAt.After(at) {
		n.tellAt = at
		n.wakeBy(at)
	}
}

// tellPeers tells each link to a contact what we heard on the network that it runs over,
// once, and not what the far end told us. Everybody is told the same of everybody, so that
// it shows nobody whom we know.
//
// spec: 02-discovery#told-by-peers
func (t *turn) tellPeers() {
	n := t.n
	if n.tellAt.IsZero() {
		return
	}
	if n.tellAt.After(t.now) {
		n.wakeBy(n.tellAt)
		return
	}
	n.tellAt = time.Time{}
	if n.announced == nil || n.localOnly {
		return // who is not to be seen does not speak of others either
	}
	for _, d := range n.inOrder() {
		v := d.route.live
		if v == nil || !d.open() {
			continue
		}
		if next := v.toldAt.Add(tellPause); next.After(t.now) {
			n.tellAt = next
			n.wakeBy(next)
			continue
		}
		if n.tells.TokensAt(t.now) < 1 { // whoever is left has their turn then
			n.tellAt = t.now.Add(tellPause)
			n.wakeBy(n.tellAt)
			return
		}
		told, more := n.toTell(d, v, t.now)
		if more {
			n.tellAt = t.now.Add(tellPause)
			n.wakeBy(n.tellAt)
		}
		if len(told) > 0 {
			v.toldAt = t.now
			t.then(func() { v.post.put(parcel{frames: []wire.Frame{wire.Peers{Told: told}}}) })
		}
	}
}

// toTell chooses what a link is told next, within the budget. more says that something is
// left for later.
func (n *Node) toTell(d *device, v *live, now time.Time) (told []wire.Told, more bool) {
	network, ok := peer.NetworkOf(n.ground, v.link.Remote().Addr())
	if !ok {
		return nil, false
	}
	var fresh []*sighted
	for _, s := range n.nearby {
		if s.device != d && !v.shared[s.Instance] {
			fresh = append(fresh, s)
		}
	}
	slices.SortFunc(fresh, func(a, b *sighted) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.Instance, b.Instance))
	})
	for _, s := range fresh {
		one, ok := toldOf(s.Sighting, network)
		if !ok {
			continue
		}
		if len(told) == wire.ToldMax || !n.tells.AllowN(now, 1) {
			more = true
			break
		}
		v.share(s.Instance)
		told = append(told, one)
	}
	slices.SortFunc(told, func(a, b wire.Told) int { return bytes.Compare(a.Instance[:], b.Instance[:]) })
	return told, more
}

// share notes that both ends of a link know of an instance.
func (v *live) share(instance string) {
	if v.shared == nil || len(v.shared) >= sharedMax {
		v.shared = make(map[string]bool)
	}
	v.shared[instance] = true
}

// toldOf is a sighting as it is passed on to somebody on the same network. Nicknames are
// not, nor what is not reached there without a router.
func toldOf(s peer.Sighting, on peer.Network) (wire.Told, bool) {
	told := wire.Told{Epoch: s.Epoch, Nonce: s.Nonce, Fingerprint: s.Fingerprint, Port: s.Port}
	if n, err := hex.Decode(told.Instance[:], []byte(s.Instance)); err != nil || n != len(told.Instance) || s.Port == 0 {
		return told, false
	}
	slots := told.Slots[:0]
	for _, slot := range s.Slots {
		slots = append(slots, slot[:]...)
	}
	for _, e := range s.Endpoints {
		address := e.Addr().Unmap()
		if e.Port() == s.Port && on.OnLink(address) && len(told.Addresses) < wire.ToldAddressesMax {
			told.Addresses = append(told.Addresses, address.WithZone("").AsSlice())
		}
	}
	return told, len(told.Addresses) > 0
}

// sightingOfTold is what somebody on a network passes on, as far as it can be true.
func sightingOfTold(told *wire.Told, on peer.Network) (peer.Sighting, bool) {
	s := peer.Sighting{Source: peer.SourceExchange, Announcement: peer.Announcement{
		Instance: hex.EncodeToString(told.Instance[:]), Version: 1, Epoch: told.Epoch, Nonce: told.Nonce,
		Fingerprint: told.Fingerprint, Port: told.Port,
	}}
	for i := range s.Slots {
		copy(s.Slots[i][:], told.Slots[i*len(s.Slots[i]):])
	}
	for _, address := range told.Addresses {
		if at, ok := placed(on, address, told.Port); ok && !slices.Contains(s.Endpoints, at) {
			s.Endpoints = append(s.Endpoints, at)
		}
	}
	return s, len(s.Endpoints) > 0
}

// hearPeers takes what a contact has heard. It counts only where a slot says that it is of
// another contact, and only beside what we heard ourselves: nobody is shown, or passed on,
// by hearsay.
//
// spec: 02-discovery#told-by-peers
func (t *turn) hearPeers(v *live, f wire.Peers) {
	n := t.n
	network, ok := peer.NetworkOf(n.ground, v.link.Remote().Addr())
	if !ok || !v.hearsay.IsZero() && t.now.Sub(v.hearsay) < tellPause/2 {
		t.drop("peers")
		return
	}
	at := t.now
	t.then(func() { v.hearsay = at }) // a turn that the disk refuses is taken again
	for i := range f.Told {
		s, ok := sightingOfTold(&f.Told[i], network)
		if v.share(s.Instance); !ok || n.nearby[s.Instance] != nil || slices.Contains(n.labels, s.Instance) {
			continue
		}
		if !n.workOn(s.Epoch).affords(t.now) {
			continue
		}
		d, _, _ := n.whose(&s.Announcement)
		if d == nil || d.route.live == v {
			continue
		}
		d.route.hear(&place{instance: s.Instance, epoch: s.Epoch, endpoints: s.Endpoints, fingerprint: &s.Fingerprint, ends: t.now.Add(toldLife)}, t.now)
		t.pursue(d, s.Port)
	}
}

// hear keeps what was told of a device, the latest first.
func (r *route) hear(at *place, now time.Time) {
	told := []*place{at}
	for _, p := range r.told {
		if p.instance != at.instance && p.ends.After(now) && len(told) < toldMax {
			told = append(told, p)
		}
	}
	r.told = told
}
