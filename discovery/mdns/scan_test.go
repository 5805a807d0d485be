package mdns_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sottovoce/discovery/mdns"
	"sottovoce/discovery/mdns/mdnstest"
)

// scan reads a whole scan.
func (m *member) scan(t *testing.T) (last mdns.Progress, words int) {
	t.Helper()
	progress, err := m.finder.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for p, err := range progress {
		if err != nil || p.Asked < last.Asked || p.Found < last.Found {
			t.Fatalf("%+v after %+v: %v", p, last, err)
		}
		last = p
		words++
	}
	return last, words
}

// small moves a member's interface into a /24 with the same last byte.
func (m *member) small(l *mdnstest.LAN) {
	p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(m.n)}), 24)
	m.host.Plug("eth0", l, p)
}

// TestScan finds who multicast does not bring, both ways, and keeps them in sight.
func TestScan(t *testing.T) {
	inVirtualTime(t, 0, func(t *testing.T, c *crowd) {
		c.lan.SetWeather(mdnstest.Weather{Delay: time.Millisecond, Unicast: true})
		one, two := c.join(), c.join()
		one.small(c.lan)
		two.small(c.lan)
		pass(time.Minute)
		if one.count()+two.count() != 0 {
			t.Fatal("multicast got through")
		}
		var mu sync.Mutex
		var asked []time.Time
		c.lan.Tap(func(p mdnstest.Packet) {
			mu.Lock()
			defer mu.Unlock()
			if p.To.Port() == 5353 && !p.To.Addr().IsMulticast() && p.Payload[2]&0x80 == 0 {
				asked = append(asked, p.Time)
			}
		})
		last, words := one.scan(t)
		if last != (mdns.Progress{Asked: 253, Addresses: 253, Found: 1}) || words < 8 {
			t.Errorf("after %d words %+v", words, last)
		}
		mu.Lock()
		if len(asked) != 253 || asked[252].Sub(asked[0]) < 252*10*time.Millisecond {
			t.Errorf("%d questions in %v", len(asked), asked[len(asked)-1].Sub(asked[0]))
		}
		mu.Unlock()
		for range 15 {
			_, there := one.sees(two)
			_, back := two.sees(one)
			if !there || !back {
				t.Fatalf("the one who scanned sees the other %v, the other sees it %v", there, back)
			}
			pass(time.Minute)
		}
		two.cancel()
		pass(10 * time.Minute)
		if one.count() != 0 {
			t.Error("who is gone stays in sight")
		}
	})
}

func TestScanRefuses(t *testing.T) {
	inVirtualTime(t, 0, func(t *testing.T, c *crowd) {
		m := c.join() // on a /16
		pass(time.Second)
		var large *mdns.TooManyError
		if _, err := m.finder.Scan(t.Context()); !errors.As(err, &large) || large.Interface != "eth0" || large.Subnet.String() != "10.0.0.0/16" {
			t.Errorf("of a /16 %v", err)
		}
		m.host.Plug("eth0", c.lan, netip.MustParsePrefix("10.0.0.1/22"))
		m.host.Plug("eth1", c.lan, netip.MustParsePrefix("10.7.0.1/28"))
		pass(time.Second)
		if _, err := m.finder.Scan(t.Context()); !errors.As(err, &large) || large.Subnet.IsValid() {
			t.Errorf("of more than 1,024 addresses together %v", err)
		}
		m.host.Unplug("eth0")
		m.host.Plug("eth1", c.lan, netip.MustParsePrefix("fe80::1/64"), netip.MustParsePrefix("169.254.1.1/16"))
		pass(time.Second)
		if _, err := m.finder.Scan(t.Context()); err == nil || !strings.Contains(err.Error(), "no IPv4 subnet") {
			t.Errorf("without a subnet %v", err)
		}
	})
}

// A scan that is cancelled ends at once, and another may follow; two at a time may not.
func TestScanCancelled(t *testing.T) {
	inVirtualTime(t, 0, func(t *testing.T, c *crowd) {
		m := c.join()
		m.small(c.lan)
		pass(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		progress, err := m.finder.Scan(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var ended error
		for p, err := range progress {
			if _, double := m.finder.Scan(ctx); double == nil {
				t.Error("two scans at a time")
			}
			if p.Asked > 50 {
				cancel()
			}
			if ended = err; p.Asked > 80 {
				t.Errorf("it goes on: %+v", p)
			}
		}
		if !errors.Is(ended, context.Canceled) {
			t.Errorf("cancelled, it ends with %v", ended)
		}
		if last, _ := m.scan(t); last.Asked != 253 {
			t.Errorf("another one: %+v", last)
		}
	})
}
