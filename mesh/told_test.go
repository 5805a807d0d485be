package mesh

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Two contacts whose multicast does not reach each other find each other by what a third,
// whom both have a link with, has heard.
func TestToldByAThird(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno, carla := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno"), newPerson(t, a, "Carla")
	anna.befriends(bruno)
	anna.befriends(carla)
	carla.befriends(bruno)
	a.loses(anna, bruno)
	a.loses(bruno, anna)
	bruno.forgets("Anna")
	bruno.restart()
	anna.relinked(bruno)
	bruno.inside(func(*turn) error {
		for _, s := range bruno.nearby {
			if s.Source == peer.SourceExchange {
				t.Error("hearsay is shown, and would be passed on")
			}
		}
		return nil
	})
}

// What is told says nothing of who is whose contact, and nobody who is not to be seen
// tells anything.
func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno, carla := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno"), newPerson(t, a, "Carla")
	anna.befriends(bruno)
	anna.within(waitLong, "sees the stranger", anna.finds(anna.Nearby, "Carla", anyhow))
	far := sightingOf(*a.announced(carla))
	far.Instance = "00000000000000ff"
	far.Endpoints = []peer.Endpoint{netip.AddrPortFrom(netip.MustParseAddr("10.1.2.3"), far.Port)}
	anna.sighting(far)
	anna.inside(func(turn *turn) error {
		v := anna.device("Bruno").route.live
		v.shared = nil
		told, more := anna.toTell(anna.device("Bruno"), v, turn.now)
		if len(told) != 1 || more {
			t.Fatalf("told are %v, %v", told, more)
		}
		s, ok := sightingOfTold(&told[0], somewhere[0])
		want := *a.announced(carla)
		want.Open, want.Host, want.Caps = nil, "", 0
		if !ok || !reflect.DeepEqual(s.Announcement, want) {
			t.Errorf("told is %+v, was heard %+v", s.Announcement, want)
		}
		if again, _ := anna.toTell(anna.device("Bruno"), v, turn.now); len(again) != 0 {
			t.Error("the same is told twice")
		}
		v.shared, v.toldAt = nil, time.Time{}
		announced := anna.announced
		anna.announced, anna.tellAt = nil, turn.now
		turn.tellPeers()
		if len(v.shared) != 0 {
			t.Error("a node that nobody is to see tells of others")
		}
		anna.announced = announced
		return nil
	})
}

// A contact that makes things up costs little: nothing is kept that no slot vouches for or
// that leads off the link, and who tells too often is not listened to.
func TestHostileHearsay(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno, carla := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno"), newPerson(t, a, "Carla")
	anna.befriends(bruno)
	anna.befriends(carla)
	real := sightingOf(*a.announced(carla))
	told := func(change func(*peer.Sighting)) wire.Peers {
		s := real
		change(&s)
		one, _ := toldOf(s, somewhere[0])
		one.Port = s.Port
		if len(one.Addresses) == 0 {
			one.Addresses = [][]byte{s.Endpoints[0].Addr().AsSlice()}
		}
		return wire.Peers{Told: []wire.Told{one}}
	}
	anna.inside(func(turn *turn) error {
		v, d := anna.device("Bruno").route.live, anna.device("Carla")
		n := turn.n
		heard := n.nearby[real.Instance]
		hears := func(f wire.Peers) {
			v.hearsay = time.Time{}
			turn.hearPeers(v, f)
		}
		hears(told(func(*peer.Sighting) {}))
		if len(d.route.told) != 0 {
			t.Error("hearsay about somebody whom we hear ourselves")
		}
		delete(n.nearby, real.Instance)
		hears(told(func(s *peer.Sighting) { s.Nonce[0]++ }))
		hears(told(func(s *peer.Sighting) {
			s.Endpoints = []peer.Endpoint{netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), s.Port)}
		}))
		v.hearsay = turn.now
		turn.hearPeers(v, told(func(*peer.Sighting) {}))
		if len(d.route.told) != 0 {
			t.Error("taken: what no slot covers, leads away, or comes too often")
		}
		hears(told(func(*peer.Sighting) {}))
		if len(d.route.told) != 1 || d.route.doubted {
			t.Errorf("not taken, or a link that lives is doubted: %+v", d.route)
		}
		if len(n.nearby) > 1 {
			t.Error("hearsay is in sight")
		}
		n.nearby[real.Instance] = heard
		d.route.told = nil
		return nil
	})
}

func FuzzTold(f *testing.F) {
	f.Add([]byte{10, 0, 0, 1}, uint16(7), []byte("12345678"))
	f.Add(bytes.Repeat([]byte{0xff}, 16), uint16(0), []byte("x"))
	f.Add(netip.MustParseAddr("fe80::1").AsSlice(), uint16(7), []byte(""))
	f.Add(netip.MustParseAddr("::ffff:10.0.0.255").AsSlice(), uint16(7), []byte(""))
	on := peer.Network{Interface: "eth0", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.7/24"), netip.MustParsePrefix("fe80::7/64")}}
	f.Fuzz(func(t *testing.T, address []byte, port uint16, rest []byte) {
		told := wire.Told{Port: port, Addresses: [][]byte{address, address}}
		copy(told.Instance[:], rest)
		copy(told.Slots[:], rest)
		s, ok := sightingOfTold(&told, on)
		if !ok {
			return
		}
		for _, e := range s.Endpoints {
			if !on.OnLink(e.Addr()) || e.Port() != port || port == 0 {
				t.Errorf("%v is dialled", e)
			}
		}
		again, ok := toldOf(s, on)
		if !ok || len(again.Addresses) != 1 || again.Instance != told.Instance || again.Slots != told.Slots {
			t.Errorf("%+v becomes %+v", told, again)
		}
	})
}
