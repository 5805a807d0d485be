package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/relaytest"
	"sottovoce/relay/supernode"
)

// later is a member whose clock the test sets.
func later(t *testing.T, super *supernode.Supernode, id [32]byte, k *keep, ahead *atomic.Int64) (*relay.Client, *node) {
	t.Helper()
	c, err := relay.NewClient(relay.Config{
		Keep: k, Listen: listen, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	n := newNode()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = c.Run(ctx, n) })
	t.Cleanup(func() { cancel(); running.Wait() })
	invite, err := super.Invite(id, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Join(within(t), invite.Text()); err != nil {
		t.Fatal(err)
	}
	n.until(t, "the supernode is reached", func() bool { return len(n.reached) == 1 })
	return c, n
}

// TestSilence: a supernode that signs nothing on three days is named, as a doubt, and not before; when it signs the doubt is gone.
func TestSilence(t *testing.T) {
	t.Parallel()
	super, id, h := serve(t)
	h.store.Mute(true)
	var ahead atomic.Int64
	c, n := later(t, super, id, &keep{values: make(map[string][]byte)}, &ahead)
	shown := func() relay.Supernode { return c.Communities()[0].Supernodes[0] }
	for days := 1; days <= 3; days++ {
		n.until(t, "a day without a word is counted", func() bool { return c.Silent() == days })
		if is := shown().Doubt != ""; is != (days == 3) {
			t.Fatalf("after %d days: %+v", days, shown())
		}
		c.Plead() // again on the same day
		ahead.Add(int64(25 * time.Hour))
		c.Plead()
	}
	if len(shown().Breaches) > 0 {
		t.Fatalf("a doubt is no breach: %+v", shown())
	}
	h.store.Mute(false)
	c.Plead()
	n.until(t, "it is trusted again", func() bool { return shown().Doubt == "" })
}

// TestHeldBack: who follows the log and is not sent what came asks anew once the supernode has signed for it: a supernode that
// shows it then has delayed it, one that does not is found out.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	for name, hidden := range map[string]bool{"and shown then": false, "and never shown": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			super, id, h := serve(t)
			anna, _ := member(t, super, id)
			var ahead atomic.Int64
			c, n := later(t, super, id, &keep{values: make(map[string][]byte)}, &ahead)
			n.until(t, "the first is collected", func() bool { return len(n.blobs) == 1 })
			at := relay.Log{At: super.ID(), Community: id}
			h.store.Show(relaytest.Until(1))
			late := sealed(t)
			if deposit(t, anna, at, nil, late) != 1 {
				t.Fatal("not kept")
			}
			h.store.Night()
			closed, err := h.store.Store.CloseDay(t.Context(), mailbox.Community(id), wire.DayAt(time.Now()))
			if err != nil || closed.Cursor != 2 {
				t.Fatalf("%+v, %v", closed, err)
			}
			h.store.Sign(&closed)
			if !hidden {
				h.store.Show(nil) // which tells nobody who waits
			}
			c.Plead()
			if hidden {
				n.until(t, "it is found out", func() bool {
					return slices.ContainsFunc(c.Communities()[0].Supernodes[0].Breaches, func(b relay.Breach) bool { return b.Kind == relay.BreachShort })
				})
				return
			}
			n.until(t, "it comes", func() bool {
				return slices.ContainsFunc(n.blobs, func(b []byte) bool { return bytes.Equal(b, late) })
			})
			if b := c.Communities()[0].Supernodes[0].Breaches; len(b) > 0 {
				t.Errorf("accused: %+v", b)
			}
		})
	}
}
