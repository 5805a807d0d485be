package observer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"sottovoce/mesh"
	"sottovoce/mesh/identity"
	meshlink "sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/supernode"
)

// claimBlobs is what the threat model says of a supernode and a judge has to find out.
const claimBlobs claim = "which blobs of one depositor are for one recipient cannot be told"

const (
	shelfRounds   = 8  // in which every friend is written to
	shelfMessages = 25 // in a round, to each of five: a thousand in all
)

// shelf is a supernode's data directory into which somebody's blobs go, and all that the supernode sees of their coming.
type shelf struct {
	dir   string
	id    mailbox.Community
	store *mailbox.Disk

	mu    sync.Mutex // guards the following
	came  []arrival
	round int // 0: nobody looks yet
}

// arrival is one blob as it came, and for whom it was: the truth.
type arrival struct {
	at     time.Time
	blob   []byte
	cursor uint64
	to     string
	round  int
}

// newShelf founds a supernode.
func newShelf(t *testing.T, dir string) *shelf {
	t.Helper()
	made, err := supernode.Found(dir, supernode.Charter{Name: "Casa di Annamaria", Policy: community.Policy{Days: 58, Disk: 1 << 30, Tokens: 1000}}, supernode.Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{dir: dir, id: mailbox.Community(made.Community)}
	if s.store, err = mailbox.Open(filepath.Join(dir, "mailbox"), 0); err != nil {
		t.Fatal(err)
	}
	return s
}

// shelfID is the supernode as nodes know it.
var shelfID = peer.ID{'s'}

func (s *shelf) log() mesh.Log { return mesh.Log{At: shelfID, Community: s.id} }

// way is one person's way to the shelf.
type way struct {
	*shelf
	name string
}

// Run collects all there is.
func (w *way) Run(ctx context.Context, to mesh.Collector) error {
	to.Reached([]mesh.Reached{{At: shelfID, Link: 1}})
	for {
		cursor, err := to.Cursor(ctx, w.log())
		if err != nil {
			return nil //nolint:nilerr // the node has stopped
		}
		page, err := w.store.Since(ctx, w.id, cursor, 1<<20)
		if err != nil {
			return err
		}
		var blobs [][]byte
		for _, b := range page.Blobs {
			blobs = append(blobs, b.Blob)
		}
		if page.Until > cursor {
			if err := to.Collected(ctx, mesh.Page{Log: w.log(), Since: cursor, Until: page.Until, Blobs: blobs, End: page.End}); err != nil {
				return nil //nolint:nilerr // the node has stopped
			}
			continue
		}
		select {
		case <-w.store.Moved(w.id, cursor):
		case <-ctx.Done():
			return nil
		}
	}
}

// Deposit leaves blobs, each paid for by a token, as over the wire.
func (w *way) Deposit(ctx context.Context, _ peer.ID, parcels []mesh.Parcel) ([]mesh.Custody, error) {
	deposits := make([]mailbox.Deposit, len(parcels))
	for i, p := range parcels {
		token := mailbox.Token{Day: wire.DayAt(time.Now())}
		if _, err := rand.Read(token.ID[:]); err != nil {
			return nil, err
		}
		deposits[i] = mailbox.Deposit{Blob: p.Blob, Paid: []mailbox.Token{token}}
	}
	results, err := w.store.Append(ctx, w.id, deposits)
	if err != nil {
		return nil, err
	}
	answers := make([]mesh.Custody, len(parcels))
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, r := range results {
		if r.Err != nil {
			return nil, r.Err
		}
		answers[i] = mesh.Custody{Log: w.log(), Cursor: r.Cursor, Evidence: []byte("signed")}
		if w.round > 0 && r.New {
			w.came = append(w.came, arrival{at: time.Now(), blob: parcels[i].Blob, cursor: r.Cursor, to: string(parcels[i].Card), round: w.round})
		}
	}
	return answers, nil
}

// Reread brings nothing: nobody here loses anything.
func (*way) Reread(context.Context, mesh.Log, []mesh.Unmatched) ([][]byte, error) { return nil, nil }

// Mailbox is a card by which the truth is known afterwards.
func (w *way) Mailbox(identity.AccountID, []byte) []byte { return []byte(w.name) }
func (*way) Where([]byte) []peer.ID                      { return []peer.ID{shelfID} }
func (*way) Known(map[identity.AccountID][]byte)         {}
func (w *way) Supernodes() []mesh.Supernode              { return []mesh.Supernode{{ID: shelfID, In: w.id}} }
func (*way) Beacons(uint32) []mesh.Beacon                { return nil }
func (*way) Sighted(peer.ID, meshlink.Place)             {}

// friend is somebody with a node.
type friend struct {
	name, home string
	host       *simlan.Host
	node       *mesh.Node
	end        func() error
}

// start runs the node of a home, with a way to the shelf.
func (f *friend) start(t *testing.T, s *shelf) {
	t.Helper()
	db, err := store.Open(f.home, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f.node, err = mesh.New(mesh.Config{
		Store: db, Finder: f.host.Finder(), Conn: f.host.Listen(), Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Vouched: func() bool { return true },
		Listen: func() (net.PacketConn, error) { return f.host.Listen(), nil }, Custodian: &way{s, f.name},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.node.Run(ctx) }()
	f.end = func() error {
		cancel()
		return errors.Join(<-ended, db.Close())
	}
}

// writes has Annamaria write a thousand messages to five friends who are away, as chance has it. secrets are what no supernode may hold.
func writes(t *testing.T, s *shelf, dir string, seed uint64) (secrets []string) {
	t.Helper()
	chance := mathrand.New(mathrand.NewPCG(seed, 11))
	lab := simlan.New(seed)
	lan := lab.LAN(simlan.Weather{})
	var people []*friend
	for _, name := range names[:6] {
		f := &friend{name: name, home: filepath.Join(dir, name), host: lab.Host()}
		if err := mesh.Found(f.home, name, rand.Reader); err != nil {
			t.Fatal(err)
		}
		f.host.Join(lan)
		f.start(t, s)
		people = append(people, f)
		secrets = append(secrets, name)
	}
	anna, friends := people[0], people[1:]
	for _, f := range friends {
		if err := until(t.Context(), func() error { _, err := anna.node.Add(t.Context(), f.name); return err }); err != nil {
			t.Fatal(err)
		}
		if err := until(t.Context(), func() error { _, err := f.node.Accept(t.Context(), anna.name); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range friends { // both have written, so that sessions stand, and cards are told
		time.Sleep(time.Minute)
		f.node.Send(t.Context(), []mesh.Outgoing{{To: anna.name, Text: "ciao"}})
		anna.node.Send(t.Context(), []mesh.Outgoing{{To: f.name, Text: "ciao"}})
	}
	time.Sleep(10 * time.Minute)
	for _, f := range friends {
		if err := f.end(); err != nil {
			t.Fatal(err)
		}
		f.host.Leave()
	}
	time.Sleep(time.Hour)
	for round := range shelfRounds {
		s.mu.Lock()
		s.round = round + 1
		s.mu.Unlock()
		var turns []*friend
		for _, f := range friends {
			turns = append(turns, slices.Repeat([]*friend{f}, shelfMessages)...)
		}
		chance.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		for i, f := range turns {
			time.Sleep(time.Duration(chance.Int64N(int64(time.Minute))))
			text := fmt.Sprintf("message %d of round %d %s", i, round, strings.Repeat("bla ", chance.IntN(100)))
			if r := anna.node.Send(t.Context(), []mesh.Outgoing{{To: f.name, Text: text}}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
			if i == 0 {
				secrets = append(secrets, text[:min(len(text), 40)])
			}
		}
	}
	time.Sleep(10 * time.Second)
	if err := anna.end(); err != nil {
		t.Fatal(err)
	}
	for _, f := range people {
		secrets = append(secrets, keysOf(t, f.home)...)
	}
	return secrets
}

// keysOf are the keys of a home's account and device.
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
	return []string{string(device.Sign[:]), string(device.Agree[:]), string(id[:]), string(root[:])}
}

// seen is what the supernode's operator finds: its files, and its memory once it runs.
type seen struct {
	disk   map[string][]byte
	memory []byte
}

// visits are what the supernode has of the blobs: each is of one recipient in one round. leak changes what it sees, to show that
// it would be found.
func (s *shelf) visits(t *testing.T, all seen, leak func(b []byte, to string)) []*Visit {
	t.Helper()
	of := make(map[string]*Visit)
	places := all.places(s.came)
	var order []*Visit
	for _, a := range s.came {
		blob := slices.Clone(a.blob)
		if leak != nil {
			leak(blob, a.to)
		}
		key := fmt.Sprint(a.to, a.round)
		v := of[key]
		if v == nil {
			v = NewVisit(a.to, a.round)
			of[key], order = v, append(order, v)
		}
		h, err := wire.ParseBlob(blob)
		if err != nil {
			t.Fatal(err)
		}
		v.Note("header.class", strconv.Itoa(int(h.Class)))
		v.Note("header.expiry", strconv.Itoa(int(h.ExpiryDay)))
		for i := range h.Tag {
			v.Note(fmt.Sprint("tag.byte.", i), strconv.Itoa(int(h.Tag[i])))
			v.Note(fmt.Sprint("commitment.byte.", i), strconv.Itoa(int(h.DelCommit[i])))
		}
		for _, from := range []int{4, len(blob) - 100} {
			for i := from; i < from+100-pieceSize; i++ {
				v.Note("pieces", string(blob[i:i+pieceSize]))
			}
		}
		v.Note("cursor.modulo", strconv.Itoa(int(a.cursor%8)))
		v.instant("arrival", a.at)
		if leak == nil {
			all.around(t, v, blob, places)
		}
	}
	for _, v := range order {
		v.Finish()
	}
	return order
}

// around notes what stands on the disk, and in memory, before and behind a blob.
func (all seen) around(t *testing.T, v *Visit, blob []byte, places map[wire.ShortID][]int) {
	t.Helper()
	on := ""
	for name, content := range all.disk {
		if at := bytes.Index(content, blob[:wire.HeaderSize]); at >= 0 {
			on = name
			v.Note("disk.file", name)
			neighbours(v, "disk", content, at, at+len(blob))
		}
	}
	if on == "" {
		t.Fatal("a blob is not on the disk")
	}
	at := places[wire.IDOf(blob).Short()]
	v.Note("memory.times", strconv.Itoa(len(at)))
	for _, i := range at {
		neighbours(v, "memory", all.memory, i, i+len(wire.ShortID{}))
	}
}

func neighbours(v *Visit, where string, in []byte, from, to int) {
	for i := max(0, from-64); i < from-pieceSize; i++ {
		v.Note(where+".before", string(in[i:i+pieceSize]))
	}
	for i := to; i < min(len(in)-pieceSize, to+64); i++ {
		v.Note(where+".behind", string(in[i:i+pieceSize]))
	}
}

// places are where the ids of blobs begin in memory.
func (all seen) places(came []arrival) map[wire.ShortID][]int {
	at := make(map[wire.ShortID][]int)
	for _, a := range came {
		at[wire.IDOf(a.blob).Short()] = nil
	}
	for i := 0; i+8 <= len(all.memory); i += 4 {
		id := wire.ShortID(all.memory[i:])
		if places, wanted := at[id]; wanted {
			at[id] = append(places, i)
		}
	}
	return at
}

// files are all files below a folder.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// memoryDir is a folder on no disk where there is one: what is written here need not outlive the test.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "observed")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestShelf gives an observer a supernode's whole disk, its memory, and when each of a thousand blobs of one depositor came; nothing
// in them goes together with whom they are for.
func TestShelf(t *testing.T) {
	twice(t, func(t *testing.T, seed uint64) (against disproved) {
		cryptotest.SetGlobalRandom(t, seed)
		dir := memoryDir(t)
		var s *shelf
		var secrets []string
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(begin))
			s = newShelf(t, filepath.Join(dir, "supernode"))
			secrets = writes(t, s, dir, seed)
			if err := s.store.Close(); err != nil {
				t.Fatal(err)
			}
		})
		if most := shelfRounds * shelfMessages * 5; len(s.came) < most*9/10 || len(s.came) > most { // some travel together
			t.Fatalf("%d blobs came of %d messages", len(s.came), most)
		}
		all := seen{disk: files(t, s.dir), memory: memoryOf(t, s.dir)}
		blind := 0
		for _, at := range all.places(s.came) {
			if len(at) == 0 {
				blind++
			}
		}
		if blind > 0 {
			t.Errorf("%d of %d blobs are not found in memory: the observer is blind there", blind, len(s.came))
		}
		verdict := Judge(s.visits(t, all, nil), nil)
		t.Logf("%d blobs, %d MB of memory: %s", len(s.came), len(all.memory)>>20, verdict)
		if verdict.Tells() {
			against = disproved{claimBlobs: verdict.String()}
		}
		if Holds([]Packet{{Payload: all.memory}}, secrets) >= 0 {
			t.Error("memory holds a text, a name or a key")
		}
		if Holds([]Packet{{Payload: all.memory}}, []string{"Casa di Annamaria"}) < 0 {
			t.Error("memory does not hold the community's name: it is not the supernode's")
		}
		for name, content := range all.disk {
			if Holds([]Packet{{Payload: content}}, secrets) >= 0 {
				t.Errorf("%s holds a text, a name or a key", name)
			}
		}
		for what, leak := range leaks {
			if v := Judge(s.visits(t, all, leak), nil); !v.Tells() {
				t.Errorf("%s is not found: %s", what, v)
			}
		}
		return against
	})
}

// leaks are what would be found.
var leaks = map[string]func(b []byte, to string){
	"one bit of the tag":        func(b []byte, to string) { b[5] = b[5]&^1 | to[1]&1 },
	"a text that is not sealed": func(b []byte, to string) { copy(b[len(b)-60:], "Ciao "+to) },
}
