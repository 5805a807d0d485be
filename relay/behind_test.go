package relay_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/relaytest"
)

// TestClockBehind: a device whose clock is days behind does not accuse a supernode that has given up what has expired, and does not take it
// for held either. That one of the two clocks is wrong is a doubt, until ours has come to that day.
func TestClockBehind(t *testing.T) {
	t.Parallel()
	super, id, h := serve(t)
	var ahead atomic.Int64
	ahead.Store(-int64(9 * 24 * time.Hour))
	anna, n := later(t, super, id, &keep{values: make(map[string][]byte)}, &ahead)
	at := relay.Log{At: super.ID(), Community: id}
	if deposit(t, anna, at, nil, sealed(t)) != 1 {
		t.Fatal("a member's blob is not kept")
	}
	n.until(t, "the first is collected", func() bool { return len(n.blobs) == 1 })
	h.store.Show(relaytest.Until(1)) // the receipt of the second comes before the page
	if deposit(t, anna, at, nil, sealed(t)) != 1 {
		t.Fatal("not kept")
	}
	over := wire.DayAt(time.Now()) + 8
	if err := h.store.Expire(t.Context(), over); err != nil {
		t.Fatal(err)
	}
	h.stop()
	h.start(t)
	n.until(t, "it does not count as held", func() bool { return slices.Contains(n.lost, 2) })
	shown := func() relay.Supernode { return anna.Communities()[0].Supernodes[0] }
	n.until(t, "the clocks are doubted", func() bool { return shown().Doubt != "" })
	if b := shown().Breaches; len(b) > 0 {
		t.Errorf("accused: %s", b[0].Kind)
	}
	if ahead.Store(int64(8 * 24 * time.Hour)); shown().Doubt != "" {
		t.Errorf("still doubted on that day: %s", shown().Doubt)
	}
}
