package mesh

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/store"
)

// replayedCard runs an exchange in which somebody shows p the card of victim as their own.
func replayedCard(t *testing.T, p, victim *person) *contact.Object {
	t.Helper()
	thief := contact.Profile{1, 2, 3}
	ends := []*contact.Exchange{contact.New(victim.me.ours, thief, p.profile()), contact.New(p.me.ours, p.profile(), thief)}
	profiles := []contact.Profile{thief, p.profile()}
	var object *contact.Object
	var take func(at int, event contact.Event)
	take = func(at int, event contact.Event) {
		actions, err := ends[at].Step(time.Now(), event, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range actions {
			switch a := action.(type) {
			case contact.Send:
				take(1-at, contact.Received{From: profiles[at], Frame: a.Frame})
			case contact.Notify:
				take(at, contact.Accept{})
			case contact.Commit:
				if at == 1 {
					object = a.Object
				}
			}
		}
	}
	take(0, contact.Ask{})
	if object == nil {
		t.Fatal("the exchange came to nothing")
	}
	return object
}

// A card can be shown by whoever has seen it. The contact that comes of it leads nowhere,
// and must not stand in the way of the person whose card it is; the other way round, a
// contact that was heard is not keyed anew by it.
func TestSomebodyElsesCard(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	replay := func() {
		object := replayedCard(t, bruno, anna)
		bruno.inside(func(turn *turn) error {
			q := &request{exchange: contact.New(bruno.me.ours, bruno.profile(), contact.Profile{1, 2, 3}), row: store.Request{}}
			return turn.befriend(q, object)
		})
	}
	replay()
	bruno.within(waitLong, "dead contact", bruno.finds(bruno.Contacts, "Anna", anyhow))
	bruno.says("Anna", "into the void")
	anna.adds("Bruno")
	bruno.accepts("Anna")
	areContacts(t, anna, bruno)
	replay()
	areContacts(t, anna, bruno)
	if texts := anna.texts("Bruno"); !slices.Contains(texts, "into the void") {
		t.Errorf("what was written before did not arrive: %q", texts)
	}
}
