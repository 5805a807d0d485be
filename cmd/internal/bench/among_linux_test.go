package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"
	"time"

	"sottovoce/cmd/internal/netlab"
	"sottovoce/discovery/mdns"
	"sottovoce/mesh/peer"
)

const (
	others       = 48 // beside the two that are measured: fifty nodes on the LAN
	otherHosts   = 8
	othersSettle = 20 * time.Second // after the last of them came: the answers to its coming are over
)

// BenchmarkStartAmongOthers takes the time from the execution of `sottovoce up` to the event at a contact's node on a
// LAN with 48 others, which announce, browse and answer with the program's own discovery, on real sockets. Its
// yardstick is the same pair alone.
func BenchmarkStartAmongOthers(b *testing.B) {
	results.begin()
	anna, bert := newPair(b)
	alone, _, _ := starting(b, anna, bert)
	crowd(b, anna.lan)
	anna.until("sees all others", func() bool {
		people, err := anna.api.Nearby(b.Context())
		return err == nil && len(people) > others
	})
	time.Sleep(othersSettle)
	among, joined, _ := starting(b, anna, bert)
	for _, f := range []struct {
		name    string
		p       int
		samples []time.Duration
		max     float64 // ms
		yard    []time.Duration
	}{
		{"start to seen among 50 nodes p50", 50, among, 300, alone},
		{"start to seen among 50 nodes p99", 99, among, 1500, alone},
		{"start to linked among 50 nodes p99", 99, joined, 0, nil},
	} {
		fig := figure{Name: f.name, Value: milliseconds(percentile(f.samples, f.p)), Unit: "ms", Samples: starts, ValueMax: f.max}
		if f.yard != nil {
			fig.Yardstick, fig.Yard = "the same two alone", milliseconds(percentile(f.yard, f.p))
		}
		results.put(b, fig)
	}
}

// crowd starts the others on some hosts of the LAN; they end with the benchmark.
func crowd(b *testing.B, lan *netlab.LAN) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	b.Cleanup(running.Wait)
	b.Cleanup(cancel)
	var host *netlab.Host
	for i := range others {
		if i%(others/otherHosts) == 0 {
			host = lan.Host(fmt.Sprintf("crowd%d", i))
		}
		at, finder, announced := host, mdns.New(mdns.Config{}), somebody(b, i)
		finder.Announce(announced, nil)
		running.Go(func() {
			err := at.In(func() error { // the loop opens its sockets itself, on this thread
				return finder.Run(ctx, func(peer.Sighting) {}, func([]peer.Network) { finder.Announce(announced, nil) })
			})
			if err != nil {
				b.Error(err)
			}
		})
	}
}

// somebody is what a stranger with an open profile announces.
func somebody(b *testing.B, n int) *peer.Announcement {
	random := make([]byte, 32)
	a := &peer.Announcement{Version: 1, Epoch: uint32(time.Now().Unix() / 3600), Port: uint16(40000 + n)}
	fill := func(into []byte) {
		if _, err := rand.Read(into); err != nil {
			b.Fatal(err)
		}
	}
	fill(random)
	fill(a.Nonce[:])
	fill(a.Fingerprint[:])
	for i := range a.Slots {
		fill(a.Slots[i][:])
	}
	a.Instance, a.Host = hex.EncodeToString(random[:8]), hex.EncodeToString(random[8:16])
	a.Open = &peer.Open{Name: fmt.Sprintf("Somebody %d", n)}
	copy(a.Open.Handle[:], random[16:])
	return a
}
