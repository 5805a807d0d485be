package tui

import (
	"context"
	"iter"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// eventsMax is how many events are taken in at once, before the screen is drawn again.
const eventsMax = 256

// pump hands on what happens, many events at a time when they come faster than the screen is drawn. It ends with the
// events, or with the face.
func (m *Model) pump(events iter.Seq2[control.Event, error], to chan<- []control.Event) {
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
	defer close(to)
	var batch []control.Event
	for {
		out := to
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
	events := m.events
	return func() tea.Msg { return happened(<-events) }
}

// event takes in one thing that happened.
func (m *Model) event(e control.Event) tea.Cmd {
	m.people.hear(e)
	switch e.Event {
	case control.EventMessage:
		return m.message(*e.Message)
	case control.EventState:
		if t := m.talks[e.Message.Conversation.With]; t != nil {
			t.update(*e.Message)
		}
		return m.refreshSoon()
	case control.EventChange:
		return m.changed(*e.Message)
	case control.EventPerson:
		return m.person(*e.Person)
	case control.EventRequest:
		p := *e.Person
		if known := m.people.all[p.ID]; known != nil {
			p.Online = p.Online || known.person.Online // who asks is not gone
		}
		cmd := m.person(p)
		if p.Direction == control.DirectionIn {
			return tea.Batch(cmd, m.ring(m.words.NewRequest), m.say(paint.Fresh, m.words.SaidAsksYou(nameOf(p))))
		}
		return cmd
	case control.EventVerification:
		m.people.put(*e.Person)
		return m.compared(*e.Person, *e.Comparison)
	case control.EventReading: // here or at another face
		if known := m.people.all[e.Reading.With.ID]; known != nil {
			known.unread = e.Reading.Unread
		}
	case control.EventNotice:
		return tea.Batch(m.notice(e.Notice, e.Person), m.refresh())
	}
	return nil
}

// message takes in a message that is new.
func (m *Model) message(msg control.Message) tea.Cmd {
	with := msg.Conversation.With
	m.people.said(msg)
	var cmd tea.Cmd
	e, theirs := m.people.all[with], msg.From.ID != m.me.ID && !msg.Deleted // else the deletion came first
	if t := m.talks[with]; t != nil && t.add(msg) {
		t.requote(msg)
		switch kept := theirs && with == m.open && m.comesBack(e); {
		case t.offset > 0: // what is looked at stays where it is
			t.offset += len(t.rowsOf(len(t.messages)-1, m.layout(t)))
		case t.misplaced() && t.chosen == "":
			cmd = m.fetchEnd(with)
		case kept:
			m.marks(t, msg.ID, e.unread == 0)
		}
	}
	if !theirs {
		return cmd
	}
	if e != nil {
		e.unread = min(e.unread+1, control.UnreadMax)
	}
	switch onScreen := with == m.open && m.focused && m.atBottom(); {
	case onScreen && m.there:
		return tea.Batch(cmd, m.read(with))
	case onScreen:
		return cmd
	}
	return tea.Batch(cmd, m.ring(m.words.NewMessage))
}

// catchUpTime is how long after the start of a node what comes was mostly written before: supernodes and contacts hand it over.
const catchUpTime = 5 * time.Second

// comesBack tells that nobody has looked at what comes now, or that it was kept for who has just come.
func (m *Model) comesBack(e *entry) bool {
	return e != nil && (!m.focused || !m.there || m.catchesUp())
}

func (m *Model) catchesUp() bool { return m.now().Sub(m.since) < catchUpTime }

// marks draws the line of what was not read above a message that has just come, unless it stands above others that were not read.
// Who has just come begins to read there; later the end stays in sight, for who only looks.
func (m *Model) marks(t *transcript, id string, first bool) {
	if t.fresh == "" || first && !(m.focused && m.there) {
		delete(t.rows, t.fresh)
		t.fresh = id
		delete(t.rows, id)
	}
	if m.catchesUp() {
		m.toFresh(t)
	}
}

// person takes in what is new about somebody, and keeps looking at them when they become a contact.
func (m *Model) person(p control.Person) tea.Cmd {
	before, known, open := m.current(), m.people.all[p.ID], m.open
	if known != nil && known.person.Contact && !p.Contact {
		m.forget(p.ID)
		return nil
	}
	asked := m.people.asked(p.Name)
	m.people.put(p)
	if known != nil || !p.Contact {
		return nil
	}
	cmd := m.learn() // who asked or was asked under another id is none any more
	if before != nil && m.current() == nil && before.person.Name == p.Name {
		m.carry(open, p.ID)
		cmd = tea.Batch(m.turnTo(p.ID), cmd)
	}
	return tea.Batch(cmd, m.welcome(p, asked))
}

// welcome says that somebody has become a contact: who was asked has said yes, who was not has used a link, or we said yes.
func (m *Model) welcome(p control.Person, asked bool) tea.Cmd {
	if !m.people.whole {
		return nil
	}
	text := m.words.SaidContact(nameOf(p))
	switch {
	case asked && p.ID == m.open && !m.editor().empty():
		text = m.words.SaidYesSends(nameOf(p))
	case asked:
		text = m.words.SaidYes(nameOf(p))
	}
	return tea.Batch(m.ring(m.words.NewContact), m.say(paint.Good, text))
}

// forget takes in that somebody is no contact any more: nothing of them stays.
func (m *Model) forget(id string) {
	delete(m.people.all, id)
	delete(m.talks, id)
	delete(m.editors, id)
	if m.open == id {
		m.open = ""
	}
}

// turnTo shows somebody at the right: a contact's conversation, or what can be done about a stranger.
func (m *Model) turnTo(id string) tea.Cmd {
	m.leave(id)
	m.open, m.focus, m.said = id, onEditor, saying{}
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
	return m.fetch(id, newestPage, (*transcript).reset)
}

// leave ends looking at somebody: what was new to the person is not any more. A text that was begun before anybody was
// chosen goes along to whom is chosen now.
func (m *Model) leave(next string) {
	if t := m.talk(); t != nil && m.open != next && t.fresh != "" && m.current().unread == 0 {
		delete(t.rows, t.fresh)
		t.fresh = ""
	}
	if m.open == "" {
		m.carry("", next)
	}
}

// carry hands on what was begun to be written, unless something was begun there too.
func (m *Model) carry(from, to string) {
	if e, there := m.editorOf(from), m.editorOf(to); there.empty() {
		there.set(e.String())
		e.set("")
	}
}

// reach shows somebody again whose conversation is in memory: from what was not read, if there is any.
func (m *Model) reach(id string, t *transcript) tea.Cmd {
	if e := m.current(); e.unread > 0 && !t.cut {
		delete(t.rows, t.fresh)
		t.fresh = firstUnread(t.messages, id, e.unread)
		delete(t.rows, t.fresh)
		m.toFresh(t)
	}
	if m.atBottom() {
		return m.read(id)
	}
	return nil
}

// toFresh scrolls up as far as needed to see the first message that was not read.
func (m *Model) toFresh(t *transcript) {
	t.offset = 0
	at := t.index(t.fresh)
	if at < 0 {
		return
	}
	rows, l := 0, m.layout(t)
	for i := at; i < len(t.messages); i++ {
		rows += len(t.rowsOf(i, l))
	}
	t.offset = max(0, rows-m.frame.pane.height)
}

// firstUnread is the first of the last so many messages of theirs.
func firstUnread(messages []control.Message, theirs string, unread int) (first string) {
	for _, m := range slices.Backward(messages) {
		if unread == 0 {
			break
		}
		if m.From.ID == theirs {
			first = m.ID
			unread--
		}
	}
	return first
}

// fetch asks for messages of a conversation and hands them to its transcript, unless a page is on its way to it.
func (m *Model) fetch(with string, q control.LogQuery, take func(*transcript, []control.Message)) tea.Cmd {
	t := m.talks[with]
	if t == nil || t.fetching {
		return nil
	}
	t.fetching = true
	round := t.round
	return func() tea.Msg {
		page, err := m.node.Log(m.ctx, with, q)
		return then(func(m *Model) tea.Cmd {
			if t.round != round {
				return nil
			}
			late, first := t.late, !t.opened
			t.fetching, t.late = false, nil
			if err != nil {
				return m.complain(err)
			}
			take(t, page)
			for _, msg := range late {
				t.add(msg)
			}
			if e := m.people.all[with]; e != nil && !t.cut && (first || e.unread > 0 && m.comesBack(e)) {
				t.fresh = firstUnread(t.messages, with, e.unread) // of all that has come meanwhile
				clear(t.rows)
				if first || m.catchesUp() {
					m.toFresh(t)
				}
			}
			if with == m.open {
				return m.settle(t)
			}
			return nil
		})
	}
}

// fetchEnd begins again at the end of a conversation, whatever is on its way.
func (m *Model) fetchEnd(with string) tea.Cmd {
	if t := m.talks[with]; t != nil {
		t.renew()
	}
	return m.fetch(with, newestPage, (*transcript).reset)
}

// read notes that the person has seen a conversation to its end; what comes while that is noted is noted right after.
func (m *Model) read(with string) tea.Cmd {
	e := m.people.all[with]
	if e == nil || e.unread == 0 || e.reading {
		return nil
	}
	e.unread, e.reading = 0, true
	return func() tea.Msg {
		_, err := m.node.Read(m.ctx, with)
		return then(func(m *Model) tea.Cmd {
			e.reading = false
			switch {
			case err != nil:
				return m.complain(err)
			case with == m.open && m.seesEnd():
				return m.read(with)
			}
			return nil
		})
	}
}

// send queues what was written, as an answer if it is meant as one.
func (m *Model) send(text string, in *intent) tea.Cmd {
	to := m.open
	if t := m.talk(); t != nil {
		t.chosen = ""
	}
	return tea.Batch(m.toEnd(), m.do(func(ctx context.Context) (then, error) {
		out := control.Outgoing{To: to, Text: text}
		if in != nil {
			out.ReplyTo = in.of.ID
		}
		r := m.node.Send(ctx, []control.Outgoing{out})[0]
		if r.Err != nil {
			return func(m *Model) tea.Cmd { // nothing that was written is lost
				if e := m.editors[to]; e != nil {
					if e.unsent = true; e.empty() {
						e.set(text)
						e.intent = in
					} else { // the next is being written already
						e.set(text + "\n" + e.String())
					}
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
	}))
}
