package mesh

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// Whoever asks whom nearby while a link is used: there is one contact in the end, and no
// request is left that nobody would answer.
func TestInviteCrossesRequest(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(anna, bruno *person) (asker, asked *person, accepted bool){
		"the user asked":               func(anna, bruno *person) (*person, *person, bool) { return bruno, anna, false },
		"the giver asked":              func(anna, bruno *person) (*person, *person, bool) { return anna, bruno, false },
		"the user asked, and got yes":  func(anna, bruno *person) (*person, *person, bool) { return bruno, anna, true },
		"the giver asked, and got yes": func(anna, bruno *person) (*person, *person, bool) { return anna, bruno, true },
	} {
		for i := range 3 {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				lan := newAir()
				anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
				link := anna.invites().Link
				asker, asked, accepted := ask(anna, bruno)
				asker.within(waitLong, "sees", asker.finds(asker.Nearby, asked.name, anyhow))
				done := make(chan error, 2)
				go func() {
					_, err := asker.Add(t.Context(), asked.name)
					if accepted && err == nil {
						_, err = asked.Accept(t.Context(), asker.name)
					}
					if errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnreached) { // they are contacts by now
						err = nil
					}
					done <- err
				}()
				go func() {
					time.Sleep(time.Duration(i) * 3 * time.Millisecond)
					_, err := bruno.Add(t.Context(), link)
					done <- err
				}()
				if err := errors.Join(<-done, <-done); err != nil {
					t.Fatal(err)
				}
				areContacts(t, anna, bruno)
			})
		}
	}
}

// Who was asked nearby and is introduced at the same time is one contact, too.
func TestIntroductionCrossesRequest(t *testing.T) {
	t.Parallel()
	anna, bruno, carla := threesome(t)
	carla.introduces(anna, bruno)
	handle := func() string { // Anna, as strangers see her
		people, err := bruno.Nearby(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range people {
			if p.Name == "Anna" && !p.Contact {
				return p.ID
			}
		}
		return ""
	}
	bruno.within(waitLong, "sees Anna", func() bool { return handle() != "" })
	if _, err := bruno.Add(t.Context(), handle()); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "has both requests", func() bool { return len(anna.requests()) == 2 })
	for _, p := range []*person{anna, bruno} {
		for _, r := range p.requests() {
			if r.IntroducedBy.Name == "Carla" {
				if _, err := p.Accept(t.Context(), r.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for p, other := range map[*person]*person{anna: bruno, bruno: anna} {
		p.within(waitLong, "linked contact", p.finds(p.Contacts, other.name, linked))
		p.within(waitLong, "no request left", func() bool { return len(p.requests()) == 0 })
	}
}

// A contact takes away no request but its own, whatever it says.
func TestSameIsSaidOfOneselfOnly(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno, carla := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Carla")
	anna.befriends(carla)
	bruno.adds("Anna")
	anna.within(waitLong, "has the request", anna.finds(anna.Requests, "Bruno", anyhow))
	var said wire.Same
	anna.inside(func(turn *turn) error {
		d := anna.device("Carla")
		v := d.route.live
		for _, q := range anna.openRequests() { // what Anna said comes back to her
			said.Tags = append(said.Tags, sameTag(anna.share(q), v, anna.me.account.ID()))
		}
		return errors.Join(turn.theySame(d, v, said), turn.theySame(d, v, wire.Same{Tags: make([][16]byte, wire.SameTagsMax)}))
	})
	if len(said.Tags) != 1 || len(anna.requests()) != 1 {
		t.Errorf("%d tags, and %d requests are left", len(said.Tags), len(anna.requests()))
	}
	anna.accepts("Bruno")
	anna.within(waitLong, "contact", anna.finds(anna.Contacts, "Bruno", linked))
}
