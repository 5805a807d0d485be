package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/relaytest"
	"sottovoce/relay/supernode"
)

// keep is a Keep in memory.
type keep struct {
	mu     sync.Mutex // guards values
	values map[string][]byte
	saved  func(value []byte) // if set, is told of each
}

func (k *keep) Load(key string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.Clone(k.values[key]), nil
}

func (k *keep) Save(key string, value []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.saved != nil {
		k.saved(value)
	}
	if k.values[key] = bytes.Clone(value); len(value) == 0 {
		delete(k.values, key)
	}
	return nil
}

// node is what a Client tells.
type node struct {
	mu      sync.Mutex // guards the fields below
	cursors map[relay.Log]uint64
	blobs   [][]byte
	lost    []uint64 // where something is not
	begun   int      // how often a log was another one
	reached []relay.Reached
	moved   chan struct{} // closed, and made anew, when something was told
}

func newNode() *node {
	return &node{cursors: make(map[relay.Log]uint64), moved: make(chan struct{})}
}

func (n *node) tell(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.moved)
	n.moved = make(chan struct{})
}

func (n *node) Cursor(_ context.Context, from relay.Log) (uint64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cursors[from], nil
}

func (n *node) Match(_ context.Context, entries []wire.Entry) ([]bool, error) {
	return make([]bool, len(entries)), nil
}

func (n *node) Collected(_ context.Context, p relay.Page) error {
	n.tell(func() {
		n.cursors[p.Log] = p.Until
		n.blobs = append(n.blobs, p.Blobs...)
	})
	return nil
}

func (n *node) Lost(_ context.Context, from relay.Log, at []uint64) error {
	n.tell(func() {
		if n.lost = append(n.lost, at...); len(at) == 0 {
			n.cursors[from], n.begun = 0, n.begun+1
		}
	})
	return nil
}

func (n *node) Reached(at []relay.Reached) { n.tell(func() { n.reached = at }) }

func (n *node) Changed() { n.tell(func() {}) }

// until waits for what the client tells to be so.
func (n *node) until(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		n.mu.Lock()
		moved, is := n.moved, so()
		n.mu.Unlock()
		if is {
			return
		}
		select {
		case <-moved:
		case <-time.After(50 * time.Millisecond): // what nobody tells
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

func listen() (net.PacketConn, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

// client runs a Client on what k keeps until stop is called.
func client(t *testing.T, k *keep) (c *relay.Client, n *node, stop func()) {
	t.Helper()
	c, err := relay.NewClient(relay.Config{Keep: k, Listen: listen, Rand: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	n = newNode()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx, n)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return c, n, stop
}

// host runs a supernode, whose store can stall.
type host struct {
	dir   string
	at    *net.UDPAddr
	store *relaytest.Liar
	got   gets
	stop  func()
}

// gets is a store that remembers what it was asked for by id.
type gets struct {
	mailbox.Store
	mu  sync.Mutex // guards ids
	ids []wire.ShortID
}

func (g *gets) Get(ctx context.Context, c mailbox.Community, ids []wire.ShortID, limit int) ([]mailbox.Record, error) {
	g.mu.Lock()
	for _, id := range ids {
		g.ids = append(g.ids, wire.ShortID(id))
	}
	g.mu.Unlock()
	return g.Store.Get(ctx, c, ids, limit)
}

// take returns what was asked for since it was called last.
func (g *gets) take() []wire.ShortID {
	g.mu.Lock()
	defer g.mu.Unlock()
	ids := g.ids
	g.ids = nil
	return ids
}

// start starts the supernode, in the same place each time.
func (h *host) start(t *testing.T) *supernode.Supernode {
	t.Helper()
	pc, err := net.ListenUDP("udp4", h.at)
	if err != nil {
		t.Fatal(err)
	}
	h.at = pc.LocalAddr().(*net.UDPAddr)
	s, err := supernode.Open(h.dir, supernode.Config{
		Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Conn: pc, Vouched: func() bool { return true },
		Store: func(s mailbox.Store) mailbox.Store {
			h.got.Store = s
			h.store = relaytest.NewLiar(&h.got)
			return h.store
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.stop)
	return s
}

// serve founds a community and runs its supernode.
func serve(t *testing.T) (s *supernode.Supernode, id community.ID, h *host) {
	t.Helper()
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	h = &host{dir: t.TempDir(), at: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	charter := supernode.Charter{Name: "Casa", Policy: community.Policy{Days: 58, Disk: 1 << 30, Tokens: 1000}}
	made, err := supernode.Found(h.dir, charter, supernode.Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	s = h.start(t)
	if err := s.Advertise([]string{h.at.String()}); err != nil {
		t.Fatal(err)
	}
	return s, made.Community, h
}

func sealed(t *testing.T) []byte {
	t.Helper()
	h := wire.Header{Class: wire.Class0, ExpiryDay: wire.DayAt(time.Now()) + 7}
	b := append(h.Append(nil), make([]byte, wire.Class0.Size()-wire.HeaderSize)...)
	if _, err := rand.Read(b[4:36]); err != nil {
		t.Fatal(err)
	}
	return b
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// deposit leaves blobs for the giver of a card, and counts those that are kept, with receipts that are sound.
func deposit(t *testing.T, c *relay.Client, at relay.Log, card []byte, blobs ...[]byte) (kept int) {
	t.Helper()
	parcels := make([]relay.Parcel, len(blobs))
	for i, b := range blobs {
		parcels[i] = relay.Parcel{Blob: b, Card: card}
	}
	got, err := c.Deposit(within(t), at.At, parcels)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range got {
		if a.Reason != 0 {
			continue
		}
		kept++
		of, all, err := relay.OpenReceipt(a.Evidence)
		if err != nil || of != at || !slices.ContainsFunc(all, func(k relay.Kept) bool { return k.ID == wire.IDOf(blobs[i]) && k.Cursor == a.Cursor }) {
			t.Errorf("receipt of %v, %v", of, err)
		}
	}
	return kept
}

// member joins the community and waits until the supernode is reached and there are tokens.
func member(t *testing.T, super *supernode.Supernode, id community.ID) (*relay.Client, *node) {
	t.Helper()
	invite, err := super.Invite(id, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	anna, there, _ := client(t, &keep{values: make(map[string][]byte)})
	if _, err := anna.Join(within(t), invite.Text()); err != nil {
		t.Fatal(err)
	}
	there.until(t, "Anna reaches her supernode", func() bool { return len(there.reached) == 1 })
	// She has no tokens yet, and draws some when she deposits.
	if kept := deposit(t, anna, relay.Log{At: super.ID(), Community: id}, nil, sealed(t)); kept != 1 {
		t.Fatal("a member's blob is not kept")
	}
	return anna, there
}
