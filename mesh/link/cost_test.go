package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/peer"
)

// A crowd from one address gets four places, one from many gets 64; whoever is known
// still gets in between 16 and 64, by way of Retry.
func TestCrowd(t *testing.T) {
	t.Parallel()
	b, friend := newEnd(t), newEnd(t)
	befriend(friend, b)
	one := newStranger(t, "127.0.3.1")
	var refused int
	for range 100 {
		if conn, err := one.dial(b, nil); err != nil {
			var said *quic.TransportError
			if !errors.As(err, &said) || said.ErrorCode != quic.ConnectionRefused {
				t.Fatalf("turned away with %v", err)
			}
			refused++
		} else {
			t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
		}
	}
	if s := b.Stats(); refused != 96 || s.Unproven != unprovenPerAddressMax || s.TurnedAway < 96 {
		t.Errorf("%d of 100 were turned away, stats %+v", refused, s)
	}
	for i := range 4 {
		s := newStranger(t, fmt.Sprintf("127.0.3.%d", i+2))
		for range unprovenPerAddressMax {
			s.connect(b)
		}
	}
	if s := b.Stats(); s.Unproven != 20 || s.Retries == 0 {
		t.Errorf("stats %+v, want 20 unproven and some by Retry", s)
	}
	linked(t, toward(friend, b), friend, b)
	for i := range 20 {
		s := newStranger(t, fmt.Sprintf("127.0.3.%d", i+6))
		for range unprovenPerAddressMax {
			if conn, err := s.dial(b, nil); err == nil {
				t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
			}
		}
	}
	if s := b.Stats(); s.Unproven > unprovenMax {
		t.Errorf("%d unproven at a time", s.Unproven)
	}
}

// Guessing hints is slow, and slows down nobody's links for long.
func TestHintScansAreRare(t *testing.T) {
	t.Parallel()
	a, b := newEnd(t), newEnd(t)
	befriend(a, b)
	to := toward(a, b)
	stale := *to.Pair
	stale.Key = handshake.NewLinkKey([]byte("stale"))
	to.Pair = &stale
	begin := time.Now()
	const dials = 12
	for range dials {
		if _, err := a.Dial(within(t, 10*time.Second), to); !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took < (dials-scanBurst-1)*time.Second/scansPerSecond {
		t.Errorf("%d scans in %v", b.ring.scanned(), took)
	}
	linked(t, toward(a, b), a, b)
	if n := b.ring.scanned(); n != dials+1 {
		t.Errorf("%d scans", n)
	}
}

// Many addresses that hold all the places with nothing in their hands keep nobody out: an
// address with two gives one to an address that has none, who sent no flight first.
func TestCrowdGivesWay(t *testing.T) {
	t.Parallel()
	b, friend, other := newEnd(t), newEnd(t), newEnd(t)
	befriend(friend, b)
	var held []*quic.Conn
	for i := range unprovenMax / 2 {
		s := newStranger(t, fmt.Sprintf("127.0.4.%d", i+1))
		held = append(held, s.connect(b), s.connect(b))
	}
	if s := b.Stats(); s.Unproven != unprovenMax {
		t.Fatalf("stats %+v", s)
	}
	linked(t, toward(friend, b), friend, b)
	to := Target{Endpoints: []peer.Endpoint{b.at}, Mode: handshake.Open}
	if _, err := other.Dial(within(t, 10*time.Second), to); err != nil {
		t.Errorf("a stranger with an honest handshake: %v", err)
	}
	select {
	case <-held[0].Context().Done():
	case <-time.After(handshakeTimeout):
		t.Fatal("nobody gave way")
	}
	var said *quic.ApplicationError
	if err := context.Cause(held[0].Context()); !errors.As(err, &said) || Reason(said.ErrorCode) != ReasonBusy {
		t.Errorf("who gave way heard %v", err)
	}
}

func TestWhoGivesWay(t *testing.T) {
	now := time.Now()
	at := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, n}) }
	held := func(address byte, age time.Duration, s stage) *slot {
		return &slot{address: at(address), since: now.Add(-age), stage: s}
	}
	for name, c := range map[string]struct {
		slots []*slot
		from  byte
		want  int // -1: nobody
	}{
		"the greedy":                      {[]*slot{held(1, 900, silent), held(2, 800, silent), held(2, 700, silent)}, 3, 1},
		"silence before an answer":        {[]*slot{held(2, 800, answered), held(2, 700, silent)}, 3, 1},
		"an answer, if there is no other": {[]*slot{held(1, 900, silent), held(2, 800, answered), held(2, 700, asking)}, 3, 1},
		"none who waits for us":           {[]*slot{held(2, time.Minute, asking), held(2, time.Minute, asking)}, 3, -1},
		"no equal that is young":          {[]*slot{held(1, 900, silent), held(2, 800, silent)}, 3, -1},
		"an equal that had its time":      {[]*slot{held(1, giveWayAfter, silent), held(2, giveWayAfter, silent)}, 3, 0},
		"none for one with as many":       {[]*slot{held(2, 800, silent), held(2, 700, silent), held(3, 1, silent)}, 3, -1},
	} {
		g := newGate(false)
		g.slots = c.slots
		for _, s := range c.slots {
			g.byAddress[s.address]++
		}
		got := g.loser(at(c.from), now)
		if c.want < 0 && got != nil || c.want >= 0 && got != c.slots[c.want] {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// With many keys to try a look-up counts as several.
func TestManyKeysCostMore(t *testing.T) {
	t.Parallel()
	g, ring := newGate(false), &ring{more: 3 * keysPerScan}
	find := g.find(within(t, 10*time.Second), ring)
	begin := time.Now()
	for range 4 {
		find(handshake.Exporter{}, [handshake.HintSize]byte{})
	}
	if took, least := time.Since(begin), 3*scanBurst*time.Second/scansPerSecond; took < least {
		t.Errorf("four look-ups took %v, want %v", took, least)
	}
}
