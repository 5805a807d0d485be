package supernode

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func blockAt(i int) block {
	return blockOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
}

func TestBlocks(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::2:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::1%eth1", true},
	} {
		if got := blockOf(netip.MustParseAddr(c.a)) == blockOf(netip.MustParseAddr(c.b)); got != c.same {
			t.Errorf("%s and %s in one block: %v", c.a, c.b, got)
		}
	}
}

// TestCrowdGivesWay fills all places from one block: everybody else still gets in, one at a time.
func TestCrowdGivesWay(t *testing.T) {
	const most = 100
	c := newCrowd[string](most)
	for i := range most {
		if _, evicted, ok := c.enter(blockAt(0), fmt.Sprint("crowd ", i)); evicted || !ok {
			t.Fatalf("number %d of %d: evicted %v, in %v", i, most, evicted, ok)
		}
	}
	if _, _, ok := c.enter(blockAt(0), "one more"); ok {
		t.Fatal("one more of those who hold all places is let in")
	}
	for i := range most - 1 {
		gone, evicted, ok := c.enter(blockAt(1+i), fmt.Sprint("guest ", i))
		if !ok || !evicted || gone[:5] != "crowd" {
			t.Fatalf("guest %d: in %v, for %q", i, ok, gone)
		}
		c.leave(blockAt(0), gone) // as its link ends
	}
	if _, _, ok := c.enter(blockAt(5000), "late"); ok {
		t.Fatal("nobody has more than one, and one gives way")
	}
	if c.count() != most {
		t.Fatalf("%d are in", c.count())
	}
	for i := range most - 1 {
		c.leave(blockAt(1+i), fmt.Sprint("guest ", i))
	}
	if c.leave(blockAt(0), "crowd 0"); c.count() != 0 || len(c.in) != 0 {
		t.Fatalf("%d and %d blocks stay", c.count(), len(c.in))
	}
}

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatience()
		start := time.Now()
		for range patienceBurst / int(priceForged) {
			if err := p.spend(t.Context(), blockAt(1), priceForged); err != nil {
				t.Fatal(err)
			}
		}
		if time.Since(start) != 0 {
			t.Fatal("a block waits before its patience is used up")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.spend(ctx, blockAt(1), priceForged); err == nil {
			t.Fatal("nothing slows down who forges")
		}
		if err := p.spend(t.Context(), blockAt(2), priceForged); err != nil || time.Since(start) != 0 {
			t.Fatalf("another waits for it %v: %v", time.Since(start), err)
		}
		if err := p.spend(t.Context(), blockAt(1), priceForged); err != nil || time.Since(start) > time.Second {
			t.Fatalf("who waits gets nothing after %v: %v", time.Since(start), err)
		}
	})
}

func TestPatienceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatience()
		for i := range 3 * blocksMax {
			if err := p.spend(t.Context(), blockAt(i), priceRequest); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if len(p.blocks) > blocksMax {
			t.Fatalf("%d blocks are kept", len(p.blocks))
		}
		time.Sleep(time.Hour)
		for i := range blocksMax {
			p.of(blockAt(4*blocksMax + i))
		}
		if _, kept := p.blocks[blockAt(0)]; kept || len(p.blocks) > blocksMax {
			t.Fatalf("%d blocks are kept after an hour", len(p.blocks))
		}
	})
}
