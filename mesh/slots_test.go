package mesh

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/wire"
)

// fakeShelf are the slots at the first supernode of a sky.
type fakeShelf struct {
	sky *sky

	mu      sync.Mutex // guards the following
	held    map[wire.SlotID]wire.Slot
	answers map[wire.SlotID][][]byte
	refuse  wire.Reason // to open
	deaf    bool        // takes no answers
	full    bool        // says that there is no room for more
	refused int         // how often it has refused to open
}

func newShelf(s *sky) *fakeShelf {
	return &fakeShelf{sky: s, held: make(map[wire.SlotID]wire.Slot), answers: make(map[wire.SlotID][][]byte)}
}

func (f *fakeShelf) change(with func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	with()
}

// Stand implements Slots.
func (f *fakeShelf) Stand(context.Context) (Stand, error) {
	k := f.sky.nodes[0]
	return Stand{
		Log: Log{At: k.id, Community: [32]byte{1}}, Name: "cupboard a", Door: contact.Door{Key: [32]byte{5}, Addresses: []string{"192.0.2.7:4242"}}, Card: k.id[:],
	}, nil
}

// OpenSlot implements Slots.
func (f *fakeShelf) OpenSlot(_ context.Context, _ Log, slot wire.Slot) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != 0 {
		f.refused++
		return &SlotError{Reason: f.refuse, Word: "the supernode needs an update"}
	}
	if err := slot.Check(); err != nil {
		return err
	}
	f.held[slot.ID] = slot
	return nil
}

// ReadSlot implements Slots.
func (f *fakeShelf) ReadSlot(_ context.Context, _ Log, id wire.SlotID, secret [16]byte, withdraw bool) ([][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slot, found := f.held[id]
	if !found || *slot.Owner != wire.CommitTo(secret) {
		return nil, &SlotError{Reason: wire.ReasonLink, Word: "no such slot"}
	}
	if withdraw {
		delete(f.held, id)
		return nil, nil
	}
	return slices.Clone(f.answers[id]), nil
}

// FetchSlot implements Slots.
func (f *fakeShelf) FetchSlot(_ context.Context, _ contact.Door, id wire.SlotID) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slot, found := f.held[id]
	if !found {
		return nil, &SlotError{Reason: wire.ReasonLink, Word: "no such slot"}
	}
	return slot.Bundle, nil
}

// AnswerSlot implements Slots.
func (f *fakeShelf) AnswerSlot(_ context.Context, _ contact.Door, id wire.SlotID, sealed []byte) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deaf {
		return 0, errors.New("nobody is there")
	}
	if f.full {
		return 0, &SlotError{Reason: wire.ReasonQuota, Word: "there is no room for more"}
	}
	for i, old := range f.answers[id] {
		if bytes.Equal(old, sealed) {
			return uint64(i + 1), nil
		}
	}
	f.answers[id] = append(f.answers[id], sealed)
	return uint64(len(f.answers[id])), nil
}

// refusals is how often opening a slot was refused.
func (f *fakeShelf) refusals() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

// count is how many answers there are in all slots.
func (f *fakeShelf) count() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.answers {
		n += len(a)
	}
	return n
}

// newPersonBy starts somebody on a network of their own who uses the supernodes of a sky, and the slots there.
func newPersonBy(t *testing.T, name string, f *fakeShelf) *person {
	t.Helper()
	p := &person{t: t, name: name, home: t.TempDir() + "/" + name, air: newAir(), sky: f.sky, shelf: f}
	if err := Found(p.home, name, cryptoRand); err != nil {
		t.Fatal(err)
	}
	p.start()
	t.Cleanup(func() { p.stop() })
	return p
}

// meetOn has people who are on networks of their own come to one.
func meetOn(people ...*person) {
	lan := newAir()
	for _, p := range people {
		p.stop()
		p.air = lan
		p.start()
	}
}

// polls has what is due every five minutes happen, until something is so.
func (p *person) polls(ok func() bool) func() bool {
	return p.inSlot(func() bool {
		p.inside(func(t *turn) error {
			for id := range p.shelves {
				p.shelves[id] = t.now
			}
			return nil
		})
		return ok()
	})
}

func (p *person) knows(name string) func() bool { return p.finds(p.Contacts, name, anyhow) }

// Anna gives Carlo a link and leaves. He uses it elsewhere, writes, and leaves; she returns, and has him and what he wrote.
func TestInviteWhileAway(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	if i.Away == nil || !i.Away.Kept || i.Away.Supernode != "cupboard a" || i.Away.Address != "192.0.2.7:4242" || i.Alone != "" {
		t.Fatalf("the link is kept %+v, %q", i.Away, i.Alone)
	}
	anna.kill()
	if found := carlo.uses(i.Link); !found.Contact || found.Name != "Anna" {
		t.Fatalf("using the link ends with %+v", found)
	}
	words := numbered("while away", 5)
	var last Message
	for _, w := range words {
		last = carlo.says("Anna", w)
	}
	carlo.within(waitLong, "held", carlo.reaches(last, conversation.StateHeld))
	carlo.within(waitLong, "answered", func() bool { return shelf.count() == 1 })
	carlo.kill()
	anna.start()
	anna.within(waitLong, "has him and all at once", func() bool { return anna.knows("Carlo")() && len(anna.texts("Carlo")) == 5 })
	if got := anna.texts("Carlo"); !slices.Equal(got, words) {
		t.Errorf("anna has %q", got)
	}
	carlo.start()
	carlo.within(waitLong, "delivered", func() bool {
		anna.polls(func() bool { return true })()
		return carlo.delivered(last)()
	})
	carlo.within(waitLong, "nothing waits", func() bool { return len(carlo.requests()) == 0 })
	used := anna.given(i.ID)
	if !used.Used || used.By != "Carlo" || used.Twice || used.Link != "" {
		t.Errorf("after its use: %+v", used)
	}

	// Whoever comes second is told so, and Anna is alarmed.
	dora := newPersonBy(t, "Dora", shelf)
	if found := dora.uses(i.Link); !found.Contact {
		t.Fatalf("the second: %+v", found)
	}
	dora.within(waitLong, "is told", dora.warned("used by somebody else before you"))
	anna.within(waitLong, "alarm", anna.polls(anna.warned("Carlo came first")))
	if anna.knows("Dora")() {
		t.Error("the second is a contact")
	}
	if _, err := anna.Revoke(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "it is given up", func() bool {
		shelf.mu.Lock()
		defer shelf.mu.Unlock()
		return len(shelf.held) == 0
	})
	anna.within(waitLong, "that is noted", func() (none bool) {
		anna.inside(func(*turn) error { none = len(anna.Node.withdrawn) == 0; return nil })
		return none
	})
}

// Who found the offer in the slot, and could not answer there, answers by a link; whoever comes to the slot then is the second.
func TestInviteFetchedThenMet(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	shelf.change(func() { shelf.deaf = true })
	if found := carlo.uses(i.Link); !found.Contact {
		t.Fatalf("using the link ends with %+v", found)
	}
	anna.within(time.Second, "knows nothing", func() bool { return !anna.knows("Carlo")() })
	meetOn(anna, carlo)
	areContacts(t, anna, carlo)
	shelf.change(func() { shelf.deaf = false })
	dora := newPersonBy(t, "Dora", shelf)
	dora.uses(i.Link)
	anna.within(waitLong, "alarm", anna.polls(anna.warned("Carlo came first")))
}

// A link is used as before where both are, with the offer that is in the slot; and answered there by the first who comes.
func TestInviteMetThenFetched(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Carlo", shelf)
	meetOn(anna, carlo)
	i := anna.invites()
	if found := carlo.uses(i.Link); !found.Contact {
		t.Fatalf("using the link ends with %+v", found)
	}
	areContacts(t, anna, carlo)
	if shelf.count() != 0 {
		t.Error("the supernode was asked although both are here")
	}
	dora := newPersonBy(t, "Dora", shelf)
	dora.uses(i.Link)
	anna.within(waitLong, "alarm", anna.polls(anna.warned("Carlo came first")))
}

// What is no answer makes no contact, is told, and keeps nobody from answering.
func TestInviteSpoiled(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	shelf.change(func() {
		for id := range shelf.held {
			shelf.answers[id] = [][]byte{make([]byte, wire.SlotSize), bytes.Repeat([]byte{7}, wire.SlotSize)}
		}
	})
	anna.within(waitLong, "is told", anna.polls(anna.warned("something that is no answer")))
	if got := anna.given(i.ID); got.Used || got.Link == "" {
		t.Errorf("junk has used the link: %+v", got)
	}
	carlo.uses(i.Link)
	carlo.within(waitLong, "is told", carlo.warned("used by somebody else before you"))
	anna.within(waitLong, "contact", anna.polls(anna.knows("Carlo")))
}

// Where no supernode answers for the giver the user is told why; and a link that was opened nowhere names none.
func TestInviteNoSlot(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	shelf.change(func() {
		shelf.refuse = wire.ReasonWeOld
		clear(shelf.held)
	})
	if j := anna.invites(); j.Away != nil || !strings.Contains(j.Alone, "update") || len(j.Link) >= len(i.Link) {
		t.Errorf("by an old supernode: %+v", j)
	}
	if found := carlo.uses(i.Link); !found.Waiting || !strings.Contains(found.Waits, "keeps nothing under this link") {
		t.Errorf("without a slot: %+v", found)
	}
	shelf.change(func() {
		for id := range shelf.held {
			t.Errorf("a slot %v", id)
		}
		shelf.refuse = 0
	})
	anna.within(waitLong, "the supernode has it again", anna.polls(func() bool {
		shelf.mu.Lock()
		defer shelf.mu.Unlock()
		return len(shelf.held) == 1
	}))
	carlo.within(waitLong, "contact", carlo.knows("Anna"))
}

// A slot is read for a month after its link has expired: who answered in time becomes a contact; the rest of it is forgotten.
func TestInviteReadLate(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna := newPersonBy(t, "Anna", shelf)
	anna.invites()
	anna.inside(func(*turn) error {
		m := anna.meetings[0]
		until := time.UnixMilli(m.Until)
		for days, want := range map[time.Duration]bool{-1: false, 0: true, 29: true} {
			if at := until.Add(days * 24 * time.Hour); anna.lapsed(m, at) != want || !at.Before(anna.end(m)) {
				t.Errorf("%d days after its end it has lapsed: %v, and is forgotten on %v", days, !want, anna.end(m))
			}
		}
		if end := anna.end(m); !end.Equal(until.Add(slotHeld)) {
			t.Errorf("it is forgotten on %v", end)
		}
		m.Away = nil
		if end := anna.end(m); !end.Equal(until) {
			t.Errorf("without a slot it is forgotten on %v", end)
		}
		return nil
	})
}
