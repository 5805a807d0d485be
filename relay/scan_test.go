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
		wanted[i] = p.wants[e.Tag]
	}
	return wanted, nil
}

func (p *picker) Collected(ctx context.Context, page relay.Page) error {
	p.mu.Lock()
	for _, e := range page.Scanned {
		p.rest[e.ID] = true
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

// TestScan: where the log is too large a client fetches what is its own, and a few others that it does
// not show to anybody; and it follows the log again when that is small.
func TestScan(t *testing.T) {
	super, id, _ := serve(t)
	anna, _ := member(t, super, id)
	at := relay.Log{At: super.ID(), Community: id}
	kept := &keep{values: make(map[string][]byte)}
	bruno := &picker{node: newNode(), wants: make(map[[16]byte]bool), rest: make(map[wire.ShortID]bool)}
	c, stop := picking(t, kept, bruno, true)
	invite, err := super.Invite(id, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Join(within(t), invite.Text()); err != nil {
		t.Fatal(err)
	}
	bruno.until(t, "the first blob is fetched", func() bool { return len(bruno.blobs) == 1 })
	var blobs, his [][]byte
	for i := range 20 {
		blobs = append(blobs, sealed(t))
		if i%7 == 3 {
			his = append(his, blobs[i])
			bruno.tell(func() { bruno.wants[[16]byte(blobs[i][4:])] = true })
		}
	}
	if n := deposit(t, anna, at, nil, blobs...); n != len(blobs) {
		t.Fatalf("%d of %d are kept", n, len(blobs))
	}
	holds := func(b []byte) bool {
		return slices.ContainsFunc(bruno.blobs, func(o []byte) bool { return bytes.Equal(o, b) })
	}
	bruno.until(t, "his blobs are fetched", func() bool { return !slices.ContainsFunc(his, func(b []byte) bool { return !holds(b) }) })
	bruno.until(t, "the others are noted", func() bool {
		return !slices.ContainsFunc(blobs, func(b []byte) bool { return !holds(b) && !bruno.rest[wire.IDOf(b).Short()] })
	})
	for _, b := range blobs {
		if holds(b) && !slices.ContainsFunc(his, func(o []byte) bool { return bytes.Equal(o, b) }) {
			t.Error("the node is given a blob that it does not want")
		}
	}
	if shown := c.Communities()[0].Supernodes[0]; !shown.Scans || len(shown.Breaches) > 0 {
		t.Errorf("shown as %+v", shown)
	}
	got, err := c.Reread(within(t), at, []relay.Unmatched{{Since: 0, ID: wire.IDOf(blobs[0]).Short()}})
	if err != nil || len(got) != 1 || !bytes.Equal(got[0], blobs[0]) {
		t.Errorf("fetched again: %d blobs, %v", len(got), err)
	}
	stop()

	c, _ = picking(t, kept, bruno, false)
	last := sealed(t)
	if n := deposit(t, anna, at, nil, last); n != 1 {
		t.Fatal("not kept")
	}
	bruno.until(t, "all is fetched again", func() bool { return holds(last) })
	if shown := c.Communities()[0].Supernodes[0]; shown.Scans || len(shown.Breaches) > 0 {
		t.Errorf("shown as %+v", shown)
	}
}
