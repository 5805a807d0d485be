package mesh

import (
	"errors"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

func typing(found Person) bool { return found.Typing && linked(found) }

func (p *person) types(to string, on bool) {
	p.t.Helper()
	if err := p.Typing(p.t.Context(), to, on); err != nil {
		p.t.Fatalf("%s types: %v", p.name, err)
	}
}

// That somebody is writing is told if they want it, as long as they do, and not kept.
func TestTyping(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.types("Bruno", true)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "one")))
	if bruno.finds(bruno.Contacts, "Anna", typing)() {
		t.Error("typing was told unasked")
	}
	anna.shares(ShareTyping)
	events, err := bruno.Events(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	anna.types("Bruno", true)
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == EventPerson && typing(*e.Person) {
			break
		}
	}
	bruno.inside(func(tn *turn) error { bruno.device("Anna").route.live.heard = time.Time{}; return nil })
	anna.types("Bruno", false)
	bruno.within(waitLong, "stopped", bruno.finds(bruno.Contacts, "Anna", func(p Person) bool { return !p.Typing }))

	bruno.inside(func(tn *turn) error { bruno.device("Anna").route.live.heard = time.Time{}; return nil })
	anna.types("Bruno", true)
	bruno.within(waitLong, "types", bruno.finds(bruno.Contacts, "Anna", typing))
	anna.says("Bruno", "two") // which is what was being written
	bruno.within(waitLong, "stopped", bruno.finds(bruno.Contacts, "Anna", func(p Person) bool { return !p.Typing }))
	stored, err := bruno.storedEvents(0, 1<<60, eventsPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range stored {
		if e.Person != nil && e.Person.Typing {
			t.Error("typing is kept")
		}
	}
	if err := anna.Typing(t.Context(), "Zoe", true); !errors.Is(err, ErrNotFound) {
		t.Errorf("typing to nobody: %v", err)
	}
}

// A word of typing goes by itself, is taken once a second, and only for the conversation
// with the one who says it; we say it now and then only.
func TestTypingIsBounded(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.shares(ShareBoth)
	bruno.inside(func(tn *turn) error {
		d := bruno.device("Anna")
		v, talk := d.route.live, [32]byte(d.contact.talk.log.ID())
		word := func(after time.Duration, f wire.Typing, want bool) {
			tn.now = tn.now.Add(after)
			tn.theyType(d, v, f)
			if got := !v.typing.IsZero(); got != want {
				t.Errorf("after %+v typing is %t", f, got)
			}
		}
		word(0, wire.Typing{Conversation: [32]byte{1}, Seconds: 5}, false)
		word(0, wire.Typing{Conversation: talk}, false)
		word(typingTaken, wire.Typing{Conversation: talk, Seconds: 2}, true)
		word(typingTaken/2, wire.Typing{Conversation: talk}, true)
		tn.now = tn.now.Add(time.Second)
		tn.typing(d, v.typing)
		if v.typing.IsZero() {
			t.Error("the word goes too early")
		}
		tn.now = tn.now.Add(time.Second)
		tn.typing(d, v.typing) // as tick does
		if !v.typing.IsZero() {
			t.Error("the word does not go")
		}
		return nil
	})
	for range 50 {
		anna.types("Bruno", true)
	}
	anna.inside(func(tn *turn) error {
		v := anna.device("Bruno").route.live
		if since := tn.now.Sub(v.told); v.told.IsZero() || since < 0 {
			t.Errorf("told %v ago", since)
		}
		return nil
	})
}
