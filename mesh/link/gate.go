package link

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/handshake"
)

// gate bounds what those who have proven nothing can make us spend.
// spec: 03-links#limits
type gate struct {
	scans *rate.Limiter

	mu        sync.Mutex // guards the fields below
	unproven  int
	byAddress map[netip.Addr]int
}

func newGate() *gate {
	return &gate{
		scans:     rate.NewLimiter(scansPerSecond, scanBurst),
		byAddress: make(map[netip.Addr]int),
	}
}

// slot is the place of one unproven connection. It is given back once.
type slot struct {
	gate    *gate
	address netip.Addr
	since   time.Time
	once    sync.Once
}

// enter takes a slot for a newcomer from address, if there is one.
func (g *gate) enter(address netip.Addr) (*slot, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unproven >= unprovenMax || g.byAddress[address] >= unprovenPerAddressMax {
		return nil, false
	}
	g.unproven++
	g.byAddress[address]++
	return &slot{gate: g, address: address, since: time.Now()}, true
}

// leave gives the slot back: the far end has proven itself, or is gone.
func (s *slot) leave() {
	s.once.Do(func() {
		g := s.gate
		g.mu.Lock()
		defer g.mu.Unlock()
		g.unproven--
		if g.byAddress[s.address]--; g.byAddress[s.address] == 0 {
			delete(g.byAddress, s.address)
		}
	})
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.unproven
}

// find wraps a keyring's look-up so that it happens at most scansPerSecond times a
// second. Who must wait longer than ctx lasts is not looked up at all.
func (g *gate) find(ctx context.Context, find handshake.Find) handshake.Find {
	return func(e handshake.Exporter, hint [handshake.HintSize]byte) (handshake.Pair, bool) {
		if g.scans.Wait(ctx) != nil {
			return handshake.Pair{}, false
		}
		return find(e, hint)
	}
}

// slotKey finds a connection's slot in its context.
type slotKey struct{}
