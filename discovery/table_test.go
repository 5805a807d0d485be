package discovery

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/peer"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(addr string, reach Reach, via string) Reachable {
	return Reachable{netip.MustParseAddrPort(addr), reach, via}
}

func hear(instance string, ends ...Reachable) Heard {
	a := peer.Announcement{Instance: instance, Version: 1, Port: 4000, Open: &peer.Open{Name: "Anna"}}
	return Heard{Announcement: a, Source: peer.SourceMDNS, Endpoints: ends, TTL: 2 * time.Minute}
}

var (
	v4 = at("10.0.0.1:4000", Subnet4, "eth0")
	ll = at("[fe80::1%eth0]:4000", LinkLocal, "eth0")
	w4 = at("10.5.0.1:4000", Subnet4, "wlan0")
)

func TestHearMergesInterfacesInOrder(t *testing.T) {
	table := NewTable()
	if s, news := table.Hear(start, hear("a", ll)); !news || s.Gone || s.Source != peer.SourceMDNS {
		t.Fatalf("first: %+v %v", s, news)
	}
	if _, news := table.Hear(start, hear("a", ll)); news {
		t.Error("the same again is no news")
	}
	s, news := table.Hear(start, hear("a", w4, v4))
	want := []peer.Endpoint{w4.Endpoint, v4.Endpoint, ll.Endpoint}
	if !news || !slices.Equal(s.Endpoints, want) || table.Len() != 1 {
		t.Errorf("merged %v (%v), want %v", s.Endpoints, news, want)
	}
}

func TestHearDrops(t *testing.T) {
	table := NewTable()
	table.Own("me")
	dead := hear("b", v4)
	dead.TTL = 0
	for name, h := range map[string]Heard{"echo": hear("me", v4), "no life": dead, "no endpoint": hear("c")} {
		if _, news := table.Hear(start, h); news || table.Len() != 0 {
			t.Errorf("%s was taken", name)
		}
	}
	table.Hear(start, hear("later me", v4))
	table.Own("later me")
	if table.Knows("later me") {
		t.Error("what turns out to be ourselves stays")
	}
	for i := range ownMax + 1 {
		table.Own(fmt.Sprint(i))
	}
	if _, news := table.Hear(start, hear("me", v4)); !news {
		t.Error("own instances are not bounded")
	}
}

func TestHearChange(t *testing.T) {
	table := NewTable()
	table.Hear(start, hear("a", v4, ll))
	other := hear("a", v4)
	other.Open = &peer.Open{Name: "Eve"}
	if _, news := table.Hear(start.Add(changeEvery-1), other); news {
		t.Error("two changes within a second")
	}
	s, news := table.Hear(start.Add(changeEvery), other)
	if !news || s.Open.Name != "Eve" || len(s.Endpoints) != 2 {
		t.Errorf("changed: %+v %v", s, news)
	}
	s.Open.Name = "Mallory"
	if again, _ := table.Hear(start.Add(changeEvery), other); again.Open.Name != "Eve" {
		t.Error("a sighting shares memory with the table")
	}
	moved := hear("a", at("10.0.0.1:5000", Subnet4, "eth0"))
	moved.Port = 5000
	if s, news := table.Hear(start.Add(3*time.Second), moved); !news || len(s.Endpoints) != 1 || s.Endpoints[0].Port() != 5000 {
		t.Errorf("endpoints of the old port stay: %v", s.Endpoints)
	}
}

func TestLeave(t *testing.T) {
	table := NewTable()
	table.Hear(start, hear("a", v4))
	if s, ok := table.Leave("a"); !ok || !s.Gone || s.Instance != "a" || len(s.Endpoints) != 0 {
		t.Errorf("Leave: %+v %v", s, ok)
	}
	if _, ok := table.Leave("a"); ok {
		t.Error("left twice")
	}
}

func TestExpire(t *testing.T) {
	table := NewTable()
	brief := hear("a", ll)
	brief.TTL = time.Minute
	table.Hear(start, brief)
	table.Hear(start, hear("a", v4))
	long := hear("b", v4)
	long.TTL = 24 * time.Hour
	table.Hear(start, long)
	if got := table.Expire(start.Add(time.Minute - 1)); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	if got := table.Expire(start.Add(time.Minute)); len(got) != 1 || got[0].Gone || !slices.Equal(got[0].Endpoints, []peer.Endpoint{v4.Endpoint}) {
		t.Errorf("one endpoint less: %v", got)
	}
	if got := table.Expire(start.Add(2 * time.Minute)); len(got) != 1 || !got[0].Gone || got[0].Instance != "a" {
		t.Errorf("gone: %v", got)
	}
	if got := table.Expire(start.Add(TTLMax)); len(got) != 1 || got[0].Instance != "b" || table.Len() != 0 {
		t.Errorf("a claimed life is not capped: %v", got)
	}
}

func TestLost(t *testing.T) {
	table := NewTable()
	table.Hear(start, hear("cable", v4))
	table.Hear(start, hear("both", v4, w4))
	table.Hear(start, hear("back", v4))
	table.Lost(start, "eth0")
	table.Hear(start.Add(lostGrace/2), hear("back", v4))
	got := table.Expire(start.Add(lostGrace))
	if len(got) != 2 || got[0].Instance != "both" || got[0].Gone || got[1].Instance != "cable" || !got[1].Gone {
		t.Errorf("after the grace: %+v", got)
	}
	if !table.Knows("back") {
		t.Error("what was heard again is gone")
	}
}

func TestStale(t *testing.T) {
	table := NewTable()
	if table.Stale(start) {
		t.Error("an empty table is stale")
	}
	table.Hear(start, hear("a", v4))
	if table.Stale(start) || !table.Stale(start.Add(1)) {
		t.Error("Stale does not go by the time last heard")
	}
}

func TestLimits(t *testing.T) {
	table := NewTable()
	for i := range SightingsMax + 10 {
		table.Hear(start, hear(fmt.Sprint(i), v4))
	}
	if table.Len() != SightingsMax || !table.Knows("0") || table.Knows(fmt.Sprint(SightingsMax)) {
		t.Errorf("%d sightings; known ones must stay, newcomers be refused", table.Len())
	}
	var s peer.Sighting
	for i := range EndpointsMax + 10 {
		s, _ = table.Hear(start, hear("0", at(fmt.Sprintf("10.9.1.%d:4000", i), Routed, "eth0")))
	}
	if len(s.Endpoints) != EndpointsMax {
		t.Errorf("%d endpoints", len(s.Endpoints))
	}
	better := at("10.0.0.77:4000", Subnet4, "eth0")
	if s, news := table.Hear(start, hear("0", better)); !news || len(s.Endpoints) != EndpointsMax || !slices.Contains(s.Endpoints, better.Endpoint) {
		t.Error("a better endpoint found no room")
	}
}

// One address cannot fill the table, and gets room again as what it said ends.
func TestSourceLimit(t *testing.T) {
	table := NewTable()
	from := func(addr, instance string) bool {
		h := hear(instance, v4)
		h.From = netip.MustParseAddr(addr)
		_, news := table.Hear(start, h)
		return news
	}
	for i := range SourceMax {
		if !from("10.0.0.66", fmt.Sprint(i)) {
			t.Fatalf("instance %d was refused", i)
		}
	}
	if from("10.0.0.66", "more") {
		t.Error("one address said more than its share")
	}
	if !from("10.0.0.67", "other") {
		t.Error("another address was refused")
	}
	table.Leave("0")
	if !from("10.0.0.66", "more") || from("10.0.0.66", "too much") {
		t.Error("a goodbye makes room for one")
	}
	table.Own("1")
	table.Expire(start.Add(time.Hour))
	if table.Len() != 0 || len(table.from) != 0 {
		t.Errorf("%d instances and %d addresses are left", table.Len(), len(table.from))
	}
}

// TestTableProperty holds the table against a plain model under random events:
// every sighting that was reported and not reported gone is in the table, in
// bounds, and no own instance ever appears.
func TestTableProperty(t *testing.T) { rapid.Check(t, tableProperty) }

// FuzzTable looks for the same with the fuzzer's choices.
func FuzzTable(f *testing.F) {
	for seed := range byte(8) {
		choices := make([]byte, 8192)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(choices) // it never fails
		f.Add(choices)
	}
	f.Fuzz(rapid.MakeFuzz(tableProperty))
}

func tableProperty(t *rapid.T) {
	table, now := NewTable(), start
	shown := make(map[string]bool)
	note := func(s peer.Sighting) {
		if s.Instance == "own" {
			t.Fatal("our own echo is a sighting")
		}
		if s.Gone != (len(s.Endpoints) == 0) || len(s.Endpoints) > EndpointsMax {
			t.Fatalf("gone %v with endpoints %v", s.Gone, s.Endpoints)
		}
		if s.Gone && !shown[s.Instance] {
			t.Fatal("gone without having come")
		}
		shown[s.Instance] = !s.Gone
	}
	table.Own("own")
	instance := rapid.SampledFrom([]string{"own", "a", "b", "c"})
	via := rapid.SampledFrom([]string{"eth0", "wlan0"})
	t.Repeat(map[string]func(*rapid.T){
		"hear": func(t *rapid.T) {
			h := hear(instance.Draw(t, "instance"))
			h.TTL = time.Duration(rapid.IntRange(-1, 900).Draw(t, "ttl")) * time.Second
			h.Caps = rapid.Uint64Range(0, 1).Draw(t, "caps")
			for range rapid.IntRange(0, 5).Draw(t, "count") {
				addr := netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(t, "last")})
				h.Endpoints = append(h.Endpoints, Reachable{
					netip.AddrPortFrom(addr, 4000), Reach(rapid.IntRange(1, 4).Draw(t, "reach")), via.Draw(t, "via"),
				})
			}
			if s, news := table.Hear(now, h); news {
				note(s)
			}
		},
		"leave": func(t *rapid.T) {
			if s, ok := table.Leave(instance.Draw(t, "instance")); ok {
				note(s)
			}
		},
		"lost": func(t *rapid.T) { table.Lost(now, via.Draw(t, "via")) },
		"wait": func(t *rapid.T) {
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second)
			for _, s := range table.Expire(now) {
				note(s)
			}
		},
		"": func(t *rapid.T) {
			count := 0
			for instance, there := range shown {
				if there != table.Knows(instance) {
					t.Fatalf("%s: shown %v, known %v", instance, there, table.Knows(instance))
				}
				if there {
					count++
				}
			}
			if count != table.Len() {
				t.Fatalf("%d shown, %d known", count, table.Len())
			}
		},
	})
	for _, s := range table.Expire(now.Add(TTLMax)) {
		note(s)
	}
	if table.Len() != 0 {
		t.Fatal("something lives for ever")
	}
}

func TestNextEnds(t *testing.T) {
	table := NewTable()
	if !table.Next().IsZero() {
		t.Error("an empty table ends")
	}
	table.Hear(start, hear("a", v4))
	brief := hear("b", ll)
	brief.TTL = time.Minute
	table.Hear(start, brief)
	if got := table.Next(); got != start.Add(time.Minute) {
		t.Errorf("the first ends at %v", got)
	}
	table.Lost(start.Add(time.Second), "eth0")
	if got := table.Next(); got != start.Add(time.Second+lostGrace) {
		t.Errorf("what was heard on a lost interface ends at %v", got)
	}
	table.Hear(start.Add(2*time.Second), hear("a", v4))
	table.Expire(start.Add(time.Second + lostGrace))
	if got := table.Next(); table.Len() != 1 || got != start.Add(2*time.Second+2*time.Minute) {
		t.Errorf("%d left, the first ends at %v", table.Len(), got)
	}
}

func TestWho(t *testing.T) {
	table := NewTable()
	one, two := hear("a", v4), hear("b", w4, ll)
	one.From, two.From, two.Source = v4.Addr(), w4.Addr(), peer.SourceScan
	table.Hear(start, one)
	table.Hear(start.Add(time.Minute), two)
	if table.Heard(start) != 2 || table.Heard(start.Add(1)) != 1 || table.Heard(start.Add(time.Hour)) != 0 {
		t.Error("Heard does not go by the time last heard")
	}
	if got := table.Said(func(a netip.Addr) bool { return a == w4.Addr() }); len(got) != 1 || got[0].Instance != "b" {
		t.Errorf("one address said %v", got)
	}
	if got := table.Scanned(start.Add(time.Minute)); len(got) != 0 {
		t.Errorf("heard just now: %v", got)
	}
	if got := table.Scanned(start.Add(time.Hour)); len(got) != 1 || got[0] != w4 {
		t.Errorf("found by a scan: %v", got)
	}
	two.Source = peer.SourceMDNS
	table.Hear(start.Add(time.Minute), two)
	if got := table.Scanned(start.Add(time.Hour)); len(got) != 0 {
		t.Errorf("found by a scan, then heard: %v", got)
	}
}
