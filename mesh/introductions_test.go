package mesh

import (
	"errors"
	"fmt"
	"testing"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
)

// threesome is Carla with Anna and Bruno as contacts, who do not know each other.
func threesome(t *testing.T) (anna, bruno, carla *person) {
	t.Helper()
	lan := newAir()
	anna, bruno, carla = newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Carla")
	anna.befriends(carla)
	bruno.befriends(carla)
	return anna, bruno, carla
}

// introduces tells two people of each other, and waits until both know.
func (p *person) introduces(one, other *person) {
	p.t.Helper()
	if two, err := p.Introduce(p.t.Context(), one.name, other.name); err != nil || two[0].Name != one.name || two[1].Name != other.name {
		p.t.Fatalf("%s introduces %v, %v", p.name, two, err)
	}
	for a, b := range map[*person]*person{one: other, other: one} {
		a.within(waitLong, "is told of "+b.name, a.finds(a.Requests, b.name, func(found Person) bool {
			return found.Direction == In && found.IntroducedBy.Name == p.name && !found.Contact
		}))
	}
}

func TestIntroduction(t *testing.T) {
	t.Parallel()
	anna, bruno, carla := threesome(t)
	carla.introduces(anna, bruno)
	anna.inside(func(*turn) error {
		if pairs := anna.keyring.pairs; len(pairs) > 8 || len(anna.ways) != 0 {
			t.Errorf("before Anna has said yes: %d keys, ways %v", len(pairs), anna.ways)
		}
		for _, p := range anna.keyring.pairs {
			if p.Label != [32]byte{} {
				t.Error("an introduction is answered before the person said yes")
			}
		}
		return nil
	})
	if p, err := anna.Accept(t.Context(), "Bruno"); err != nil || p.Name != "Bruno" || p.IntroducedBy.Name != "Carla" {
		t.Fatalf("accept: %+v, %v", p, err)
	}
	if r := anna.requests(); len(r) != 1 || r[0].Direction != Out || r[0].IntroducedBy.Name != "Carla" {
		t.Errorf("after Anna's yes: %+v", r)
	}
	anna.stop() // what is decided outlives a restart, on either side
	anna.start()
	bruno.stop()
	bruno.start()
	if people, err := anna.Contacts(t.Context()); err != nil || len(people) != 1 {
		t.Errorf("contacts before Bruno's yes: %v, %v", people, err)
	}
	bruno.accepts("Anna")
	for p, other := range map[*person]*person{anna: bruno, bruno: anna} {
		p.within(waitLong, "linked contact", p.finds(p.Contacts, other.name, func(found Person) bool {
			return linked(found) && found.IntroducedBy.Name == "Carla" && !found.Verified
		}))
		p.within(waitLong, "no request left", func() bool { return len(p.requests()) == 0 })
		p.within(waitLong, "delivered", p.delivered(p.says(other.name, "ciao")))
	}
	anna.stop()
	anna.start()
	anna.within(waitLong, "the mark outlives a restart", anna.finds(anna.Contacts, "Bruno", func(p Person) bool { return p.IntroducedBy.Name == "Carla" }))
	if _, err := anna.Remove(t.Context(), "Carla"); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "and the introducer", anna.finds(anna.Contacts, "Bruno", func(p Person) bool { return p.IntroducedBy.Name == "Carla" }))

	// Once they know each other another introduction is nothing.
	if _, err := carla.Introduce(t.Context(), "Bruno", "Anna"); err != nil {
		t.Fatal(err)
	}
	bruno.within(waitLong, "has what Carla said after it", bruno.hasHeard(carla, "do you know each other?"))
	if r := bruno.requests(); len(r) != 0 {
		t.Errorf("contacts are introduced: %+v", r)
	}
}

// hasHeard lets somebody say something to the one, and reports whether it is there.
func (p *person) hasHeard(from *person, text string) func() bool {
	m := from.says(p.name, text)
	return from.delivered(m)
}

func TestIntroductionDeclined(t *testing.T) {
	t.Parallel()
	anna, bruno, carla := threesome(t)
	carla.introduces(anna, bruno)
	if _, err := anna.Decline(t.Context(), "Bruno"); err != nil || len(anna.requests()) != 0 {
		t.Fatalf("declining: %v", err)
	}
	bruno.accepts("Anna")
	bruno.within(waitLong, "waits", func() bool {
		r := bruno.requests()
		return len(r) == 1 && r[0].Direction == Out
	})
	if _, err := bruno.Decline(t.Context(), "Anna"); err != nil || len(bruno.requests()) != 0 {
		t.Errorf("taking it back: %v", err)
	}
	for _, p := range []*person{anna, bruno} {
		p.inside(func(*turn) error {
			if len(p.meetings) != 0 {
				t.Errorf("%s keeps %d secrets", p.name, len(p.meetings))
			}
			return nil
		})
	}
	carla.introduces(anna, bruno) // it can be said again
	anna.accepts("Bruno")
	carla.introduces2(t, "Anna", "Bruno") // and a newer one takes the place of one that waits: the yes stays
	anna.within(waitLong, "asks by the newer one", func() bool {
		r := anna.requests()
		return len(r) == 1 && r[0].Direction == Out
	})
	bruno.within(waitLong, "has what Carla said after it", bruno.hasHeard(carla, "now?"))
	bruno.accepts("Anna")
	anna.within(waitLong, "contact", anna.finds(anna.Contacts, "Bruno", linked))
}

func (p *person) introduces2(t *testing.T, one, other string) {
	t.Helper()
	if _, err := p.Introduce(t.Context(), one, other); err != nil {
		t.Fatal(err)
	}
}

func TestIntroductionsThatWillNotDo(t *testing.T) {
	t.Parallel()
	_, bruno, carla := threesome(t)
	if _, err := carla.Introduce(t.Context(), "Anna", "anna"); !errors.Is(err, ErrSamePerson) {
		t.Errorf("one person: %v", err)
	}
	if _, err := carla.Introduce(t.Context(), "Anna", "Dario"); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody unknown: %v", err)
	}
	if _, err := carla.Block(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	for _, two := range [][2]string{{"Anna", "Bruno"}, {"Bruno", "Anna"}} {
		if _, err := carla.Introduce(t.Context(), two[0], two[1]); !errors.Is(err, ErrBlocked) {
			t.Errorf("%v, one of them blocked: %v", two, err)
		}
	}

	// A contact who introduces hundreds fills nothing, and nobody else's place.
	bruno.inside(func(turn *turn) error {
		by, err := bruno.contactCalled("Carla")
		if err != nil {
			return err
		}
		for i := range 3 * introductionsOfOneMax {
			who := conversation.Introduction{Secret: [32]byte{byte(i), 1}, Name: fmt.Sprint("Nobody ", i), Account: identity.AccountID{byte(i), 1}}
			if err := turn.introduced(by, who); err != nil {
				return err
			}
			who.Account = bruno.me.account.ID() // of oneself
			if err := turn.introduced(by, who); err != nil {
				return err
			}
		}
		return nil
	})
	if r := bruno.requests(); len(r) != introductionsOfOneMax || bruno.dropped == 0 {
		t.Errorf("%d introductions wait, of one contact: at most %d", len(r), introductionsOfOneMax)
	}
}

// A contact who has read a link that is meant for us cannot spoil it by an introduction.
func TestIntroductionByTheSecretOfALink(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno, carla := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Carla")
	bruno.befriends(carla)
	invite, err := contact.ParseInvite(anna.invites().Link)
	if err != nil {
		t.Fatal(err)
	}
	bruno.inside(func(turn *turn) error {
		by, err := bruno.contactCalled("Carla")
		if err != nil {
			return err
		}
		for b := range byte(2) {
			who := conversation.Introduction{Secret: invite.Meeting.Secret, Name: "Eve", Account: identity.AccountID{6, b}}
			if err := turn.introduced(by, who); err != nil {
				return err
			}
		}
		return nil
	})
	if r := bruno.requests(); len(r) != 1 {
		t.Errorf("two by one secret: %+v", r)
	}
	bruno.uses(invite.Link())
	bruno.within(waitLong, "contact", bruno.finds(bruno.Contacts, "Anna", linked))
}

// The account that a card shows must be the one that was named.
func TestIntroducedAsSomebodyElse(t *testing.T) {
	t.Parallel()
	anna, bruno, _ := threesome(t)
	eve := identity.AccountID{6, 6, 6} // who Carla says that Bruno is
	told := func(p *person, name string, account identity.AccountID, then func(*turn, *meeting)) {
		p.inside(func(turn *turn) error {
			by, err := p.contactCalled("Carla")
			if err != nil {
				return err
			}
			if err := turn.introduced(by, conversation.Introduction{Secret: [32]byte{9}, Name: name, Account: account}); err != nil {
				return err
			}
			then(turn, p.undecided()[0])
			return nil
		})
	}
	var role contact.Role
	told(anna, "Eve", eve, func(_ *turn, m *meeting) { role = m.Role })
	told(bruno, "Anna", anna.me.account.ID(), func(turn *turn, m *meeting) { // he answers in Eve's place, with his own card
		m.Our, m.Role = m.secret().Introduced(eve), role.Other()
		if err := turn.keepMeetings(); err != nil {
			t.Error(err)
		}
	})
	anna.accepts("Eve")
	bruno.accepts("Anna")
	anna.within(waitLong, "is told", anna.warned("somebody else answers in the name of Eve, whom Carla introduced"))
	if people, err := anna.Contacts(t.Context()); err != nil || len(people) != 1 {
		t.Errorf("Anna has contacts %v, %v", people, err)
	}
}
