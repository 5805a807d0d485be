package relay

import (
	"errors"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// TestKnown: what was given to and by who is no contact any more goes, on disk too, and nothing else.
func TestKnown(t *testing.T) {
	now := time.Unix(20_000*86_400, 0)
	kept := memory{}
	c, err := NewClient(Config{Keep: kept, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	one := token.Token{20_000 >> 8, 20_000 & 0xff}
	card := func(giver byte, logs int) []byte {
		said := mailboxCard{Giver: make([]byte, giverSize)}
		said.Giver[0] = giver
		for i := range logs {
			said.Logs = append(said.Logs, mailboxLog{Community: [32]byte{giver, byte(i)}, Tokens: one[:]})
		}
		b, err := wire.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	anna, bruno := identity.AccountID{1}, identity.AccountID{2}
	cards := map[identity.AccountID][]byte{anna: card(1, 3), bruno: card(2, 2)}
	var removed *guest
	for id, card := range cards {
		c.gifts[token.Contact(id)] = &gift{Giver: [giverSize]byte(id[:])}
		if _, err := c.handOver(token.Contact(id), &gift{Day: 20_000, Logs: []giftLog{{At: [32]byte{9}}}}); err != nil {
			t.Fatal(err)
		}
		for _, g := range c.met(card) {
			if err := g.save(); err != nil {
				t.Fatal(err)
			}
			if id == bruno {
				removed = g
			}
		}
	}
	count := func() (keys int) {
		for _, value := range kept {
			keys += min(len(value), 1)
		}
		return keys
	}
	before := count()
	c.Known(cards)
	if err := c.forget(); err != nil || count() != before || len(c.guests) != 5 {
		t.Errorf("of %d keys %d are left, of 5 guests %d: %v", before, count(), len(c.guests), err)
	}
	delete(cards, bruno)
	c.Known(cards)
	if err := c.forget(); err != nil {
		t.Fatal(err)
	}
	if count() != before-3 || len(c.guests) != 3 || len(c.gifts) != 1 {
		t.Errorf("of %d keys %d are left, of 5 guests %d, of 2 gifts %d", before, count(), len(c.guests), len(c.gifts))
	}
	if err := removed.save(); !errors.Is(err, ErrForeign) || count() != before-3 {
		t.Errorf("what was being left for who is removed is written again: %v, %d keys", err, count())
	}
	again, err := NewClient(c.cfg)
	if err != nil || len(again.guests) != 3 || len(again.gifts) != 1 {
		t.Errorf("after a start there are %d guests and %d gifts: %v", len(again.guests), len(again.gifts), err)
	}
}
