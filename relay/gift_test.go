package relay_test

import (
	"bytes"
	"testing"

	"sottovoce/relay"
	"sottovoce/relay/token"
)

// TestCardWithTokens: a contact is given tokens of its own, once, unless it is a member itself.
func TestCardWithTokens(t *testing.T) {
	super, id, _ := serve(t)
	anna, there := member(t, super, id)
	bruno := [32]byte{2}
	plain := anna.Mailbox(bruno, nil)
	var card []byte
	there.until(t, "Bruno's card has tokens", func() bool {
		card = anna.Mailbox(bruno, nil)
		return len(card) > token.GiveMax*token.Size
	})
	if bytes.Equal(card, plain) || !bytes.Equal(card, anna.Mailbox(bruno, nil)) {
		t.Error("the card is another one each time it is asked for")
	}
	if other := anna.Mailbox([32]byte{3}, nil); bytes.Contains(other, card[len(card)-token.Size:]) {
		t.Error("another contact has the same tokens")
	}
	if member := anna.Mailbox(bruno, plain); len(member) >= token.GiveMax*token.Size { // a checkpoint may have come
		t.Error("who collects there as well is given tokens")
	}
}

// TestGiftsAfterADraw: who could not be given tokens is given some as soon as there are any.
func TestGiftsAfterADraw(t *testing.T) {
	super, id, _ := serve(t)
	anna, there := member(t, super, id)
	given := func(contact byte) func() bool {
		return func() bool { return len(anna.Mailbox([32]byte{contact}, nil)) > 5*token.Size }
	}
	there.until(t, "the first two are given what there is", func() bool { return given(2)() && given(3)() })
	if given(4)() {
		t.Fatal("there are tokens for a third: this test is blind")
	}
	var blobs [][]byte
	for range 40 { // more than she has left for herself
		blobs = append(blobs, sealed(t))
	}
	if kept := deposit(t, anna, relay.Log{At: super.ID(), Community: id}, nil, blobs...); kept != len(blobs) {
		t.Fatalf("%d of %d are kept", kept, len(blobs))
	}
	there.until(t, "the third is given some", given(4))
}
