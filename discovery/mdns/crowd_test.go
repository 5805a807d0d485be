package mdns_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/discovery/mdns"
	"sottovoce/discovery/mdns/mdnstest"
	"sottovoce/mesh/peer"
)

// crowd is a number of nodes on one LAN in memory.
type crowd struct {
	t     *testing.T
	net   *mdnstest.Net
	lan   *mdnstest.LAN
	nodes []*member
}

// member is a node of a crowd.
type member struct {
	crowd  *crowd
	n      int
	host   *mdnstest.Host
	finder *mdns.Finder
	cancel context.CancelFunc
	done   chan struct{}
	next   int // of its announcements, on the next network

	mu     sync.Mutex
	known  map[string]time.Time // instances in sight, since when
	before mdnstest.Traffic
}

func newCrowd(t *testing.T, w mdnstest.Weather) *crowd {
	net := mdnstest.New(1)
	return &crowd{t: t, net: net, lan: net.LAN(w)}
}

// label is what node n announces for the i-th time.
func label(n, i int) string { return fmt.Sprintf("%08x%08x", n, i) }

// announcement is of the size that a node of visibility everyone has.
func announcement(n, i int) *peer.Announcement {
	a := &peer.Announcement{
		Instance: label(n, i), Host: label(n, i+1<<16), Version: 1, Epoch: 494321, Port: uint16(40000 + n),
		Open: &peer.Open{Name: fmt.Sprintf("Somebody %d", n)},
	}
	binary.BigEndian.PutUint64(a.Nonce[:], uint64(n))
	return a
}

// prefixes are the addresses of host n: IPv4 and IPv6, as most hosts have.
func prefixes(n int) []netip.Prefix {
	high, low := byte(n>>8), byte(n)
	six := [16]byte{0xfe, 0x80, 14: high, 15: low}
	return []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, high, low}), 16),
		netip.PrefixFrom(netip.AddrFrom16(six), 64),
	}
}

// join starts one more node on a host of its own.
func (c *crowd) join() *member {
	host := c.net.Host()
	host.Plug("eth0", c.lan, prefixes(len(c.nodes)+1)...)
	return c.joinOn(host)
}

// joinOn starts one more node on a host.
func (c *crowd) joinOn(host *mdnstest.Host) *member {
	m := &member{crowd: c, n: len(c.nodes) + 1, host: host, done: make(chan struct{}), known: make(map[string]time.Time)}
	m.finder = mdns.New(mdns.Config{System: m.host})
	m.finder.Announce(announcement(m.n, 0), nil)
	ctx, cancel := context.WithCancel(c.t.Context())
	m.cancel = cancel
	c.nodes = append(c.nodes, m)
	go func() {
		defer close(m.done)
		if err := m.finder.Run(ctx, m.saw, m.stands); err != nil {
			c.t.Errorf("Run: %v", err)
		}
	}()
	return m
}

// stands goes on with what is announced, wherever that is.
func (m *member) stands(on []peer.Network) { m.finder.Announce(announcement(m.n, m.next), on) }

func (m *member) saw(s peer.Sighting) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.known[s.Instance]
	switch {
	case s.Gone:
		delete(m.known, s.Instance)
	case !known:
		m.known[s.Instance] = time.Now()
	}
}

// sees returns since when the node has another one's first announcement in sight.
func (m *member) sees(other *member) (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.known[label(other.n, 0)]
	return at, ok
}

func (m *member) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.known)
}

func (c *crowd) close() {
	for _, m := range c.nodes {
		m.cancel()
	}
	for _, m := range c.nodes {
		<-m.done
	}
}

// load is what a node sent and received on average since the last call, in bytes
// a second: the mean of all nodes, and the most of any.
func (c *crowd) load(over time.Duration) (mean, most float64) {
	for _, m := range c.nodes {
		t := m.host.Traffic()
		rate := float64(t.Sent+t.Received-m.before.Sent-m.before.Received) / over.Seconds()
		m.before = t
		mean, most = mean+rate/float64(len(c.nodes)), max(most, rate)
	}
	return mean, most
}

// TestCrowdTraffic starts 200 nodes within a second, as after a power cut, and
// measures what each sends and receives: at first, then, and at rest, when every
// 18 s one of them changes its labels.
func TestCrowdTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, mdnstest.Weather{Delay: time.Millisecond})
		began := time.Now()
		for range 200 {
			c.join()
			pass(5 * time.Millisecond)
		}
		measure := func(what string, until time.Duration, from time.Duration) {
			pass(time.Until(began.Add(until)))
			mean, most := c.load(until - from)
			t.Logf("%s: %.2f kB/s a node on average, at most %.2f kB/s", what, mean/1000, most/1000)
			if most > 2000 || mean < 200 {
				t.Errorf("%s: %.0f B/s on average, at most %.0f B/s", what, mean, most)
			}
		}
		measure("first minute", time.Minute, 0)
		measure("next two", 3*time.Minute, time.Minute)
		for _, m := range c.nodes {
			if n := m.count(); n != 199 {
				t.Fatalf("a node sees %d others", n)
			}
		}
		for i := range 9 {
			c.nodes[i].finder.Announce(announcement(i+1, 1), nil)
			pass(18 * time.Second)
		}
		measure("at rest", 5*time.Minute+42*time.Second, 3*time.Minute)
		c.close()
	})
}
