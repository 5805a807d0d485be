package observer

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/supernode"
)

// What is lived through.
const (
	writers       = 3  // the first of names; all others read, and answer with receipts
	shelfRounds   = 10 // in which every writer writes to every reader
	shelfMessages = 7  // in a round, from each writer to each reader
	shelfRound    = 40 * time.Minute
	communityName = "Casa di Annamaria"
)

// fellowship is a community of people whose homes are apart: what they write goes by their supernode only.
type fellowship struct {
	lab          *simlan.Net
	desks, roads *simlan.LAN
	chance       *mathrand.Rand
	dir          string // the supernode's
	cable        *cable
	people       []*fellow
	began        time.Time // when the first round did
	secrets      []string  // what no supernode may hold
	personas     []string  // what it may hold, and tie to nothing

	mu     sync.Mutex // guards the following, the truth
	behind map[netip.Addr]string
	blobs  map[wire.BlobID]letter
}

// letter is a blob and whose it is.
type letter struct {
	from, to string
	bytes    []byte
}

// leaves notes whose a blob is that somebody leaves.
func (s *fellowship) leaves(blob []byte, from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := wire.IDOf(blob); s.blobs[id].bytes == nil {
		s.blobs[id] = letter{from, to, slices.Clone(blob)}
	}
}

// newFellowship founds a community, lets everybody in, and makes contacts of those who will write to each other.
func newFellowship(t *testing.T, dir string, seed uint64) *fellowship {
	t.Helper()
	s := &fellowship{
		lab: simlan.New(seed), chance: mathrand.New(mathrand.NewPCG(seed, 11)), dir: filepath.Join(dir, "supernode"),
		behind: make(map[netip.Addr]string), blobs: make(map[wire.BlobID]letter),
	}
	s.desks, s.roads = s.lab.LAN(simlan.Weather{Delay: weather}), s.lab.LAN(simlan.Weather{Delay: 5 * time.Millisecond})
	shelf := s.lab.Host()
	shelf.Join(s.roads)
	at := netip.AddrPortFrom(shelf.Address(), shelfPort)
	if _, err := supernode.Found(s.dir, supernode.Charter{
		Name: communityName, Policy: community.Policy{Days: 58, Disk: 1 << 30, Tokens: 1000}, Addresses: []string{at.String()},
	}, supernode.Config{Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	s.cable = plug(t, s.dir, shelf.ListenOn(shelfPort))
	return s
}

// meet has people join and become contacts, on one network, and then goes on without that.
func (s *fellowship) meet(t *testing.T, dir string) {
	t.Helper()
	for _, name := range names {
		f := s.found(t, dir, name)
		s.people = append(s.people, f)
		joined, err := f.client.Join(t.Context(), s.cable.Invite)
		if err != nil {
			t.Fatal(err)
		}
		s.personas = append(s.personas, string(joined.Persona[:]))
		if err := until(t.Context(), f.isLinked); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range s.people[:writers] {
		for _, r := range s.people[writers:] {
			if err := until(t.Context(), func() error { _, err := w.node.Add(t.Context(), r.name); return err }); err != nil {
				t.Fatal(err)
			}
			if err := until(t.Context(), func() error { _, err := r.node.Accept(t.Context(), w.name); return err }); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, w := range s.people[:writers] { // both have written, so that sessions stand, and cards are told
		for _, r := range s.people[writers:] {
			time.Sleep(time.Second)
			r.write(t, w.name, "ciao")
			w.write(t, r.name, "ciao")
		}
	}
	time.Sleep(10 * time.Minute)
	for _, f := range s.people {
		f.desk.Leave()
	}
	time.Sleep(20 * time.Minute)
}

func (f *fellow) isLinked() error {
	if !f.linked() {
		return fmt.Errorf("%s has no link to the supernode", f.name)
	}
	return nil
}

// event is something that happens in a round.
type event struct {
	at time.Duration // from its beginning
	do func()
}

// live lets the rounds pass: everybody's messages, and everybody's ways, come as chance has it.
func (s *fellowship) live(t *testing.T) {
	t.Helper()
	s.began = time.Now()
	for round := range shelfRounds {
		begin := time.Now()
		events := append(s.writing(t, round), s.moving(t, round)...)
		slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
		for _, e := range events {
			time.Sleep(time.Until(begin.Add(e.at)))
			e.do()
		}
		time.Sleep(time.Until(begin.Add(shelfRound)))
	}
	time.Sleep(shelfRound) // what is left is said
}

// within is a moment between two parts of a round.
func (s *fellowship) within(from, to time.Duration) time.Duration {
	return from + time.Duration(s.chance.Int64N(int64(to-from)))
}

// writing is what is written in a round.
func (s *fellowship) writing(t *testing.T, round int) (events []event) {
	for _, w := range s.people[:writers] {
		for _, r := range s.people[writers:] {
			for i := range shelfMessages {
				text := fmt.Sprintf("message %d of round %d from %s to %s %s", i, round, w.name, r.name, strings.Repeat("bla ", s.chance.IntN(100)))
				if i == 0 {
					s.secrets = append(s.secrets, text[:30])
				}
				events = append(events, event{s.within(0, shelfRound), func() { w.write(t, r.name, text) }})
			}
		}
	}
	return events
}

// moving is who has a way when: writers lose theirs once a round and write on meanwhile; of the readers the first stays,
// the second is away every second round, the third is there a few minutes only, the fourth is started anew, and the last comes and goes.
func (s *fellowship) moving(t *testing.T, round int) (events []event) {
	breaks := func(f *fellow, from, to time.Duration) {
		events = append(events, event{from, f.goes}, event{to, f.comes})
	}
	for _, w := range s.people[:writers] {
		from := s.within(2*time.Minute, 12*time.Minute)
		breaks(w, from, from+s.within(3*time.Minute, 9*time.Minute))
	}
	second, third, fourth, fifth := s.people[writers+1], s.people[writers+2], s.people[writers+3], s.people[writers+4]
	switch {
	case round%2 == 1:
		events = append(events, event{s.within(0, shelfRound/4), second.goes})
	case round > 0:
		events = append(events, event{s.within(0, shelfRound/4), second.comes})
	}
	if round == 0 {
		third.goes()
	}
	there := s.within(0, shelfRound/2)
	events = append(events, event{there, third.comes}, event{there + s.within(4*time.Minute, 12*time.Minute), third.goes})
	events = append(events, event{s.within(0, shelfRound), func() {
		if err := cmp.Or(fourth.end(), fourth.start()); err != nil {
			t.Error(err)
		}
	}})
	from := s.within(0, shelfRound/2)
	breaks(fifth, from, from+s.within(time.Minute, 4*time.Minute))
	return events
}

// close ends everybody's program, and notes what the supernode may not hold.
func (s *fellowship) close(t *testing.T) {
	t.Helper()
	for _, f := range s.people {
		status, err := f.node.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		account, err := identity.ParseAccountID(status.Me.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.secrets = append(s.secrets, string(account[:]))
		if err := f.end(); err != nil {
			t.Error(err)
		}
		s.secrets = append(s.secrets, f.name)
		s.secrets = append(s.secrets, keysOf(t, f.home)...)
	}
}

// keysOf are the keys of a home's account and device, and that by which contacts know its announcements.
func keysOf(t *testing.T, home string) (keys []string) {
	t.Helper()
	db, err := store.Open(home, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := db.Secrets()
	device, root := identity.DeviceFromSeed(s.Device).Public(), identity.RootFromSeed(s.Root).Public()
	id := device.ID()
	var discovery struct {
		Key []byte `cbor:"1,keyasint"`
	}
	err = db.View(func(tx *store.Tx) error {
		b, err := tx.Secret("discovery")
		if err == nil {
			err = cbor.Unmarshal(b, &discovery)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.ParseDiscoveryKey(discovery.Key)
	if err != nil {
		t.Fatal(err)
	}
	secret := key.Secret()
	return []string{string(device.Sign[:]), string(device.Agree[:]), string(id[:]), string(root[:]), string(secret[:])}
}

// lives has a community found itself, write and read, and gives all that its supernode has of it.
func lives(t *testing.T, dir string, seed uint64) (s *fellowship, saw sight) {
	t.Helper()
	s = newFellowship(t, dir, seed)
	ctx, cancel := context.WithCancel(t.Context())
	carried := make(chan struct{})
	go func() { defer close(carried); s.cable.carry(ctx) }()
	s.meet(t, dir)
	s.live(t)
	s.close(t)
	cancel()
	<-carried
	saw = sight{memory: s.cable.memory(), disk: files(t, s.dir), packets: s.cable.packets, asked: s.cable.asked}
	if err := s.cable.end(); err != nil {
		t.Fatal(err)
	}
	return s, saw
}
