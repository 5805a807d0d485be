package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/token"
)

// TestGuest: Bruno, who is in no community, writes to Anna by the tokens on the card that she gave him.
func TestGuest(t *testing.T) {
	super, id, _ := serve(t)
	anna, there := member(t, super, id)
	var card []byte
	there.until(t, "Bruno's card has tokens", func() bool {
		card = anna.Mailbox([32]byte{2}, nil)
		return len(card) > token.GiveMax*token.Size
	})
	at := relay.Log{At: super.ID(), Community: id}
	brunos := &keep{values: make(map[string][]byte)}
	bruno, here, stop := client(t, brunos)
	if at := bruno.Where(nil); len(at) != 0 {
		t.Errorf("without a card: %v", at)
	}
	if at := bruno.Where(card); !slices.Equal(at, []relay.Log{{At: super.ID(), Community: id}}) {
		t.Fatalf("with the card: %v", at)
	}
	here.until(t, "Bruno may try", func() bool { return len(here.reached) == 1 && here.reached[0].At == super.ID() })
	blobs := [][]byte{sealed(t), sealed(t), sealed(t)}
	for range 2 { // offered again it costs nothing
		if kept := deposit(t, bruno, at, card, blobs...); kept != 3 {
			t.Fatalf("%d of 3 are kept", kept)
		}
	}
	there.until(t, "Anna collects them", func() bool {
		return slices.ContainsFunc(there.blobs, func(b []byte) bool { return bytes.Equal(b, blobs[2]) })
	})

	// After a restart the tokens that were sent are gone, although the card has them still.
	stop()
	bruno, here, _ = client(t, brunos)
	bruno.Where(card)
	here.until(t, "Bruno may try again", func() bool { return len(here.reached) == 1 })
	kept := 0
	for range token.GiveMax {
		kept += deposit(t, bruno, at, card, sealed(t))
	}
	if kept != token.GiveMax-3 {
		t.Errorf("%d more blobs are kept for the %d tokens that are left", kept, token.GiveMax-3)
	}
	if kept := deposit(t, bruno, at, card, blobs...); kept != 3 {
		t.Errorf("what is held is kept %d times of 3 when there are no tokens", kept)
	}
	if err := bruno.Withdraw(within(t), at.At, []relay.Tombstone{{Card: card, Secret: [16]byte{1}, ExpiryDay: wire.DayAt(time.Now())}}); err != nil {
		t.Error(err)
	}
}

// TestGuestOfSeveral: what is for two contacts who collect in one log goes over one link, although one of them names a wrong address,
// and each blob is paid for by whom it is for.
func TestGuestOfSeveral(t *testing.T) {
	super, id, _ := serve(t)
	anna, there := member(t, super, id)
	at := relay.Log{At: super.ID(), Community: id}
	card := func(contact byte) (card []byte) {
		there.until(t, "the card has tokens", func() bool {
			card = anna.Mailbox([32]byte{contact}, nil)
			return len(card) > 8*token.Size
		})
		return card
	}
	right, second := card(2), 0
	wrong := changed(t, card(3), func(l *cardLog) {
		l.Addresses, second = []string{"127.0.0.1:9"}, len(l.Tokens)/token.Size // what the first has left over
	})
	var links atomic.Int32
	bruno, err := relay.NewClient(relay.Config{
		Keep: &keep{values: make(map[string][]byte)}, Rand: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Listen: func() (net.PacketConn, error) { links.Add(1); return listen() },
	})
	if err != nil {
		t.Fatal(err)
	}
	leave := func(each int, cards ...[]byte) (kept int) {
		t.Helper()
		var parcels []relay.Parcel
		for range each {
			for _, card := range cards {
				parcels = append(parcels, relay.Parcel{Blob: sealed(t), Card: card})
			}
		}
		got, err := bruno.Deposit(within(t), at.At, parcels)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range got {
			if a.Reason == 0 {
				kept++
			}
		}
		return kept
	}
	if kept := leave(second-1, right, wrong); kept != 2*second-2 || links.Load() != 1 {
		t.Errorf("%d of %d are kept over %d links", kept, 2*second-2, links.Load())
	}
	if kept := leave(3, wrong, right); kept != 1+3 || links.Load() != 2 {
		t.Errorf("by the last token of one, and more of the other, %d of 4 are kept, over %d links in all", kept, links.Load())
	}
	if kept := leave(1, wrong); kept != 0 || links.Load() != 2 {
		t.Errorf("without a token %d are kept, over %d links in all", kept, links.Load())
	}
}

// TestGuestOfNobody: a supernode that does not answer is left alone for a while, and then tried again.
func TestGuestOfNobody(t *testing.T) {
	t.Parallel() // it waits, mostly
	super, id, _ := serve(t)
	anna, there := member(t, super, id)
	var card []byte
	there.until(t, "Bruno's card has tokens", func() bool {
		card = anna.Mailbox([32]byte{2}, nil)
		return len(card) > token.GiveMax*token.Size
	})
	bruno, here, _ := client(t, &keep{values: make(map[string][]byte)})
	bruno.Where(card)
	var first uint64
	here.until(t, "Bruno may try", func() bool {
		if len(here.reached) == 1 {
			first = here.reached[0].Link
		}
		return first != 0
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // as good as no answer
	if _, err := bruno.Deposit(ctx, super.ID(), []relay.Parcel{{Blob: sealed(t), Card: card}}); err == nil {
		t.Fatal("a deposit without an answer has one")
	}
	here.until(t, "Bruno leaves it alone", func() bool { return len(here.reached) == 0 })
	here.until(t, "Bruno may try again", func() bool { return len(here.reached) == 1 && here.reached[0].Link != first })
	if kept := deposit(t, bruno, relay.Log{At: super.ID(), Community: id}, card, sealed(t)); kept != 1 {
		t.Error("then it is not kept")
	}
}

// TestSlowDisk: a supernode that is slow to answer keeps its members, and its answer counts.
func TestSlowDisk(t *testing.T) {
	t.Parallel() // it waits, mostly
	super, id, h := serve(t)
	anna, there := member(t, super, id)
	link := func() uint64 {
		there.mu.Lock()
		defer there.mu.Unlock()
		if len(there.reached) != 1 {
			return 0
		}
		return there.reached[0].Link
	}
	before := link()
	time.AfterFunc(5*time.Second, h.store.Stall())
	if kept := deposit(t, anna, relay.Log{At: super.ID(), Community: id}, nil, sealed(t)); kept != 1 {
		t.Error("what takes five seconds is not kept")
	}
	if after := link(); before == 0 || after != before {
		t.Errorf("link %d is now %d", before, after)
	}
}

// TestBackAgain: a supernode that went is reached anew when it is back.
func TestBackAgain(t *testing.T) {
	t.Parallel() // it waits, mostly
	super, id, h := serve(t)
	anna, there := member(t, super, id)
	h.stop()
	there.until(t, "Anna knows that it is gone", func() bool { return len(there.reached) == 0 })
	if _, err := anna.Deposit(within(t), super.ID(), []relay.Parcel{{Blob: sealed(t)}}); !errors.Is(err, relay.ErrUnreached) {
		t.Errorf("nobody is there: %v", err)
	}
	h.start(t)
	there.until(t, "Anna reaches it anew", func() bool { return len(there.reached) == 1 })
	if kept := deposit(t, anna, relay.Log{At: super.ID(), Community: id}, nil, sealed(t)); kept != 1 {
		t.Error("then it does not keep the blob")
	}
}

// TestGuestCards: cards that are not sound are no cards.
func TestGuestCards(t *testing.T) {
	c, _, _ := client(t, &keep{values: make(map[string][]byte)})
	type log struct {
		Community [32]byte `cbor:"1,keyasint"`
		Sign      [32]byte `cbor:"2,keyasint"`
		Agree     [32]byte `cbor:"3,keyasint"`
		Tokens    []byte   `cbor:"5,keyasint,omitempty"`
	}
	type card struct {
		Logs  []log  `cbor:"1,keyasint,omitempty"`
		Giver []byte `cbor:"2,keyasint,omitempty"`
	}
	tokens := func(n int) (b []byte) {
		for i := range n {
			var one token.Token
			day := wire.DayAt(time.Now())
			one[0], one[1], one[2] = byte(day>>8), byte(day), byte(i)
			b = append(b, one[:]...)
		}
		return b
	}
	for name, tc := range map[string]struct {
		card card
		want int
	}{
		"one token":            {card{[]log{{Tokens: tokens(1)}}, make([]byte, 16)}, 1},
		"twenty":               {card{[]log{{Tokens: tokens(20)}}, bytes.Repeat([]byte{1}, 16)}, 1},
		"twenty-one":           {card{[]log{{Tokens: tokens(21)}}, bytes.Repeat([]byte{2}, 16)}, 0},
		"half a token":         {card{[]log{{Tokens: tokens(1)[1:]}}, bytes.Repeat([]byte{3}, 16)}, 0},
		"none":                 {card{[]log{{}}, bytes.Repeat([]byte{4}, 16)}, 0},
		"without a giver":      {card{[]log{{Tokens: tokens(1)}}, nil}, 0},
		"with half a giver":    {card{[]log{{Tokens: tokens(1)}}, make([]byte, 8)}, 0},
		"tokens of 1970":       {card{[]log{{Tokens: make([]byte, token.Size)}}, bytes.Repeat([]byte{5}, 16)}, 0},
		"of seventeen logs":    {card{slices.Repeat([]log{{Tokens: tokens(1)}}, 17), bytes.Repeat([]byte{6}, 16)}, 0},
		"a giver and no token": {card{nil, make([]byte, 16)}, 0},
	} {
		b, err := wire.Marshal(tc.card)
		if err != nil {
			t.Fatal(err)
		}
		if at := c.Where(b); len(at) != tc.want {
			t.Errorf("%s: %d places", name, len(at))
		}
	}
}
