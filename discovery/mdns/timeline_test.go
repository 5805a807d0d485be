package mdns

import (
	"bytes"
	"context"
	"testing"
	"time"

	"sottovoce/mesh/peer"
)

func TestTimeline(t *testing.T) {
	start := time.Unix(1000, 0)
	line := timeline{first: burst, every: announceEvery, jitter: func(d time.Duration) time.Duration { return d }}
	line.restart(start)
	var got []time.Duration
	for now := start; now.Before(start.Add(5 * time.Minute)); now = now.Add(10 * time.Millisecond) {
		if line.due(now) {
			got = append(got, now.Sub(start))
		}
	}
	want := append(append([]time.Duration{}, burst...), 160*time.Second, 260*time.Second)
	if len(got) != len(want) {
		t.Fatalf("due at %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("due at %v, want %v", got[i], want[i])
		}
	}
}

func TestTimelineAfterSleep(t *testing.T) {
	start := time.Unix(1000, 0)
	line := timeline{first: burst, every: announceEvery, jitter: func(d time.Duration) time.Duration { return d }}
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
			if first[0] != 0 || first[i] <= first[i-1] {
				t.Errorf("%v does not rise from 0", first)
			}
		}
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
		f.Announce(a)
		if w, _ := f.wish(); w != nil {
			t.Errorf("%s is announced", name)
		}
	}
	f, a := New(Config{}), sample(1)
	f.Announce(a)
	a.Open.Name = "Eve"
	if w, _ := f.wish(); w == nil || w.Open.Name == "Eve" {
		t.Error("the announcement shares memory with the caller")
	}
}

func TestRunIsOneAtATime(t *testing.T) {
	f := New(Config{})
	scanned := make(chan struct{}, 16)
	f.list = func() ([]nic, error) {
		scanned <- struct{}{}
		return nil, nil
	}
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
