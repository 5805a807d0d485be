package relay

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
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
	friend := card(1, 0, guestsOfGiver)
	if n := len(c.met(friend)); n != guestsOfGiver {
		t.Fatalf("%d guests", n)
	}
	for _, g := range c.guests {
		g.kept = true // they were deposited at
	}
	for day := range 3 {
		for number := range 80 {
			c.met(card(2, 80*day+number, mailboxLogsMax))
		}
		if len(c.guests) != guestsMax {
			t.Fatalf("%d guests", len(c.guests))
		}
		if n := len(c.met(friend)); n != guestsOfGiver {
			t.Errorf("the friend has %d places of %d", n, guestsOfGiver)
		}
		// Nobody is idle, and who has fewer places than another gets some.
		if n := len(c.met(card(byte(10+day), 0, 3))); n != 3 {
			t.Errorf("another friend has %d places of 3", n)
		}
		now = now.Add(guestIdle)
	}
	if n := len(c.met(card(3, 0, guestsOfGiver))); n != guestsOfGiver {
		t.Errorf("another friend has %d places of %d", n, guestsOfGiver)
	}
	if n := len(c.met(friend)); n != guestsOfGiver {
		t.Errorf("the friend has %d places of %d", n, guestsOfGiver)
	}
	changed, err := parseCard(card(3, 0, guestsOfGiver))
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
		t.Errorf("one giver has %d places more than it may", n)
	}
	if now = now.Add(guestIdle); len(c.met(b)) != guestsOfGiver {
		t.Error("its other places do not give way")
	}
}

// TestGiftRoom: only whom something is to be given takes a place among the gifts, and who was given nothing lately gives way.
func TestGiftRoom(t *testing.T) {
	now := time.Unix(20_000*86_400, 0)
	kept := mapKeep{}
	cfg := Config{Keep: kept, Rand: rand.Reader, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	keys := identity.DeviceKeys{Sign: [32]byte{1}, Agree: [32]byte{2}}
	log := Log{At: keys.ID(), Community: [32]byte{1}}
	s := &station{client: c, log: log, keys: keys, state: &stationState{wallet: token.NewWallet()}, roused: make(chan struct{}, 1)}
	c.members[log.Community] = &member{stations: map[peer.ID]*station{log.At: s}}
	fill := func() {
		tokens := make([]token.Token, 64)
		day := c.today()
		for i := range tokens {
			tokens[i] = token.Token{byte(day >> 8), byte(day), byte(i)}
		}
		s.state.wallet.Add(tokens, day)
	}
	mine := mailboxCard{Logs: []mailboxLog{{Community: log.Community, Sign: keys.Sign, Agree: keys.Agree}}}
	contact := func(n int) token.Contact { return token.Contact{byte(n >> 8), byte(n)} }
	for n := range giftsMax + 1 {
		c.giftLocked(contact(n), mine)
	}
	if len(c.gifts) != 0 {
		t.Fatalf("%d fellow members take places", len(c.gifts))
	}
	fill()
	first := contact(5000)
	given := func(to token.Contact) bool {
		t.Helper()
		c.giftLocked(to, mailboxCard{})
		if err := errors.Join(c.give(), c.forget()); err != nil {
			t.Fatal(err)
		}
		return len(c.gifts[to].of(log)) > 0
	}
	if !given(first) {
		t.Fatal("the first is given nothing")
	}
	s.state.wallet = token.NewWallet()
	for n := range giftsMax {
		if given(contact(n)) {
			t.Fatal("there is something to give")
		}
	}
	fill()
	if last := contact(6000); !given(last) || len(c.gifts) > giftsMax || len(c.gifts[first].of(log)) == 0 {
		t.Errorf("%d have places, the last one or the first has none", len(c.gifts))
	}
	again, err := NewClient(cfg)
	if err != nil || len(again.gifts) != 2 {
		t.Errorf("%d are remembered, %v", len(again.gifts), err)
	}
	now = now.Add(20 * 24 * time.Hour)
	s.state.wallet = token.NewWallet()
	for n := range giftsMax {
		given(contact(n))
	}
	if _, there := c.gifts[first]; there || kept[giftKey(first)] != nil {
		t.Error("a gift that is good no more does not give way")
	}
}

// TestBarren: no visit is made, and nobody waits for one, where the day's tokens are drawn.
func TestBarren(t *testing.T) {
	now := time.Unix(20_000*86_400, 0)
	c, err := NewClient(Config{Keep: noKeep{}, Rand: rand.Reader, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	papers, err := community.NewMembership(&community.Link{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &station{
		client: c, member: &member{papers: papers}, state: &stationState{wallet: token.NewWallet(), Ahead: 1}, doubt: make(doubt),
		roused: make(chan struct{}, 1), drawn: make(chan struct{}), lacking: 1,
	}
	if urgent, _ := s.wanted(); !urgent {
		t.Fatal("nobody waits")
	}
	if err := s.draw(t.Context(), nil, wire.Grant{Day: 20_001}); err != nil {
		t.Fatal(err)
	}
	if urgent, _ := s.wanted(); urgent {
		t.Error("a visit would bring nothing")
	}
	begun := time.Now()
	one := &item{id: wire.BlobID{1}, answer: new(Custody)}
	if err := s.pay(t.Context(), []*item{one}); err != nil || one.tokens != nil || time.Since(begun) > drawTimeout/2 {
		t.Errorf("waited %v, %v", time.Since(begun), err)
	}
	if now = now.Add(24 * time.Hour); s.barren() {
		t.Error("nor on the next day")
	}
}
