package supernode

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// loudspeaker is a Finder that keeps what was announced.
type loudspeaker struct {
	said   chan *peer.Announcement
	stands chan []peer.Network // what the supernode is to be told
	err    error               // why Run ends; nil: when ctx does
	failed atomic.Int64        // epochs that did not begin
}

func newLoudspeaker() *loudspeaker {
	return &loudspeaker{said: make(chan *peer.Announcement, 100), stands: make(chan []peer.Network, 1)}
}

func (l *loudspeaker) Announce(a *peer.Announcement, _ []peer.Network) { l.said <- a }

func (l *loudspeaker) Run(ctx context.Context, _ func(peer.Sighting), stands func([]peer.Network)) error {
	for {
		select {
		case on := <-l.stands:
			if stands(on); l.err != nil {
				return l.err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// announced runs an announcer of so many communities in a bubble of its own.
func announced(t *testing.T, communities int, random io.Reader, play func(l *loudspeaker, keys []identity.DiscoveryKey)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var keys []identity.DiscoveryKey
		for range communities {
			k, err := identity.NewDiscoveryKey(rand.Reader, uint32(wire.DayAt(time.Now())))
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k)
		}
		certificates := byte(0)
		l := newLoudspeaker()
		a := &announcer{
			finder: l, rand: random, port: 4711, date: time.Now, failed: func(string, error) { l.failed.Add(1) },
			rotate: func() (peer.Fingerprint, error) {
				certificates++
				return peer.Fingerprint{certificates}, nil
			},
			beacons: func(day uint32) (all []beacon, err error) {
				for _, k := range keys {
					at, err := k.At(day)
					if err != nil {
						return nil, err
					}
					all = append(all, beacon{key: at, us: peer.ID{1}})
				}
				return all, nil
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.run(ctx) }()
		play(l, keys)
		cancel()
		if err := <-done; !errors.Is(err, l.err) {
			t.Errorf("announcing ended with %v", err)
		}
	})
}

func TestEpochs(t *testing.T) {
	announced(t, 2, rand.Reader, func(l *loudspeaker, keys []identity.DiscoveryKey) {
		home, office := []peer.Network{{Interface: "eth0"}}, []peer.Network{{Interface: "wlan0"}}
		l.stands <- home
		first := <-l.said
		for i, k := range keys {
			if !k.Match(peer.ID{1}, *first) {
				t.Errorf("members of community %d do not recognise their supernode", i)
			}
			if k.Match(peer.ID{2}, *first) {
				t.Errorf("community %d takes it for another", i)
			}
		}
		if first.Open != nil || first.Port != 4711 || first.Version != 1 {
			t.Errorf("it shows %+v", first)
		}
		l.stands <- slices.Clone(home)
		if again := <-l.said; *again != *first {
			t.Error("it shows another face where nothing has changed")
		}
		began := time.Now()
		second := <-l.said
		if lasted := time.Since(began); lasted < epochLength*3/4 || lasted > epochLength*5/4 {
			t.Errorf("an epoch of %v", lasted)
		}
		l.stands <- office
		third := <-l.said
		for _, pair := range [][2]*peer.Announcement{{first, second}, {second, third}} {
			a, b := pair[0], pair[1]
			if a.Instance == b.Instance || a.Host == b.Host || a.Nonce == b.Nonce || a.Fingerprint == b.Fingerprint || a.Slots == b.Slots {
				t.Errorf("something stays the same: %+v and %+v", a, b)
			}
		}
		l.stands <- nil
		if last := <-l.said; last != nil {
			t.Error("without a network something is announced")
		}
	})
}

// TestBeaconsTakeTurns has more communities than slots.
func TestBeaconsTakeTurns(t *testing.T) {
	announced(t, 6, rand.Reader, func(l *loudspeaker, keys []identity.DiscoveryKey) {
		l.stands <- []peer.Network{{Interface: "eth0"}}
		seen := make([]int, len(keys))
		for range 6 {
			a := <-l.said
			shown := 0
			for i, k := range keys {
				if k.Match(peer.ID{1}, *a) {
					seen[i]++
					shown++
				}
			}
			if shown != len(a.Slots) {
				t.Errorf("%d of %d slots say something", shown, len(a.Slots))
			}
		}
		if slices.Min(seen) != 4 {
			t.Errorf("in 6 epochs the communities are shown %v times", seen)
		}
	})
}

// failing gives no randomness.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no randomness") }

func TestAnnouncingFails(t *testing.T) {
	announced(t, 1, failing{}, func(l *loudspeaker, _ []identity.DiscoveryKey) {
		l.stands <- []peer.Network{{Interface: "eth0"}}
		time.Sleep(time.Hour)
		synctest.Wait()
		if failures := l.failed.Load(); len(l.said) != 0 || failures < 50 || failures > 70 {
			t.Errorf("in an hour without randomness %d are announced, and it fails %d times", len(l.said), failures)
		}
		l.err = errors.New("no multicast")
		l.stands <- []peer.Network{{Interface: "eth1"}}
		synctest.Wait()
	})
}
