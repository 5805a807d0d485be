package mesh

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"sottovoce/mesh/conversation"
)

const thumb = "\U0001f44d"

// message is one message as a person sees it.
func (p *person) message(id string) Message {
	p.t.Helper()
	m, err := p.Message(context.Background(), id)
	if err != nil {
		p.t.Errorf("%s looks at %s: %v", p.name, id, err)
	}
	return m
}

// beholds is whether a message looks like this to a person.
func (p *person) beholds(id string, as func(Message) bool) func() bool {
	return func() bool {
		m, err := p.Message(context.Background(), id)
		return err == nil && as(m)
	}
}

func done[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (p *person) replies(to, text string) Message {
	p.t.Helper()
	r := p.Send(context.Background(), []Outgoing{{Text: text, ReplyTo: to}})[0]
	if r.Err != nil {
		p.t.Fatal(r.Err)
	}
	return r.Message
}

// TestAmend: two people answer, edit, delete and react, and both see the same.
func TestAmend(t *testing.T) {
	t.Parallel()
	a, ctx, ok := newAir(), t.Context(), done[Message](t)
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	question := anna.says("Bruno", "where?")
	bruno.within(waitLong, "hears", bruno.beholds(question.ID, func(m Message) bool { return m.Text == "where?" }))

	answer := bruno.replies(question.ID[:20], "hrae")
	if answer.ReplyTo != question.ID || answer.Quote == nil || answer.Quote.Text != "where?" || answer.Quote.From.Name != "Anna" || answer.Peer.Name != "Anna" {
		t.Errorf("the answer is %+v with %+v", answer, answer.Quote)
	}
	anna.within(waitLong, "is answered", anna.beholds(answer.ID, func(m Message) bool {
		return m.ReplyTo == question.ID && m.Quote != nil && m.Quote.Text == "where?" && m.Quote.From.Name == "Anna"
	}))

	edited := ok(bruno.Edit(ctx, answer.ID, "here"))
	if edited.Text != "here" || !edited.Edited || edited.Change == nil || edited.Change.State < conversation.StateQueued || edited.ID != answer.ID {
		t.Errorf("edited, it is %+v with %+v", edited, edited.Change)
	}
	anna.within(waitLong, "sees it", anna.beholds(answer.ID, func(m Message) bool { return m.Text == "here" && m.Edited && m.Change.State == 0 }))
	bruno.within(waitLong, "knows that", bruno.beholds(answer.ID, func(m Message) bool { return m.Change.State == conversation.StateDelivered && m.Change.Delivered == 1 }))
	j, err := bruno.Journey(ctx, bruno.message(answer.ID).Change.ID)
	if err != nil || j.Message.ID != answer.ID || len(j.Copies) != 1 || j.Copies[0].State != conversation.StateDelivered {
		t.Errorf("the edit's journey is %+v, %v", j, err)
	}

	ok(anna.React(ctx, answer.ID, thumb, true))
	ok(anna.React(ctx, answer.ID, thumb, true))
	ok(bruno.React(ctx, answer.ID, thumb, true))
	both := func(m Message) bool { return len(m.Reactions) == 1 && len(m.Reactions[0].From) == 2 }
	bruno.within(waitLong, "has two thumbs", bruno.beholds(answer.ID, both))
	anna.within(waitLong, "has two thumbs", anna.beholds(answer.ID, both))
	ok(anna.React(ctx, answer.ID, thumb, false))
	bruno.within(waitLong, "has his own left", bruno.beholds(answer.ID, func(m Message) bool {
		return len(m.Reactions) == 1 && len(m.Reactions[0].From) == 1 && m.Reactions[0].From[0].Name == "Bruno"
	}))

	gone := ok(bruno.Delete(ctx, answer.ID))
	if gone.Text != "" || !gone.Deleted || gone.Edited || gone.ReplyTo != "" || len(gone.Reactions) != 0 || gone.Change == nil {
		t.Errorf("deleted, it is %+v", gone)
	}
	anna.within(waitLong, "sees nothing of it", anna.beholds(answer.ID, func(m Message) bool { return m.Deleted && m.Text == "" && len(m.Reactions) == 0 }))
	for _, p := range []*person{anna, bruno} {
		if got := p.texts(map[*person]string{anna: "Bruno", bruno: "Anna"}[p]); !slices.Equal(got, []string{"where?", ""}) {
			t.Errorf("%s has %q", p.name, got)
		}
		p.saysNothingOf(answer.ID)
	}
}

// saysNothingOf wants that of a deleted message and its edits nothing is kept.
func (p *person) saysNothingOf(id string) {
	p.t.Helper()
	p.inside(func(t *turn) error {
		row, err := opCalled(t.tx, id)
		if err != nil {
			return err
		}
		ops, _, err := t.tx.OpsAfter(0, 1000)
		for _, op := range ops {
			text, _ := textIn(&op)
			if op.Seq == row.Seq && len(op.Body) != 0 || op.Kind == uint8(conversation.KindEdit) && len(op.Body) != 0 {
				p.t.Errorf("%s still has %q", p.name, text)
			}
		}
		return err
	})
}

// TestAmendRefused: whose message it is not, what is not there, and what is too much.
func TestAmendRefused(t *testing.T) {
	t.Parallel()
	a, ctx, ok := newAir(), t.Context(), done[Message](t)
	anna, bruno, carla := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno"), newPerson(t, a, "Carla")
	anna.befriends(bruno)
	anna.befriends(carla)
	theirs := bruno.says("Anna", "mine")
	anna.within(waitLong, "hears", anna.beholds(theirs.ID, func(Message) bool { return true }))
	ours := anna.says("Bruno", "ours")
	fails := func(what string, want error) func(Message, error) {
		return func(_ Message, err error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
	}
	fails("another's edited", ErrTheirs)(anna.Edit(ctx, theirs.ID, "yours"))
	fails("another's deleted", ErrTheirs)(anna.Delete(ctx, theirs.ID))
	fails("nothing edited", ErrNotFound)(anna.Edit(ctx, "msg-aaaaaaaa", "x"))
	fails("an edit of nothing", ErrText)(anna.Edit(ctx, ours.ID, ""))
	fails("an edit too long", ErrTooLong)(anna.Edit(ctx, ours.ID, strings.Repeat("x", conversation.TextMax+1)))
	fails("no emoji", ErrEmoji)(anna.React(ctx, theirs.ID, "a b", true))
	for i := range conversation.ReactionsMax {
		ok(anna.React(ctx, theirs.ID, string(rune(0x1f600+i)), true))
	}
	fails("one more", ErrReactions)(anna.React(ctx, theirs.ID, thumb, true))
	edit := ok(anna.Edit(ctx, ours.ID, "again")).Change.ID
	fails("an edit edited", ErrNotFound)(anna.Edit(ctx, edit, "x"))
	if m := ok(anna.Edit(ctx, ours.ID, "again")); m.Change.ID != edit {
		t.Error("the same text is a second edit")
	}
	ok(anna.Delete(ctx, ours.ID))
	fails("deleted twice", ErrDeleted)(anna.Delete(ctx, ours.ID))
	fails("edited after all", ErrDeleted)(anna.Edit(ctx, ours.ID, "x"))
	fails("reacted after all", ErrDeleted)(anna.React(ctx, ours.ID, thumb, true))
	for what, o := range map[string]Outgoing{
		"to nothing": {ReplyTo: "msg-aaaaaaaa", Text: "x"}, "elsewhere": {To: "Carla", ReplyTo: theirs.ID, Text: "x"}, "to an edit": {ReplyTo: edit, Text: "x"},
	} {
		if r := anna.Send(ctx, []Outgoing{o})[0]; !errors.Is(r.Err, ErrNotFound) {
			t.Errorf("a reply %s: %v", what, r.Err)
		}
	}
	if _, err := anna.Block(ctx, "Bruno"); err != nil {
		t.Fatal(err)
	}
	fails("of who is blocked", ErrBlocked)(anna.React(ctx, theirs.ID, thumb, false))
}

// TestDeletedBeforeItLeft: what nobody was sent, nobody is sent, and no state goes back.
func TestDeletedBeforeItLeft(t *testing.T) {
	t.Parallel()
	a, ctx, ok := newAir(), t.Context(), done[Message](t)
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	bruno.stop()
	anna.within(waitLong, "is alone", anna.finds(anna.Contacts, "Bruno", unlinked))
	first := anna.says("Bruno", "what nobody shall read")
	ok(anna.Edit(ctx, first.ID, "nor this"))
	kept := anna.says("Bruno", "kept")
	ok(anna.Edit(ctx, kept.ID, "kept better"))
	if m := ok(anna.Delete(ctx, first.ID)); m.Change.State != conversation.StateQueued {
		t.Errorf("the deletion is %+v", m.Change)
	}
	if m := anna.message(first.ID); m.State != conversation.StateFailed || !strings.Contains(m.Reason, "deleted") {
		t.Errorf("it is %v: %q", m.State, m.Reason)
	}
	if s, err := anna.Status(ctx); err != nil || s.Queued != 3 { // kept, its edit, and the deletion
		t.Errorf("%d are queued, %v", s.Queued, err)
	}
	anna.saysNothingOfText(first.ID)
	bruno.start()
	bruno.within(waitLong, "hears the rest", bruno.beholds(kept.ID, func(m Message) bool { return m.Text == "kept better" && m.Edited }))
	if got := bruno.texts("Anna"); !slices.Equal(got, []string{"kept better"}) {
		t.Errorf("Bruno reads %q", got)
	}
	anna.within(waitLong, "knows that", anna.beholds(first.ID, func(m Message) bool {
		return m.Change.State == conversation.StateDelivered && m.State == conversation.StateFailed
	}))
}

// saysNothingOfText wants that the op of a message is empty.
func (p *person) saysNothingOfText(id string) {
	p.t.Helper()
	p.inside(func(t *turn) error {
		row, err := opCalled(t.tx, id)
		if err == nil && len(row.Body) != 0 {
			p.t.Errorf("%s still has it", p.name)
		}
		return err
	})
}

// TestAmendedIsFound: searches, unread counts, export and events follow.
func TestAmendedIsFound(t *testing.T) {
	t.Parallel()
	a, ctx, ok := newAir(), t.Context(), done[Message](t)
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	start := done[Status](t)(bruno.Status(ctx)).Cursor
	first, second := anna.says("Bruno", "the harbour at nine"), anna.says("Bruno", "the lighthouse")
	bruno.within(waitLong, "hears", bruno.beholds(second.ID, func(Message) bool { return true }))
	bruno.saysAll("Anna", numbered("filling", 300))
	bruno.indexed()
	ok(anna.Edit(ctx, first.ID, "the station at ten"))
	ok(anna.Edit(ctx, first.ID, "the bakery at ten"))
	ok(anna.Delete(ctx, second.ID))
	bruno.within(waitLong, "sees it all", bruno.beholds(second.ID, func(m Message) bool { return m.Deleted }))
	for range 2 { // before the index follows, and after
		for words, want := range map[string][]string{"harbour": nil, "station": nil, "lighthouse": nil, "bakery ten": {"the bakery at ten"}} {
			if got := bruno.finding(SearchQuery{Words: words}); !slices.Equal(got, want) {
				t.Errorf("%q finds %q, want %q", words, got, want)
			}
		}
		bruno.saysAll("Anna", numbered("filling", 300))
		bruno.indexed()
	}
	talks, err := bruno.Talks(ctx)
	if err != nil || len(talks) != 1 || talks[0].Unread != 1 {
		t.Errorf("the conversation is %+v, %v", talks, err)
	}
	var exported []string
	all, err := bruno.Export(ctx, "Anna")
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		if !m.Mine {
			exported = append(exported, m.Text)
		}
	}
	if !slices.Equal(exported, []string{"the bakery at ten", ""}) {
		t.Errorf("exported are %q", exported)
	}
	kinds := bruno.toldSince(start, "lighthouse", first.ID, second.ID)
	// An edit that waited while another followed is not told by itself.
	want := []EventKind{EventMessage, EventMessage, EventChange, EventChange, EventChange}
	if !slices.Equal(kinds, want) && !slices.Equal(kinds, want[:4]) {
		t.Errorf("told are %q", kinds)
	}
}

// toldSince returns the kinds of the events since a cursor that are of messages of others, until of each of some messages, in whichever
// order, a change is told; none may tell of what is gone.
func (p *person) toldSince(since int64, gone string, messages ...string) (kinds []EventKind) {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.t.Context(), waitLong)
	defer stop()
	events, err := p.Events(ctx, &since)
	if err != nil {
		p.t.Fatal(err)
	}
	changed := map[string]bool{}
	for e, err := range events {
		if err != nil {
			p.t.Fatalf("after %q: %v", kinds, err)
		}
		if e.Message == nil || e.Message.Mine {
			continue
		}
		if strings.Contains(e.Message.Text, gone) {
			p.t.Error("an event still tells what was deleted")
		}
		kinds = append(kinds, e.Kind)
		changed[e.Message.ID] = changed[e.Message.ID] || e.Kind == EventChange
		if !slices.ContainsFunc(messages, func(id string) bool { return !changed[id] }) {
			break
		}
	}
	return kinds
}

// TestKeptByAnOlderProgram: what a program did not know when it came is done by the next.
func TestKeptByAnOlderProgram(t *testing.T) {
	a := newAir()
	anna, bruno := newPerson(t, a, "Anna"), newPerson(t, a, "Bruno")
	anna.befriends(bruno)
	m := anna.says("Bruno", "before")
	bruno.within(waitLong, "hears", bruno.beholds(m.ID, func(Message) bool { return true }))
	bruno.inside(func(t *turn) error {
		text, err := opCalled(t.tx, m.ID)
		if err != nil {
			return err
		}
		c := t.n.contactIn(text.Conversation)
		theirs := c.devices[0].id
		op, err := c.talk.log.Next(theirs, t.now, conversation.Edit{Of: text.ID, Text: "after"})
		if err != nil {
			return err
		}
		admission, err := c.talk.log.Admit(op, theirs)
		if err != nil {
			return err
		}
		t.touchTalk(c.talk)
		row := opRow(c.talk, op, admission, t.date)
		if _, err := t.tx.AppendOp(&row); err != nil {
			return err
		}
		return t.tx.AddChange(row.Seq, conversation.OpID{})
	})
	if got := bruno.message(m.ID).Text; got != "before" {
		t.Errorf("it says %q", got)
	}
	bruno.stop()
	bruno.start()
	bruno.within(waitLong, "sees the edit", bruno.beholds(m.ID, func(m Message) bool { return m.Text == "after" && m.Edited }))
}
