package mdns

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sottovoce/discovery"
	"sottovoce/mesh/peer"
)

// steady is a timeline of announcements without jitter.
func steady(gap time.Duration) *timeline {
	return &timeline{
		first: burst, every: func() time.Duration { return announceEvery }, gap: func() time.Duration { return gap },
		jitter: func(d time.Duration) time.Duration { return d },
	}
}

// times are when the line is due within five minutes.
func (t *timeline) times(start time.Time) (got []time.Duration) {
	t.restart(start)
	for now := start; now.Before(start.Add(5 * time.Minute)); now = now.Add(10 * time.Millisecond) {
		if t.due(now) {
			got = append(got, now.Sub(start))
		}
	}
	return got
}

func TestTimeline(t *testing.T) {
	want := append(append([]time.Duration{}, burst...), 160*time.Second, 260*time.Second)
	if got := steady(0).times(time.Unix(1000, 0)); !slices.Equal(got, want) {
		t.Errorf("due at %v, want %v", got, want)
	}
}

// In a crowd what is due too early is put off, and what was put off together
// happens once.
func TestTimelineWithGap(t *testing.T) {
	for gap, want := range map[time.Duration][]time.Duration{
		10 * time.Second: {0, 10 * time.Second, 20 * time.Second, 60 * time.Second, 160 * time.Second, 260 * time.Second},
		90 * time.Second: {0, 90 * time.Second, 190 * time.Second, 290 * time.Second},
	} {
		if gap == 10*time.Second {
			want[2] = 20 * time.Second
		}
		if got := steady(gap).times(time.Unix(1000, 0)); !slices.Equal(got, want) {
			t.Errorf("with a gap of %v due at %v, want %v", gap, got, want)
		}
	}
}

func TestTimelineDid(t *testing.T) {
	start := time.Unix(1000, 0)
	line := steady(0)
	line.restart(start)
	line.due(start)
	if line.did(start.Add(time.Millisecond)); line.next != start.Add(burst[1]) {
		t.Errorf("in the burst the next moved to %v", line.next.Sub(start))
	}
	woken := start.Add(time.Hour)
	line.due(woken)
	if line.did(woken.Add(30 * time.Second)); line.next != woken.Add(30*time.Second+announceEvery) {
		t.Errorf("between times the next is at %v", line.next.Sub(woken))
	}
}

func TestTimelineAfterSleep(t *testing.T) {
	start := time.Unix(1000, 0)
	line := steady(0)
	line.restart(start)
	woken := start.Add(time.Hour)
	if !line.due(woken) || line.due(woken) || line.next != woken.Add(announceEvery) {
		t.Errorf("after an hour's sleep the next is at %v", line.next)
	}
}

// TestTimesFit holds the constants against each other: a lost announcement must
// not let a sighting expire.
func TestTimesFit(t *testing.T) {
	if longest := announceEvery * 6 / 5; longest > ttl/2 {
		t.Errorf("announcements are up to %v apart, half the life is %v", longest, ttl/2)
	}
	if staleAfter+askEvery*6/5 >= ttl {
		t.Error("a stale peer expires before it is asked for")
	}
	for _, first := range [][]time.Duration{burst, firstAsks} {
		for i := 1; i < len(first); i++ {
			if first[i] <= first[i-1] {
				t.Errorf("%v does not rise", first)
			}
		}
	}
}

// TestCrowd: whatever the number of nodes, two announcements fit into a life, and
// others believe all of it.
func TestCrowd(t *testing.T) {
	r := newLoop(New(Config{}), nil, nil)
	now := time.Now()
	r.announces.restart(now)
	r.asks.restart(now)
	for n := range discovery.SightingsMax {
		every, life := r.every(), r.life()
		if life < every*12/5 || life > discovery.TTLMax {
			t.Fatalf("%d nodes: every %v with a life of %v", n, every, life)
		}
		if gap := r.announceGap(); gap > ttl/2 {
			t.Fatalf("%d nodes: a burst waits %v", n, gap)
		}
		switch n {
		case 2, crowdFree:
			if every != announceEvery || life != ttl || r.announceGap() != 0 || r.askGap() != 0 || r.newcomerGap() != newcomerEvery {
				t.Errorf("%d nodes hold back: every %v", n, every)
			}
		case 200:
			if every != 192*time.Second || r.askGap() != 192*askPer || r.newcomerGap() != 192*time.Second {
				t.Errorf("200 nodes: every %v, questions every %v", every, r.askGap())
			}
		}
		r.table.Hear(now, discovery.Heard{
			Announcement: *sample(n), TTL: ttl,
			Endpoints: []discovery.Reachable{{Endpoint: netip.MustParseAddrPort("10.0.0.1:1"), Reach: discovery.Subnet4}},
		})
	}
}

func TestJitter(t *testing.T) {
	jitter := around(New(Config{}).random)
	seen := make(map[time.Duration]bool)
	for range 100 {
		d := jitter(announceEvery)
		if d < announceEvery*4/5 || d >= announceEvery*6/5 {
			t.Fatalf("jitter made %v of %v", d, announceEvery)
		}
		seen[d] = true
	}
	if len(seen) < 50 {
		t.Error("jitter does not vary")
	}
	if d := around(bytes.NewReader(nil))(announceEvery); d != announceEvery {
		t.Errorf("without randomness %v", d)
	}
}

func TestAnnounceRefusesOurMistakes(t *testing.T) {
	for name, change := range map[string]func(*peer.Announcement){
		"a speaking host":   func(a *peer.Announcement) { a.Host = "annas-laptop" },
		"upper case":        func(a *peer.Announcement) { a.Instance = "ABCDEF0123456789" },
		"no port":           func(a *peer.Announcement) { a.Port = 0 },
		"a later version":   func(a *peer.Announcement) { a.Version = 2 },
		"an empty nickname": func(a *peer.Announcement) { a.Open.Name = "" },
	} {
		f := New(Config{})
		a := sample(1)
		change(a)
		f.Announce(a, nil)
		if w, _ := f.wish(); w != nil {
			t.Errorf("%s is announced", name)
		}
	}
	f, a := New(Config{}), sample(1)
	here, there := []peer.Network{{Interface: "here"}}, []peer.Network{{Interface: "there"}}
	f.withhold(there)
	f.Announce(a, here)
	if w, held := f.wish(); w != nil || !held {
		t.Error("what is meant for another network is announced")
	}
	f.Announce(a, there)
	a.Open.Name = "Eve"
	if w, held := f.wish(); w == nil || held || w.Open.Name == "Eve" {
		t.Error("the announcement shares memory with the caller")
	}
}

// scans tells of every look at its interfaces, of which there are none.
type scans struct {
	machine
	c chan struct{}
}

func (s scans) Interfaces() ([]Interface, error) {
	s.c <- struct{}{}
	return nil, nil
}

func TestRunIsOneAtATime(t *testing.T) {
	scanned := make(chan struct{}, 16)
	f := New(Config{System: scans{c: scanned}})
	for range 2 { // and again after the end
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx, func(peer.Sighting) {}, func([]peer.Network) {}) }()
		<-scanned
		if err := f.Run(ctx, func(peer.Sighting) {}, func([]peer.Network) {}); err == nil {
			t.Error("runs twice at a time")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
