package mesh

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

func (p *person) adds(name string) {
	p.t.Helper()
	p.within(waitLong, "sees "+name, p.finds(p.Nearby, name, anyhow))
	if _, err := p.Add(p.t.Context(), name); err != nil {
		p.t.Fatalf("%s adds %s: %v", p.name, name, err)
	}
}

func (p *person) accepts(name string) {
	p.t.Helper()
	p.within(waitLong, "has the request of "+name, p.finds(p.Requests, name, anyhow))
	if _, err := p.Accept(p.t.Context(), name); err != nil {
		p.t.Fatalf("%s accepts %s: %v", p.name, name, err)
	}
}

// areContacts waits until two are linked as contacts, nothing is left of the requests,
// and what one says reaches the other.
func areContacts(t *testing.T, a, b *person) {
	t.Helper()
	for p, other := range map[*person]*person{a: b, b: a} {
		p.within(waitLong, "linked contact", p.finds(p.Contacts, other.name, linked))
		p.within(waitLong, "no request left", func() bool { return len(p.requests()) == 0 })
		if people, err := p.Contacts(t.Context()); err != nil || len(people) != 1 {
			t.Errorf("%s has contacts %v, %v", p.name, people, err)
		}
		p.within(waitLong, "delivered", p.delivered(p.says(other.name, "ciao")))
	}
}

func (p *person) requests() []Person {
	p.t.Helper()
	people, err := p.Requests(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return people
}

func TestBothAskAtOnce(t *testing.T) {
	t.Parallel()
	for range 5 {
		lan := newAir()
		anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
		anna.within(waitLong, "sees", anna.finds(anna.Nearby, "Bruno", anyhow))
		bruno.within(waitLong, "sees", bruno.finds(bruno.Nearby, "Anna", anyhow))
		failed := make(chan error, 2)
		go func() { _, err := anna.Add(t.Context(), "Bruno"); failed <- err }()
		go func() { _, err := bruno.Add(t.Context(), "Anna"); failed <- err }()
		if err := errors.Join(<-failed, <-failed); err != nil {
			t.Fatal(err)
		}
		areContacts(t, anna, bruno)
		anna.stop()
		bruno.stop()
	}
}

func TestDecline(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.adds("Bruno")
	if r := anna.requests(); len(r) != 1 || r[0].Direction != Out || r[0].Contact {
		t.Errorf("the asker's requests: %+v", r)
	}
	bruno.within(waitLong, "has the request", bruno.finds(bruno.Requests, "Anna", func(p Person) bool { return p.Direction == In && p.Online }))
	if _, err := bruno.Decline(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	if _, err := bruno.Accept(t.Context(), "Anna"); !errors.Is(err, ErrNotFound) {
		t.Errorf("accepting what was declined: %v", err)
	}
	anna.within(waitLong, "hears of it", func() bool { return len(anna.requests()) == 0 })
	anna.adds("Bruno") // once more: it is not shown again
	anna.within(waitLong, "hears of it", func() bool { return len(anna.requests()) == 0 })
	if len(bruno.requests()) != 0 {
		t.Error("a declined request is back")
	}
	bruno.adds("Anna") // but who declined may ask
	anna.accepts("Bruno")
	areContacts(t, anna, bruno)
}

// A request that was taken back and is then accepted makes no contact.
func TestWithdraw(t *testing.T) {
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.adds("Bruno")
	if _, err := anna.Decline(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	bruno.accepts("Anna")
	bruno.within(waitLong, "hears that it was taken back", func() bool { return len(bruno.requests()) == 0 })
	for _, p := range []*person{anna, bruno} {
		if people, err := p.Contacts(t.Context()); err != nil || len(people) != 0 {
			t.Errorf("%s has %v, %v", p.name, people, err)
		}
	}
}

func TestAcceptWhileAskerIsAway(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.adds("Bruno")
	bruno.within(waitLong, "has the request", bruno.finds(bruno.Requests, "Anna", anyhow))
	anna.kill()
	bruno.accepts("Anna")
	bruno.stop()
	bruno.start()
	anna.start()
	areContacts(t, anna, bruno)
}

// Either side may be killed at any moment of an exchange, both too.
func TestExchangeThroughKills(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			lan := newAir()
			anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
			die := func() {
				time.Sleep(time.Duration(i/3) * 3 * time.Millisecond)
				for _, p := range [][]*person{{anna}, {bruno}, {anna, bruno}}[i%3] {
					p.kill()
					p.start()
				}
			}
			anna.adds("Bruno")
			die()
			bruno.accepts("Anna")
			die()
			areContacts(t, anna, bruno)
		})
	}
}

// An address that was typed needs no sighting, and finds out who is a contact already.
func TestAddByAddress(t *testing.T) {
	t.Parallel()
	anna, bruno := newPerson(t, newAir(), "Anna"), newPerson(t, newAir(), "Bruno")
	bruno.within(waitLong, "is to be seen", bruno.isSeenBy(Everyone))
	if _, err := anna.Add(t.Context(), bruno.local.String()); err != nil {
		t.Fatal(err)
	}
	bruno.accepts("Anna")
	areContacts(t, anna, bruno)
	for p, other := range map[*person]*person{anna: bruno, bruno: anna} {
		found, err := p.Add(t.Context(), other.local.String())
		if err != nil || !found.Contact || found.Name != other.name {
			t.Errorf("%s adds again: %+v, %v", p.name, found, err)
		}
	}
	if _, err := anna.Add(t.Context(), anna.local.String()); !errors.Is(err, ErrSelf) {
		t.Errorf("adding oneself: %v", err)
	}
	gone := bruno.local.String()
	bruno.stop()
	if _, err := anna.Add(t.Context(), gone); !errors.Is(err, ErrUnreached) {
		t.Errorf("adding nobody: %v", err)
	}
}

func TestSameNameTwice(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna := newPerson(t, lan, "Anna")
	one, two := newPerson(t, lan, "Bruno"), newPerson(t, lan, "Bruno")
	var people []Person
	anna.within(waitLong, "sees both", func() bool {
		people, _ = anna.Nearby(t.Context())
		return len(people) == 2
	})
	if people[0].ID == people[1].ID || people[0].Name != "Bruno" || people[1].Name != "Bruno" {
		t.Fatalf("nearby: %v", people)
	}
	_, err := anna.Add(t.Context(), "Bruno")
	var both *AmbiguousError
	if !errors.Is(err, ErrAmbiguous) || !errors.As(err, &both) || len(both.Candidates) != 2 {
		t.Fatalf("add Bruno: %v", err)
	}
	if _, err := anna.Add(t.Context(), people[1].ID); err != nil {
		t.Fatal(err)
	}
	asked := func() bool { return len(one.requests())+len(two.requests()) == 1 }
	anna.within(waitLong, "one of them has the request", asked)
	who := one
	if len(two.requests()) == 1 {
		who = two
	}
	who.accepts("Anna")
	areContacts(t, anna, who)
}

// What others call themselves is shown without what would deceive.
func TestHostileName(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, mallory := newPerson(t, lan, "Anna"), newPerson(t, lan, "Mallory")
	const evil = "Bru\u202eon\x1b[31m\u200f"
	if _, err := mallory.SetName(t.Context(), evil); !errors.Is(err, ErrName) {
		t.Errorf("our own name: %v", err)
	}
	mallory.inside(func(t *turn) error { // as SetName does, unchecked
		t.n.me.name, t.n.me.ours.Name = evil, evil
		t.n.announce()
		return nil
	})
	clean := func(people []Person) {
		t.Helper()
		for _, p := range people {
			if p.Name != peer.ShowName(evil) || strings.ContainsAny(p.Name, "\x1b\u202e\u200f") {
				t.Errorf("shown as %q", p.Name)
			}
		}
	}
	var people []Person
	anna.within(waitLong, "sees", func() bool {
		people, _ = anna.Nearby(t.Context())
		return len(people) == 1 && people[0].Name != "Mallory"
	})
	clean(people)
	mallory.adds("Anna")
	anna.within(waitLong, "has the request", func() bool { return len(anna.requests()) == 1 })
	clean(anna.requests())
}

func TestNewNameGoesIntoRequests(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.adds("Bruno")
	if _, err := anna.SetName(t.Context(), "Annamaria"); err != nil {
		t.Fatal(err)
	}
	anna.name = "Annamaria"
	bruno.accepts("Anna")
	areContacts(t, anna, bruno)
	if me, err := anna.Me(t.Context()); err != nil || me.Name != "Annamaria" {
		t.Errorf("me: %v, %v", me, err)
	}
}

// Strangers who ask in masses take neither memory nor the place of others.
func TestRequestFlood(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna := newPerson(t, lan, "Anna")
	var strangers []*person
	for i := range 3 {
		strangers = append(strangers, newPerson(t, lan, fmt.Sprint("S", i)))
	}
	anna.inside(func(t *turn) error { // as full as it gets, of people who are gone
		for i := range requestsMax {
			o := &openLink{handle: peer.Handle{byte(i), byte(i >> 8), 1}}
			o.profile[0], o.profile[1], o.profile[2] = byte(i), byte(i>>8), 1
			if err := t.contactFrame(o, askFrame(i)); err != nil {
				return err
			}
		}
		return nil
	})
	for _, s := range strangers {
		s.adds("Anna")
		anna.within(waitLong, "has the request", anna.finds(anna.Requests, s.name, anyhow))
	}
	if n := len(anna.requests()); n != requestsMax {
		t.Errorf("%d requests", n)
	}
	anna.adds("S1") // which accepts
	strangers[1].within(waitLong, "contact", strangers[1].finds(strangers[1].Contacts, "Anna", linked))
}

func askFrame(i int) wire.Frame {
	return wire.Ask{Name: fmt.Sprint("flood ", i), Nonce: [32]byte{byte(i), byte(i >> 8), 1}}
}

// Links in mode open that are held for nothing lock nobody out.
func TestOpenLinkFlood(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	keys := flood{t: t}
	for range openLinksMax + 3 {
		keys.holdLink(anna)
	}
	anna.within(waitLong, "is full", func() bool {
		open := 0
		anna.inside(func(t *turn) error { open = len(t.n.open); return nil })
		return open == openLinksMax
	})
	bruno.adds("Anna")
	anna.accepts("Bruno")
	areContacts(t, anna, bruno)
}

// A contact is seen among any number of strangers.
func TestNearbyFlood(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	bruno.stop()
	for i := range 2 * sightedMax {
		a := peer.Announcement{Instance: fmt.Sprintf("%016x", i), Version: 1, Port: 9, Open: &peer.Open{Name: "S", Handle: peer.Handle{byte(i), byte(i >> 8)}}}
		anna.sighting(peer.Sighting{Announcement: a})
	}
	anna.within(waitLong, "sees many", func() bool {
		people, err := anna.Nearby(t.Context())
		return err == nil && len(people) == sightedMax
	})
	bruno.start()
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
	if people, err := anna.Nearby(t.Context()); err != nil || len(people) != sightedMax {
		t.Errorf("%d people, %v", len(people), err)
	}
}

// A restart of somebody is not a second person, and no coming and going.
func TestRestartIsNotASecondPerson(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.within(waitLong, "sees", anna.finds(anna.Nearby, "Bruno", anyhow))
	before, _ := anna.Nearby(t.Context())
	bruno.kill()
	bruno.start()
	anna.within(waitLong, "sees both sightings", func() bool {
		sightings := 0
		anna.inside(func(t *turn) error { sightings = len(t.n.nearby); return nil })
		return sightings == 2
	})
	if after, _ := anna.Nearby(t.Context()); !slices.Equal(before, after) {
		t.Errorf("%v became %v", before, after)
	}
}

// A card holds the key. Who has one and is no contact after all recognises nothing, whoever
// took the yes or the question back.
func TestCardsForNothing(t *testing.T) {
	t.Parallel()
	for name, takenBack := range map[string]func(anna, bruno *person) error{
		"the yes": func(anna, bruno *person) error {
			bruno.within(waitLong, "has the request", bruno.finds(bruno.Requests, "Anna", anyhow))
			anna.kill() // before she has asked for the card a second time
			bruno.accepts("Anna")
			_, err := bruno.Decline(bruno.t.Context(), "Anna")
			return err
		},
		"the question": func(anna, bruno *person) error {
			_, err := anna.Decline(anna.t.Context(), "Bruno")
			bruno.accepts("Anna")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			lan := newAir()
			anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
			anna.adds("Bruno")
			before := bruno.ownKey()
			if err := takenBack(anna, bruno); err != nil {
				t.Fatal(err)
			}
			bruno.within(waitLong, "draws another key", func() bool { return !before.Leads(bruno.ownKey()) })
			if waiting := bruno.requests(); len(waiting) != 0 {
				t.Errorf("still waiting: %+v", waiting)
			}
		})
	}
	t.Run("a link", func(t *testing.T) {
		anna := newPerson(t, newAir(), "Anna")
		for used, want := range map[bool]bool{false: false, true: true} {
			before, i := anna.ownKey(), anna.invites()
			anna.inside(func(turn *turn) error {
				if used { // and the request was taken back
					turn.n.meetings[0].Their = contact.Profile{1}
				}
				return turn.keepMeetings()
			})
			if _, err := anna.Revoke(t.Context(), i.ID); err != nil {
				t.Fatal(err)
			}
			if drawn := !before.Leads(anna.ownKey()); drawn != want {
				t.Errorf("used: %t; another key was drawn: %t", used, drawn)
			}
		}
	})
}
