package mesh

import (
	"errors"
	"testing"

	"sottovoce/mesh/store"
)

func (p *person) removes(name string) {
	p.t.Helper()
	was, err := p.Remove(p.t.Context(), name)
	if err != nil || was.Contact || was.Online {
		p.t.Fatalf("%s removes %s: %+v, %v", p.name, name, was, err)
	}
}

func (p *person) alone() {
	p.t.Helper()
	if people, err := p.Contacts(p.t.Context()); err != nil || len(people) != 0 {
		p.t.Errorf("%s has %v, %v", p.name, people, err)
	}
	p.inside(func(tn *turn) error {
		if len(p.devices)+len(p.keyring.pairs)+len(p.tags) != 0 {
			p.t.Errorf("%s keeps %d devices, %d keys, %d tags", p.name, len(p.devices), len(p.keyring.pairs), len(p.tags))
		}
		talks, err := tn.tx.Conversations()
		for _, c := range talks {
			if c.Contact != 0 {
				p.t.Errorf("%s keeps a conversation", p.name)
			}
		}
		return err
	})
}

// Who was removed is a stranger again, and can become a contact again from either side:
// the other one keeps what was said, and its old keys until the new ones are proven.
func TestRemove(t *testing.T) {
	t.Parallel()
	for _, asker := range []string{"Anna", "Bruno"} {
		t.Run(asker+" asked first", func(t *testing.T) {
			lan := newAir()
			anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
			if asker == "Anna" {
				anna.befriends(bruno)
			} else {
				bruno.befriends(anna)
			}
			anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "one")))
			said := anna.says("Bruno", "two")
			anna.inside(func(tn *turn) error { return tn.raise(noticeBehind, anna.device("Bruno").contact, "Bruno is behind") })
			anna.removes("Bruno")
			anna.alone()
			if s, err := anna.Status(t.Context()); err != nil || len(s.Notices) != 0 {
				t.Errorf("notices: %q, %v", s.Notices, err)
			}
			if _, err := anna.Message(t.Context(), said.ID); !errors.Is(err, ErrNotFound) {
				t.Errorf("what was said: %v", err)
			}
			if r := anna.Send(t.Context(), []Outgoing{{To: "Bruno", Text: "x"}})[0]; !errors.Is(r.Err, ErrNotFound) {
				t.Errorf("sending to who was removed: %v", r.Err)
			}
			anna.within(waitLong, "sees a stranger", anna.finds(anna.Nearby, "Bruno", func(p Person) bool { return !p.Contact }))
			waits := bruno.says("Anna", "where are you?")
			anna.stop()
			anna.start()
			anna.alone()

			anna.adds("Bruno")
			bruno.accepts("Anna")
			anna.within(waitLong, "linked contact", anna.finds(anna.Contacts, "Bruno", linked))
			bruno.within(waitLong, "delivered", bruno.delivered(waits))
			anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "here again")))
			areContacts(t, anna, bruno)
			if got := bruno.texts("Anna"); len(got) < 3 || got[0] != "one" {
				t.Errorf("the log of who was removed: %q", got)
			}
			bruno.stop()
			bruno.start()
			areContacts(t, anna, bruno)
			bruno.inside(func(tn *turn) error {
				if len(bruno.devices) != 1 || len(bruno.contacts) != 1 {
					t.Errorf("%d devices of %d contacts", len(bruno.devices), len(bruno.contacts))
				}
				return nil
			})
		})
	}
}

// Both may remove each other, and while one is away.
func TestRemoveEachOther(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "one")))
	bruno.stop()
	anna.says("Bruno", "two")
	anna.removes("Bruno")
	bruno.start()
	bruno.removes("Anna")
	bruno.alone()
	if _, err := bruno.Remove(t.Context(), "Anna"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing once more: %v", err)
	}
	bruno.adds("Anna")
	anna.accepts("Bruno")
	areContacts(t, anna, bruno)
	if got := anna.texts("Bruno"); len(got) != 2 {
		t.Errorf("the log: %q", got)
	}
}

// A copy of a contact's card brings nobody in: without the device's keys no link proves
// it, and the contact stays as it was.
func TestRemoveIsNotFeigned(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno, mallory := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Mallory")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "one")))
	mallory.befriends(bruno)
	var before int64
	bruno.inside(func(tn *turn) error {
		c, other := bruno.device("Anna").contact, bruno.device("Mallory").contact
		before = c.row.ID
		for range 3 { // as an exchange with Anna's card would end
			again := &contactState{account: c.account, discovery: c.discovery, profile: other.profile}
			again.row = store.Contact{Account: c.account.ID(), Name: "Anna", Object: c.row.Object}
			if c.again != nil {
				if err := tn.letGo(c.again); err != nil {
					return err
				}
			}
			if err := tn.tx.PutContact(&again.row); err != nil {
				return err
			}
			c.again = again
		}
		return nil
	})
	bruno.stop()
	bruno.start()
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "two")))
	bruno.inside(func(tn *turn) error {
		c := bruno.device("Anna").contact
		if c.row.ID != before || c.again == nil || len(bruno.contacts) != 2 {
			t.Errorf("contact %d, not %d; again %v", c.row.ID, before, c.again)
		}
		return nil
	})
	if _, err := bruno.Block(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	bruno.inside(func(tn *turn) error {
		if bruno.device("Anna").contact.again != nil {
			t.Error("who is blocked may still begin anew")
		}
		return nil
	})
}
