package supernode

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
)

// air carries announcements between supernodes of one network, on which each is reached at 127.0.0.1.
type air struct {
	mu    sync.Mutex // guards heard, and seen of each ear
	heard map[*ear]peer.Announcement
}

// ear is the Finder of one of them.
type ear struct {
	*air
	seen func(peer.Sighting)
}

func (e *ear) Announce(a *peer.Announcement, _ []peer.Network) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a == nil {
		return
	}
	e.heard[e] = *a
	for other := range e.heard {
		if other != e && other.seen != nil {
			other.seen(sightingOf(*a))
		}
	}
}

func (e *ear) Run(ctx context.Context, seen func(peer.Sighting), stands func([]peer.Network)) error {
	e.mu.Lock()
	for other, a := range e.heard {
		if other != e {
			seen(sightingOf(a))
		}
	}
	e.seen, e.heard[e] = seen, peer.Announcement{}
	e.mu.Unlock()
	stands([]peer.Network{{Interface: "eth0"}})
	<-ctx.Done()
	return nil
}

func sightingOf(a peer.Announcement) peer.Sighting {
	return peer.Sighting{Announcement: a, Endpoints: []peer.Endpoint{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), a.Port)}}
}

// TestFellowsOnANetwork: two supernodes that advertise no address find each other by their beacons, and bring each other level.
func TestFellowsOnANetwork(t *testing.T) {
	t.Parallel()
	network := &air{heard: make(map[*ear]peer.Announcement)}
	finds := func() Config { return Config{Vouched: func() bool { return true }, Finder: &ear{air: network}} }
	a := found(t)
	a.run(finds())
	blobs := a.blobs(2)
	a.put(blobs)
	b := a.secondWith(finds())
	b.waitFor("the backlog", holds(blobs))
	if at := a.community().house.Supernodes()[0].Addresses; len(at) != 0 {
		t.Errorf("it advertises %q: this test is blind", at)
	}
	for _, r := range []*rig{a, b} {
		if allies := r.Status().Communities[0].Allies; len(allies) != 1 || !allies[0].Linked {
			t.Errorf("%+v", allies)
		}
	}
}

// TestWhoIsAFellow: an announcement is another supernode's if its beacon says so, on days that are near; strangers, and ourselves
// are nobody.
func TestWhoIsAFellow(t *testing.T) {
	t.Parallel()
	a := start(t)
	if err := a.Advertise([]string{a.at.String()}); err != nil {
		t.Fatal(err)
	}
	b := a.second()
	today := uint32(a.today())
	for name, want := range map[string]struct {
		who   *rig
		day   uint32
		found bool
	}{
		"another supernode":              {b, today, true},
		"one whose clock is days ahead":  {b, today + foreignDaysMax, true},
		"one whose clock is years ahead": {b, today + 400, false},
		"ourselves":                      {a, today, false},
		"one of another community":       {start(t), today, false},
	} {
		if id, found := a.community().fellow(announcementOf(t, want.who, want.day)); found != want.found || found && id != b.ID() {
			t.Errorf("%s: %v, %v", name, id, found)
		}
	}
}

// TestRevokedAtBoth: who is shut out at one supernode is out at the other a moment later: their links end there as well, they log in
// nowhere, draw nothing, and what they know recognises neither of the two.
func TestRevokedAtBoth(t *testing.T) {
	t.Parallel()
	a := start(t)
	if err := a.Advertise([]string{a.at.String()}); err != nil {
		t.Fatal(err)
	}
	b, mallory := a.second(), a.join()
	b.waitFor("the member", func(c *served) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.house.Members()) == 1
	})
	there := &person{r: b, persona: mallory.persona}
	named, nameless := there.login(), there.mustMember()
	today := uint32(a.today())
	var known []community.Beacon
	for _, r := range []*rig{a, b} {
		key, err := r.community().beacon(today)
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, community.Beacon{Supernode: r.ID(), Key: key})
	}
	if err := a.Revoke(a.made.Community, mallory.persona.Persona()); err != nil {
		t.Fatal(err)
	}
	for what, l := range map[string]*link.Link{"on which they have logged in": named, "by which they collect": nameless} {
		select {
		case <-l.Done():
		case <-within(t).Done():
			t.Fatalf("the link %s stays at the other", what)
		}
	}
	for i, p := range []*person{mallory, there} {
		if l, err := p.member(); err == nil {
			t.Errorf("at %d the old key opens a link: %v", i, l.Proof().Mode)
		}
		l := p.r.visitor()
		if got := refusedFor(p.r.ask(l, p.loginFrame(l))); got != wire.ReasonNoMember {
			t.Errorf("at %d they log in: %s", i, Word(got))
		}
		if got := refusedFor(p.r.ask(l, wire.Draw{Day: today, Blinded: make([]byte, token.ElementSize)})); got != wire.ReasonNoMember {
			t.Errorf("at %d they draw: %s", i, Word(got))
		}
		if shown := announcementOf(t, p.r, today); known[i].Key.Match(known[i].Supernode, shown) {
			t.Errorf("they recognise supernode %d", i)
		}
	}
	a.waitFor("the new beacon of the other", func(c *served) bool {
		id, found := c.fellow(announcementOf(t, b, today))
		return found && id == b.ID()
	})
}

// announcementOf is what a supernode announces on a day.
func announcementOf(t *testing.T, r *rig, day uint32) peer.Announcement {
	t.Helper()
	said := &announcer{rand: r.cfg.Rand, beacons: r.beacons, date: time.Now, rotate: func() (peer.Fingerprint, error) { return peer.Fingerprint{}, nil }}
	heard, err := said.announcement()
	if err != nil {
		t.Fatal(err)
	}
	heard.Epoch = day * epochsPerDay
	if err := said.fill(heard); err != nil {
		t.Fatal(err)
	}
	return *heard
}

// TestSightings: of whoever repeats an announcement from elsewhere no supernode is lost.
func TestSightings(t *testing.T) {
	s := sightings{at: make(map[peer.ID][]sighted)}
	heard := func(instance, at string) peer.Sighting {
		return peer.Sighting{Announcement: peer.Announcement{Instance: instance}, Endpoints: []peer.Endpoint{netip.MustParseAddrPort(at)}}
	}
	id := peer.ID{1}
	if !s.take(id, heard("one", "10.0.0.1:1")) || s.take(id, heard("one", "10.0.0.1:1")) || !s.take(id, heard("one", "10.0.0.2:1")) {
		t.Error("a place is news when it is another one")
	}
	for _, instance := range []string{"two", "three", "four", "five"} {
		s.take(id, heard(instance, "10.0.0.9:1"))
	}
	if got := s.of(id); len(got) != sightingsMax || got[0].Endpoints[0] != netip.MustParseAddrPort("10.0.0.9:1") {
		t.Errorf("%v", got)
	}
	for _, instance := range []string{"one", "two", "three", "four", "five"} {
		s.gone(instance)
	}
	if len(s.of(id)) != 0 || len(s.at) != 0 {
		t.Error("an announcement that has ended stays")
	}
}
