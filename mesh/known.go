package mesh

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// remembered is an endpoint of a contact's device at which a link was proven.
//
// spec: 03-links#remembered-endpoints
type remembered struct {
	Network networkID `cbor:"1,keyasint"`
	Address []byte    `cbor:"2,keyasint"` // 4 or 16 bytes; a zone is that of the network's interface
	Port    uint16    `cbor:"3,keyasint"`
	Proven  int64     `cbor:"4,keyasint"`           // Unix ms, the last time
	Wrong   uint8     `cbor:"5,keyasint,omitempty"` // rounds of dials since in which it led nowhere
}

// rememberedAll is all that is kept of one device.
type rememberedAll struct {
	Endpoints []remembered `cbor:"1,keyasint,omitempty"`
}

// networkID is what a network is remembered by.
func (n *Node) networkID(w peer.Network) networkID { return nameNetwork(n.networks.Key, w) }

// stayID names a network within this home, under one hardware address of ours: whoever
// comes back under another, so as not to be known, must not dial where they dialled before.
//
// spec: 03-links#remembered-endpoints
func (n *Node) stayID(w peer.Network) networkID {
	id := n.networkID(w)
	return nameOf(n.networks.Key, "sv1 stay", id[:], w.Own[:])
}

// settingKnown begins the name of the setting that keeps a device's endpoints; the row of
// the device follows.
const settingKnown = "known "

func knownKey(d *device) string { return settingKnown + strconv.FormatInt(d.row, 10) }

// loadKnown reads where a device was linked.
func (d *device) loadKnown(tx *store.Tx) error {
	kept, err := tx.Setting(knownKey(d))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var all rememberedAll
	if err := wire.Unmarshal(kept, &all); err != nil {
		return nil // they are hints; the next link makes new ones
	}
	d.known = all.Endpoints
	return nil
}

// saveKnown keeps where a device was linked.
func (t *turn) saveKnown(d *device) error {
	if len(d.known) == 0 {
		return t.tx.DeleteSetting(knownKey(d))
	}
	kept, err := wire.Marshal(rememberedAll{d.known})
	if err != nil {
		return err
	}
	return t.tx.SetSetting(knownKey(d), kept)
}

// remember notes that a link to a device was proven at an endpoint. One that a router
// leads to is not of this network and not noted.
func (t *turn) remember(d *device, at peer.Endpoint) error {
	network, ok := peer.NetworkOf(t.n.ground, at.Addr())
	if !ok {
		return nil
	}
	fresh := remembered{t.n.stayID(network), at.Addr().Unmap().WithZone("").AsSlice(), at.Port(), t.now.UnixMilli(), 0}
	for i, r := range d.known {
		if r.Network != fresh.Network || !slices.Equal(r.Address, fresh.Address) || r.Port != fresh.Port {
			continue
		}
		if r.Wrong == 0 && t.now.Sub(time.UnixMilli(r.Proven)).Abs() < knownFresh {
			return nil // a link that comes and goes does not wear the disk
		}
		d.known = slices.Delete(slices.Clone(d.known), i, i+1)
		break
	}
	kept, here := []remembered{fresh}, 1
	for _, r := range d.known { // the latest first
		if r.Network == fresh.Network {
			if here++; here > knownPerNetwork {
				continue
			}
		}
		if len(kept) < knownMax {
			kept = append(kept, r)
		}
	}
	d.known = kept
	return t.saveKnown(d)
}

// whereKnown lists the endpoints remembered of a device on the networks that we stand on.
func (n *Node) whereKnown(d *device, now time.Time) []peer.Endpoint {
	var found []peer.Endpoint
	for _, network := range n.ground {
		id := n.stayID(network)
		for _, r := range d.known {
			if r.Network == id && now.Sub(time.UnixMilli(r.Proven)) < knownLife {
				if at, ok := placed(network, r.Address, r.Port); ok {
					found = append(found, at)
				}
			}
		}
	}
	return found[:min(len(found), knownPerNetwork)]
}

// placed is an address without a zone as an endpoint on a network, if that is where it is.
func placed(network peer.Network, address []byte, port uint16) (peer.Endpoint, bool) {
	addr, ok := netip.AddrFromSlice(address)
	if !ok {
		return peer.Endpoint{}, false
	}
	if addr = addr.Unmap(); addr.Is6() && addr.IsLinkLocalUnicast() {
		addr = addr.WithZone(network.Interface)
	}
	return netip.AddrPortFrom(addr, port), network.OnLink(addr) && port != 0
}

// seek begins a round of dials to where a device was linked on this network, beside
// whatever discovery finds.
//
// spec: 03-links#remembered-endpoints
func (t *turn) seek(d *device) {
	r := d.route
	if r.live != nil || d.contact.row.Blocked || !d.active || d.pair.Behind() || len(t.n.whereKnown(d, t.now)) == 0 {
		return
	}
	r.round, r.sought = knownTries, true
	if r.dialing || !r.due.IsZero() {
		return
	}
	r.failures = 0
	t.plan(d)
}

// seekAll does that for all devices, after a change of network.
func (t *turn) seekAll() {
	for _, d := range t.n.inOrder() {
		d.route.round, d.route.sought = 0, false
		t.seek(d)
	}
}

// ledNowhere notes that a round of dials to remembered endpoints found nobody. What was
// wrong too often is forgotten.
func (t *turn) ledNowhere(d *device) error {
	ids := make(map[networkID]bool)
	for _, network := range t.n.ground {
		ids[t.n.stayID(network)] = true
	}
	kept := slices.Clone(d.known)
	for i := range kept {
		if ids[kept[i].Network] {
			kept[i].Wrong++
		}
	}
	d.known = slices.DeleteFunc(kept, func(r remembered) bool {
		return r.Wrong >= knownWrongMax || t.now.Sub(time.UnixMilli(r.Proven)) >= knownLife
	})
	return t.saveKnown(d)
}
