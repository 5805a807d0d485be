package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
	"sottovoce/relay/token"
)

// cardLog is one log on a card.
type cardLog struct {
	Community [32]byte `cbor:"1,keyasint"`
	Sign      [32]byte `cbor:"2,keyasint"`
	Agree     [32]byte `cbor:"3,keyasint"`
	Addresses []string `cbor:"4,keyasint,omitempty"`
	Tokens    []byte   `cbor:"5,keyasint,omitempty"`
}

// changed is a card of one log, with f's change.
func changed(t *testing.T, card []byte, f func(*cardLog)) []byte {
	t.Helper()
	var other struct {
		Logs  []cardLog `cbor:"1,keyasint,omitempty"`
		Giver []byte    `cbor:"2,keyasint,omitempty"`
	}
	if err := wire.Unmarshal(card, &other); err != nil {
		t.Fatal(err)
	}
	f(&other.Logs[0])
	if len(other.Giver) == 0 {
		other.Giver = make([]byte, 16)
	}
	card, err := wire.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// elsewhere is a card with a token for another community at the supernode of a card, and without an address of it.
func elsewhere(t *testing.T, card []byte) []byte {
	t.Helper()
	return changed(t, card, func(log *cardLog) {
		one := token.Token{byte(wire.DayAt(time.Now()) >> 8), byte(wire.DayAt(time.Now()))}
		log.Community[0]++
		log.Addresses, log.Tokens = nil, one[:]
	})
}

// TestDepositInParts: what was kept is heard of, although other blobs of the same call have nowhere to go, or their link is lost.
func TestDepositInParts(t *testing.T) {
	super, id, _ := serve(t)
	invite, err := super.Invite(id, 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	k := &keep{values: make(map[string][]byte)}
	anna, there, _ := client(t, k)
	if _, err := anna.Join(within(t), invite.Text()); err != nil {
		t.Fatal(err)
	}
	there.until(t, "Anna reaches her supernode", func() bool { return len(there.reached) == 1 })

	card := elsewhere(t, anna.Mailbox([32]byte{2}, nil))
	got, err := anna.Deposit(within(t), super.ID(), []relay.Parcel{
		{Blob: sealed(t), Card: card}, {Blob: sealed(t)}, {Blob: []byte("no blob")}, {Blob: sealed(t), Card: []byte("no card")},
	})
	if err != nil || len(got) != 4 || got[1].Reason != 0 {
		t.Fatalf("answers %v, %v", got, err)
	}
	for _, i := range []int{0, 2, 3} {
		if got[i].Reason != wire.ReasonNotNow {
			t.Errorf("blob %d is answered by %d", i, got[i].Reason)
		}
	}
	if _, err := anna.Deposit(within(t), super.ID(), []relay.Parcel{{Blob: sealed(t), Card: []byte("no card")}}); !errors.Is(err, relay.ErrForeign) {
		t.Errorf("for nobody: %v", err)
	}

	// Two requests: the link is lost as soon as the first is answered.
	var parcels []relay.Parcel
	for size := 0; size <= wire.BatchSizeMax; {
		h := wire.Header{Class: wire.Class2, ExpiryDay: wire.DayAt(time.Now()) + 7}
		blob := append(h.Append(nil), make([]byte, wire.Class2.Size()-wire.HeaderSize)...)
		if _, err := rand.Read(blob[4:36]); err != nil {
			t.Fatal(err)
		}
		parcels = append(parcels, relay.Parcel{Blob: blob})
		size += len(blob)
	}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	first := wire.IDOf(parcels[0].Blob).Short()
	k.mu.Lock()
	k.saved = func(value []byte) {
		if bytes.Contains(value, first[:]) { // it was signed for
			cancel()
		}
	}
	k.mu.Unlock()
	got, err = anna.Deposit(ctx, super.ID(), parcels)
	if err != nil || len(got) != len(parcels) || got[0].Reason != 0 || got[len(got)-1].Reason != wire.ReasonNotNow {
		t.Fatalf("answers %v, %v", got, err)
	}
}

// TestGuestInDoubt: a guest whose link breaks before the answer pays for the same blobs with the same tokens, however often, and
// for no others.
func TestGuestInDoubt(t *testing.T) {
	super, id, _ := serve(t)
	anna, there := member(t, super, id)
	var card []byte
	there.until(t, "Bruno's card has tokens", func() bool {
		card = anna.Mailbox([32]byte{2}, nil)
		return len(card) > token.GiveMax*token.Size
	})
	brunos := &keep{values: make(map[string][]byte)}
	bruno, _, stop := client(t, brunos)
	bruno.Where(elsewhere(t, card)) // another place, where he leaves nothing
	var blobs [][]byte
	var parcels []relay.Parcel
	for range token.GiveMax {
		blobs = append(blobs, sealed(t))
		parcels = append(parcels, relay.Parcel{Blob: blobs[len(blobs)-1], Card: card})
	}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	brunos.mu.Lock()
	brunos.saved = func([]byte) { cancel() } // the tokens are off the disk, and about to be sent
	brunos.mu.Unlock()
	if _, err := bruno.Deposit(ctx, super.ID(), parcels); !errors.Is(err, context.Canceled) {
		t.Fatalf("without a link: %v", err)
	}
	at := relay.Log{At: super.ID(), Community: id}
	if kept := deposit(t, bruno, at, card, sealed(t)); kept != 0 {
		t.Error("another blob is paid for with the tokens")
	}
	if kept := deposit(t, bruno, at, card, blobs...); kept != len(blobs) {
		t.Errorf("%d of %d are kept", kept, len(blobs))
	}
	brunos.mu.Lock()
	brunos.saved = nil
	brunos.mu.Unlock()
	stop()
	bruno, _, _ = client(t, brunos)
	if kept := deposit(t, bruno, at, card, blobs...); kept != len(blobs) {
		t.Errorf("after a restart %d of %d are kept", kept, len(blobs))
	}
}
