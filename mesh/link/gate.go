package link

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/handshake"
)

// gate bounds what those who have proven nothing can make us spend.
// spec: 03-links#limits
type gate struct {
	scans *rate.Limiter

	mu        sync.Mutex // guards the fields below, and what of each slot may change
	slots     []*slot    // that count, oldest first
	displaced int        // connections that had to give way and have not ended yet
	byAddress map[netip.Addr]int
}

func newGate(supernode bool) *gate {
	g := &gate{
		scans:     rate.NewLimiter(scansPerSecond, scanBurst),
		byAddress: make(map[netip.Addr]int),
	}
	if supernode {
		g.scans = rate.NewLimiter(supernodeScansPerSecond, supernodeScanBurst)
	}
	return g
}

// slot is the place of one unproven connection. It is given back once.
//
//	silent ──flight 1──▶ asking ──flight 2──▶ answered ──▶ given back
//	   └──────── displaced by a newcomer ────────┴────────────▲
type slot struct {
	gate    *gate
	address netip.Addr
	since   time.Time

	stage     stage
	left      bool
	displaced bool
	drop      func() // ends the connection; nil until there is one to end
}

// stage is how far an unproven connection has come.
type stage uint8

const (
	silent   stage = iota // nothing, or not all of flight 1
	asking                // it waits for us
	answered              // we wait for it, or for its deadline after a decoy
)

// enter takes a slot for a newcomer from address, if there is one or somebody gives way.
func (g *gate) enter(address netip.Addr) (*slot, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.byAddress[address] >= unprovenPerAddressMax || len(g.slots)+g.displaced >= connectionsMax {
		return nil, false
	}
	if len(g.slots) >= unprovenMax {
		loser := g.loser(address, now)
		if loser == nil {
			return nil, false
		}
		g.displace(loser)
	}
	s := &slot{gate: g, address: address, since: now}
	g.slots = append(g.slots, s)
	g.byAddress[address]++
	return s, true
}

// loser is who gives way to a newcomer: one of an address that would still have no less
// than the newcomer's, else the oldest if it had its time. Who has not sent flight 1 goes
// before who has; who waits for us stays.
func (g *gate) loser(newcomer netip.Addr, now time.Time) *slot {
	most := 0
	for _, s := range g.slots {
		if s.stage != asking {
			most = max(most, g.byAddress[s.address])
		}
	}
	var best *slot
	for _, s := range g.slots { // the first of equals is the oldest
		greedy := most > g.byAddress[newcomer]+1 && g.byAddress[s.address] == most
		patient := now.Sub(s.since) < giveWayAfter
		if s.stage == asking || !greedy && (patient || most > g.byAddress[newcomer]+1) {
			continue
		}
		if best == nil || s.stage < best.stage {
			best = s
		}
	}
	return best
}

// displace takes a slot away.
func (g *gate) displace(s *slot) {
	g.slots = slices.DeleteFunc(g.slots, func(o *slot) bool { return o == s })
	g.displaced++
	s.displaced = true
	if s.drop != nil {
		s.drop()
	}
}

// reached notes how far the connection has come.
func (s *slot) reached(next stage) {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.stage = next
}

// onDisplaced has drop called when the slot is taken away, at once if it was.
func (s *slot) onDisplaced(drop func()) {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.drop = drop
	if s.displaced {
		drop()
	}
}

// gaveWay reports whether the slot was taken away.
func (s *slot) gaveWay() bool {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return s.displaced
}

// leave gives the slot back: the far end has proven itself, or is gone.
func (s *slot) leave() {
	g := s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.left {
		return
	}
	s.left = true
	if s.displaced {
		g.displaced--
	} else {
		g.slots = slices.DeleteFunc(g.slots, func(o *slot) bool { return o == s })
	}
	if g.byAddress[s.address]--; g.byAddress[s.address] == 0 {
		delete(g.byAddress, s.address)
	}
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.slots)
}

// find wraps a keyring's look-up so that it happens at most scansPerSecond times a
// second, and less often the more keys there are to try. Who must wait longer than ctx
// lasts is not looked up at all.
func (g *gate) find(ctx context.Context, ring Keyring) handshake.Find {
	return func(e handshake.Exporter, hint [handshake.HintSize]byte) (handshake.Pair, bool) {
		turns := min(1+ring.Keys()/keysPerScan, scanBurst)
		if g.scans.WaitN(ctx, turns) != nil {
			return handshake.Pair{}, false
		}
		return ring.Find(e, hint)
	}
}

// slotKey finds a connection's slot in its context.
type slotKey struct{}
