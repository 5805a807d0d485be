package mesh

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

func networkAt(router peer.MAC, prefixes ...string) peer.Network {
	n := peer.Network{Interface: "eth0", Own: peer.MAC{2, 9}, Router: router, Routed: !router.IsZero()}
	for _, p := range prefixes {
		n.Prefixes = append(n.Prefixes, netip.MustParsePrefix(p))
	}
	return n
}

// A network is the same whatever address one has on it, and another one if its router
// differs.
func TestNetworkNames(t *testing.T) {
	key := [32]byte{1}
	router, other := peer.MAC{2, 1}, peer.MAC{2, 2}
	virtual := peer.MAC{0, 0, 0x5e, 0, 1, 7}
	for what, c := range map[string]struct {
		a, b peer.Network
		same bool
	}{
		"another address":              {networkAt(router, "10.0.0.4/24"), networkAt(router, "10.0.0.5/24"), true},
		"another address, no router":   {networkAt(peer.MAC{}, "10.0.0.4/24", "fe80::1/64"), networkAt(peer.MAC{}, "10.0.0.5/24", "fe80::2/64"), true},
		"another router":               {networkAt(router, "10.0.0.4/24"), networkAt(other, "10.0.0.4/24"), false},
		"the same router, another net": {networkAt(router, "10.0.0.4/24"), networkAt(router, "10.1.0.4/24"), true},
		"another prefix, no router":    {networkAt(peer.MAC{}, "10.0.0.4/24"), networkAt(peer.MAC{}, "10.1.0.4/24"), false},
		"another length":               {networkAt(peer.MAC{}, "10.0.0.4/24"), networkAt(peer.MAC{}, "10.0.0.4/16"), false},
		"a virtual router's address":   {networkAt(virtual, "10.0.0.4/24"), networkAt(virtual, "10.1.0.4/24"), false},
		"an address of one's own":      {networkAt(peer.MAC{}, "10.0.0.4/24", "fd00::4/128"), networkAt(peer.MAC{}, "10.0.0.4/24", "fd00::5/128"), true},
		"link-local alone":             {networkAt(peer.MAC{}, "fe80::1/64"), networkAt(peer.MAC{}, "fe80::2/64", "169.254.3.3/16"), true},
		"no router and one":            {networkAt(peer.MAC{}, "10.0.0.4/24"), networkAt(router, "10.0.0.4/24"), false},
	} {
		if got := nameNetwork(key, c.a) == nameNetwork(key, c.b); got != c.same {
			t.Errorf("%s: the same %t", what, got)
		}
		if nameNetwork(key, c.a) == nameNetwork([32]byte{2}, c.a) {
			t.Errorf("%s: the name does not depend on the key", what)
		}
	}
}

func TestFootings(t *testing.T) {
	key := [32]byte{1}
	home, cafe := networkAt(peer.MAC{2, 1}), networkAt(peer.MAC{2, 2})
	cable := home
	cable.Own, cable.Interface = peer.MAC{2, 8}, "eth1"
	at := func(networks ...peer.Network) footing { return newFooting(key, networks) }
	if !slices.Equal(at(home, cafe), at(cafe, home)) || !slices.Equal(at(home, home), at(home)) {
		t.Error("order or repetition makes another footing")
	}
	if slices.Equal(at(home), at(cable)) || slices.Equal(at(home), at(home, cable)) {
		t.Error("another hardware address makes no difference")
	}
	if at(home).whole(key) != at(home, cable).whole(key) || at(home, cafe).whole(key) == at(home).whole(key) {
		t.Error("the whole is that of the networks")
	}
	for what, c := range map[string]struct {
		a, b footing
		want bool
	}{
		"home to café":               {at(home), at(cafe), true},
		"the same with another card": {at(home), at(cable), true},
		"one more":                   {at(home), at(home, cafe), false},
		"one less":                   {at(home, cafe), at(cafe), false},
	} {
		if got := c.a.apart(c.b); got != c.want {
			t.Errorf("%s: apart %t", what, got)
		}
	}
	unresolved, bare, loopback := networkAt(peer.MAC{}, "10.0.0.4/24"), networkAt(peer.MAC{}, "fe80::1/64"), networkAt(peer.MAC{}, "127.0.0.1/8")
	unresolved.Routed = true
	for i, c := range []struct {
		on   []peer.Network
		want bool
	}{{[]peer.Network{home}, true}, {[]peer.Network{home, unresolved}, false}, {[]peer.Network{bare}, false}, {[]peer.Network{loopback}, true}} {
		if isSettled(c.on) != c.want {
			t.Errorf("case %d: settled %t", i, !c.want)
		}
	}
}

func TestLeastVisible(t *testing.T) {
	a, b, c := networkID{1}, networkID{2}, networkID{3}
	k := networks{Default: Contacts, Known: []knownNetwork{{ID: a, Choice: Everyone}, {ID: b, Choice: Nobody}, {ID: c}}}
	for want, ids := range map[Visibility][]networkID{Everyone: {a}, Nobody: {a, b}, Contacts: {a, c, {9}}} {
		if got := k.visibility(ids); got != want {
			t.Errorf("on %v: %v, want %v", ids, got, want)
		}
	}
	for _, v := range []Visibility{Everyone, Contacts, Nobody} {
		if got, err := ParseVisibility(v.String()); err != nil || got != v {
			t.Errorf("%v is read as %v, %v", v, got, err)
		}
	}
	if _, err := ParseVisibility("friends"); err == nil {
		t.Error("friends is no visibility")
	}
}

// Networks are few, each with an open profile of its own, and tell nobody anything.
func TestVisits(t *testing.T) {
	k := networks{Key: [32]byte{1}, Default: Everyone}
	var first identity.OpenSeed
	if _, err := rand.Read(first[:]); err != nil {
		t.Fatal(err)
	}
	at := func(n byte) footing { return newFooting(k.Key, []peer.Network{networkAt(peer.MAC{2, n})}) }
	visit := func(g footing, day uint16) bool {
		t.Helper()
		fresh, err := k.visit(g, day, first, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return fresh
	}
	if visit(at(1), 1) || visit(at(1), 2) || !visit(at(2), 3) || visit(at(2), 3) {
		t.Error("every network but a home's first is new once")
	}
	if k.profile(at(1)).Public() != identity.OpenProfileFromSeed(first).Public() || k.profile(at(2)).Public() == k.profile(at(1)).Public() {
		t.Error("the first network has the home's profile, the others one of their own")
	}
	both := newFooting(k.Key, []peer.Network{networkAt(peer.MAC{2, 1}), networkAt(peer.MAC{2, 2})})
	if visit(both, 4) || k.profile(both).Public() == k.profile(at(1)).Public() || k.profile(both).Public() == k.profile(at(2)).Public() {
		t.Error("two networks at once show a profile of one of them")
	}
	here := contact.Profile(k.profile(at(2)).Public().Agree)
	if k.elsewhere(here, here) || !k.elsewhere(contact.Profile(k.profile(at(1)).Public().Agree), here) || k.elsewhere(contact.Profile{9}, here) {
		t.Error("what belongs to another network is not told apart")
	}
	used := contact.Profile(k.profile(at(1)).Public().Agree)
	k.choose(at(2), Nobody)
	visit(at(3), 3)
	k.choose(at(3), Contacts)
	for n := range networksMax + 10 {
		visit(newFooting(k.Key, []peer.Network{networkAt(peer.MAC{4, byte(n >> 8), byte(n)})}), uint16(10+n))
		gone := k.forgetOldest(at(2), func(p contact.Profile) bool { return p == used })
		if slices.Contains(gone, used) {
			t.Fatal("a profile in use was forgotten before others")
		}
	}
	if k.visibility(at(3).ids()) != Contacts {
		t.Error("a flood of networks takes a choice back")
	}
	if len(k.Known) != networksMax || k.find(at(2).ids()[0]).Choice != Nobody || k.find(both.whole(k.Key)) != nil {
		t.Errorf("%d are known", len(k.Known))
	}
	if shown := fmt.Sprintf("%v %+v %#v %v", k, k, k.Known[0], &k); strings.ContainsAny(shown, "0123456789") {
		t.Errorf("printed as %.200s", shown)
	}
}

// What is kept says nothing of where a network is, and is read as it was written.
func TestNetworksAreKept(t *testing.T) {
	t.Parallel()
	p := newPerson(t, newAir(), "Anna")
	p.within(5e9, "stands somewhere", p.isSeenBy(Everyone))
	if _, err := p.SetVisibilityElsewhere(t.Context(), Contacts); err != nil {
		t.Fatal(err)
	}
	if _, err := p.SetVisibility(t.Context(), Everyone); err != nil {
		t.Fatal(err)
	}
	var kept, sealed []byte
	var key [32]byte
	p.inside(func(turn *turn) (err error) {
		key = p.networks.Key
		if kept, err = turn.tx.Secret(settingNetworks); err == nil {
			sealed, err = turn.tx.Setting(settingNetworks)
		}
		return err
	})
	router := somewhere[0].Router
	if strings.Contains(string(kept), string(router[:])) || strings.Contains(string(kept), somewhere[0].Interface) {
		t.Error("the router's address is kept")
	}
	if !strings.Contains(string(kept), string(key[:])) || strings.Contains(string(sealed), string(key[:])) {
		t.Error("the key of networks is not kept, or in clear")
	}
	p.stop()
	p.start()
	p.within(5e9, "remembers", p.isSeenBy(Everyone))
	if s, err := p.Seen(t.Context()); err != nil || !s.Chosen || s.Elsewhere != Contacts || !s.KeptPort {
		t.Errorf("remembered is %+v, %v", s, err)
	}
	p.inside(func(turn *turn) error {
		bad, err := wire.Marshal(networks{Default: 9})
		if err != nil {
			return err
		}
		for _, set := range []func(string, []byte) error{turn.tx.SetSetting, turn.tx.SetSecret} {
			if err := set(settingNetworks, bad); err != nil {
				return err
			}
			if _, err := loadNetworks(turn.tx); err == nil {
				t.Error("a visibility that is none was read")
			}
		}
		sealed[len(sealed)-1] ^= 1
		if err := turn.tx.SetSetting(settingNetworks, sealed); err != nil {
			return err
		}
		if _, err := loadNetworks(turn.tx); err == nil {
			t.Error("what was damaged was read")
		}
		return turn.tx.SetSetting(settingNetworks, kept) // as homes of before have it
	})
	p.stop()
	p.start()
	p.within(5e9, "remembers what was in clear", p.isSeenBy(Everyone))
	p.inside(func(turn *turn) error {
		_, err := turn.tx.Secret(settingNetworks)
		return err
	})
}

func TestFoundSeen(t *testing.T) {
	home := t.TempDir() + "/anna"
	if err := FoundSeen(home, "Anna", Nobody, rand.Reader); err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, name: "Anna", home: home, air: newAir()}
	p.start()
	defer p.stop()
	p.within(5e9, "is on a network", func() bool {
		s, err := p.Seen(t.Context())
		return err == nil && s == Seen{Here: Nobody, Elsewhere: Nobody, KeptPort: true}
	})
	if a := p.air.announced(p); a != nil {
		t.Errorf("announced %+v", a)
	}
}

// What is to be announced in the moment of a move, before the node has heard of that, is
// not heard where it has moved to.
func TestAnnouncesWhileMoving(t *testing.T) {
	onLANs(t, func(t *testing.T, l *lans) {
		anna, elsewhere := l.person("Anna", nil), l.ear(l.other)
		first := anna.announces()
		anna.inside(func(turn *turn) error {
			anna.host.Join(l.other)
			anna.rotate(turn.now)
			return nil
		})
		time.Sleep(30 * time.Second)
		there := anna.announces()
		unlike(t, "two networks", first, there, false)
		elsewhere.mu.Lock()
		defer elsewhere.mu.Unlock()
		for instance := range elsewhere.heard {
			if instance != there.Instance {
				t.Errorf("%s is heard elsewhere", instance)
			}
		}
		if len(elsewhere.heard) != 1 {
			t.Errorf("%d are heard elsewhere", len(elsewhere.heard))
		}
	})
}

// An epoch that begins while a change of network is looked at is announced when it turns
// out that there was none.
func TestRotatesWhileMoving(t *testing.T) {
	onLANs(t, func(t *testing.T, l *lans) {
		anna, near := l.person("Anna", nil), l.ear(l.home)
		first := anna.announces()
		anna.inside(func(turn *turn) error {
			here := anna.ground
			if err := turn.standsOn([]peer.Network{networkAt(peer.MAC{2, 9}, "10.77.0.1/24")}); err != nil {
				return err
			}
			anna.rotate(turn.now)
			return turn.standsOn(here)
		})
		time.Sleep(10 * time.Second)
		a := anna.announces()
		if a == nil || a.Fingerprint != anna.transport.Fingerprint() {
			t.Fatalf("announced is %+v, which nobody can dial", a)
		}
		unlike(t, "two epochs", first, a, true)
		if s, _ := near.sighting(a.Instance); s.Fingerprint != a.Fingerprint {
			t.Errorf("heard: %+v", s)
		}
	})
}
