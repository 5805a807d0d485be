package contact

import (
	"errors"
	"testing"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// cardOf returns a good card of p.
func cardOf(t *testing.T, p *person) identity.Card {
	t.Helper()
	raw, _, err := p.ours.newCard(noon, source(nil, Ask{}))
	fatal(t, err)
	card, err := identity.ParseCard(raw)
	fatal(t, err)
	return card
}

// hostile returns cards that Anna must refuse, each for one reason.
func hostile(t *testing.T, anna, bruno *person) map[string]struct {
	card []byte
	want error
} {
	t.Helper()
	cards := make(map[string]struct {
		card []byte
		want error
	})
	good := cardOf(t, bruno)
	add := func(name string, want error, change func(*identity.Card)) {
		card := good
		change(&card)
		raw, err := wire.Marshal(card)
		fatal(t, err)
		cards[name] = struct {
			card []byte
			want error
		}{raw, want}
	}
	carla := newPerson(t, "Carla", 3)
	stolen := cardOf(t, carla)
	ours := cardOf(t, anna)
	add("bundle of another device", ErrCard, func(c *identity.Card) { c.Bundles = stolen.Bundles })
	add("two bundles", ErrCard, func(c *identity.Card) { c.Bundles = append(c.Bundles[:1:1], c.Bundles[0]) })
	add("no bundle", ErrCard, func(c *identity.Card) { c.Bundles = nil })
	add("bundle changed", ErrCard, func(c *identity.Card) { c.Bundles = [][]byte{flip(c.Bundles[0])} })
	add("account changed", ErrCard, func(c *identity.Card) { c.Account = flip(c.Account) })
	add("no name", ErrCard, func(c *identity.Card) { c.Name = "" })
	add("our own card", ErrOwn, func(c *identity.Card) { *c = ours })

	// Bruno's root lists Anna's device.
	root, err := identity.NewRoot(source(nil, Ask{}))
	fatal(t, err)
	account, err := identity.NewAccount(root, anna.ours.Device.Public(), noon, source(nil, Ask{}))
	fatal(t, err)
	add("our device in their account", ErrOwn, func(c *identity.Card) { c.Account, c.Bundles = account.Bytes(), ours.Bundles })

	// A bundle that names other heads than the account has.
	bundle, err := session.NewBundle(bruno.ours.Device, []wire.Hash{{1}}, 0, noon, source(nil, Ask{}))
	fatal(t, err)
	add("bundle with other heads", ErrCard, func(c *identity.Card) { c.Bundles = [][]byte{bundle.Public()} })
	return cards
}

func flip(b []byte) []byte {
	c := append([]byte(nil), b...)
	c[len(c)/2] ^= 1
	return c
}

// TestHostileOffer: a bad card leaves the asker where it was, without a contact and
// without having given its own card; a good one still works.
func TestHostileOffer(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(0, Ask{}))
	anna, bruno := w.people[0], w.people[1]
	for name, c := range hostile(t, anna, bruno) {
		err := w.do(0, Received{bruno.profile, wire.Offer{Card: c.card, Nonce: anna.x.ourNonce}})
		if !errors.Is(err, c.want) || anna.commits != 0 || anna.x.Phase() != PhaseAsked || w.leaked(1) {
			t.Errorf("%s: %v, phase %d", name, err, anna.x.Phase())
		}
	}
	if err := w.do(0, Received{bruno.profile, wire.Offer{Card: []byte("x"), Nonce: [32]byte{9}}}); err != nil || anna.commits != 0 {
		t.Errorf("offer to another request: %v", err)
	}
	w.settle()
	fatal(t, w.do(1, Accept{}))
	w.settle()
	fatal(t, w.agreement())
}

// TestHostileAnswer is the same for the side that accepted.
func TestHostileAnswer(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(1, Ask{}))
	w.settle()
	fatal(t, w.do(0, Accept{}))
	anna, bruno := w.people[0], w.people[1]
	for name, c := range hostile(t, anna, bruno) {
		err := w.do(0, Received{bruno.profile, wire.CardFrame{Card: c.card}})
		if !errors.Is(err, c.want) || anna.commits != 0 || anna.x.Phase() != PhaseOffered {
			t.Errorf("%s: %v, phase %d", name, err, anna.x.Phase())
		}
	}
	w.settle()
	fatal(t, w.agreement())
}

// TestClocksApart: two whose clocks are fifty years apart become contacts all the same.
func TestClocksApart(t *testing.T) {
	for _, years := range []int{50, -50} {
		w := newWorld(t)
		theirs := noon.AddDate(years, 0, 0)
		asker, asked := w.people[1], w.people[0]
		fatal(t, w.do(1, Ask{}))
		w.settle()
		fatal(t, w.do(0, Accept{}))
		ev := Received{asked.profile, w.seenBy[1][len(w.seenBy[1])-1]}
		todo, err := asker.x.Step(theirs, ev, source(nil, ev))
		fatal(t, err)
		if asker.x.Phase() != PhaseCommitted {
			t.Errorf("%d years apart the asker is %v", years, asker.x.Phase())
		}
		for _, action := range todo {
			if send, ok := action.(Send); ok {
				ev := Received{asker.profile, send.Frame}
				_, err := asked.x.Step(noon, ev, source(nil, ev))
				fatal(t, err)
			}
		}
		if asked.x.Phase() != PhaseDone {
			t.Errorf("%d years apart the asked is %v", years, asked.x.Phase())
		}
	}
}

// TestNewCardEachTime: neither nonces, shares nor bundles are used twice, and the card
// carries the discovery key as it is kept.
func TestNewCardEachTime(t *testing.T) {
	p := newPerson(t, "Anna", 1)
	src := source(nil, Ask{})
	one, _, err := p.ours.newCard(noon, src)
	fatal(t, err)
	two, _, err := p.ours.newCard(noon, src)
	fatal(t, err)
	a, err := identity.ParseCard(one)
	fatal(t, err)
	b, err := identity.ParseCard(two)
	fatal(t, err)
	if string(a.Bundles[0]) == string(b.Bundles[0]) {
		t.Error("one bundle for two people")
	}
	if ours := p.ours.Discovery; a.DiscoveryDay != ours.Day() || a.DiscoveryKey != ours.Secret() {
		t.Error("the card carries another discovery key than ours as it is kept")
	}
}
