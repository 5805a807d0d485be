package mesh

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
)

// Who collects elsewhere says so to each contact, and what is said after that is left there;
// with the contact goes what was known of it.
func TestMailboxMoves(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	added := &keeper{id: peer.ID{0xca, 9}}
	s.change(func() {
		s.links++
		added.link = s.links
		s.nodes = append(s.nodes, added)
	})
	s.mu.Lock()
	members := s.members
	s.mu.Unlock()
	for m := range members {
		m.to.Changed()
	}
	var row int64
	anna.within(waitLong, "is told", func() (told bool) {
		anna.inside(func(*turn) error {
			c, err := anna.contactCalled("Bruno")
			told, row = len(c.mailbox.Card) == 2*len(peer.ID{}) && c.mailbox.Op == 0, c.row.ID
			return err
		})
		return told
	})
	anna.inside(func(turn *turn) error { // what it says is kept with the contact and in no op
		rows, err := turn.tx.Log(anna.device("Bruno").contact.talk.row.ID, nil, 100)
		for _, op := range rows {
			if op.Kind == uint8(conversation.KindMailbox) && len(op.Body) > 0 && (!op.Mine || op.State == uint8(conversation.StateDelivered)) {
				t.Errorf("op %d holds a card", op.Seq)
			}
		}
		return err
	})
	bruno.stop()
	s.set(0, false)
	anna.within(waitLong, "left at the new one", anna.keptBy(anna.says("Bruno", "ciao"), added))
	if _, err := anna.Remove(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.inside(func(turn *turn) error {
		if _, err := turn.tx.Secret(mailboxOf(row)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the mailbox of who was removed: %v", err)
		}
		return nil
	})
}

// What comes by supernode from who is blocked waits unread until they are let in again, and
// nothing is left for them meanwhile.
func TestBlockedByCustody(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	if _, err := bruno.Block(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "no link", anna.finds(anna.Contacts, "Bruno", unlinked))
	anna.within(waitLong, "held", anna.reaches(anna.says("Bruno", "still there?"), conversation.StateHeld))
	bruno.within(waitLong, "it is collected", func() (waits bool) {
		bruno.inside(func(turn *turn) error {
			w, err := turn.unmatched()
			waits = len(w.in) > 0
			if depots := bruno.device("Anna").depots; depots != nil {
				t.Errorf("can be left for who is blocked: %v", depots)
			}
			return err
		})
		return waits
	})
	if got := bruno.texts("Anna"); len(got) != 0 {
		t.Errorf("bruno reads %q", got)
	}
	anna.stop()
	if _, err := bruno.Unblock(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	bruno.within(waitLong, "reads it", bruno.inSlot(func() bool { return slices.Equal(bruno.texts("Anna"), []string{"still there?"}) }))
}

// Who collects a card leaves nothing by itself before the slot of receipts: neither its own
// card, nor what waits, at where the other collects now. What its person says goes at once.
func TestCardIsAnsweredInASlot(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	s.change(func() { s.answers = true })
	bruno.inside(func(turn *turn) error { // as if neither had heard of the other's
		c, err := bruno.contactCalled("Anna")
		if err == nil {
			c.mailbox = theirMailbox{Lamport: c.mailbox.Lamport}
			err = turn.saveMailbox(c)
		}
		return err
	})
	bruno.stop()
	anna.inside(func(turn *turn) error {
		c, err := anna.contactCalled("Bruno")
		if err == nil {
			err = turn.tellMailboxAgain(c)
		}
		return err
	})
	anna.within(waitLong, "her card is left", func() bool { return s.held(0) > 0 })
	anna.kill()
	before := s.held(0)
	bruno.off = new(atomic.Int64) // a slot has just begun there, and does not end by itself
	bruno.off.Store(int64(time.Until(slotAfter(time.Now()).Add(time.Second))))
	bruno.start()
	var later, quiet time.Time
	var waits int // blobs for her
	bruno.within(waitLong, "her card came", func() bool {
		bruno.inside(func(turn *turn) error {
			d := bruno.device("Anna")
			later, quiet = turn.n.custody.later, d.quiet
			waits, _ = d.queue.Pending()
			return nil
		})
		return !later.IsZero()
	})
	if later.Unix()%300 != 0 || !quiet.Equal(later) {
		t.Errorf("it is answered at %v, and quiet until %v", later, quiet)
	}
	sealed, owes := 0, false
	bruno.inside(func(turn *turn) error {
		turn.n.custody.due = true // another supernode was reached
		err := turn.tick()
		d := bruno.device("Anna")
		now, _ := d.queue.Pending()
		sealed, owes = now-waits, d.owes != 0
		return err
	})
	if sealed != 0 || !owes {
		t.Errorf("%d blobs are sealed before the slot, and receipts still owed: %v", sealed, owes)
	}
	bruno.inside(func(turn *turn) error { return turn.slotComes() })
	bruno.within(waitLong, "her card is answered", func() bool { return s.held(0) == before+1 })
	bruno.within(waitLong, "held", bruno.reaches(bruno.says("Anna", "ciao"), conversation.StateHeld))
}

// Whatever a contact's cards name, there is room for what others' hold and for our own; what holds nothing goes, and what
// holds something does not count as nothing on the next day.
func TestLogsOfAContact(t *testing.T) {
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	m := anna.says("Bruno", "ciao")
	anna.within(waitLong, "held", anna.reaches(m, conversation.StateHeld))
	named := 0
	fill := func() {
		anna.inside(func(turn *turn) error {
			c, err := anna.contactCalled("Bruno")
			if err != nil {
				return err
			}
			heads, err := turn.tx.OutBlobHeads(c.devices[0].row, 0, 10)
			if err != nil || len(heads) == 0 {
				return errors.Join(err, errors.New("nothing is on its way"))
			}
			evidence, err := turn.tx.AddEvidence([]byte("signed"))
			if err != nil {
				return err
			}
			for range 40 {
				named++
				held := Custody{Log: Log{At: peer.ID{1, byte(named >> 8), byte(named)}}, Cursor: 1}
				if err := turn.heldBy(c, heads[0].ID, held, evidence); err != nil && !errors.Is(err, errLogs) {
					return err
				}
			}
			return nil
		})
	}
	count := func() (logs int) {
		anna.inside(func(turn *turn) error {
			logs = len(turn.n.custody.logs)
			return nil
		})
		return logs
	}
	for range 3 {
		if fill(); count() != logsOfContact {
			t.Errorf("%d are known that hold something for one contact", count())
		}
		anna.inside(func(turn *turn) error { return turn.expireCustody() })
	}
	if _, err := anna.Remove(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	if count() != 1 {
		t.Errorf("%d are known when the contact is removed", count())
	}
	anna.inside(func(turn *turn) error { // others have used up all that is for contacts
		for i := range 300 {
			_, err := turn.logOf(Log{At: peer.ID{2, byte(i >> 8), byte(i)}}, &contactState{})
			if err != nil && !errors.Is(err, errLogs) {
				return err
			}
		}
		return nil
	})
	if count() != logsForeign {
		t.Errorf("%d are known", count())
	}
	if err := (collector{anna.Node}).Collected(t.Context(), Page{Log: Log{At: peer.ID{3}}, Until: 1}); err != nil {
		t.Errorf("our own: %v", err)
	}
	anna.inside(func(turn *turn) error { return turn.expireCustody() })
	if count() != 1 {
		t.Errorf("%d are left", count())
	}
}

// Who leaves a community keeps nothing of its logs, and reads them from the beginning as a member again.
func TestLeft(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	m := anna.says("Bruno", "ciao")
	anna.within(waitLong, "held", anna.reaches(m, conversation.StateHeld))
	log := Log{At: s.nodes[0].id, Community: [32]byte{1}}
	cursor := func() uint64 {
		at, err := (collector{anna.Node}).Cursor(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	anna.within(waitLong, "collected", func() bool { return cursor() > 0 })
	s.set(0, false)
	s.change(func() { s.left = true })
	(collector{anna.Node}).Changed()
	anna.within(waitLong, "forgotten", func() bool { return cursor() == 0 })
	anna.inside(func(turn *turn) error {
		w, err := turn.unmatched()
		if err == nil && (w.count != 0 || len(turn.n.custody.logs) != 1) { // which holds something
			t.Errorf("%d blobs and %d logs are known", w.count, len(turn.n.custody.logs))
		}
		return err
	})
}

// Somebody who is removed or blocked is nobody's contact to the custodian either, and nothing more is left for them.
func TestNothingForWhoIsBlocked(t *testing.T) {
	t.Parallel()
	s := newSky(1)
	anna, bruno := meetUnder(t, s)
	bruno.stop()
	known := func(count int) func() bool {
		return func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			contacts, told := s.known[anna.custodian.(*fakeCustodian)]
			return told && len(contacts) == count
		}
	}
	s.set(0, false)
	m := anna.says("Bruno", "later")
	if _, err := anna.Block(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "nobody is known", known(0))
	before := s.held(0)
	s.set(0, true)
	anna.inside(func(turn *turn) error {
		d := anna.device("Bruno")
		if turn.n.custody.due = true; len(d.depots) > 0 {
			t.Error("something may be left for him")
		}
		to, _ := turn.n.depotOf(s.nodes[0].id)
		to.box.put([]slip{{of: &deposit{row: d.row}}})
		return turn.leaveNothing(d.contact)
	})
	anna.inside(func(turn *turn) error {
		to, _ := turn.n.depotOf(s.nodes[0].id)
		if some := to.box.take(); len(some) > 0 {
			t.Errorf("%d blobs wait for their turn", len(some))
		}
		return turn.lookForDepots()
	})
	if s.held(0) != before {
		t.Errorf("%d blobs were left", s.held(0)-before)
	}
	if _, err := anna.Unblock(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "held", anna.reaches(m, conversation.StateHeld))
	anna.within(waitLong, "he is known", known(1))
	if _, err := anna.Remove(t.Context(), "Bruno"); err != nil {
		t.Fatal(err)
	}
	anna.within(waitLong, "nobody is known", known(0))
}
