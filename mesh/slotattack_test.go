package mesh

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// leaves puts an answer of somebody's into the slot of a link, with what somebody who has the link may change of it.
func (p *person) leaves(f *fakeShelf, link string, change func(contact.Meeting, *contact.Reply)) {
	p.t.Helper()
	i, err := contact.ParseInvite(link)
	if err != nil {
		p.t.Fatal(err)
	}
	bundle, err := f.FetchSlot(p.t.Context(), *i.Door, i.Meeting.SlotID())
	if err != nil {
		p.t.Fatal(err)
	}
	var left []byte
	p.inside(func(*turn) error {
		found, err := i.Meeting.Visit(bundle)
		if err != nil {
			return err
		}
		x := contact.New(p.me.ours, i.Meeting.User(p.me.device), i.Meeting.Giver())
		_, asked := x.Step(p.now(), contact.Ask{}, cryptoRand)
		_, taken := x.Step(p.now(), contact.Received{From: i.Meeting.Giver(), Frame: wire.Offer{Card: found.Card, Share: found.Share, Nonce: x.Nonce()}}, cryptoRand)
		reply, _ := x.Answer()
		change(i.Meeting, &reply)
		left, err = found.Answer(reply, ratchet.Random, cryptoRand)
		return errors.Join(asked, taken, err)
	})
	if _, err := f.AnswerSlot(p.t.Context(), *i.Door, i.Meeting.SlotID(), left); err != nil {
		p.t.Fatal(err)
	}
}

// keyNumber is of how many discovery keys ours is the latest.
func (p *person) keyNumber() (number uint64) {
	p.inside(func(*turn) error {
		number = uint64(p.me.number)
		return nil
	})
	return number
}

// Who has the link calls themselves by the giver's own label: the giver's home must open afterwards, and others can use the link.
func TestInviteAnsweredInOurName(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, eva, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Eva", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	eva.leaves(shelf, i.Link, func(m contact.Meeting, r *contact.Reply) { r.Label = m.Giver() })
	anna.within(waitLong, "is told", anna.polls(anna.warned("something that is no answer")))
	anna.kill()
	anna.start()
	carlo.uses(i.Link)
	anna.within(waitLong, "contact", anna.polls(anna.knows("Carlo")))
	if anna.knows("Eva")() {
		t.Error("eva is a contact")
	}
}

// A label is said, not proven: another card under it is a second use, for which the key of announcements is drawn anew at once.
func TestInviteSameLabelAnotherCard(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, eva, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Eva", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	var label contact.Profile
	carlo.leaves(shelf, i.Link, func(_ contact.Meeting, r *contact.Reply) { label = r.Label })
	anna.within(waitLong, "contact", anna.polls(anna.knows("Carlo")))
	anna.inside(func(turn *turn) error { // nothing is left by which the first session opens
		s, err := loadShelved(turn.tx, anna.meetings[0].ID)
		if err != nil || len(s.Save()) > 1<<10 {
			t.Errorf("of the offer %d bytes are kept, %v", len(s.Save()), err)
		}
		return nil
	})
	number := anna.keyNumber()
	anna.within(waitLong, "reads the same again", anna.polls(func() bool { return !anna.given(i.ID).Twice }))
	eva.leaves(shelf, i.Link, func(_ contact.Meeting, r *contact.Reply) { r.Label = label })
	anna.within(waitLong, "alarm", anna.polls(anna.warned("Carlo came first")))
	if anna.knows("Eva")() || anna.keyNumber() != number+1 {
		t.Errorf("after it: %d keys, then %d", number, anna.keyNumber())
	}
}

// Who has a contact by what lay in the slot and cannot answer there is told that the other does not know.
func TestInviteFull(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	shelf.change(func() { shelf.full = true })
	if found := carlo.uses(i.Link); !found.Contact {
		t.Fatalf("using the link ends with %+v", found)
	}
	carlo.within(waitLong, "is told", carlo.warned("does not know that you are contacts"))
}

// A supernode that has lost a slot, and refuses it for good then, must not undo the offer that somebody may have: they become
// contacts when they meet.
func TestInviteSlotLostForGood(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	shelf.change(func() { shelf.deaf = true })
	if found := carlo.uses(i.Link); !found.Contact {
		t.Fatalf("using the link ends with %+v", found)
	}
	shelf.change(func() {
		clear(shelf.held)
		shelf.refuse = wire.ReasonNoMember
	})
	anna.within(waitLong, "tries again", anna.polls(func() bool { return shelf.refusals() > 1 }))
	meetOn(anna, carlo)
	areContacts(t, anna, carlo)
}

// A supernode that tells other answers each time makes nothing grow without end.
func TestInviteAnswersWithoutEnd(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna := newPersonBy(t, "Anna", shelf)
	i := anna.invites()
	anna.inside(func(turn *turn) error {
		m := anna.meetings[0]
		for k := range 4 * dealtMax {
			junk := make([]byte, wire.SlotSize)
			junk[0], junk[1] = byte(k), 1
			if err := turn.answeredAll(m, [][]byte{junk}); err != nil {
				return err
			}
		}
		if len(m.Away.Dealt) != dealtMax {
			t.Errorf("%d are remembered", len(m.Away.Dealt))
		}
		return nil
	})
	if got := anna.given(i.ID); got.Link == "" {
		t.Error("junk has used the link")
	}
}

// An answer that a later version has made is kept for when ours is of that version, and said to be what it is.
func TestInviteAnsweredByLaterVersion(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	later, err := wire.Marshal(map[uint64]any{1: "Carlo", 0x8000: true})
	if err != nil {
		t.Fatal(err)
	}
	carlo.leaves(shelf, i.Link, func(_ contact.Meeting, r *contact.Reply) { r.Card.Card = later })
	anna.within(waitLong, "is told", anna.polls(anna.warned("has a newer version")))
	anna.inside(func(*turn) error {
		if got := anna.meetings[0].Away.Dealt; len(got) != 0 {
			t.Errorf("it is dealt with: %v", got)
		}
		return nil
	})
}

// Who cannot answer since their own card is too large is told so, and the supernode is not asked without end.
func TestInviteOwnCardTooLarge(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna, carlo := newPersonBy(t, "Anna", shelf), newPersonBy(t, "Carlo", shelf)
	i := anna.invites()
	refused := refuse(contact.ErrRoom)
	shelf.change(func() { shelf.deaf = true })
	if found := carlo.uses(i.Link); !found.Contact {
		t.Fatalf("using the link ends with %+v", found)
	}
	carlo.inside(func(turn *turn) error {
		j := slices.IndexFunc(carlo.meetings, func(m *meeting) bool { return m.Knock != nil })
		m := carlo.meetings[j]
		return turn.knocked(m.ID, nil, func(*meeting, *request) error { return refused })
	})
	carlo.within(time.Second, "is told", carlo.warned("too large for a slot"))
}

// Of the links that are over those give way first by which there is a contact: under the others an answer may lie. What gives
// way is given up at its supernode.
func TestInviteGivesWay(t *testing.T) {
	t.Parallel()
	shelf := newShelf(newSky(1))
	anna := newPersonBy(t, "Anna", shelf)
	lonely, done := anna.invites(), anna.invites()
	anna.inside(func(turn *turn) error {
		for _, m := range anna.meetings {
			m.Secret, m.Done = [32]byte{}, m.ID.String() == done.ID
		}
		for range usedMax - 2 {
			m, err := turn.give(time.Hour)
			if err != nil {
				return err
			}
			m.Secret = [32]byte{}
		}
		_, err := turn.give(time.Hour)
		left := func(id string) bool {
			return slices.ContainsFunc(anna.meetings, func(m *meeting) bool { return m.ID.String() == id })
		}
		if !left(lonely.ID) || left(done.ID) {
			t.Error("the link that waits for an answer gave way")
		}
		return err
	})
	anna.within(waitLong, "it is given up", func() bool {
		shelf.mu.Lock()
		defer shelf.mu.Unlock()
		return len(shelf.held) == 1
	})
}
