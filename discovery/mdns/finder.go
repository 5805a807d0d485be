// Package mdns finds Sottovoce nodes on the LAN by multicast DNS and lets them
// find this one: it answers questions, announces, browses, says goodbye, and
// follows the network's interfaces as they come, change and go.
//
// What is announced is made by the node; whether a sighting is a contact is the
// node's to find out; merging and expiry are package discovery's. It opens no
// connection to anybody.
package mdns

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"sottovoce/discovery"
	"sottovoce/mesh/peer"
)

// Config is what a Finder may be told; the zero value works.
type Config struct {
	Interfaces []string     // names of the interfaces to use; nil: chosen by the rules of 02-discovery
	Log        *slog.Logger // nil: no log. No names, labels or addresses of people are logged
	System     System       // what it stands on; nil: this machine
	Rand       io.Reader    // for jitter and question ids; nil: the system's. Safe for concurrent use
}

// Finder announces this node on the LAN and browses for others. All methods are
// safe for concurrent use.
type Finder struct {
	named   []string
	log     *slog.Logger
	random  io.Reader
	system  System
	wake    chan struct{}                     // holds one token when wanted was changed; never closed
	again   atomic.Bool                       // announce and ask anew
	strict  atomic.Bool                       // use no tunnel and nothing virtual, unless it was named
	current atomic.Pointer[peer.Announcement] // what the responders answer; written by the loop

	mu      sync.Mutex
	wanted  *peer.Announcement
	held    bool            // until Announce: the network has changed,
	told    []peer.Network  // to these
	lines   []*line         // in use; written by the loop
	skipped []Skipped       // written by the loop
	found   map[string]bool // instances that answered the scan that runs; nil: none does
	heard   map[string]lately
	running bool
}

// New returns a Finder that does nothing until Run.
func New(cfg Config) *Finder {
	f := &Finder{
		named: slices.Clone(cfg.Interfaces), log: cfg.Log, random: cfg.Rand,
		system: cfg.System, wake: make(chan struct{}, 1), heard: make(map[string]lately),
	}
	if f.system == nil {
		f.system = machine{}
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.random == nil {
		f.random = rand.Reader
	}
	return f
}

// Announce replaces what is announced. What was announced before is said goodbye
// to; nil only says goodbye. It returns at once and may be called before Run.
// An announcement that does not follow the format is logged as our fault and
// taken as nil. After each change of network it must be called again: what is meant for
// other networks than stands told last is not announced. Networks that are nil are all.
//
// spec: 02-discovery#silence
func (f *Finder) Announce(a *peer.Announcement, on []peer.Network) {
	if a != nil {
		if _, err := newAnswer(a, nil, ttl); err != nil {
			f.log.Error("not announcing", "err", err)
			a = nil
		}
	}
	if a != nil {
		copied := *a
		if a.Open != nil {
			open := *a.Open
			copied.Open = &open
		}
		a = &copied
	}
	f.mu.Lock()
	if a == nil || on == nil || slices.EqualFunc(on, f.told, peer.Network.Equal) {
		f.wanted, f.held = a, false
	}
	f.mu.Unlock()
	f.nudge()
}

// Restrict leaves tunnels and virtual interfaces alone even where there is no other,
// unless they were named; or lifts that. It returns at once.
//
// spec: 02-discovery#local-only
func (f *Finder) Restrict(strict bool) {
	f.strict.Store(strict)
	select {
	case f.wake <- struct{}{}:
	default: // the loop has not looked yet
	}
}

// Run announces and browses until ctx ends; then it says goodbye in both
// families, closes everything and returns nil. Every new, changed or gone
// sighting is passed to seen, and all networks this node stands on to stands when
// any of them changes, from one goroutine; neither must block. After stands nothing is
// announced before Announce is called. A machine without a usable interface is no error:
// Run waits for one.
//
// spec: 02-discovery#sightings
func (f *Finder) Run(ctx context.Context, seen func(peer.Sighting), stands func([]peer.Network)) error {
	f.mu.Lock()
	if f.running {
		f.mu.Unlock()
		return errors.New("discovery runs already")
	}
	f.running = true
	f.mu.Unlock()

	r := newLoop(f, seen, stands)
	r.run(ctx)
	r.close()

	f.mu.Lock()
	f.running = false
	f.mu.Unlock()
	return nil
}

// Interfaces returns the names of the interfaces in use.
func (f *Finder) Interfaces() []string {
	var names []string
	for _, h := range f.Health() {
		if !slices.Contains(names, h.Interface) {
			names = append(names, h.Interface)
		}
	}
	return names
}

// wish returns what is to be announced, and whether it is held back: the node has not
// said yet what it shows on the network that it is on now.
func (f *Finder) wish() (a *peer.Announcement, held bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wanted, f.held
}

// withhold announces and answers nothing until Announce is called for these networks.
func (f *Finder) withhold(networks []peer.Network) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held, f.told = true, networks
	f.current.Store(nil)
}

func same(a, b *peer.Announcement) bool {
	return a == nil && b == nil || a != nil && b != nil && discovery.Same(a, b)
}
