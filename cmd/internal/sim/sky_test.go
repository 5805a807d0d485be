package sim

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// sky is the supernodes of a world, in memory: everybody collects at all of them. What they
// do wrong is what honest ones may: be away, full, or without the disk they had.
type sky struct {
	mu      sync.Mutex // guards everything below, the supernodes' fields too
	nodes   []*supernode
	members []*custodian
	links   uint64
}

type supernode struct {
	id     peer.ID
	log    [][]byte // its cursors count from 1
	link   uint64   // 0: it is down
	era    int      // which disk this is
	full   bool
	mixed  bool // gives pages in another order
	behind uint16
}

var oneCommunity = [32]byte{1}

func newSky(count int) *sky {
	s := &sky{}
	for i := range count {
		s.links++
		s.nodes = append(s.nodes, &supernode{id: peer.ID{0xca, byte(i)}, link: s.links})
	}
	return s
}

// change changes something, and has everybody look.
func (s *sky) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	for _, m := range s.members {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
}

// forgot tells whether one has lost its disk.
func (s *sky) forgot() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.nodes, func(n *supernode) bool { return n.era > 0 })
}

// reset gives a supernode another link, or none.
func (s *sky) reset(n *supernode, up bool) {
	n.link = 0
	if up {
		s.links++
		n.link = s.links
	}
}

// custodian is one person's way there.
type custodian struct {
	sky  *sky
	wake chan struct{}   // holds one token
	eras map[peer.ID]int // of the logs that were read
}

var errAway = errors.New("the supernode is away")

func (s *sky) reached(at peer.ID) *supernode {
	i := slices.IndexFunc(s.nodes, func(n *supernode) bool { return n.id == at && n.link != 0 })
	if i < 0 {
		return nil
	}
	return s.nodes[i]
}

// Run implements mesh.Custodian.
func (c *custodian) Run(ctx context.Context, to mesh.Collector) error {
	c.sky.change(func() { c.sky.members = append(c.sky.members, c) })
	defer c.sky.change(func() {
		c.sky.members = slices.DeleteFunc(c.sky.members, func(m *custodian) bool { return m == c })
	})
	var before []mesh.Reached
	for {
		var reached []mesh.Reached
		c.sky.mu.Lock()
		for _, n := range c.sky.nodes {
			if n.link != 0 {
				reached = append(reached, mesh.Reached{At: n.id, Link: n.link})
			}
		}
		c.sky.mu.Unlock()
		if !slices.Equal(reached, before) {
			before = reached
			to.Reached(reached)
		}
		pause := time.Hour
		for _, r := range reached {
			if err := c.collect(ctx, to, r.At); err != nil {
				pause = 10 * time.Second // a full disk
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-c.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		if timer.Stop(); ctx.Err() != nil {
			return nil
		}
	}
}

const skyPage = 64

// collect takes page after page.
func (c *custodian) collect(ctx context.Context, to mesh.Collector, at peer.ID) error {
	log := mesh.Log{At: at, Community: oneCommunity}
	for {
		cursor, err := to.Cursor(ctx, log)
		if err != nil {
			return err
		}
		c.sky.mu.Lock()
		n := c.sky.reached(at)
		if n == nil {
			c.sky.mu.Unlock()
			return nil
		}
		if n.era != c.eras[at] {
			c.eras[at] = n.era
			c.sky.mu.Unlock()
			if err := to.Lost(ctx, log, nil); err != nil {
				delete(c.eras, at)
				return err
			}
			continue
		}
		end := min(uint64(len(n.log)), cursor+skyPage)
		p := mesh.Page{Log: log, Since: cursor, Until: end, Blobs: slices.Clone(n.log[cursor:end]), End: end == uint64(len(n.log))}
		if n.mixed {
			slices.Reverse(p.Blobs)
		}
		c.sky.mu.Unlock()
		if len(p.Blobs) == 0 {
			return nil
		}
		if err := to.Collected(ctx, p); err != nil {
			return err
		}
		if p.End {
			return nil
		}
	}
}

// Deposit implements mesh.Custodian.
func (c *custodian) Deposit(_ context.Context, at peer.ID, parcels []mesh.Parcel) (answers []mesh.Custody, err error) {
	today := wire.DayAt(time.Now())
	c.sky.change(func() {
		n := c.sky.reached(at)
		if n == nil {
			err = errAway
			return
		}
		for _, p := range parcels {
			day := today - n.behind
			h, bad := wire.ParseBlob(p.Blob)
			i := slices.IndexFunc(n.log, func(b []byte) bool { return string(b) == string(p.Blob) })
			switch {
			case bad != nil || h.ExpiryDay < day || h.ExpiryDay > day+wire.ExpiryDaysMax:
				answers = append(answers, mesh.Custody{Reason: wire.ReasonWrongDay, Day: day})
				continue
			case i < 0 && n.full:
				answers = append(answers, mesh.Custody{Reason: wire.ReasonDiskFull, Day: day})
				continue
			case i < 0:
				i = len(n.log)
				n.log = append(n.log, p.Blob)
			}
			answers = append(answers, mesh.Custody{Log: mesh.Log{At: at, Community: oneCommunity}, Cursor: uint64(i + 1), Evidence: []byte("signed")})
		}
	})
	return answers, err
}

// Reread implements mesh.Custodian.
func (c *custodian) Reread(_ context.Context, from mesh.Log, wanted []mesh.Unmatched) (blobs [][]byte, err error) {
	c.sky.mu.Lock()
	defer c.sky.mu.Unlock()
	n := c.sky.reached(from.At)
	if n == nil {
		return nil, errAway
	}
	for _, b := range n.log {
		id := wire.IDOf(b)
		if slices.ContainsFunc(wanted, func(u mesh.Unmatched) bool { return u.ID == [8]byte(id[:]) }) {
			blobs = append(blobs, b)
		}
	}
	return blobs, nil
}

// Mailbox implements mesh.Custodian: a card lists supernodes.
func (c *custodian) Mailbox(identity.AccountID, []byte) (card []byte) {
	for _, n := range c.sky.nodes {
		card = append(card, n.id[:]...)
	}
	return card
}

// Where implements mesh.Custodian.
func (c *custodian) Where(card []byte) (in []mesh.Log) {
	for id := range slices.Chunk(card, len(peer.ID{})) {
		in = append(in, mesh.Log{At: peer.ID(id), Community: oneCommunity})
	}
	return in
}

// Supernodes implements mesh.Custodian.
func (c *custodian) Supernodes() (all []mesh.Supernode) {
	for _, n := range c.sky.nodes {
		all = append(all, mesh.Supernode{ID: n.id, In: oneCommunity})
	}
	return all
}

// Beacons implements mesh.Custodian.
func (c *custodian) Beacons(uint32) []mesh.Beacon { return nil }

// Known implements mesh.Custodian.
func (c *custodian) Known(map[identity.AccountID][]byte) {}

// Sighted implements mesh.Custodian.
func (c *custodian) Sighted(peer.ID, link.Place) {}

// skies are what happens to supernodes.
var skies = []step{{4, (*world).supernodeGoes}, {4, (*world).supernodeComes}, {2, (*world).supernodeChanges}, {3, (*world).never2}}

// supernodeOf draws one.
func (w *world) supernodeOf() *supernode { return w.sky.nodes[w.random.IntN(len(w.sky.nodes))] }

func (w *world) supernodeGoes() {
	n, lost := w.supernodeOf(), w.chance(20)
	w.note("supernode %d goes, with its disk: %v", n.id[1], lost)
	w.sky.change(func() {
		w.sky.reset(n, false)
		if lost {
			n.log, n.era = nil, n.era+1
		}
	})
}

func (w *world) supernodeComes() {
	n := w.supernodeOf()
	w.note("supernode %d comes", n.id[1])
	w.sky.change(func() { w.sky.reset(n, true) })
	w.pass(w.between(time.Second, 20*time.Minute))
}

func (w *world) supernodeChanges() {
	n, full, mixed, behind := w.supernodeOf(), w.chance(30), w.chance(50), uint16(w.random.IntN(3))
	w.note("supernode %d: full %v, mixed %v, %d days behind", n.id[1], full, mixed, behind)
	w.sky.change(func() { n.full, n.mixed, n.behind = full, mixed, behind })
}

// never2 has two write to each other who are never there at the same time.
func (w *world) never2() {
	a, b := w.two()
	w.note("%s and %s miss each other", a.name, b.name)
	for range 2 + w.random.IntN(3) {
		b.stop()
		if down(a) {
			a.start()
		}
		w.says(a, b, w.sizes(1+w.random.IntN(4))...)
		w.pass(w.between(time.Second, 20*time.Minute))
		w.settle()
		a.stop()
		if down(b) {
			b.start()
		}
		w.pass(w.between(time.Second, time.Minute))
		a, b = b, a
	}
}

// healSky makes all supernodes well.
func (w *world) healSky() {
	if w.sky == nil {
		return
	}
	w.sky.change(func() {
		for _, n := range w.sky.nodes {
			n.full, n.mixed, n.behind = false, false, 0
			w.sky.reset(n, true)
		}
	})
}
