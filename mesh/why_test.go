package mesh

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/link"
)

func (p *person) journey(m Message) Journey {
	p.t.Helper()
	j, err := p.Journey(p.t.Context(), m.ID)
	if err != nil {
		p.t.Fatalf("the way of %s: %v", m.ID, err)
	}
	return j
}

// waits wants a message's one copy to wait for something.
func (p *person) waitsFor(m Message, words ...string) Copy {
	p.t.Helper()
	j := p.journey(m)
	if len(j.Copies) != 1 {
		p.t.Fatalf("copies: %+v", j.Copies)
	}
	for _, w := range words {
		if !strings.Contains(j.Copies[0].Waits, w) {
			p.t.Errorf("it waits %q, not %q", j.Copies[0].Waits, w)
		}
	}
	return j.Copies[0]
}

// The way of a message is told at each of its stations, on both sides.
func TestJourney(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	began := time.Now().Add(-time.Second)
	anna.befriends(bruno)
	one := anna.says("Bruno", "one")
	anna.within(waitLong, "delivered", anna.delivered(one))
	c := anna.waitsFor(one)
	if c.Waits != "" || c.State != conversation.StateDelivered || c.Via != ViaLink || c.To.Name != "Bruno" || !strings.HasPrefix(c.Device, "peer-") {
		t.Errorf("delivered: %+v", c)
	}
	for name, at := range map[string]time.Time{"queued": c.Queued, "sealed": c.Sealed, "delivered": c.Delivered, "seen": c.Seen} {
		if at.Before(began) || at.After(time.Now()) {
			t.Errorf("%s at %v", name, at)
		}
	}
	if !c.Read.IsZero() {
		t.Errorf("read at %v", c.Read)
	}
	bruno.shares(ShareReading)
	bruno.reads("Anna")
	anna.within(waitLong, "read", anna.state(one, conversation.StateRead))
	if c := anna.waitsFor(one); c.Read.Before(c.Delivered) || c.Delivered.IsZero() {
		t.Errorf("read: %+v", c)
	}
	if j := bruno.journey(one); len(j.Copies) != 0 || j.Received.Before(began) || j.Message.Text != "one" {
		t.Errorf("on the other side: %+v", j)
	}

	bruno.stop()
	anna.within(waitLong, "alone", anna.finds(anna.Contacts, "Bruno", away))
	two := anna.says("Bruno", "two")
	if c := anna.waitsFor(two, "for a way to them", "not seen on this network, and were last reached on", "kept as long as that takes"); c.Seen.Before(began) || !c.Sealed.IsZero() {
		t.Errorf("away: %+v", c)
	}
	if _, err := anna.Block(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.waitsFor(two, "for you to unblock them")
	for _, id := range []string{"msg-aaaa", "Bruno", ""} {
		if _, err := anna.Journey(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("the way of %q: %v", id, err)
		}
	}
}

// What is sealed and not confirmed says so.
func TestJourneyUnconfirmed(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "one")))
	var two Message
	released := make(chan struct{})
	entered := make(chan struct{})
	go bruno.post(func(*turn) error { close(entered); <-released; return nil }) // nothing is receipted meanwhile
	<-entered
	two = anna.says("Bruno", "two")
	anna.within(waitLong, "was sent", func() bool { return anna.journey(two).Copies[0].Tries == 1 })
	anna.waitsFor(two, "for them to confirm it: it was sent once")
	anna.inside(func(tn *turn) error { // the cable is out
		d := anna.device("Bruno")
		d.route.seen = nil
		v := d.route.live
		v.link.Close(link.ReasonBye)
		return tn.unlink(d, v)
	})
	anna.waitsFor(two, "for a way to them", "it is sealed, and kept until 20")
	close(released)
}
