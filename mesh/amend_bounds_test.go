package mesh

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"sottovoce/mesh/conversation"
)

// changesTold are the changes of messages that a person's faces hear of while something happens.
func (p *person) changesTold(something func()) (told []Message) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	events, err := p.Events(ctx, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	something()
	end := p.says("Bruno", "the end of it").ID
	for e, err := range events {
		if err != nil {
			p.t.Fatal(err)
		}
		if e.Kind == EventMessage && e.Message.ID == end {
			break
		}
		if e.Kind == EventChange {
			told = append(told, *e.Message)
		}
	}
	return told
}

// reactsTo makes a reaction to the first op of theyWrite.
func reactsTo(emoji string) func(conversation.OpID) conversation.Body {
	return func(text conversation.OpID) conversation.Body { return conversation.Reaction{To: text, Emoji: emoji} }
}

// TestToggledReactions: whatever is done to a text in one turn is told once, and what changes nothing is not told.
func TestToggledReactions(t *testing.T) {
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	text := func(conversation.OpID) conversation.Body { return conversation.Text("long") }
	bodies := []func(conversation.OpID) conversation.Body{text}
	for range 50 {
		bodies = append(bodies, reactsTo(thumb))
	}
	var first conversation.OpID
	toggles := func(t *turn) error {
		c := anyContact(t.n)
		ops, err := theyWrite(t, c, bodies...)
		if err != nil {
			return err
		}
		for _, op := range ops {
			if err := takesIn(t, c, op); err != nil {
				return err
			}
		}
		first = ops[0].ID()
		for _, op := range ops[1:] {
			back, err := theyWrite(t, c, func(conversation.OpID) conversation.Body {
				return conversation.Reaction{To: first, TakesBack: []conversation.OpID{op.ID()}}
			})
			if err != nil {
				return err
			}
			if err := takesIn(t, c, back[0]); err != nil {
				return err
			}
		}
		return nil
	}
	if told := anna.changesTold(func() { anna.inside(toggles) }); len(told) != 1 || len(told[0].Reactions) != 0 {
		t.Errorf("told of %d changes, the last %+v", len(told), told)
	}
	nothing := func(t *turn) error {
		c := anyContact(t.n)
		back, err := theyWrite(t, c, func(conversation.OpID) conversation.Body {
			return conversation.Reaction{To: first, TakesBack: []conversation.OpID{first}}
		})
		if err != nil {
			return err
		}
		return takesIn(t, c, back[0])
	}
	if told := anna.changesTold(func() { anna.inside(nothing) }); len(told) != 0 {
		t.Errorf("nothing was taken back, and told of %+v", told)
	}
}

// TestAnotherReactionComesFirst: who has given all that one may, takes one back and gives another is seen to do so, in
// whichever order that arrives.
func TestAnotherReactionComesFirst(t *testing.T) {
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	bodies := []func(conversation.OpID) conversation.Body{func(conversation.OpID) conversation.Body { return conversation.Text("so?") }}
	for i := range conversation.ReactionsMax {
		bodies = append(bodies, reactsTo(string(rune(0x1f600+i))))
	}
	anna.inside(func(t *turn) error {
		c := anyContact(t.n)
		ops, err := theyWrite(t, c, bodies...)
		if err != nil {
			return err
		}
		for _, op := range ops {
			if err := takesIn(t, c, op); err != nil {
				return err
			}
		}
		later, err := theyWrite(t, c,
			func(conversation.OpID) conversation.Body {
				return conversation.Reaction{To: ops[0].ID(), TakesBack: []conversation.OpID{ops[1].ID()}}
			},
			func(conversation.OpID) conversation.Body { return conversation.Reaction{To: ops[0].ID(), Emoji: thumb} })
		if err != nil {
			return err
		}
		slices.Reverse(later)
		for _, op := range later {
			if err := takesIn(t, c, op); err != nil {
				return err
			}
		}
		return nil
	})
	shown := anna.logged("Bruno")[0].Reactions
	if len(shown) != conversation.ReactionsMax || shown[len(shown)-1].Emoji != thumb || shown[0].Emoji == string(rune(0x1f600)) {
		t.Errorf("there are %d: %+v", len(shown), shown)
	}
}

// TestDeleteWhileBlocked: what we said goes from here at once whoever it was said to, and from there once they are let in.
func TestDeleteWhileBlocked(t *testing.T) {
	a, ctx, ok := newAir(), t.Context(), done[Message](t)
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	m := anna.says("Bruno", "regretted")
	bruno.within(waitLong, "hears", bruno.beholds(m.ID, func(m Message) bool { return m.Text == "regretted" }))
	anna.within(waitLong, "knows", anna.delivered(m))
	if _, err := anna.Block(ctx, "Bruno"); err != nil {
		t.Fatal(err)
	}
	if _, err := anna.Edit(ctx, m.ID, "better"); !errors.Is(err, ErrBlocked) {
		t.Errorf("an edit for who is blocked: %v", err)
	}
	if gone := ok(anna.Delete(ctx, m.ID)); !gone.Deleted || gone.Text != "" || gone.Change.State != conversation.StateQueued {
		t.Errorf("deleted, it is %+v with %+v", gone, gone.Change)
	}
	anna.saysNothingOf(m.ID)
	if got := bruno.message(m.ID).Text; got != "regretted" {
		t.Errorf("who is blocked hears of it: %q", got)
	}
	if _, err := anna.Unblock(ctx, "Bruno"); err != nil {
		t.Fatal(err)
	}
	bruno.within(waitLong, "is asked to forget it", bruno.beholds(m.ID, func(m Message) bool { return m.Deleted }))
}

// TestFewLongEvents: what is kept for those who listen is bounded by its size, too; who is behind that reads the store.
func TestFewLongEvents(t *testing.T) {
	var f feed
	f.start(0)
	long := &Message{Text: strings.Repeat("x", conversation.TextMax)}
	for i := range 500 {
		f.publish(Event{Cursor: int64(i + 1), stored: true, Message: long})
	}
	held := 0
	for _, e := range f.ring {
		held += e.size()
	}
	if held > eventsBytes+conversation.TextMax || held != f.bytes || len(f.ring) < 20 {
		t.Errorf("%d events of %d bytes are held, counted %d", len(f.ring), held, f.bytes)
	}
	for range 3 * eventsKept {
		f.publish(Event{})
	}
	if len(f.ring) < eventsKept || f.bytes != 0 {
		t.Errorf("%d short events are held, and %d bytes counted", len(f.ring), f.bytes)
	}
}
