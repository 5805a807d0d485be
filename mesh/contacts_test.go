package mesh

import (
	"errors"
	"testing"

	"sottovoce/mesh/wire"
)

func away(found Person) bool    { return !found.Online && found.Via == ViaNone }
func blocked(found Person) bool { return found.Blocked && away(found) }

// A name of ours for a contact is what finds it and what is shown, and goes again.
func TestRename(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	p, err := anna.Rename(t.Context(), "Bruno", "  Uncle   B ")
	if err != nil || p.Name != "Uncle B" || p.OwnName != "Bruno" {
		t.Fatalf("renamed: %+v, %v", p, err)
	}
	if _, err := anna.Rename(t.Context(), "Bruno", "Zio"); !errors.Is(err, ErrNotFound) {
		t.Errorf("by the old name: %v", err)
	}
	if _, err := anna.Rename(t.Context(), "Uncle B", "a\x1b[31mb"); !errors.Is(err, ErrName) {
		t.Errorf("a name that would deceive: %v", err)
	}
	anna.stop()
	anna.start()
	anna.within(waitLong, "linked again", anna.finds(anna.Contacts, "uncle b", linked))
	m := anna.says("Uncle B", "ciao")
	if m.Peer.Name != "Uncle B" {
		t.Errorf("the conversation is called %q", m.Peer.Name)
	}
	if p, err = anna.Rename(t.Context(), "Uncle B", ""); err != nil || p.Name != "Bruno" || p.OwnName != "" {
		t.Errorf("back: %+v, %v", p, err)
	}
	if people, err := bruno.Contacts(t.Context()); err != nil || people[0].Name != "Anna" || people[0].OwnName != "" {
		t.Errorf("the other side: %+v, %v", people, err)
	}
}

// Who is blocked has no link, gets nothing and is not heard; what both sides have for each
// other arrives afterwards.
func TestBlock(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "one")))
	if p, err := anna.Block(t.Context(), "Bruno"); err != nil || !blocked(p) {
		t.Fatalf("blocked: %+v, %v", p, err)
	}
	bruno.within(waitLong, "has lost the link", bruno.finds(bruno.Contacts, "Anna", unlinked))
	waits := bruno.says("Anna", "are you there?")
	if r := anna.Send(t.Context(), []Outgoing{{To: "Bruno", Text: "no"}})[0]; !errors.Is(r.Err, ErrBlocked) {
		t.Errorf("sending to who is blocked: %v", r.Err)
	}
	dials := func() (failures int) {
		bruno.inside(func(t *turn) error { failures = bruno.device("Anna").route.failures; return nil })
		return failures
	}
	if people, err := anna.Nearby(t.Context()); err != nil || len(people) != 0 {
		t.Errorf("nearby shows %+v, %v", people, err)
	}
	anna.stop()
	anna.start()
	bruno.within(waitLong, "sees a stranger", bruno.finds(bruno.Nearby, "Anna", func(p Person) bool { return !p.Contact }))
	failed := dials()
	bruno.inside(func(t *turn) error { // who knows the address dials all the same
		for _, s := range t.n.nearby {
			t.approach(bruno.device("Anna"), s.place())
		}
		return nil
	})
	bruno.within(waitLong, "dials in vain", func() bool { return dials() > failed })
	if people, err := anna.Contacts(t.Context()); err != nil || len(people) != 1 || !blocked(people[0]) {
		t.Errorf("after a restart: %+v, %v", people, err)
	}
	if m, err := bruno.Message(t.Context(), waits.ID); err != nil || m.Delivered != 0 {
		t.Errorf("what waits: %+v, %v", m, err)
	}
	if p, err := anna.Unblock(t.Context(), "Bruno"); err != nil || p.Blocked {
		t.Fatalf("unblocked: %+v, %v", p, err)
	}
	bruno.within(waitLong, "delivered", bruno.delivered(waits))
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "here I am")))
	if got := anna.texts("Bruno"); len(got) != 3 || got[1] != "are you there?" {
		t.Errorf("the log: %q", got)
	}
}

// Nothing that arrives on the way to being blocked is taken in, and a request of who is
// blocked is not shown.
func TestBlockedIsNotHeard(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "one")))
	if _, err := anna.Block(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.inside(func(tn *turn) error {
		c, err := anna.contactCalled("Bruno")
		if err != nil {
			return err
		}
		return tn.contactFrame(&openLink{profile: c.profile, frames: make(chan wire.Frame, 1)}, wire.Ask{Name: "Bruno", Nonce: [32]byte{1}})
	})
	if r := anna.requests(); len(r) != 0 {
		t.Errorf("requests: %+v", r)
	}
	anna.inside(func(tn *turn) error {
		d := anna.device("Bruno")
		if len(d.accepts) == 0 || len(anna.keyring.pairs) != 0 {
			t.Errorf("%d of %d keys are accepted", len(anna.keyring.pairs), len(d.accepts))
		}
		return nil
	})
}

// A goodbye is multicast that anybody can send: who is linked stays.
func TestForgedGoodbye(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	gone := sightingOf(*lan.announced(bruno))
	gone.Gone = true
	anna.sighting(gone)
	anna.inside(func(*turn) error { return nil })
	people, err := anna.Nearby(t.Context())
	if err != nil || len(people) != 1 || people[0].Name != "Bruno" || !linked(people[0]) {
		t.Errorf("nearby: %+v, %v", people, err)
	}
	if s, err := anna.Status(t.Context()); err != nil || s.Nearby != 1 || s.Links != 1 {
		t.Errorf("status: %+v, %v", s, err)
	}
}
