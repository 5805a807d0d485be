package supernode

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

func TestWayOfABlob(t *testing.T) {
	r := start(t)
	anna, bruno := r.join(), r.join()
	anna.draw(20)
	l := anna.mustMember()
	blobs := r.blobs(20)
	kept := r.deposit(l, wire.Deposit{Tokens: anna.take(20)}, blobs...)
	r.verify(kept, blobs)

	pages := r.collect(bruno.mustMember(), 0)
	if got := bodies(pages); !slices.EqualFunc(got, blobs, slices.Equal) {
		t.Fatalf("%d blobs are collected, not the %d that were deposited", len(got), len(blobs))
	}
}

// verify checks the receipt of a deposit of which all was kept.
func (r *rig) verify(kept wire.Kept, blobs [][]byte) {
	r.t.Helper()
	var held []relay.Kept
	i := 0
	for reason, cursor := range kept.Results.All() {
		if reason != 0 || cursor == 0 {
			r.t.Fatalf("blob %d: %s at %d", i, Word(reason), cursor)
		}
		h, err := wire.ParseBlob(blobs[i])
		if err != nil {
			r.t.Fatal(err)
		}
		held = append(held, relay.Kept{ID: wire.IDOf(blobs[i]), ExpiryDay: h.ExpiryDay, Cursor: cursor})
		i++
	}
	sign := r.device.Public().Sign
	if kept.Signature == nil || !ed25519.Verify(sign[:], r.log().Receipt(held), kept.Signature[:]) {
		r.t.Fatal("the receipt is not signed")
	}
}

// paged is a page and its blobs.
type paged struct {
	wire.Page
	blobs [][]byte
}
