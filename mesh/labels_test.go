package mesh

import (
	"testing"

	"sottovoce/mesh/contact"
)

// Who has a link of ours calls themselves what they like, but never as somebody else's open
// profile: whoever adds that person would be told that they are contacts.
func TestLabelOfSomebodyElse(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno, eva := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Eva")
	var profile contact.Profile
	bruno.inside(func(*turn) error {
		profile = bruno.profile()
		return nil
	})
	invite, err := contact.ParseInvite(anna.invites().Link)
	if err != nil {
		t.Fatal(err)
	}
	eva.inside(func(turn *turn) error {
		q, err := turn.request(invite)
		if err != nil {
			return err
		}
		m := eva.meetingOf(q.exchange.Our())
		m.Our = profile
		q.exchange = contact.New(eva.me.ours, m.Our, m.Their)
		if err := turn.keepMeetings(); err != nil {
			return err
		}
		return turn.advance(q, contact.Ask{})
	})
	eva.within(waitLong, "has tried", func() (tried bool) {
		eva.inside(func(*turn) error {
			for _, w := range eva.ways {
				tried = tried || w.failures > 0
			}
			return nil
		})
		return tried
	})
	anna.within(waitLong, "sees Bruno", anna.finds(anna.Nearby, "Bruno", func(Person) bool { return true }))
	if p, err := anna.Add(t.Context(), "Bruno"); err != nil || p.Contact || p.Name != "Bruno" {
		t.Errorf("adding Bruno: %+v, %v", p, err)
	}
	if people, err := anna.Contacts(t.Context()); err != nil || len(people) != 0 {
		t.Errorf("Anna has contacts %v, %v", people, err)
	}
}
