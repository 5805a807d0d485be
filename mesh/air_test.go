package mesh

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sottovoce/mesh/peer"
)

// air is a LAN for Finders in one process: what one announces, the others see.
type air struct {
	mu      sync.Mutex
	finders map[*airFinder]struct{}
	lost    map[[2]string]bool // multicast of the first never reaches the second
}

// airFinder is one node's place in the air.
type airFinder struct {
	air     *air
	name    string
	current *peer.Announcement
	seen    func(peer.Sighting)
	stands  func([]peer.Network)
	killed  atomic.Bool // leaves without goodbye
	hidden  bool        // announces nothing
	ended   bool        // guarded by the air's mu; Run has returned, or is about to
}

// somewhere is where every node in the air stands.
var somewhere = []peer.Network{{
	Interface: "air0", Own: peer.MAC{2}, Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}, Router: peer.MAC{2, 1}, Routed: true,
}}

func newAir() *air {
	return &air{finders: make(map[*airFinder]struct{}), lost: make(map[[2]string]bool)}
}

// loses drops the multicast of one person on its way to another from now on.
func (a *air) loses(from, to *person) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost[[2]string{from.name, to.name}] = true
}

func (a *air) finder() *airFinder { return &airFinder{air: a} }

// Announce implements Finder.
func (f *airFinder) Announce(a *peer.Announcement, _ []peer.Network) {
	f.air.mu.Lock()
	if f.hidden || f.ended {
		a = nil
	}
	old := f.current
	f.current = a
	var tell []func(peer.Sighting)
	for o := range f.air.finders {
		if o != f && !f.air.lost[[2]string{f.name, o.name}] {
			tell = append(tell, o.seen)
		}
	}
	f.air.mu.Unlock()
	for _, seen := range tell {
		if a != nil {
			seen(sightingOf(*a))
		}
		if old != nil && old != a {
			gone := sightingOf(*old)
			gone.Gone = true
			seen(gone)
		}
	}
}

// Refresh implements Finder: in the air everybody is heard all the time.
func (f *airFinder) Refresh() {}

// Heard implements Finder: whoever is in the air was heard just now, by IPv4.
func (f *airFinder) Heard(instance string) (ip4, ip6 time.Duration) {
	f.air.mu.Lock()
	defer f.air.mu.Unlock()
	for o := range f.air.finders {
		if o != f && o.current != nil && o.current.Instance == instance {
			return time.Millisecond, 0
		}
	}
	return 0, 0
}

func sightingOf(a peer.Announcement) peer.Sighting {
	at := net.UDPAddr{IP: net.IPv4(127, 0, 0, 1).To4(), Port: int(a.Port)}
	return peer.Sighting{Announcement: a, Endpoints: []peer.Endpoint{at.AddrPort()}}
}

// Run implements Finder.
func (f *airFinder) Run(ctx context.Context, seen func(peer.Sighting), stands func([]peer.Network)) error {
	stands(somewhere)
	f.air.mu.Lock()
	f.seen, f.stands = seen, stands
	var present []peer.Announcement
	for o := range f.air.finders {
		if o.current != nil && !f.air.lost[[2]string{o.name, f.name}] {
			present = append(present, *o.current)
		}
	}
	f.air.finders[f] = struct{}{}
	mine := f.current
	f.air.mu.Unlock()
	if mine != nil {
		f.Announce(mine, nil)
	}
	for _, a := range present {
		seen(sightingOf(a))
	}
	<-ctx.Done()
	f.air.mu.Lock()
	delete(f.air.finders, f)
	f.ended = true
	f.air.mu.Unlock()
	if !f.killed.Load() {
		f.Announce(nil, nil)
	}
	return nil
}

// announced is what a person shows right now.
func (a *air) announced(p *person) *peer.Announcement {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range a.finders {
		if f.current != nil && f.current.Port == p.local.Port() {
			return f.current
		}
	}
	return nil
}
