package mesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// theyWrite makes ops of the first device of a contact, in the order of bodies; each of these gets the id of the first op.
func theyWrite(t *turn, c *contactState, bodies ...func(first conversation.OpID) conversation.Body) ([]*conversation.Op, error) {
	log, err := conversation.LoadLog(c.talk.log.Save())
	if err != nil {
		return nil, err
	}
	var ops []*conversation.Op
	for _, body := range bodies {
		var first conversation.OpID
		if len(ops) > 0 {
			first = ops[0].ID()
		}
		op, err := log.Next(c.devices[0].id, t.now, body(first))
		if err != nil {
			return nil, err
		}
		if _, err := log.Admit(op, c.devices[0].id); err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// anyContact is the only contact of somebody who has one.
func anyContact(n *Node) *contactState {
	for _, c := range n.contacts {
		return c
	}
	return nil
}

// takesIn has an op arrive as if it had come in a blob of its author's.
func takesIn(t *turn, c *contactState, op *conversation.Op) error {
	admission, err := c.talk.log.Admit(op, c.devices[0].id)
	if err != nil {
		return err
	}
	return t.arrived(c.devices[0], op, admission)
}

// TestManyWaitForOneText: what many reactions that came before their text cost grows with their number, not with its square.
func TestManyWaitForOneText(t *testing.T) {
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	bodies := []func(conversation.OpID) conversation.Body{func(conversation.OpID) conversation.Body { return conversation.Text("late") }}
	const many = 2000
	for range many {
		bodies = append(bodies, func(text conversation.OpID) conversation.Body { return conversation.Reaction{To: text, Emoji: thumb} })
	}
	for i := range many {
		nothing := conversation.OpID{1, byte(i >> 8), byte(i)}
		bodies = append(bodies, func(text conversation.OpID) conversation.Body {
			return conversation.Reaction{To: text, TakesBack: []conversation.OpID{nothing}}
		})
	}
	var before, back, late time.Duration
	bruno.inside(func(t *turn) error {
		c := anyContact(t.n)
		ops, err := theyWrite(t, c, bodies...)
		if err != nil {
			return err
		}
		start := time.Now()
		for i, op := range ops[1:] {
			if i == many {
				before, start = time.Since(start), time.Now()
			}
			if err := takesIn(t, c, op); err != nil {
				return err
			}
		}
		back, start = time.Since(start), time.Now()
		err = takesIn(t, c, ops[0])
		late = time.Since(start)
		return err
	})
	if back > 6*before {
		t.Errorf("what takes back nothing takes %v, what waits for its text %v", back, before)
	}
	if late > 60*before {
		t.Errorf("the text takes %v, all that waited for it %v", late, before)
	}
	if m := bruno.message(bruno.logged("Anna")[0].ID); len(m.Reactions) != 1 || len(m.Reactions[0].From) != 1 {
		t.Errorf("it has %+v", m.Reactions)
	}
}

// logged is all that is in a conversation.
func (p *person) logged(with string) []Message {
	p.t.Helper()
	all, err := p.Log(context.Background(), with, LogQuery{})
	if err != nil {
		p.t.Error(err)
	}
	return all
}

// TestMalformedWasKept: an op that a program kept that did not know its kind, and that the next one takes for malformed, stands
// in the way of nothing: neither of the others that were kept, nor of a backup.
func TestMalformedWasKept(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	m := anna.says("Bruno", "before")
	bruno.within(waitLong, "hears", bruno.beholds(m.ID, func(Message) bool { return true }))
	bruno.inside(func(t *turn) error {
		c := anyContact(t.n)
		text, err := opCalled(t.tx, m.ID)
		if err != nil {
			return err
		}
		edit := func(conversation.OpID) conversation.Body { return conversation.Edit{Of: text.ID, Text: "after"} }
		ops, err := theyWrite(t, c, edit, edit)
		if err != nil {
			return err
		}
		for i, op := range ops {
			admission, err := c.talk.log.Admit(op, c.devices[0].id)
			if err != nil {
				return err
			}
			row := opRow(c.talk, op, admission, t.date)
			if i == 0 {
				row.Body = bytes.Replace(row.Body, []byte("after"), []byte("\xff\xff\xff\xff\xff"), 1)
				row.ID = wire.HashOf("sv1 op", row.Body)
			}
			if _, err := t.tx.AppendOp(&row); err != nil {
				return err
			}
			if err := t.tx.AddChange(row.Seq, conversation.OpID{}); err != nil {
				return err
			}
		}
		t.touchTalk(c.talk)
		return nil
	})
	backup := bruno.backedUp()
	bruno.stop()
	bruno.start()
	edited := func(m Message) bool { return m.Text == "after" && m.Edited }
	bruno.within(waitLong, "sees the edit", bruno.beholds(m.ID, edited))
	if s, err := bruno.Status(t.Context()); err != nil || len(s.Notices) != 0 {
		t.Errorf("the notices are %q, %v", s.Notices, err)
	}
	bruno.stop()
	again := restored(t, a, "Bruno", backup)
	again.start()
	t.Cleanup(func() { again.stop() })
	again.within(waitLong, "sees the edit", again.beholds(m.ID, edited))
}

// TestFormerEdits: what an edit said that another one has overtaken goes once it is not sent any more, and it counts all the same.
func TestFormerEdits(t *testing.T) {
	t.Parallel()
	a, ctx, ok := newAir(), t.Context(), done[Message](t)
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	bruno.stop()
	anna.within(waitLong, "is alone", anna.finds(anna.Contacts, "Bruno", unlinked))
	m := anna.says("Bruno", "first")
	for i := range editsMax {
		ok(anna.Edit(ctx, m.ID, fmt.Sprint("edit ", i)))
	}
	bruno.start()
	anna.within(30*time.Second, "has told it", anna.beholds(m.ID, func(m Message) bool { return m.Change.State == conversation.StateDelivered }))
	said := 0
	anna.within(waitLong, "lets go of the former", func() bool {
		said = 0
		anna.inside(func(t *turn) error {
			ops, _, err := t.tx.OpsAfter(0, 1000)
			for _, op := range ops {
				if op.Kind == uint8(conversation.KindEdit) && len(op.Body) > 0 {
					said++
				}
			}
			return err
		})
		return said == 1
	})
	if _, err := anna.Edit(ctx, m.ID, "once more"); !errors.Is(err, ErrEdits) {
		t.Errorf("one edit more: %v", err)
	}
	if got := anna.message(m.ID).Text; got != fmt.Sprint("edit ", editsMax-1) {
		t.Errorf("it says %q", got)
	}
}

// TestDeletedWithItsReactions: of those nothing is kept either.
func TestDeletedWithItsReactions(t *testing.T) {
	t.Parallel()
	a, ctx, ok := newAir(), t.Context(), done[Message](t)
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	m := anna.says("Bruno", "first")
	bruno.within(waitLong, "hears", bruno.beholds(m.ID, func(Message) bool { return true }))
	ok(bruno.React(ctx, m.ID, thumb, true))
	anna.within(waitLong, "sees it", anna.beholds(m.ID, func(m Message) bool { return len(m.Reactions) == 1 }))
	ok(anna.Delete(ctx, m.ID))
	anna.inside(func(t *turn) error {
		ops, _, err := t.tx.OpsAfter(0, 1000)
		for _, op := range ops {
			if op.Kind == uint8(conversation.KindReaction) && len(op.Body) > 0 {
				anna.t.Error("the reaction is kept")
			}
		}
		return err
	})
}

// TestManyDeletionsOfNothing: deletions that wait for their texts are kept, but nobody can fill a disk with them for good.
func TestManyDeletionsOfNothing(t *testing.T) {
	t.Parallel()
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	bodies := make([]func(conversation.OpID) conversation.Body, awaitedMax+20)
	for i := range bodies {
		bodies[i] = func(conversation.OpID) conversation.Body {
			return conversation.Delete{Of: conversation.OpID{1, byte(i), byte(i >> 8)}}
		}
	}
	bruno.inside(func(t *turn) error {
		c := anyContact(t.n)
		ops, err := theyWrite(t, c, bodies...)
		for _, op := range ops {
			if err == nil {
				err = takesIn(t, c, op)
			}
		}
		return err
	})
	err := bruno.pruneOps(t.Context(), func(store.Settled) bool { return true }, func() (bool, error) { return true, nil })
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	bruno.inside(func(t *turn) error {
		all, err := t.tx.Oldest(0, 2*awaitedMax)
		left = len(all)
		return err
	})
	if left != awaitedMax {
		t.Errorf("%d are left, want %d", left, awaitedMax)
	}
}
