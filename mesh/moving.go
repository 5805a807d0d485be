package mesh

import (
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// moving is a change of network that is not over yet: interfaces come up one by one, and
// get their addresses and routers one after the other. Nothing is announced meanwhile.
//
//	settled ──stands differs──▶ moving ──quiet, or long enough──▶ settled, everything drawn anew
//	                              └──stands as before──▶ settled, as before
//
// spec: 02-discovery#change-of-network
type moving struct {
	to    []peer.Network
	since time.Time
	until time.Time
}

// stands hears where this node stands now.
func (n *Node) stands(networks []peer.Network) {
	n.fence.Surround(networks)
	n.post(func(t *turn) error { return t.standsOn(networks) })
}

// standsOn begins a change of network, or finds that there is none. To stand on nothing is
// none: a cable may be plugged in again.
func (t *turn) standsOn(networks []peer.Network) error {
	n := t.n
	if n.ground = networks; len(networks) == 0 {
		n.moving = nil
		return nil
	}
	if err := n.keyNetworks(); err != nil {
		return err
	}
	if err := t.leaveStranded(); err != nil {
		return err
	}
	if slices.Equal(newFooting(n.networks.Key, networks), n.footing) {
		n.moving = nil
		t.then(n.announceAgain)
		t.seekAll()
		return nil
	}
	if n.moving == nil {
		n.moving = &moving{since: t.now}
	}
	n.moving.to = networks
	pause := settlePause
	switch settled := isSettled(networks); {
	case settled && len(n.footing) == 0:
		return t.arrive()
	case !settled:
		pause = resolvePause
	}
	n.moving.until = t.now.Add(pause)
	if most := n.moving.since.Add(movingMax); most.Before(n.moving.until) {
		n.moving.until = most
	}
	n.wakeBy(n.moving.until)
	return nil
}

// keyNetworks draws the key of a home that was never on a network; it is kept with the
// first visit.
func (n *Node) keyNetworks() error {
	if n.networks.Key != [32]byte{} {
		return nil
	}
	if _, err := io.ReadFull(n.rand, n.networks.Key[:]); err != nil {
		return fmt.Errorf("drawing a key for networks: %w", err)
	}
	return nil
}

// tickMoving ends a change of network when it has come to rest.
func (t *turn) tickMoving() error {
	m := t.n.moving
	if m == nil {
		return nil
	}
	if m.until.After(t.now) {
		t.n.wakeBy(m.until)
		return nil
	}
	return t.arrive()
}

// arrive makes the networks that the node has moved to its footing: with the visibility and
// the open profile that belong there, and nothing that was shown on the networks before.
func (t *turn) arrive() error {
	n, m := t.n, t.n.moving
	if m == nil {
		return nil
	}
	if err := n.keyNetworks(); err != nil { // a turn that failed has taken it along
		return err
	}
	from, to := n.footing, newFooting(n.networks.Key, m.to)
	if slices.Equal(from, to) {
		return nil // in this turn already
	}
	fresh, err := n.networks.visit(to, wire.DayAt(t.date), n.store.Secrets().Open, n.rand)
	if err != nil {
		return err
	}
	if len(from) == 0 && n.asked != 0 {
		n.networks.choose(to, n.asked)
		fresh = false
	}
	if err := t.forgetProfiles(n.networks.forgetOldest(to, n.usesProfile)); err != nil {
		return err
	}
	if err := n.networks.save(t.tx); err != nil {
		return err
	}
	n.footing = to
	n.me.open = n.networks.profile(to)
	t.keysStale = true
	if fresh {
		t.notice(newNetwork(n.visibility()))
	}
	t.resumeRequests()
	t.seekAll()
	t.then(func() { n.arrived(t.now, from, to) })
	return nil
}

// arrived shows what belongs to a new footing, once it is kept.
func (n *Node) arrived(now time.Time, from, to footing) {
	n.settled = to
	if m := n.moving; m != nil && slices.Equal(newFooting(n.networks.Key, m.to), to) {
		n.moving = nil
		n.wakeBy(now) // to dial
	}
	if len(from) == 0 { // a start: nothing was shown before
		n.rotate(now)
		return
	}
	n.renew(now)
	if from.apart(to) { // packets of old links would only tell here what was known there
		n.transport.Abandon()
	}
}

// forgetProfiles forgets the exchanges of profiles of ours that are gone.
func (t *turn) forgetProfiles(gone []contact.Profile) error {
	for _, q := range t.n.exchanges() {
		if slices.Contains(gone, q.exchange.Our()) {
			if err := t.forgetRequest(q); err != nil {
				return err
			}
		}
	}
	return nil
}

// newNetwork says in words who may see us on a network for which nothing was chosen.
func newNetwork(v Visibility) string {
	who := map[Visibility]string{
		Everyone: "everyone here sees your name", Contacts: "only your contacts can see that you are here", Nobody: "nobody is told that you are here",
	}
	return "this network is new: " + who[v] + "; to change that: sottovoce visibility everyone|contacts|nobody"
}

// renew draws everything anew that strangers may know this node by, the port included
// unless a person has chosen it. Links live on over the socket that they were made on.
//
// spec: 02-discovery#change-of-network
func (n *Node) renew(now time.Time) {
	if err := n.rebind(); err != nil {
		n.log.Error("no other port; the old one stays for now", "error", err)
	}
	n.rotate(now)
}

// rebind takes another socket for new links.
func (n *Node) rebind() error {
	if n.listen == nil {
		return nil
	}
	conn, err := n.listen()
	if err != nil {
		return err
	}
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return fmt.Errorf("links need a UDP socket, not %T", conn)
	}
	if err := n.transport.Rebind(conn); err != nil {
		_ = conn.Close()
		return err
	}
	n.local = local.AddrPort()
	return nil
}

// usesProfile reports whether an exchange of that profile of ours goes on.
func (n *Node) usesProfile(our contact.Profile) bool {
	for _, q := range n.requests {
		if q.exchange.Our() == our && (n.waiting(q) || q.exchange.Due()) {
			return true
		}
	}
	return false
}

// waitsElsewhere reports whether an exchange began under our open profile of another
// network, where alone it can go on.
//
// spec: 05-contacts#profiles
func (n *Node) waitsElsewhere(q *request) bool {
	return n.networks.elsewhere(q.exchange.Our(), n.profile())
}

// resumeRequests dials for what waited for this network.
func (t *turn) resumeRequests() {
	for _, q := range t.n.requests {
		if q.exchange.Due() {
			q.due, q.failures = t.now, 0
			t.n.wakeBy(t.now)
		}
	}
}
