package relay

import (
	"testing"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// TestRoom: cards that name ever more logs do not use up the places of those that others name.
func TestRoom(t *testing.T) {
	now := time.Unix(20_000*86_400, 0)
	c, err := NewClient(Config{Keep: noKeep{}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	one := token.Token{20_000 >> 8, 20_000 & 0xff}
	card := func(giver byte, number, logs int) []byte {
		said := mailboxCard{Giver: make([]byte, giverSize)}
		said.Giver[0], said.Giver[1] = giver, byte(number)
		for i := range logs {
			said.Logs = append(said.Logs, mailboxLog{Community: [32]byte{giver, byte(number), byte(i)}, Tokens: one[:]})
		}
		b, err := wire.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	friend := card(1, 0, 16)
	if n := len(c.met(friend)); n != 16 {
		t.Fatalf("%d guests", n)
	}
	for _, g := range c.guests {
		g.kept = true // they were deposited at
	}
	for day := range 3 {
		for number := range 40 {
			c.met(card(2, 40*day+number, 16))
		}
		if len(c.guests) != guestsMax {
			t.Fatalf("%d guests", len(c.guests))
		}
		if n := len(c.met(friend)); n != 16 {
			t.Errorf("the friend has %d places of 16", n)
		}
		now = now.Add(guestIdle)
	}
	if n := len(c.met(card(3, 0, 16))); n != 16 {
		t.Errorf("another friend has %d places of 16", n)
	}
	if n := len(c.met(friend)); n != 16 {
		t.Errorf("the friend has %d places of 16", n)
	}
	changed, err := parseCard(card(3, 0, 16))
	if err != nil {
		t.Fatal(err)
	}
	for i := range changed.Logs {
		changed.Logs[i].Community[0] = 4
	}
	b, err := wire.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.met(b)); n != 0 {
		t.Errorf("one giver has %d places more than 16", n)
	}
	if now = now.Add(guestIdle); len(c.met(b)) != 16 {
		t.Error("its other places do not give way")
	}
}
