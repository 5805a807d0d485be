package controltest

import (
	"context"
	"slices"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
)

// amend changes a message that is there, and tells that.
func (f *Fake) amend(id string, to func(*control.Message) error) (control.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.messages, func(m control.Message) bool { return strings.HasPrefix(m.ID, id) && len(id) > 4 })
	if i < 0 {
		return control.Message{}, control.Errorf(control.CodeNotFound, "there is no message %q", id)
	}
	if f.messages[i].Deleted {
		return control.Message{}, control.Errorf(control.CodeGone, "that message was deleted")
	}
	if err := to(&f.messages[i]); err != nil {
		return control.Message{}, err
	}
	told := f.messages[i]
	f.tell(control.Event{Event: control.EventChange, Message: &told})
	return told, nil
}

// changed is the next op that changes a message.
func (f *Fake) changed(m *control.Message) {
	m.Change = &control.Change{ID: f.id("msg-", 52), Time: m.Time.Add(time.Minute)}
	if m.From.ID == f.me.ID {
		m.Change.State, m.Change.Devices = control.StateQueued, 1
	}
}

func (f *Fake) ours(m *control.Message) error {
	if m.From.ID != f.me.ID {
		return control.Errorf(control.CodeRefused, "only who wrote a message can edit or delete it")
	}
	return nil
}

func (f *Fake) edit(m *control.Message, text string) {
	m.Text, m.Edited = text, true
	f.changed(m)
}

func (f *Fake) delete(m *control.Message) {
	m.Text, m.Edited, m.Deleted, m.ReplyTo, m.Quote, m.Reactions = "", false, true, "", nil, nil
	f.changed(m)
}

// Edit is control.Amender's.
func (f *Fake) Edit(_ context.Context, id, text string) (control.Message, error) {
	return f.amend(id, func(m *control.Message) error {
		err := f.ours(m)
		if err == nil {
			f.edit(m, text)
		}
		return err
	})
}

// Delete is control.Amender's.
func (f *Fake) Delete(_ context.Context, id string) (control.Message, error) {
	return f.amend(id, func(m *control.Message) error {
		err := f.ours(m)
		if err == nil {
			f.delete(m)
		}
		return err
	})
}

// React is control.Amender's.
func (f *Fake) React(_ context.Context, id, emoji string, on bool) (control.Message, error) {
	return f.amend(id, func(m *control.Message) error {
		m.Reactions = reacted(m.Reactions, f.me.Person, emoji, on)
		return nil
	})
}

// reacted is a list of reactions with one by somebody more, or less.
func reacted(all control.Reactions, who control.Person, emoji string, on bool) (after control.Reactions) {
	found := false
	for _, r := range all {
		if r.Emoji == emoji {
			found = true
			r.From = slices.DeleteFunc(slices.Clone(r.From), func(p control.Person) bool { return p.ID == who.ID })
			if on {
				r.From = append(r.From, who)
			}
		}
		if len(r.From) > 0 {
			after = append(after, r)
		}
	}
	if on && !found {
		after = append(after, control.Reaction{Emoji: emoji, From: []control.Person{who}})
	}
	return after
}

// TheyEdit, TheyDelete and TheyReact let a contact do so.
func (f *Fake) TheyEdit(id, text string) control.Message {
	m, _ := f.amend(id, func(m *control.Message) error { f.edit(m, text); return nil })
	return m
}

// TheyDelete lets a contact delete a message of theirs.
func (f *Fake) TheyDelete(id string) control.Message {
	m, _ := f.amend(id, func(m *control.Message) error { f.delete(m); return nil })
	return m
}

// TheyReact lets the contact of a conversation answer a message, or take that back.
func (f *Fake) TheyReact(id, emoji string, on bool) control.Message {
	m, _ := f.amend(id, func(m *control.Message) error {
		i := slices.IndexFunc(f.people, func(p control.Person) bool { return p.ID == m.Conversation.With })
		m.Reactions = reacted(m.Reactions, f.people[i], emoji, on)
		return nil
	})
	return m
}

// AdvanceChange moves the last edit of a message, or its deletion, on.
func (f *Fake) AdvanceChange(id string, state control.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.messages, func(m control.Message) bool { return m.ID == id })
	c := *f.messages[i].Change
	c.State = state
	if state.Reached(control.StateDelivered) {
		c.Delivered = 1
	}
	f.messages[i].Change = &c
	told := f.messages[i]
	f.tell(control.Event{Event: control.EventState, Message: &told})
}

// answering makes a message one that answers another, which is found; "" answers none.
func (f *Fake) answering(id string, with *control.Person) (*control.Quote, error) {
	if id == "" {
		return nil, nil
	}
	for _, m := range f.messages {
		if !strings.HasPrefix(m.ID, id) || len(id) <= 4 {
			continue
		}
		if with.ID == "" {
			*with = control.Person{ID: m.Conversation.With}
		}
		return &control.Quote{ID: m.ID, From: m.From, Text: m.Text, Deleted: m.Deleted}, nil
	}
	return nil, control.Errorf(control.CodeNotFound, "there is no message %q", id)
}

// ReceiveReply lets a contact answer a message.
func (f *Fake) ReceiveReply(id, text, to string) control.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.people, func(p control.Person) bool { return p.ID == id })
	p := f.people[i]
	quote, err := f.answering(to, &p)
	return f.say(p, p, text, control.StateDelivered, func(m *control.Message) {
		if m.ReplyTo = to; err == nil {
			m.Quote = quote
		}
	})
}
