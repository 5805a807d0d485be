package mesh

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// sky is supernodes in memory, all of one community that everybody is a member of.
type sky struct {
	mu      sync.Mutex // guards everything below, the supernodes' fields too
	nodes   []*keeper
	members map[*fakeCustodian]struct{}
	links   uint64
	rereads int
	left    bool                                             // who looks is no member any more
	known   map[*fakeCustodian]map[identity.AccountID][]byte // whom they call their contacts
	answers bool                                             // to whom no card came from none is told
	sighted []peer.ID
	places  []link.Place
}

// keeper is a supernode. It is honest unless one of the last fields says otherwise.
type keeper struct {
	id     peer.ID
	log    []keptBlob
	cursor uint64
	link   uint64 // 0: it is down
	refuse wire.Reason
	day    uint16 // that it says with a refusal for a wrong day

	drops    bool // signs, and forgets
	replays  bool // gives everything again and again
	reorders bool
	invents  bool // junk, under tags that it saw
	leaps    bool // says that cursors are farther than they are
	starves  bool // brings nothing again that it was asked for

	gone   []string // blobs that it has deleted
	era    int      // which disk this is
	offers int      // blobs that it was offered
}

type keptBlob struct {
	blob   []byte
	cursor uint64
}

func newSky(count int) *sky {
	s := &sky{members: make(map[*fakeCustodian]struct{}), known: make(map[*fakeCustodian]map[identity.AccountID][]byte)}
	for i := range count {
		s.links++
		s.nodes = append(s.nodes, &keeper{id: peer.ID{0xca, byte(i)}, link: s.links})
	}
	return s
}

// change changes something about the supernodes, and has everybody look.
func (s *sky) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	for m := range s.members {
		m.look()
	}
}

// lose gives a supernode another disk, with nothing on it.
func (s *sky) lose(i int) {
	s.change(func() {
		k := s.nodes[i]
		k.log, k.cursor, k.era = nil, 0, k.era+1
	})
}

// offers counts the blobs that a supernode was offered.
func (s *sky) offers(i int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[i].offers
}

// set takes a supernode down, or up again.
func (s *sky) set(i int, up bool) {
	s.change(func() {
		s.nodes[i].link = 0
		if up {
			s.links++
			s.nodes[i].link = s.links
		}
	})
}

// held counts the blobs that a supernode holds.
func (s *sky) held(i int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.nodes[i].log)
}

func (s *sky) keeper(at peer.ID) *keeper {
	i := slices.IndexFunc(s.nodes, func(k *keeper) bool { return k.id == at })
	if i < 0 || s.nodes[i].link == 0 {
		return nil
	}
	return s.nodes[i]
}

// take keeps a blob, and returns its cursor.
func (k *keeper) take(blob []byte) uint64 {
	for _, b := range k.log {
		if string(b.blob) == string(blob) {
			return b.cursor
		}
	}
	k.cursor++
	if !k.drops {
		k.log = append(k.log, keptBlob{blob, k.cursor})
	}
	return k.cursor
}

// junkLike is junk under a blob's tag.
func junkLike(blob []byte) []byte {
	junk := slices.Clone(blob)
	junk[len(junk)-1] ^= 1
	return junk
}

const skyPage = 256

// page is what follows a cursor.
func (k *keeper) page(since uint64) Page {
	p := Page{Log: Log{At: k.id, Community: [32]byte{1}}, Since: since, Until: since, End: true}
	for _, b := range k.log {
		if b.cursor <= since && !k.replays {
			continue
		}
		if len(p.Blobs) == skyPage {
			p.End = false
			break
		}
		p.Blobs = append(p.Blobs, b.blob)
		p.Until = max(p.Until, b.cursor)
	}
	if k.invents {
		for _, b := range p.Blobs[:min(len(p.Blobs), 8)] {
			p.Blobs = slices.Insert(p.Blobs, 0, junkLike(b))
		}
	}
	if k.reorders {
		rand.Shuffle(len(p.Blobs), func(i, j int) { p.Blobs[i], p.Blobs[j] = p.Blobs[j], p.Blobs[i] })
	}
	if k.leaps && len(p.Blobs) > 0 {
		p.Until += 1000
	}
	return p
}

// fakeCustodian is one person's way to the sky.
type fakeCustodian struct {
	sky  *sky
	wake chan struct{} // holds one token

	to      Collector
	reached []Reached
	eras    map[peer.ID]int // of the logs that were read
}

func (f *fakeCustodian) look() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run implements Custodian.
func (f *fakeCustodian) Run(ctx context.Context, to Collector) error {
	f.to, f.eras = to, make(map[peer.ID]int)
	f.sky.change(func() { f.sky.members[f] = struct{}{} })
	defer f.sky.change(func() { delete(f.sky.members, f) })
	for {
		var reached []Reached
		f.sky.mu.Lock()
		for _, k := range f.sky.nodes {
			if k.link != 0 {
				reached = append(reached, Reached{At: k.id, Link: k.link})
			}
		}
		f.sky.mu.Unlock()
		if !slices.Equal(reached, f.reached) {
			f.reached = reached
			to.Reached(reached)
		}
		for _, r := range reached {
			if err := f.collect(ctx, r.At); err != nil {
				return nil //nolint:nilerr // the node has stopped
			}
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// collect takes page after page of a supernode.
func (f *fakeCustodian) collect(ctx context.Context, at peer.ID) error {
	for ctx.Err() == nil {
		cursor, err := f.to.Cursor(ctx, Log{At: at, Community: [32]byte{1}})
		if err != nil {
			return err
		}
		f.sky.mu.Lock()
		k := f.sky.keeper(at)
		if k == nil {
			f.sky.mu.Unlock()
			return nil
		}
		if k.era != f.eras[at] {
			f.eras[at] = k.era
			f.sky.mu.Unlock()
			if err := f.to.Lost(ctx, Log{At: at, Community: [32]byte{1}}, nil); err != nil {
				return err
			}
			continue
		}
		p := k.page(cursor)
		f.sky.mu.Unlock()
		if p.Until == cursor && len(p.Blobs) == 0 {
			return nil
		}
		if err := f.to.Collected(ctx, p); errors.Is(err, ErrClosed) {
			return err
		}
		if p.End {
			return nil
		}
	}
	return ctx.Err()
}

// Deposit implements Custodian.
func (f *fakeCustodian) Deposit(_ context.Context, at peer.ID, parcels []Parcel) ([]Custody, error) {
	var answers []Custody
	var err error
	f.sky.change(func() {
		k := f.sky.keeper(at)
		if k == nil {
			err = errors.New("nobody is there")
			return
		}
		k.offers += len(parcels)
		for _, p := range parcels {
			if h, bad := wire.ParseBlob(p.Blob); k.refuse == wire.ReasonWrongDay && bad == nil && h.ExpiryDay <= k.day+wire.ExpiryDaysMax {
				k.refuse = 0
			}
			if k.refuse != 0 {
				answers = append(answers, Custody{Reason: k.refuse, Day: k.day})
				continue
			}
			if slices.Contains(k.gone, string(p.Blob)) {
				answers = append(answers, Custody{Reason: wire.ReasonDeleted})
				continue
			}
			log := Log{At: at, Community: [32]byte{1}}
			answers = append(answers, Custody{Log: log, Cursor: k.take(p.Blob), Evidence: []byte("signed")})
		}
	})
	return answers, err
}

// Reread implements Custodian.
func (f *fakeCustodian) Reread(_ context.Context, from Log, wanted []Unmatched) ([][]byte, error) {
	f.sky.mu.Lock()
	defer f.sky.mu.Unlock()
	f.sky.rereads++
	k := f.sky.keeper(from.At)
	if k == nil {
		return nil, errors.New("nobody is there")
	}
	var blobs [][]byte
	for _, b := range k.log {
		id := wire.IDOf(b.blob)
		if !k.starves && slices.ContainsFunc(wanted, func(u Unmatched) bool { return u.ID == [8]byte(id[:]) && b.cursor > u.Since }) {
			blobs = append(blobs, b.blob)
		}
	}
	return blobs, nil
}

// Mailbox implements Custodian: a card lists supernodes.
func (f *fakeCustodian) Mailbox(_ identity.AccountID, theirs []byte) (card []byte) {
	f.sky.mu.Lock()
	defer f.sky.mu.Unlock()
	if f.sky.answers && theirs == nil {
		return nil
	}
	for _, k := range f.sky.nodes {
		card = append(card, k.id[:]...)
	}
	return card
}

// Where implements Custodian.
func (f *fakeCustodian) Where(card []byte) (in []Log) {
	for id := range slices.Chunk(card, len(peer.ID{})) {
		in = append(in, Log{peer.ID(id), [32]byte{1}})
	}
	return in
}

// Known implements Custodian.
func (f *fakeCustodian) Known(contacts map[identity.AccountID][]byte) {
	f.sky.mu.Lock()
	defer f.sky.mu.Unlock()
	f.sky.known[f] = contacts
}

// Supernodes implements Custodian.
func (f *fakeCustodian) Supernodes() (all []Supernode) {
	f.sky.mu.Lock()
	defer f.sky.mu.Unlock()
	if f.sky.left {
		return nil
	}
	for i, k := range f.sky.nodes {
		all = append(all, Supernode{ID: k.id, Name: "cupboard " + string(rune('a'+i)), Community: "Villa", In: [32]byte{1}})
	}
	return all
}

// beaconKey is what the supernodes of the sky are recognised by.
func beaconKey(day uint32) identity.DiscoveryKey {
	return identity.PairwiseKey([32]byte{7}, identity.AccountID{}, day)
}

// Beacons implements Custodian.
func (f *fakeCustodian) Beacons(day uint32) (all []Beacon) {
	for _, k := range f.sky.nodes {
		all = append(all, Beacon{At: k.id, Key: beaconKey(day)})
	}
	return all
}

// Sighted implements Custodian.
func (f *fakeCustodian) Sighted(at peer.ID, p link.Place) {
	f.sky.mu.Lock()
	defer f.sky.mu.Unlock()
	f.sky.sighted = append(f.sky.sighted, at)
	f.sky.places = append(f.sky.places, p)
}

// newPersonUnder starts somebody who uses the supernodes of a sky.
func newPersonUnder(t *testing.T, a *air, name string, s *sky) *person {
	t.Helper()
	p := &person{t: t, name: name, home: t.TempDir() + "/" + name, air: a, sky: s}
	if err := Found(p.home, name, cryptoRand); err != nil {
		t.Fatal(err)
	}
	p.start()
	t.Cleanup(func() { p.stop() })
	return p
}

// meetUnder makes two people contacts who know each other's mailboxes.
func meetUnder(t *testing.T, s *sky) (anna, bruno *person) {
	t.Helper()
	lan := newAir()
	anna, bruno = newPersonUnder(t, lan, "Anna", s), newPersonUnder(t, lan, "Bruno", s)
	anna.befriends(bruno)
	for p, other := range map[*person]*person{anna: bruno, bruno: anna} {
		p.within(waitLong, "they know each other's mailbox", func() (ok bool) {
			p.inside(func(*turn) error {
				c, err := p.contactCalled(other.name)
				ok = err == nil && c.mailbox.Card != nil && c.mailbox.Has != nil
				return nil
			})
			return ok
		})
	}
	return anna, bruno
}

// inSlot has slots come until something is true.
func (p *person) inSlot(ok func() bool) func() bool {
	return func() bool {
		p.inside(func(turn *turn) error { return turn.slotComes() })
		return ok()
	}
}

// slotComes has five minutes pass for what waits for the slot of receipts.
func (t *turn) slotComes() error {
	n := t.n
	if !n.custody.later.IsZero() {
		n.custody.later = t.now
	}
	n.custody.waiting.slot = t.now
	n.wakeBy(t.now)
	for _, d := range n.devices {
		d.quiet = time.Time{}
		if err := t.step(d, outbox.Quiet{}); err != nil {
			return err
		}
	}
	return nil
}
