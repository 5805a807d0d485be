package supernode

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
)

// Finder makes the supernode heard on the networks it stands on. discovery/mdns has one.
//
// spec: 02-discovery#announcing
type Finder interface {
	// Announce replaces what is announced on these networks; nil says goodbye.
	Announce(a *peer.Announcement, on []peer.Network)
	// Run works until ctx ends. It calls stands with the networks at the start and after each
	// change; from then on nothing is announced until Announce is called again.
	Run(ctx context.Context, seen func(peer.Sighting), stands func([]peer.Network)) error
}

// beacon is what members of one community know this supernode by.
type beacon struct {
	key identity.DiscoveryKey
	us  peer.ID
}

// announcer shows the supernode as any other node that only contacts see: a label, certificate and
// slots that are new every epoch and on every network. No community is named, and no two that are
// served can be told to be served by one.
//
// spec: 08-custody#beacons
type announcer struct {
	finder  Finder
	rand    io.Reader
	port    uint16
	rotate  func() (peer.Fingerprint, error)   // takes a new certificate
	beacons func(day uint32) ([]beacon, error) // of the communities served, in their order
	seen    func(peer.Sighting)                // who else announces itself
	date    func() time.Time                   // the time as far as it is agreed on
	failed  func(msg string, err error)        // to the log
	turn    int                                // whose beacon is shown first, where not all fit
	current *peer.Announcement                 // of this epoch and these networks
	on      []peer.Network
	ends    time.Time
}

// run announces until ctx ends, and says goodbye then.
func (a *announcer) run(ctx context.Context) error {
	stands := make(chan []peer.Network, 1)
	heard := make(chan peer.Sighting, sightingsWaiting)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- a.finder.Run(ctx, func(s peer.Sighting) {
			select {
			case heard <- s:
			default: // a flood: who is meant is heard again with its next epoch
			}
		}, func(on []peer.Network) {
			select {
			case <-stands: // nobody has looked at the last one
			default:
			}
			stands <- slices.Clone(on)
		})
	}()
	defer cancel()
	timer := time.NewTimer(epochLength)
	defer timer.Stop()
	for {
		select {
		case on := <-stands:
			a.moved(on)
		case s := <-heard:
			a.seen(s)
			continue
		case <-timer.C:
			a.begin()
		case err := <-done:
			return err
		}
		timer.Reset(max(time.Until(a.ends), time.Second))
	}
}

// moved goes on where nothing has changed, and begins anew on other networks: what was heard on
// one must not be heard on another.
func (a *announcer) moved(on []peer.Network) {
	if a.current != nil && slices.EqualFunc(on, a.on, peer.Network.Equal) {
		a.finder.Announce(a.current, a.on)
		return
	}
	a.on = on
	a.begin()
}

// begin takes a new certificate and announces a new epoch; if that fails the old one stays, for a
// while.
func (a *announcer) begin() {
	a.ends = time.Now().Add(epochRetry)
	next, err := a.announcement()
	if err != nil {
		a.failed("no new epoch; the old one stays for now", err)
		return
	}
	more, err := below(a.rand, int64(epochLength/2))
	if err != nil {
		a.failed("no new epoch; the old one stays for now", err)
		return
	}
	a.ends = time.Now().Add(epochLength*3/4 + time.Duration(more))
	a.current = next
	if len(a.on) == 0 {
		next = nil
	}
	a.finder.Announce(next, a.on)
}

// announcement is a whole new one. Its epoch's number runs ahead of the clock by less than one, so
// that the instants of changes link nothing.
//
// spec: 02-discovery#epochs
func (a *announcer) announcement() (*peer.Announcement, error) {
	ahead, err := below(a.rand, secondsPerEpoch)
	if err != nil {
		return nil, err
	}
	var random [24]byte
	if _, err := io.ReadFull(a.rand, random[:]); err != nil {
		return nil, fmt.Errorf("drawing labels: %v", err)
	}
	fingerprint, err := a.rotate()
	if err != nil {
		return nil, err
	}
	next := &peer.Announcement{
		Version: 1, Port: a.port, Fingerprint: fingerprint,
		Epoch:    uint32((max(a.date().Unix(), 0) + ahead) / secondsPerEpoch),
		Instance: hex.EncodeToString(random[:8]), Host: hex.EncodeToString(random[8:16]), Nonce: [8]byte(random[16:]),
	}
	return next, a.fill(next)
}

// fill puts the beacons whose turn it is into the slots, in random order, and noise into the rest.
//
// spec: 01-identity#slots
func (a *announcer) fill(next *peer.Announcement) error {
	known, err := a.beacons(next.Epoch / epochsPerDay)
	if err != nil {
		return err
	}
	order := make([]int, len(next.Slots)) // a random permutation of the slots
	for i := range order {
		at, err := below(a.rand, int64(i+1))
		if err != nil {
			return err
		}
		order[i] = order[at]
		order[at] = i
	}
	for i, at := range order {
		if i >= len(known) {
			_, err = io.ReadFull(a.rand, next.Slots[at][:])
		} else {
			b := known[(a.turn+i)%len(known)]
			next.Slots[at], err = b.key.Slot(b.us, *next)
		}
		if err != nil {
			return err
		}
	}
	if len(known) > len(order) {
		a.turn = (a.turn + len(order)) % len(known)
	}
	return nil
}

// below draws from [0, n) without bias.
func below(random io.Reader, n int64) (int64, error) {
	v, err := rand.Int(random, big.NewInt(n))
	if err != nil {
		return 0, fmt.Errorf("drawing a number: %v", err)
	}
	return v.Int64(), nil
}
