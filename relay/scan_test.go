package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

// picker is a node that wants blobs with certain tags.
type picker struct {
	*node
	wants map[[16]byte]bool // guarded by node.mu
	rest  map[wire.ShortID]bool
}

func (p *picker) Match(_ context.Context, entries []wire.Entry) ([]bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := make([]bool, len(entries))
	for i, e := range entries {
		wanted[i] = p.wants[e.Tag] && e.ExpiryDay >= wire.DayAt(time.Now())
	}
	return wanted, nil
}

func (p *picker) Collected(ctx context.Context, page relay.Page) error {
	p.mu.Lock()
	for _, e := range page.Scanned {
		p.rest[e.ID] = e.ExpiryDay >= wire.DayAt(time.Now()) // else no node would note it
	}
	p.mu.Unlock()
	return p.node.Collected(ctx, page)
}

// picking runs a client on what k keeps.
func picking(t *testing.T, k *keep, p *picker, always bool) (c *relay.Client, stop func()) {
	t.Helper()
	c, err := relay.NewClient(relay.Config{Keep: k, Listen: listen, Rand: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if always {
		c.ScanAlways()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx, p)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return c, stop
}

// scanning is a supernode, somebody who deposits there, and a client that scans.
type scanning struct {
	*testing.T
	h     *host
	at    relay.Log
	anna  *relay.Client
	kept  *keep
	bruno *picker
}

// TestScan: where the log is too large a client fetches what is its own, and others, as many whether any is its own or not, once each;
// and it follows the log again when that is small.
func TestScan(t *testing.T) {
	super, id, h := serve(t)
	x := scanning{
		T: t, h: h, at: relay.Log{At: super.ID(), Community: id}, kept: &keep{values: make(map[string][]byte)},
		bruno: &picker{node: newNode(), wants: make(map[[16]byte]bool), rest: make(map[wire.ShortID]bool)},
	}
	x.anna, _ = member(t, super, id)
	c, stop := picking(t, x.kept, x.bruno, true)
	invite, err := super.Invite(id, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Join(within(t), invite.Text()); err != nil {
		t.Fatal(err)
	}
	x.bruno.until(t, "the first blob is fetched", func() bool { return len(x.bruno.blobs) == 1 })
	second := sealed(t)
	if n := deposit(t, x.anna, x.at, nil, second); n != 1 {
		t.Fatal("not kept")
	}
	x.bruno.until(t, "he has begun to scan", func() bool { return x.bruno.rest[wire.IDOf(second).Short()] })
	if n := len(x.h.got.take()); n != 2 { // what he may have followed before is fetched again
		t.Errorf("%d blobs are fetched", n)
	}
	x.shows(20, 0, 5)
	x.shows(20, 1, 5)
	x.shows(40, 2, 10)
	x.shows(20, 2, 20)
	blobs := x.shows(11, 1, 11)
	if shown := c.Communities()[0].Supernodes[0]; !shown.Scans || len(shown.Breaches) > 0 {
		t.Errorf("shown as %+v", shown)
	}
	var before []wire.ShortID
	for range 2 { // what is read again is one of four, the same each time
		got, err := c.Reread(within(t), x.at, []relay.Unmatched{{Since: 0, ID: wire.IDOf(blobs[0]).Short()}})
		if err != nil || len(got) != 1 || !bytes.Equal(got[0], blobs[0]) {
			t.Errorf("fetched again: %d blobs, %v", len(got), err)
		}
		asked := x.h.got.take()
		if len(asked) != 4 || before != nil && !slices.Equal(asked, before) {
			t.Errorf("asked for %x, and before for %x", asked, before)
		}
		before = asked
	}
	stop()

	_, stop = picking(t, x.kept, x.bruno, true) // where he was is known
	x.shows(20, 1, 5)
	stop()

	c, _ = picking(t, x.kept, x.bruno, false)
	last := sealed(t)
	if n := deposit(t, x.anna, x.at, nil, last); n != 1 {
		t.Fatal("not kept")
	}
	x.bruno.until(t, "all is fetched again", func() bool { return x.holds(last) })
	if shown := c.Communities()[0].Supernodes[0]; shown.Scans || len(shown.Breaches) > 0 {
		t.Errorf("shown as %+v", shown)
	}
}

// holds reports whether the node was given a blob. Its lock is held.
func (x *scanning) holds(b []byte) bool {
	return slices.ContainsFunc(x.bruno.blobs, func(o []byte) bool { return bytes.Equal(o, b) })
}

// shows leaves blobs of which some are his, and sees that he gets those, knows of the others, and asks for so many in all: each once,
// and none that was there before.
func (x *scanning) shows(n, his, fetched int) (blobs [][]byte) {
	x.Helper()
	x.h.got.take()
	x.bruno.tell(func() {
		for i := range n {
			blobs = append(blobs, sealed(x.T))
			x.bruno.wants[[16]byte(blobs[i][4:])] = i%2 == 0 && i/2 < his
		}
	})
	if kept := deposit(x.T, x.anna, x.at, nil, blobs...); kept != n {
		x.Fatalf("%d of %d are kept", kept, n)
	}
	known := func(b []byte) bool { return x.holds(b) || x.bruno.rest[wire.IDOf(b).Short()] }
	x.bruno.until(x.T, "all are known of", func() bool { return !slices.ContainsFunc(blobs, func(b []byte) bool { return !known(b) }) })
	x.bruno.mu.Lock()
	defer x.bruno.mu.Unlock()
	for _, b := range blobs {
		if wanted := x.bruno.wants[[16]byte(b[4:])]; x.holds(b) != wanted {
			x.Errorf("a blob that is wanted (%t) came, or did not", wanted)
		}
	}
	asked := x.h.got.take()
	seen := make(map[wire.ShortID]bool)
	for _, id := range asked {
		isNew := slices.ContainsFunc(blobs, func(b []byte) bool { return wire.IDOf(b).Short() == id })
		if !isNew || seen[id] {
			x.Error("asked for what was there before, or twice")
		}
		seen[id] = true
	}
	if len(asked) != fetched {
		x.Errorf("%d of %d are his, and he asks for %d instead of %d", his, n, len(asked), fetched)
	}
	return blobs
}
