package supernode

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/relaytest"
	"sottovoce/relay/witness"
)

// pocket keeps what a client remembers.
type pocket struct {
	mu   sync.Mutex // guards kept
	kept map[string][]byte
}

func (p *pocket) Load(key string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept[key], nil
}

func (p *pocket) Save(key string, value []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept[key] = value
	return nil
}

// reader is a member with a client, who takes what that brings.
type reader struct {
	*relay.Client
	t testing.TB

	mu      sync.Mutex // guards the following
	cursor  uint64
	lost    []uint64 // where something is not
	full    int      // how often that is not taken, for want of room
	begun   int      // how often the log was another one
	got     map[wire.BlobID]bool
	changed chan struct{} // closed when anything is
}

func (r *reader) told(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *reader) Cursor(context.Context, relay.Log) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cursor, nil
}

func (*reader) Match(context.Context, []wire.Entry) ([]bool, error) { return nil, nil }

func (r *reader) Collected(_ context.Context, p relay.Page) error {
	r.told(func() {
		r.cursor = p.Until
		for _, b := range p.Blobs {
			r.got[wire.IDOf(b)] = true
		}
	})
	return nil
}

func (r *reader) Lost(_ context.Context, _ relay.Log, at []uint64) (err error) {
	r.told(func() {
		if r.full > 0 {
			r.full, err = r.full-1, errors.New("no room")
			return
		}
		if r.lost = append(r.lost, at...); len(at) == 0 {
			r.cursor, r.begun = 0, r.begun+1
		}
	})
	return err
}

func (r *reader) Reached([]relay.Reached) { r.told(func() {}) }
func (r *reader) Changed()                { r.told(func() {}) }

// client makes one that belongs nowhere yet.
func (r *rig) client() *relay.Client {
	r.t.Helper()
	c, err := relay.NewClient(relay.Config{
		Keep: &pocket{kept: make(map[string][]byte)}, Rand: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Listen: func() (net.PacketConn, error) { return net.ListenPacket("udp4", "127.0.0.1:0") },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// reader makes a new member with a client that runs.
func (r *rig) reader() *reader {
	r.t.Helper()
	m := &reader{Client: r.client(), t: r.t, got: make(map[wire.BlobID]bool), changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx, m) }()
	r.t.Cleanup(func() { cancel(); <-done })
	invite, err := r.Invite(r.made.Community, 1, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := m.Join(within(r.t), invite.Text()); err != nil {
		r.t.Fatal(err)
	}
	m.wait("is reached", func() bool { return m.Communities()[0].Supernodes[0].Reached })
	return m
}

// wait waits until something is so.
func (m *reader) wait(what string, is func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; {
		m.mu.Lock()
		changed := m.changed
		m.mu.Unlock()
		if is() {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Until(deadline)):
			m.t.Fatalf("not so after 15 s: %s; %+v", what, m.Communities())
		}
	}
}

// leave deposits blobs, all of which the supernode signs for.
func (m *reader) leave(r *rig, blobs [][]byte) {
	m.t.Helper()
	var parcels []relay.Parcel
	for _, b := range blobs {
		parcels = append(parcels, relay.Parcel{Blob: b})
	}
	answers, err := m.Deposit(within(m.t), r.ID(), parcels)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, a := range answers {
		if a.Reason != 0 {
			m.t.Fatalf("refused with %d", a.Reason)
		}
	}
}

func (m *reader) breaches() []relay.Breach { return m.Communities()[0].Supernodes[0].Breaches }

func (m *reader) has(blobs [][]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range blobs {
		if !m.got[wire.IDOf(b)] {
			return false
		}
	}
	return true
}

// betrayer is a supernode whose store lies.
func betrayer(t *testing.T) (*rig, *relaytest.Liar) {
	t.Helper()
	r := found(t)
	var liar *relaytest.Liar
	r.run(Config{
		Vouched: func() bool { return true }, Store: func(s mailbox.Store) mailbox.Store { liar = relaytest.NewLiar(s); return liar },
	})
	if err := r.Advertise([]string{r.at.String()}); err != nil {
		t.Fatal(err)
	}
	return r, liar
}

// TestClientFindsWhatWasDropped: a client whose blob was signed for and dropped tells as soon as it reads the log, and goes on telling
// until that is taken.
func TestClientFindsWhatWasDropped(t *testing.T) {
	t.Parallel()
	r, liar := betrayer(t)
	anna := r.reader()
	first := r.blobs(3)
	anna.leave(r, first)
	anna.wait("all is collected", func() bool { return anna.has(first) })
	if b := anna.breaches(); len(b) > 0 {
		t.Fatalf("an honest supernode is accused: %v", b)
	}
	anna.told(func() { anna.full = 1 })
	liar.Drop(true)
	anna.leave(r, r.blobs(1))
	liar.Drop(false)
	anna.leave(r, r.blobs(1))
	anna.wait("the breach is told", func() bool { return len(anna.breaches()) > 0 })
	anna.wait("it is not taken", func() bool { anna.mu.Lock(); defer anna.mu.Unlock(); return anna.full == 0 })
	anna.leave(r, r.blobs(1)) // the client looks again
	anna.wait("it counts as not held", func() bool { anna.mu.Lock(); defer anna.mu.Unlock(); return slices.Equal(anna.lost, []uint64{4}) })
	b := anna.breaches()[0]
	if evidence, err := witness.ParseEvidence(b.Evidence); b.Kind != relay.BreachLost || err != nil || evidence.Kind != witness.Lost {
		t.Errorf("%+v, %v", b, err)
	}
}

// TestClientsFindASplitView: one blob that one member is not shown, on a day of few, is found by the close of the day that another's card
// tells.
func TestClientsFindASplitView(t *testing.T) {
	t.Parallel()
	r, liar := betrayer(t)
	all := r.blobs(5)
	r.put(all)
	liar.Night()
	anna := r.reader()
	anna.wait("all is collected", func() bool { return anna.has(all) })
	const withCheckpoint = 400                                                                        // bytes; without it has three keys, an address, and the gist of the supernode's card
	cardFor := func() []byte { return anna.Mailbox([32]byte{'b'}, anna.Mailbox([32]byte{'b'}, nil)) } // one that lists the log has it told
	anna.wait("the checkpoint is in the card", func() bool { return len(cardFor()) > withCheckpoint })
	card := cardFor()
	liar.Show(relaytest.Without(2))
	bruno := r.reader()
	bruno.wait("the rest is collected", func() bool { return bruno.has(all[3:]) })
	if bruno.has(all[2:3]) {
		t.Fatal("the supernode does not lie")
	}
	if b := append(anna.breaches(), bruno.breaches()...); len(b) > 0 {
		t.Fatalf("found alone: %v", b)
	}
	bruno.Where(card)
	bruno.wait("the breach is told", func() bool { return len(bruno.breaches()) > 0 })
	if b := bruno.breaches()[0]; b.Kind != relay.BreachSplit {
		t.Errorf("%+v", b)
	}
}

// TestClientReadsAnotherLog: a supernode that went back to an old copy of its disk, and has grown beyond where a member stands before
// that comes, is read from the beginning: what it took meanwhile is signed for. A place that is wrong each time is passed in the end.
func TestClientReadsAnotherLog(t *testing.T) {
	t.Parallel()
	r, liar := betrayer(t)
	anna := r.reader()
	r.put(r.blobs(2 * wire.CursorStep))
	more := r.blobs(1)
	anna.leave(r, more)
	anna.wait("all is collected", func() bool { return anna.has(more) })
	anna.wait("no breach", func() bool { return len(anna.breaches()) == 0 })
	other := r.blobs(1)
	liar.Show(relaytest.Replaced(3, other[0]))
	r.community().pages.forget()
	anna.leave(r, r.blobs(1)) // all who follow are sent a page of another log
	anna.wait("the breach is told", func() bool { return len(anna.breaches()) > 0 })
	anna.wait("what came before is collected", func() bool { return anna.has(other) })
	anna.mu.Lock()
	if anna.begun != 1 {
		t.Errorf("the log was another one %d times", anna.begun)
	}
	anna.mu.Unlock()
	last := r.blobs(1)
	anna.leave(r, last)
	anna.wait("what comes now is collected", func() bool { return anna.has(last) })
	if b := anna.breaches(); !slices.ContainsFunc(b, func(b relay.Breach) bool { return b.Kind == relay.BreachChain }) {
		t.Errorf("%+v", b)
	}
}
