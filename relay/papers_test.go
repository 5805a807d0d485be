package relay_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/community"
	"sottovoce/relay/supernode"
)

// shelf is a Keep in memory.
type shelf struct{ sync.Map }

func (s *shelf) Load(key string) ([]byte, error) {
	b, _ := s.Map.Load(key)
	kept, _ := b.([]byte)
	return append([]byte(nil), kept...), nil
}

func (s *shelf) Save(key string, value []byte) error {
	s.Store(key, append([]byte(nil), value...))
	return nil
}

// listener is told who is reached; it collects nothing.
type listener struct{ told chan struct{} }

func (l listener) Cursor(context.Context, relay.Log) (uint64, error) { return 0, nil }
func (l listener) Match(_ context.Context, e []wire.Entry) ([]bool, error) {
	return make([]bool, len(e)), nil
}
func (l listener) Collected(context.Context, relay.Page) error { return nil }

func (l listener) Lost(context.Context, relay.Log, []uint64) error { return nil }
func (l listener) Reached([]relay.Reached)                         { l.Changed() }
func (l listener) Changed() {
	select {
	case l.told <- struct{}{}:
	default:
	}
}

// house is a supernode on a loopback socket that can be stopped, and started on another disk.
type house struct {
	t    *testing.T
	dir  string
	conn net.PacketConn
	at   string
	id   community.ID
	*supernode.Supernode
	stop func()
}

func socket(t *testing.T, at string) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp4", at)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// houses must not all write their warnings.
func quiet() { _ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true") }

func (h *house) start() {
	h.t.Helper()
	quiet()
	if h.conn == nil {
		h.conn = socket(h.t, h.at)
	}
	s, err := supernode.Open(h.dir, supernode.Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Conn: h.conn, Vouched: func() bool { return true }})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h.Supernode = s
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			h.t.Error(err)
		}
		_ = h.conn.Close()
		h.conn = nil
	})
	h.t.Cleanup(h.stop)
}

// newHouse is one of nothing yet, with an address.
func newHouse(t *testing.T) *house {
	conn := socket(t, "127.0.0.1:0")
	return &house{t: t, dir: t.TempDir(), conn: conn, at: conn.LocalAddr().String()}
}

// foundHouse founds a community and runs its first supernode.
func foundHouse(t *testing.T) (*house, community.Root) {
	t.Helper()
	root, err := community.NewRoot(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return foundBy(t, root)
}

// foundBy founds the community of a root and runs its first supernode.
func foundBy(t *testing.T, root community.Root) (*house, community.Root) {
	t.Helper()
	h := newHouse(t)
	kept, err := community.ParseWords(words(root))
	if err != nil {
		t.Fatal(err)
	}
	made, err := supernode.Found(h.dir, supernode.Charter{
		Name: "Casa", Policy: community.Policy{Days: 58, Disk: 1 << 30, Tokens: 1000}, Addresses: []string{h.at}, Root: &root,
	}, supernode.Config{Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	h.id = made.Community
	h.start()
	return h, kept
}

func words(root community.Root) (text string) {
	for _, w := range root.Words() {
		text += w + " "
	}
	return text
}

// live runs a client on what is kept until stop is called.
func live(t *testing.T, kept *shelf) (c *relay.Client, l listener, stop func()) {
	t.Helper()
	c, run := stopped(t, kept)
	l, stop = run()
	return c, l, stop
}

// stopped is a client on what is kept that does not run yet.
func stopped(t *testing.T, kept *shelf) (c *relay.Client, run func() (l listener, stop func())) {
	t.Helper()
	return stoppedAt(t, kept, time.Now)
}

// stoppedAt is one with another clock.
func stoppedAt(t *testing.T, kept *shelf, now func() time.Time) (c *relay.Client, run func() (l listener, stop func())) {
	t.Helper()
	listen := func() (net.PacketConn, error) { return net.ListenPacket("udp4", "127.0.0.1:0") }
	c, err := relay.NewClient(relay.Config{Keep: kept, Listen: listen, Rand: rand.Reader, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return c, func() (listener, func()) {
		l := listener{told: make(chan struct{}, 1)}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { _ = c.Run(ctx, l) })
		stop := sync.OnceFunc(func() {
			cancel()
			running.Wait()
		})
		t.Cleanup(stop)
		return l, stop
	}
}

// until waits for what the client tells to be so.
func (l listener) until(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !so() {
		select {
		case <-l.told:
		case <-time.After(20 * time.Millisecond): // what nobody tells
		case <-deadline:
			t.Fatal("never: " + what)
		}
	}
}

func reached(c *relay.Client) (n int) {
	for _, s := range c.Communities()[0].Supernodes {
		if s.Reached {
			n++
		}
	}
	return n
}

// A second supernode reaches a member by itself, by the link on which it collects and nobody has a name; and who has
// joined at the first is let in by the second.
func TestNewsOfASupernode(t *testing.T) {
	one, root := foundHouse(t)
	invite, err := one.Invite(one.id, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	anna, run := stopped(t, new(shelf))
	anna.MeetAtOnce()
	l, _ := run()
	if _, err := anna.Join(ctx, invite.Text()); err != nil {
		t.Fatal(err)
	}
	l.until(t, "Anna reaches the first", func() bool { return reached(anna) == 1 })
	seat, err := one.InviteSupernode(one.id, root, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	two := newHouse(t)
	if _, err := supernode.Enter(ctx, two.dir, seat, []string{two.at}, supernode.Config{Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Conn: socket(t, "127.0.0.1:0")}); err != nil {
		t.Fatal(err)
	}
	two.start()
	l.until(t, "Anna hears of the second and reaches it", func() bool { return reached(anna) == 2 })
	if c := anna.Communities()[0]; len(c.Alarms) != 0 || c.Trouble != nil {
		t.Errorf("%+v", c)
	}
}

// The only supernode goes back to a copy of its disk from before two joined and one was shut out: who
// was not shows what it knows, and is let in; the other one is not.
func TestPlea(t *testing.T) {
	one, _ := foundHouse(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	invite, err := one.Invite(one.id, 2, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	one.stop()
	copied := t.TempDir()
	if err := os.CopyFS(filepath.Join(copied, "data"), os.DirFS(one.dir)); err != nil {
		t.Fatal(err)
	}
	one.start()
	annas := new(shelf)
	anna, l, stop := live(t, annas)
	if _, err := anna.Join(ctx, invite.Text()); err != nil {
		t.Fatal(err)
	}
	bruno, heard, _ := live(t, new(shelf))
	shut, err := bruno.Join(ctx, invite.Text())
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Revoke(one.id, shut.Persona); err != nil {
		t.Fatal(err)
	}
	heard.until(t, "Bruno is told", func() bool { return errors.Is(bruno.Communities()[0].Trouble, community.ErrNoMember) })
	l.until(t, "Anna is in, by the new keys", func() bool { return reached(anna) == 1 })
	stop()
	one.stop()
	one.dir = filepath.Join(copied, "data")
	one.start()
	if all, err := one.Members(one.id); err != nil || len(all) != 0 {
		t.Fatalf("the copy knows %d members, %v", len(all), err)
	}
	anna, l, _ = live(t, annas)
	l.until(t, "Anna is let in", func() bool {
		all, err := one.Members(one.id)
		return err == nil && len(all) == 2 && all[0].Revoked != all[1].Revoked && reached(anna) == 1
	})
	if c := anna.Communities()[0]; c.Trouble != nil {
		t.Errorf("%+v", c)
	}
}

// TestVisitedInVain: a supernode that does not turn to the week that it is here is visited once a day for that and not every quarter of
// an hour: each log-in shows again whose link stands beside it.
func TestVisitedInVain(t *testing.T) {
	one, _ := foundHouse(t)
	invite, err := one.Invite(one.id, 1, 30*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	anna, run := stoppedAt(t, new(shelf), func() time.Time { return time.Now().Add(8 * 24 * time.Hour) })
	l, _ := run()
	if _, err := anna.Join(within(t), invite.Text()); err != nil {
		t.Fatal(err)
	}
	l.until(t, "it is reached", func() bool { return reached(anna) == 1 })
	if anna.Wants() {
		t.Error("it is visited again for keys that it did not have just now")
	}
	if err := anna.HearOlder(); err != nil || anna.Wants() {
		t.Errorf("who was told something on a link without a name logs in for that: %v", err)
	}
}
