package tui

import (
	"context"
	"iter"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
)

// eventsMax is how many events are taken in at once, before the screen is drawn again.
const eventsMax = 256

// pump hands on what happens, many events at a time when they come faster than the screen is drawn. It ends with the
// events, or with the face.
func (m *Model) pump(events iter.Seq2[control.Event, error]) {
	one := make(chan control.Event)
	go func() {
		defer close(one)
		for e, err := range events {
			if err != nil {
				return
			}
			select {
			case one <- e:
			case <-m.ctx.Done():
				return
			}
		}
	}()
	defer close(m.events)
	var batch []control.Event
	for {
		out := m.events
		in := one
		if len(batch) == 0 {
			out = nil
		}
		if len(batch) >= eventsMax {
			in = nil
		}
		select {
		case e, ok := <-in:
			if !ok {
				return
			}
			batch = append(batch, e)
		case out <- batch:
			batch = nil
		case <-m.ctx.Done():
			return
		}
	}
}

// happened is what pump hands on; none means that the node has ended.
type happened []control.Event

func (m *Model) listen() tea.Cmd {
	return func() tea.Msg { return happened(<-m.events) }
}

// event takes in one thing that happened.
func (m *Model) event(e control.Event) tea.Cmd {
	switch e.Event {
	case control.EventMessage:
		return m.message(*e.Message)
	case control.EventState:
		if t := m.talks[e.Message.Conversation.With]; t != nil {
			t.update(*e.Message)
		}
	case control.EventPerson:
		return m.person(*e.Person)
	case control.EventRequest:
		p := *e.Person
		if known := m.people.all[p.ID]; known != nil {
			p.Online = p.Online || known.person.Online // who asks is not gone
		}
		return m.person(p)
	case control.EventVerification:
		m.people.put(*e.Person)
		return m.compared(*e.Person, *e.Comparison)
	case control.EventNotice:
		return tea.Batch(m.notice(e.Notice), m.refresh())
	}
	return nil
}

// message takes in a message that is new.
func (m *Model) message(msg control.Message) tea.Cmd {
	with := msg.Conversation.With
	m.people.said(msg)
	var cmds []tea.Cmd
	if t := m.talks[with]; t != nil {
		grown := t.opened && !t.cut
		if t.add(msg) {
			cmds = append(cmds, m.fetch(with, newestPage, (*transcript).reset))
		} else if grown && t.offset > 0 {
			t.offset += len(t.rowsOf(len(t.messages)-1, m.layout(t))) // what is looked at stays where it is
		}
	}
	if msg.From.ID == m.me.ID {
		return tea.Batch(cmds...)
	}
	if with == m.open && m.focused && m.atBottom() {
		return tea.Batch(append(cmds, m.read(with))...)
	}
	if e := m.people.all[with]; e != nil {
		e.unread = min(e.unread+1, control.UnreadMax)
	}
	return tea.Batch(append(cmds, m.ring())...)
}

// person takes in what is new about somebody, and keeps looking at them when they become a contact.
func (m *Model) person(p control.Person) tea.Cmd {
	before := m.current()
	m.people.put(p)
	if before != nil && m.current() == nil && p.Contact && before.person.Name == p.Name {
		return m.turnTo(p.ID)
	}
	return nil
}

// turnTo shows somebody at the right: a contact's conversation, or what can be done about a stranger.
func (m *Model) turnTo(id string) tea.Cmd {
	m.open, m.focus = id, onEditor
	m.complete.close()
	e := m.current()
	if e == nil || !e.person.Contact {
		return nil
	}
	t := m.talks[id]
	if t == nil {
		t = newTranscript()
		m.talks[id] = t
	}
	t.chosen = ""
	if t.opened {
		return m.reach(id, t)
	}
	unread := e.unread
	return m.fetch(id, control.LogQuery{N: max(pageSize, unread)}, func(t *transcript, page []control.Message) {
		t.reset(page)
		t.whole = len(page) < max(pageSize, unread)
		t.fresh = firstUnread(page, id, unread)
	})
}

// reach notes what is read when somebody is turned to again.
func (m *Model) reach(id string, t *transcript) tea.Cmd {
	if e := m.people.all[id]; e != nil && e.unread > 0 {
		if old := t.fresh; old != "" {
			delete(t.rows, old)
		}
		t.fresh = firstUnread(t.messages, id, e.unread)
		delete(t.rows, t.fresh)
	}
	return m.read(id)
}

// firstUnread is the first of the last so many messages of theirs.
func firstUnread(messages []control.Message, theirs string, unread int) string {
	for i := len(messages) - 1; i >= 0 && unread > 0; i-- {
		if messages[i].From.ID == theirs {
			if unread--; unread == 0 {
				return messages[i].ID
			}
		}
	}
	return ""
}

// fetch asks for messages of a conversation and hands them to its transcript.
func (m *Model) fetch(with string, q control.LogQuery, take func(*transcript, []control.Message)) tea.Cmd {
	t := m.talks[with]
	if t == nil || t.fetching {
		return nil
	}
	t.fetching = true
	return func() tea.Msg {
		page, err := m.node.Log(m.ctx, with, q)
		return then(func(m *Model) tea.Cmd {
			t.fetching = false
			if err != nil {
				return m.complain(err)
			}
			first := !t.opened
			take(t, page)
			if first && with == m.open {
				return m.read(with)
			}
			return nil
		})
	}
}

// read notes that the person has seen a conversation to its end.
func (m *Model) read(with string) tea.Cmd {
	e := m.people.all[with]
	if e == nil || e.unread == 0 && e.newest != nil && e.newest.From.ID == m.me.ID {
		return nil
	}
	e.unread = 0
	return m.do(func(ctx context.Context) (then, error) {
		_, err := m.node.Read(ctx, with)
		return nil, err
	})
}

// send queues what was written.
func (m *Model) send(text string) tea.Cmd {
	to := m.open
	if t := m.talk(); t != nil {
		t.offset = 0
	}
	return m.do(func(ctx context.Context) (then, error) {
		r := m.node.Send(ctx, []control.Outgoing{{To: to, Text: text}})[0]
		if r.Err != nil {
			return func(m *Model) tea.Cmd { // nothing that was written is lost
				if e := m.editors[to]; e != nil && e.empty() {
					e.set(text)
				}
				return m.complain(r.Err)
			}, nil
		}
		return func(m *Model) tea.Cmd {
			if t := m.talks[to]; t != nil && t.update(r.Message) {
				return nil
			}
			return m.message(r.Message)
		}, nil
	})
}

// typingAgain is how often a contact is told that the person is writing; the node knows whether that is shared.
const typingAgain = 4 * time.Second

func (m *Model) typing() tea.Cmd {
	now := m.now()
	if m.talk() == nil || now.Sub(m.typedAt) < typingAgain || m.me.Share != control.ShareTyping && m.me.Share != control.ShareBoth {
		return nil
	}
	m.typedAt = now
	to := m.open
	return m.do(func(ctx context.Context) (then, error) { return nil, m.node.Typing(ctx, to, true) })
}
