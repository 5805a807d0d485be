package mesh

import (
	"net/netip"
	"testing"

	"sottovoce/mesh/peer"
)

// restart kills a node without a word and starts it again; its port is another one then.
func (p *person) restart() {
	p.t.Helper()
	p.kill()
	p.start()
	p.t.Cleanup(p.stop)
}

// known is what a node remembers of a contact's device.
func (p *person) known(name string) (known []remembered) {
	p.t.Helper()
	p.inside(func(*turn) error {
		known = p.device(name).known
		return nil
	})
	return known
}

// forgets makes a node forget where a contact was.
func (p *person) forgets(name string) {
	p.t.Helper()
	p.inside(func(t *turn) error {
		d := p.device(name)
		d.known = nil
		return t.saveKnown(d)
	})
}

// relinked waits until there is a link to another port than before, at both ends.
func (p *person) relinked(o *person) {
	p.t.Helper()
	for _, side := range [][2]*person{{p, o}, {o, p}} {
		here, there := side[0], side[1]
		here.within(waitLong, "a link to where "+there.name+" is now", func() (ok bool) {
			here.inside(func(*turn) error {
				v := here.device(there.name).route.live
				ok = v != nil && v.link.Remote().Port() == there.local.Port()
				return nil
			})
			return ok
		})
	}
	m := p.says(o.name, "here again")
	p.within(waitLong, "the words arrive", p.delivered(m))
}

// A node that was killed and hears nobody when it comes back dials whom it was linked with;
// that link takes the place of the one that nobody knew to be dead.
func TestRememberedEndpointsLinkTheDeaf(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	a.loses(anna, bruno)
	a.loses(bruno, anna)
	bruno.restart()
	bruno.relinked(anna)
	if !bruno.finds(bruno.Contacts, "Anna", func(p Person) bool { return p.Found == WayRemembered })() ||
		!anna.finds(anna.Contacts, "Bruno", func(p Person) bool { return p.Found == WayTheirs })() {
		t.Error("not said how they found each other")
	}
	anna.restart() // it remembers where bruno is now
	anna.relinked(bruno)
}

// Hearing a device at another port than its link's is reason to dial it, though the link
// seems to live: its node was killed, and does not hear us.
func TestHeardAtAnotherPort(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	a.loses(anna, bruno)
	bruno.forgets("Anna")
	bruno.restart()
	anna.relinked(bruno)
}

// A link that lives stays when a new epoch begins, and when somebody repeats what was
// announced at another address.
func TestLinkOutlivesAnnouncements(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	var before, after uint64
	anna.inside(func(*turn) error { before = anna.device("Bruno").route.live.id; return nil })
	bruno.inside(func(t *turn) error { bruno.rotate(t.now); return nil })
	replayed := sightingOf(*a.announced(bruno))
	replayed.Endpoints = []peer.Endpoint{netip.AddrPortFrom(netip.MustParseAddr("127.9.9.9"), replayed.Port)}
	anna.sighting(replayed)
	anna.inside(func(t *turn) error {
		t.dialDue()
		r := anna.device("Bruno").route
		if after = r.live.id; r.dialing || r.doubted {
			anna.t.Error("a link that lives is doubted")
		}
		return nil
	})
	if before != after {
		t.Error("another link")
	}
}

// Only what was proven on a network we stand on is dialled, and never for who is blocked.
func TestRememberedOfThisNetworkOnly(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	anna.inside(func(turn *turn) error {
		d := anna.device("Bruno")
		if at := anna.whereKnown(d, turn.now); len(at) != 1 || at[0].Port() != bruno.local.Port() {
			t.Errorf("remembered are %v", at)
		}
		if at := anna.whereKnown(d, turn.now.Add(knownLife)); len(at) != 0 {
			t.Errorf("remembered after a month: %v", at)
		}
		elsewhere := somewhere[0]
		elsewhere.Router = peer.MAC{2, 2}
		anna.ground = []peer.Network{elsewhere}
		if at := anna.whereKnown(d, turn.now); len(at) != 0 {
			t.Errorf("on another network with the same addresses: %v", at)
		}
		elsewhere = somewhere[0]
		elsewhere.Own = peer.MAC{2, 3}
		anna.ground = []peer.Network{elsewhere}
		if at := anna.whereKnown(d, turn.now); len(at) != 0 {
			t.Errorf("under another hardware address: %v", at)
		}
		elsewhere = somewhere[0]
		elsewhere.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}
		anna.ground = []peer.Network{elsewhere}
		if at := anna.whereKnown(d, turn.now); len(at) != 0 {
			t.Errorf("behind the router: %v", at)
		}
		if err := turn.remember(d, netip.MustParseAddrPort("192.0.2.1:9")); err != nil || len(d.known) != 1 {
			t.Errorf("an endpoint behind a router was remembered: %v %v", d.known, err)
		}
		anna.ground = somewhere
		return nil
	})
	if _, err := anna.Block(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.inside(func(turn *turn) error {
		turn.seekAll()
		if r := anna.device("Bruno").route; !r.due.IsZero() || r.round != 0 {
			t.Error("who is blocked is sought")
		}
		return nil
	})
}

func TestRememberedIsBounded(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	anna.inside(func(turn *turn) error {
		d := anna.device("Bruno")
		for router := range byte(9) {
			net := somewhere[0]
			net.Router = peer.MAC{router}
			anna.ground = []peer.Network{net}
			for port := range uint16(5) {
				if err := turn.remember(d, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), 1000+port)); err != nil {
					return err
				}
			}
			if at := anna.whereKnown(d, turn.now); len(at) != knownPerNetwork || at[0].Port() != 1004 {
				t.Errorf("network %d: %v", router, at)
			}
		}
		if len(d.known) != knownMax {
			t.Errorf("%d are remembered", len(d.known))
		}
		for range knownWrongMax {
			if at := anna.whereKnown(d, turn.now); len(at) == 0 {
				t.Error("forgotten early")
			}
			if err := turn.ledNowhere(d); err != nil {
				return err
			}
		}
		if at := anna.whereKnown(d, turn.now); len(at) != 0 || len(d.known) != knownMax-knownPerNetwork {
			t.Errorf("what was wrong is kept: %v", d.known)
		}
		anna.ground = somewhere
		return nil
	})
	before := anna.known("Bruno")
	anna.stop()
	anna.start()
	t.Cleanup(anna.stop)
	if after := anna.known("Bruno"); len(after) < len(before) {
		t.Errorf("%d of %d outlive a restart", len(after), len(before))
	}
	if _, err := anna.Remove(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.inside(func(turn *turn) error {
		for row := range int64(1000) {
			if kept, err := turn.tx.Setting(knownKey(&device{row: row})); err == nil {
				t.Errorf("of a contact that was removed there is still %x", kept)
			}
		}
		return nil
	})
}
