package mesh

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/session"
)

// twin is a second node on a copy of a person's home.
func (p *person) twin(t *testing.T, home string, in *air) *person {
	t.Helper()
	q := &person{t: t, name: p.name, air: in, off: p.off}
	q.startFrom(home)
	t.Cleanup(func() { q.stop() })
	return q
}

// A home is copied when its contact may have receipted nothing yet in the session that both send on, and used on: the copy is told all
// the same, by what the contact has, before it seals a thing.
func TestYoungCopy(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna := newPerson(t, lan, "Anna")
	for i := range 4 { // who of the two begins the session is drawn
		bruno := newPerson(t, lan, fmt.Sprint("Bruno ", i))
		anna.befriends(bruno)
		anna.within(waitLong, "both send on one", func() bool {
			ours, begun := anna.sending(bruno)
			theirs, too := bruno.sending(anna)
			return begun && too && ours == theirs
		})
		anna.stop()
		bruno.stop()
		alone := anna.twin(t, anna.copyHome(t), newAir()) // where nobody is
		for i := range 5 {
			alone.says(bruno.name, fmt.Sprint("written by the copy ", i))
		}
		alone.stop()
		anna.start()
		bruno.start()
		talks(t, anna, bruno, "after")
		anna.stop()
		alone.air = lan
		alone.start()
		alone.within(waitLong, "the owner is told", alone.shows("older copy", bruno.name, "sottovoce reset"))
		alone.truthful(bruno)
		alone.stop()
		bruno.stop()
		anna.start()
	}
}

// A home is copied, used on, and then its copy is started: its owner is told, and so is
// the contact. Nothing that the copy wrote is said to be delivered and is not.
func TestOldCopy(t *testing.T) {
	t.Parallel()
	for _, since := range []int{1, 2, 7} {
		lan := newAir()
		anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
		anna.befriends(bruno)
		talks(t, anna, bruno, "before")
		anna.stop()
		old := anna.copyHome(t)
		anna.start()
		for i := range since {
			talks(t, anna, bruno, fmt.Sprint("after ", i))
		}
		if anna.shows("Bruno")() || bruno.shows("Anna")() {
			t.Fatal("a restart alone raises a notice")
		}
		anna.stop()
		alone := anna.twin(t, old, newAir()) // where nobody is
		for i := range 5 {
			alone.says("Bruno", fmt.Sprint("written by the copy ", i))
		}
		alone.stop()
		alone.air = lan
		alone.start()
		alone.within(waitLong, "the owner is told", alone.shows("older copy", "Bruno", "sottovoce reset"))
		bruno.within(waitLong, "the contact is told", bruno.shows("Anna's device", "older state"))
		alone.truthful(bruno)
		alone.stop()
		anna.start() // the true one goes on as if nothing had been
		talks(t, anna, bruno, "and on")
		if anna.shows("Bruno")() {
			t.Error("the true one takes itself for a copy")
		}
		anna.stop()
		bruno.stop()
	}
}

// A home that was put back and hears of a contact by supernode alone finds in the log what it has not sealed: it sends nothing
// more, and begins anew by supernode, when both persons say so.
func TestOldCopyBySupernode(t *testing.T) {
	t.Parallel()
	for _, answers := range []int{0, 2} {
		s := newSky(1)
		anna, bruno := meetUnder(t, s)
		anna.within(waitLong, "linked", anna.delivered(anna.says("Bruno", "before")))
		anna.stop()
		old := anna.copyHome(t)
		anna.air, bruno.air = newAir(), newAir() // they are far from each other
		bruno.stop()
		anna.start()
		for i := range max(answers, 1) {
			anna.within(waitLong, "held", anna.reaches(anna.says("Bruno", "after"), conversation.StateHeld))
			anna.stop()
			if bruno.start(); i < answers {
				bruno.within(waitLong, "held", bruno.inSlot(bruno.reaches(bruno.says("Anna", "answer"), conversation.StateHeld)))
			}
			bruno.stop()
			anna.start()
		}
		if anna.shows("Bruno")() {
			t.Error("a restart alone raises a notice")
		}
		anna.stop()
		alone := &person{t: t, name: anna.name, air: newAir(), sky: s}
		alone.startFrom(old)
		t.Cleanup(func() { alone.stop() })
		alone.within(waitLong, "the owner is told", alone.shows("older copy", "Bruno", "sottovoce reset"))
		alone.within(waitLong, "nothing more is left", func() bool {
			var depots int
			alone.inside(func(*turn) error { depots = len(alone.device("Bruno").depots); return nil })
			return depots == 0
		})
		if _, err := alone.Reset(t.Context(), "Bruno"); err != nil {
			t.Fatal(err)
		}
		m := alone.says("Bruno", "begun anew") // what was written before would stand where he has something else
		bruno.start()
		bruno.within(waitLong, "he is asked", bruno.shows("Anna", "begin anew"))
		if _, err := bruno.PermitReset(t.Context(), "Anna"); err != nil {
			t.Fatal(err)
		}
		bruno.within(waitLong, "he has it", bruno.inSlot(func() bool { return slices.Contains(bruno.texts("Anna"), "begun anew") }))
		bruno.says("Anna", "grazie")
		alone.within(waitLong, "delivered", bruno.inSlot(alone.delivered(m)))
		if alone.shows("older copy")() {
			t.Error("it is told still")
		}
		alone.stop()
		bruno.stop()
	}
}

// A copy so old that nobody knows its link keys any more is told, and so is the contact.
func TestVeryOldCopy(t *testing.T) {
	t.Parallel()
	lan := newAir()
	var off atomic.Int64
	anna, bruno := newPersonAt(t, lan, "Anna", &off), newPersonAt(t, lan, "Bruno", &off)
	anna.befriends(bruno)
	talks(t, anna, bruno, "before")
	anna.stop()
	old := anna.copyHome(t)
	anna.start()
	var secret session.Secret
	anna.inside(func(*turn) error {
		secret = anna.device("Bruno").pair.DialSecret()
		return nil
	})
	for i, known := 0, true; known; i++ {
		if i == 40 {
			t.Fatal("the link keys never roll")
		}
		anna.off.Add(int64(25 * time.Hour)) // after a day they do
		talks(t, anna, bruno, fmt.Sprint("day ", i))
		bruno.inside(func(*turn) error {
			known = slices.Contains(bruno.device("Anna").pair.AcceptSecrets(), secret)
			return nil
		})
	}
	anna.stop()
	alone := anna.twin(t, old, lan)
	alone.within(waitLong, "the owner is told", alone.shows("older copy", "Bruno", "sottovoce reset"))
	bruno.within(waitLong, "the contact is told", bruno.shows("Anna's device", "older state"))
}

// sending is the session that a contact is sent to under.
func (p *person) sending(o *person) (session [8]byte, begun bool) {
	p.inside(func(*turn) error {
		session, begun = p.device(o.name).pair.Sending()
		return nil
	})
	return session, begun
}

// truthful checks that what is said to be delivered is there.
func (p *person) truthful(o *person) {
	p.t.Helper()
	log, err := p.Log(p.t.Context(), o.name, LogQuery{})
	if err != nil {
		p.t.Fatal(err)
	}
	heard := o.texts(p.name)
	for _, m := range log {
		if m.Mine && m.State != conversation.StateQueued && !slices.Contains(heard, m.Text) {
			p.t.Errorf("%q is %s, and %s has %q", m.Text, m.State, o.name, heard)
		}
	}
}

// Both run at once: each owner is told by the network, the contact as soon as both write.
func TestTwins(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	talks(t, anna, bruno, "before")
	anna.stop()
	home := anna.copyHome(t)
	anna.start()
	anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
	other := anna.twin(t, home, lan)
	anna.within(waitLong, "the owner is told", anna.shows("another copy of this home", "127.0.0.1"))
	other.within(waitLong, "the owner is told", other.shows("another copy of this home"))
	for i := 0; !bruno.shows("Anna's device")(); i++ {
		if i == 300 { // for 5 s the link of the one is kept
			t.Fatal("the contact is not told")
		}
		anna.says("Bruno", "from the one")
		other.says("Bruno", "from the other")
		time.Sleep(100 * time.Millisecond)
	}
	other.stop()
	anna.within(waitLong, "it is over", func() bool { return !anna.shows("another copy of this home")() })
}
