package mesh

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/simlan"
)

// lans are two LANs in memory, and who is on them, in virtual time.
type lans struct {
	t           *testing.T
	net         *simlan.Net
	home, other *simlan.LAN
}

func onLANs(t *testing.T, f func(t *testing.T, l *lans)) {
	synctest.Test(t, func(t *testing.T) {
		n := simlan.New(1)
		w := simlan.Weather{Delay: time.Millisecond}
		f(t, &lans{t: t, net: n, home: n.LAN(w), other: n.LAN(w)})
	})
}

// person founds somebody at home. change may alter the person before the start.
func (l *lans) person(name string, change func(*person)) *person {
	l.t.Helper()
	p := &person{t: l.t, name: name, home: l.t.TempDir() + "/" + name, host: l.net.Host()}
	if err := Found(p.home, name, rand.Reader); err != nil {
		l.t.Fatal(err)
	}
	if change != nil {
		change(p)
	}
	p.host.Join(l.home)
	p.start()
	l.t.Cleanup(func() { p.stop() })
	p.within(waitLong, "is on a network", func() bool { return p.announces() != nil })
	return p
}

// announces is what the person announces.
func (p *person) announces() (a *peer.Announcement) {
	p.t.Helper()
	p.inside(func(*turn) error {
		if p.announced != nil {
			shown := *p.announced
			a = &shown
		}
		return nil
	})
	return a
}

// chooses says who may see the person here.
func (p *person) chooses(v Visibility) {
	p.t.Helper()
	if s, err := p.SetVisibility(p.t.Context(), v); err != nil || s.Here != v || !s.Chosen {
		p.t.Fatalf("%s chooses %v: %+v, %v", p.name, v, s, err)
	}
	synctest.Wait()
}

// ear hears all that is announced on a LAN.
type ear struct {
	mu    sync.Mutex // guards heard
	heard map[string]peer.Sighting
}

func (l *lans) ear(at *simlan.LAN) *ear {
	host, e := l.net.Host(), &ear{heard: make(map[string]peer.Sighting)}
	host.Join(at)
	finder := host.Finder()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = finder.Run(ctx, func(s peer.Sighting) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.heard[s.Instance] = s
		}, func([]peer.Network) {})
	}()
	l.t.Cleanup(func() { cancel(); <-done })
	return e
}

func (e *ear) sighting(instance string) (peer.Sighting, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, heard := e.heard[instance]
	return s, heard
}

// unlike reports what two announcements have in common that would tie them together; the
// port may stay where it is chosen.
func unlike(t *testing.T, what string, a, b *peer.Announcement, portStays bool) {
	t.Helper()
	if a.Instance == b.Instance || a.Host == b.Host || a.Nonce == b.Nonce || a.Fingerprint == b.Fingerprint || (a.Port == b.Port) != portStays {
		t.Errorf("%s: %+v and %+v have something in common, or not even the port", what, a, b)
	}
	for _, x := range a.Slots {
		for _, y := range b.Slots {
			if x == y {
				t.Errorf("%s: a slot stays", what)
			}
		}
	}
}

// Whoever goes to another network shows nothing there that was shown before, is linked to
// contacts that go the same way, and is who it was when it comes back.
func TestMove(t *testing.T) {
	t.Parallel()
	onLANs(t, func(t *testing.T, l *lans) {
		anna, bruno := l.person("Anna", nil), l.person("Bruno", nil)
		anna.befriends(bruno)
		elsewhere := l.ear(l.other)
		first := anna.announces()
		anna.host.Join(l.other)
		anna.within(waitLong, "announces there", func() bool { a := anna.announces(); return a != nil && a.Instance != first.Instance })
		there := anna.announces()
		unlike(t, "two networks", first, there, false)
		if there.Open.Handle == first.Open.Handle {
			t.Error("one open profile on two networks")
		}
		time.Sleep(10 * time.Second)
		if _, heard := elsewhere.sighting(first.Instance); heard {
			t.Error("what was announced at home is heard elsewhere")
		}
		if s, _ := elsewhere.sighting(there.Instance); s.Port != there.Port {
			t.Errorf("heard elsewhere: %+v", s)
		}
		bruno.host.Join(l.other)
		anna.within(waitLong, "linked to who came after", anna.finds(anna.Contacts, "Bruno", linked))
		m := anna.says("Bruno", "here too")
		anna.within(waitLong, "delivered", anna.delivered(m))
		anna.chooses(Contacts)
		if a := anna.announces(); a.Open != nil {
			t.Error("the name is shown to strangers")
		} else {
			unlike(t, "before and after hiding", there, a, false)
		}
		anna.host.Join(l.home)
		anna.within(waitLong, "seen by everyone at home", anna.isSeenBy(Everyone))
		if back := anna.announces(); back.Open == nil || back.Open.Handle != first.Open.Handle {
			t.Errorf("at home again: %+v", back)
		} else {
			unlike(t, "two visits", first, back, false)
		}
		anna.host.Join(l.other)
		anna.within(waitLong, "remembers what was chosen", anna.isSeenBy(Contacts))
		anna.within(waitLong, "linked once more", anna.finds(anna.Contacts, "Bruno", linked))
	})
}

// What comes and goes on one network changes nothing; another hardware address does, and so
// does a second network, over whose coming the links live.
func TestWhatIsAChange(t *testing.T) {
	t.Parallel()
	onLANs(t, func(t *testing.T, l *lans) {
		anna := l.person("Anna", nil)
		first := anna.announces()
		anna.host.Leave()
		time.Sleep(20 * time.Second)
		anna.host.Join(l.home) // with another address
		time.Sleep(20 * time.Second)
		if a := anna.announces(); a.Instance != first.Instance || a.Port != first.Port {
			t.Error("everything was drawn anew for another address")
		}
		anna.host.Leave()
		anna.host.SetMAC(peer.MAC{2, 7, 7})
		anna.host.Join(l.home)
		time.Sleep(5 * time.Second)
		second := anna.announces()
		unlike(t, "another hardware address", first, second, false)
		if second.Open.Handle != first.Open.Handle {
			t.Error("one network, two open profiles")
		}
	})
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	areContacts(t, anna, bruno)
	link := func() (id uint64) {
		anna.inside(func(*turn) error { id = anna.device("Bruno").route.live.id; return nil })
		return id
	}
	before, first := link(), anna.announces()
	second := peer.Network{Interface: "air1", Own: peer.MAC{2, 2}, Router: peer.MAC{2, 3}, Routed: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.5.0.1/16")}}
	anna.stands([]peer.Network{somewhere[0], second})
	anna.within(waitLong, "has noticed the second network", func() bool { a := anna.announces(); return a != nil && a.Instance != first.Instance })
	unlike(t, "a second network", first, anna.announces(), true)
	if link() != before {
		t.Error("the link did not live through the rotation")
	}
}

// Interfaces get what they need one after the other: that is one change, and while it goes
// on nothing is announced.
func TestSettling(t *testing.T) {
	lan := newAir()
	anna := newPerson(t, lan, "Anna")
	anna.within(waitLong, "announces", func() bool { return anna.announces() != nil })
	ports := func(n int) []peer.Network {
		w := networkAt(peer.MAC{}, "fe80::1/64", "10.77.0.1/24", "fd77::1/64")
		w.Prefixes = w.Prefixes[:n]
		if n == 3 {
			w.Routed, w.Router = true, peer.MAC{2, 7}
		}
		return []peer.Network{w}
	}
	first := anna.announces()
	begin := time.Now()
	for n := range 3 {
		anna.stands(ports(n + 1))
		anna.inside(func(turn *turn) error {
			if anna.moving == nil || anna.announced.Instance != first.Instance {
				t.Errorf("step %d: not waiting for more", n)
			}
			return nil
		})
	}
	anna.within(waitLong, "settled", func() bool { return anna.announces().Instance != first.Instance })
	if took := time.Since(begin); took < settlePause/2 {
		t.Errorf("settled after %v", took)
	}
	anna.inside(func(*turn) error {
		if len(anna.networks.Known) != 2 {
			t.Errorf("%d networks are known, want the first and the last", len(anna.networks.Known))
		}
		return nil
	})
	anna.stands(ports(1))
	anna.stands(ports(3)) // back before it counted
	anna.inside(func(*turn) error {
		if anna.moving != nil {
			t.Error("a flicker counts")
		}
		return nil
	})
}

// Who may see a node is switched while it runs: strangers lose it, contacts do not, and
// a link outlives even that nothing is announced.
func TestVisibility(t *testing.T) {
	t.Parallel()
	onLANs(t, func(t *testing.T, l *lans) {
		anna, bruno, carla := l.person("Anna", nil), l.person("Bruno", nil), l.person("Carla", nil)
		anna.befriends(bruno)
		ear := l.ear(l.home)
		absent := func(p *person) func() bool {
			return func() bool { return !p.finds(p.Nearby, "Anna", anyhow)() }
		}
		carla.within(waitLong, "sees her", carla.finds(carla.Nearby, "Anna", anyhow))
		open, port := anna.announces(), anna.local.String()
		anna.within(waitLong, "is heard", func() bool { _, heard := ear.sighting(open.Instance); return heard })

		anna.chooses(Contacts)
		carla.within(waitLong, "sees her no more", absent(carla))
		hidden := anna.announces()
		unlike(t, "shown and hidden", open, hidden, false)
		anna.within(waitLong, "goodbye to what was shown", func() bool { s, _ := ear.sighting(open.Instance); return s.Gone })
		if !bruno.finds(bruno.Contacts, "Anna", linked)() || !bruno.finds(bruno.Nearby, "Anna", anyhow)() {
			t.Error("a contact has lost her")
		}
		for _, at := range []string{port, netip.AddrPortFrom(anna.host.Address(), anna.local.Port()).String()} {
			if p, err := carla.Add(t.Context(), at); !errors.Is(err, ErrUnreached) {
				t.Errorf("a stranger at %s gets %+v, %v", at, p, err)
			}
		}

		anna.chooses(Nobody)
		time.Sleep(3 * time.Minute)
		if s, _ := ear.sighting(hidden.Instance); !s.Gone || anna.announces() != nil {
			t.Error("still announced")
		}
		if !bruno.finds(bruno.Contacts, "Anna", linked)() {
			t.Error("the link has ended")
		}
		bruno.stop()
		bruno.start()
		anna.within(waitLong, "dials who is seen", anna.finds(anna.Contacts, "Bruno", linked))

		anna.chooses(Everyone)
		carla.within(waitLong, "sees her again", carla.finds(carla.Nearby, "Anna", anyhow))
		unlike(t, "hidden and shown", hidden, anna.announces(), false)
		anna.stop()
		anna.start()
		anna.within(waitLong, "remembers", anna.isSeenBy(Everyone))
		if _, err := anna.SetVisibility(t.Context(), 7); !errors.Is(err, ErrVisibility) {
			t.Errorf("a visibility that is none: %v", err)
		}
	})
}

// Before anything is said on a network that is new, what was chosen for such counts, and
// the person is told once.
func TestNewNetwork(t *testing.T) {
	t.Parallel()
	onLANs(t, func(t *testing.T, l *lans) {
		anna := l.person("Anna", nil)
		told := anna.toldOf("this network is new")
		if _, err := anna.SetVisibilityElsewhere(t.Context(), Nobody); err != nil {
			t.Fatal(err)
		}
		if s, err := anna.Seen(t.Context()); err != nil || s.Here != Nobody || s.Chosen {
			t.Errorf("at home, where nothing was chosen: %+v, %v", s, err)
		}
		anna.chooses(Everyone)
		ear := l.ear(l.other)
		anna.host.Join(l.other)
		time.Sleep(10 * time.Second)
		if ear.mu.Lock(); len(ear.heard) > 0 || anna.isSeenBy(Everyone)() {
			t.Errorf("heard %v", ear.heard)
		}
		ear.mu.Unlock()
		anna.host.Join(l.home)
		anna.within(waitLong, "is back", anna.isSeenBy(Everyone))
		anna.host.Join(l.other)
		time.Sleep(10 * time.Second)
		if got := told(); got != 1 {
			t.Errorf("told %d times", got)
		}
	})
}

// toldOf counts the notices from now on that begin like that.
func (p *person) toldOf(beginning string) func() int {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	events, err := p.Events(ctx, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	count, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range events {
			if err != nil {
				return
			}
			if e.Kind == EventNotice && len(e.Notice) >= len(beginning) && e.Notice[:len(beginning)] == beginning {
				count++
			}
		}
	}()
	return func() int {
		synctest.Wait()
		cancel()
		<-done
		return count
	}
}

// A port that a person has chosen is kept, and that is said.
func TestKeptPort(t *testing.T) {
	onLANs(t, func(t *testing.T, l *lans) {
		anna := l.person("Anna", func(p *person) { p.port = true })
		first := anna.announces()
		anna.host.Join(l.other)
		time.Sleep(5 * time.Second)
		unlike(t, "another network", first, anna.announces(), true)
		if s, err := anna.Seen(t.Context()); err != nil || !s.KeptPort {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// An exchange that is under way ends well though one side hides: that side dials.
func TestHideInExchange(t *testing.T) {
	t.Parallel()
	for step := range 4 {
		t.Run(strconv.Itoa(step), func(t *testing.T) {
			onLANs(t, func(t *testing.T, l *lans) {
				anna, bruno := l.person("Anna", nil), l.person("Bruno", nil)
				hides := func(p *person, at int) {
					if step == at {
						p.chooses(Contacts)
						if p == anna { // or the link that there is would do
							p.inside(func(*turn) error {
								for _, o := range p.open {
									o.link.Close(0)
								}
								return nil
							})
						}
					}
				}
				anna.within(waitLong, "sees him", anna.finds(anna.Nearby, "Bruno", anyhow))
				hides(anna, 0)
				anna.adds("Bruno")
				hides(anna, 1)
				bruno.within(waitLong, "has the request", bruno.finds(bruno.Requests, "Anna", anyhow))
				hides(bruno, 2)
				bruno.accepts("Anna")
				hides(bruno, 3)
				areContacts(t, anna, bruno)
			})
		})
	}
}

// A request waits for the network that it began on, and says so.
func TestRequestWaitsForItsNetwork(t *testing.T) {
	t.Parallel()
	onLANs(t, func(t *testing.T, l *lans) {
		anna, bruno := l.person("Anna", nil), l.person("Bruno", nil)
		anna.within(waitLong, "sees him", anna.finds(anna.Nearby, "Bruno", anyhow))
		anna.adds("Bruno")
		bruno.within(waitLong, "has the request", bruno.finds(bruno.Requests, "Anna", anyhow))
		anna.host.Join(l.other)
		anna.within(waitLong, "waits", anna.finds(anna.Requests, "Bruno", func(p Person) bool { return p.Waits != "" }))
		bruno.accepts("Anna")
		time.Sleep(time.Minute)
		if !anna.finds(anna.Requests, "Bruno", anyhow)() {
			t.Error("the request is gone")
		}
		anna.host.Join(l.home)
		areContacts(t, anna, bruno)
	})
}

// Who is met again with another profile of ours is asked anew, and that ends well.
func TestAskedAgainElsewhere(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.within(waitLong, "sees him", anna.finds(anna.Nearby, "Bruno", anyhow))
	anna.adds("Bruno")
	first := anna.announces()
	second := networkAt(peer.MAC{2, 3}, "10.5.0.1/16")
	anna.stands([]peer.Network{somewhere[0], second}) // his profile is the same to her, hers is not
	anna.within(waitLong, "has moved", func() bool { return anna.announces().Instance != first.Instance })
	if !anna.finds(anna.Requests, "Bruno", func(p Person) bool { return p.Waits != "" })() {
		t.Error("the request does not wait")
	}
	anna.adds("Bruno")
	bruno.within(waitLong, "has it", func() bool {
		people, err := bruno.Requests(t.Context())
		return err == nil && len(people) == 2
	})
	handle := anna.announces().Open.Handle.String()
	if _, err := bruno.Accept(t.Context(), handle); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "linked contact", anna.finds(anna.Contacts, "Bruno", linked))
	anna.within(waitLong, "no request left", func() bool { return len(anna.requests()) == 0 })
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "ciao")))
}
