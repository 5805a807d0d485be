package mesh

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
)

func (p *person) state(m Message, want conversation.State) func() bool {
	return func() bool {
		now, err := p.Message(p.t.Context(), m.ID)
		if err != nil {
			p.t.Fatal(err)
		}
		return now.State == want
	}
}

func (p *person) shares(s Share) {
	p.t.Helper()
	if err := p.SetShare(p.t.Context(), s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) reads(what string) ReadResult {
	p.t.Helper()
	r, err := p.Read(p.t.Context(), what)
	if err != nil {
		p.t.Fatalf("%s reads %s: %v", p.name, what, err)
	}
	return r
}

// What was read is told only if that is wanted, also to who was away, and never goes back.
func TestRead(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	if r := bruno.reads("Anna"); r.Message != nil || r.With.Name != "Anna" {
		t.Errorf("nothing was said yet: %+v", r)
	}
	var said []Message
	for i := range 4 {
		said = append(said, anna.says("Bruno", fmt.Sprint(i)))
		anna.within(waitLong, "delivered", anna.delivered(said[i]))
	}
	if r := bruno.reads(said[0].ID); r.Shared || r.Message.ID != said[0].ID {
		t.Errorf("read, untold: %+v", r)
	}
	bruno.shares(ShareReading)
	if r := bruno.reads(said[1].ID); !r.Shared {
		t.Errorf("read and told: %+v", r)
	}
	anna.within(waitLong, "knows that two were read", anna.state(said[1], conversation.StateRead))
	for i, want := range []conversation.State{conversation.StateRead, conversation.StateRead, conversation.StateDelivered, conversation.StateDelivered} {
		if !anna.state(said[i], want)() {
			t.Errorf("message %d is not %v", i, want)
		}
	}
	before := bruno.ops("Anna")
	bruno.reads(said[0].ID) // no step back, and nothing to tell
	bruno.reads(said[1].ID)
	if after := bruno.ops("Anna"); after != before {
		t.Errorf("%d ops became %d", before, after)
	}
	anna.stop()
	if r := bruno.reads("Anna"); r.Message.ID != said[3].ID {
		t.Errorf("all of it: %+v", r.Message)
	}
	bruno.stop()
	bruno.start()
	anna.start()
	anna.within(waitLong, "knows that all were read", anna.state(said[3], conversation.StateRead))
	if !anna.state(said[2], conversation.StateRead)() {
		t.Error("the one before it was not")
	}
	if got := bruno.texts("Anna"); len(got) != 4 {
		t.Errorf("the log has %q", got)
	}
	for what, want := range map[string]error{"Zoe": ErrNotFound, "msg-aaaa": ErrNotFound, anna.says("Bruno", "x").ID: ErrOwnMessage} {
		if _, err := anna.Read(t.Context(), what); !errors.Is(err, want) {
			t.Errorf("reading %s: %v", what, err)
		}
	}
	if err := anna.SetShare(t.Context(), "all"); !errors.Is(err, ErrShare) {
		t.Errorf("sharing all: %v", err)
	}
	if s, err := bruno.Share(t.Context()); s != ShareReading || err != nil {
		t.Errorf("after a restart %q is shared, %v", s, err)
	}
}

// ops counts what is in the log of a conversation, shown or not.
func (p *person) ops(with string) (count int) {
	p.inside(func(t *turn) error {
		c, err := t.n.contactCalled(with)
		if err != nil {
			return err
		}
		rows, err := t.tx.Log(c.talk.row.ID, nil, logPage)
		count = len(rows)
		return err
	})
	return count
}

// A contact that claims to have read what it never had changes nothing.
func TestReadMarkOfALiar(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	one := anna.says("Bruno", "one")
	anna.within(waitLong, "delivered", anna.delivered(one))
	bruno.stop()
	two := anna.says("Bruno", "two")
	anna.inside(func(tn *turn) error {
		d := anna.device("Bruno")
		log := conversation.NewLog(d.contact.talk.log.ID())
		op, err := log.Next(d.id, time.Now(), conversation.Read{{Author: tn.n.me.device.ID(), Seq: conversation.SeqMax}})
		if err != nil {
			return err
		}
		return tn.theyRead(d, op)
	})
	if !anna.state(one, conversation.StateRead)() || !anna.state(two, conversation.StateQueued)() {
		t.Error("what was not sent was read")
	}
	bruno.start()
	anna.within(waitLong, "delivered", anna.delivered(two))
}

// A name that is changed reaches who is here and who comes later; the name that a contact
// was given here stays, and the old one is gone from the air.
func TestNewName(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno, clara := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Clara")
	anna.befriends(bruno)
	anna.befriends(clara)
	if _, err := clara.Rename(t.Context(), "Anna", "Sis"); err != nil {
		t.Fatal(err)
	}
	clara.stop()
	for _, name := range []string{"Anne", "Änne"} {
		if p, err := anna.SetName(t.Context(), name); err != nil || p.Name != name {
			t.Fatalf("renamed: %+v, %v", p, err)
		}
	}
	bruno.within(waitLong, "knows the name", bruno.finds(bruno.Contacts, "Änne", anyhow))
	if a := lan.announced(anna); a == nil || a.Open.Name != "Änne" {
		t.Errorf("the air says %+v", a)
	}
	events, err := bruno.storedEvents(0, 1<<60, eventsPage)
	if err != nil || events[len(events)-1].Kind != EventPerson || events[len(events)-1].Person.Name != "Änne" {
		t.Errorf("the last event: %+v, %v", events, err)
	}
	anna.stop()
	anna.start()
	clara.start()
	own := func(p Person) bool { return p.Name == "Sis" && p.OwnName == "Änne" }
	clara.within(waitLong, "knows the name", clara.finds(clara.Contacts, "Sis", own))
	bruno.inside(func(tn *turn) error { // one that was sent before and comes late
		d := bruno.device("Änne")
		op, err := conversation.NewLog(d.contact.talk.log.ID()).Next(d.id, time.Now(), conversation.Profile{Name: "Anne"})
		if err != nil {
			return err
		}
		return tn.called(d.contact, op, conversation.Admission{Lamport: d.contact.row.Named - 1})
	})
	if people, err := bruno.Contacts(t.Context()); err != nil || people[0].Name != "Änne" {
		t.Errorf("after a late name: %+v, %v", people, err)
	}
	if s, err := anna.Status(t.Context()); err != nil || s.Queued != 0 {
		t.Errorf("%d messages wait, %v", s.Queued, err)
	}
	if got := strings.Join(append(anna.texts("Bruno"), clara.texts("Sis")...), ""); got != "" {
		t.Errorf("somebody said %q", got)
	}
	was := clara.ops("Sis")
	if _, err := anna.SetName(t.Context(), "Änne"); err != nil { // as it is
		t.Fatal(err)
	}
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Clara", "ciao")))
	if now := clara.ops("Sis"); now != was+1 {
		t.Errorf("%d ops became %d", was, now)
	}
}
