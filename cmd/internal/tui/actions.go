package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

func (m *Model) runTo(who string) tea.Cmd {
	e, ok := m.find(who)
	if !ok {
		return m.say(paint.Bad, m.words.NobodyCalled(paint.OneLine(who)))
	}
	return m.turnTo(e.person.ID)
}

// about does something with one person at the node, and says what came of it.
func (m *Model) about(who string, do func(ctx context.Context, who string) (control.Person, error), says func(name string) string) tea.Cmd {
	who = m.meant(who)
	return m.do(func(ctx context.Context) (then, error) {
		p, err := do(ctx, who)
		return func(m *Model) tea.Cmd {
			cmd := m.person(p)
			return tea.Batch(cmd, m.say(paint.Good, says(nameOf(p))))
		}, err
	})
}

func (m *Model) runAdd(who string) tea.Cmd { return m.about(who, m.node.Add, m.words.SaidAsked) }
func (m *Model) runAccept(who string) tea.Cmd {
	return m.about(who, m.node.Accept, m.words.SaidAccepted)
}

func (m *Model) runBlock(who string) tea.Cmd { return m.about(who, m.node.Block, m.words.SaidBlocked) }

func (m *Model) runUnblock(who string) tea.Cmd {
	return m.about(who, m.node.Unblock, m.words.SaidUnblocked)
}

func (m *Model) runDecline(who string) tea.Cmd {
	return m.about(who, m.node.Decline, m.words.SaidDeclined)
}

func (m *Model) runRename(name string) tea.Cmd {
	rename := func(ctx context.Context, who string) (control.Person, error) { return m.node.Rename(ctx, who, name) }
	return m.about(m.open, rename, m.words.SaidRenamed)
}

// runRemove asks once more: what is gone does not come back.
func (m *Model) runRemove(who string) tea.Cmd {
	e, ok := m.find(who)
	if !ok || !e.person.Contact {
		return m.say(paint.Bad, m.words.NobodyCalled(paint.OneLine(who)))
	}
	id := e.person.ID
	return m.openDialog(m.confirm(m.words.RemoveTitle(nameOf(e.person)), m.words.RemoveMore, m.words.RemoveYes, func(m *Model) tea.Cmd {
		return m.do(func(ctx context.Context) (then, error) {
			p, err := m.node.Remove(ctx, id)
			return func(m *Model) tea.Cmd {
				m.forget(id)
				return m.say(paint.Good, m.words.SaidRemoved(nameOf(p)))
			}, err
		})
	}))
}

// confirm asks before what cannot be undone; the bar is on no.
func (m *Model) confirm(title, more, yes string, do func(m *Model) tea.Cmd) *sheet {
	return &sheet{
		name: func(*Model) string { return title },
		text: func(_ *Model, width int) []paint.Line { return paragraphs(width, paint.Plain, more) },
		choices: func(m *Model) []choice {
			return []choice{
				{label: m.words.Cancel, do: (*Model).closeDialog},
				{label: yes, look: paint.Bad, do: func(m *Model) tea.Cmd {
					m.closeDialog()
					return do(m)
				}},
			}
		},
	}
}

// meet is what Enter does about somebody who is no contact: it asks them, as the screen says; what there is to decide is offered.
func (m *Model) meet(e *entry) tea.Cmd {
	if e.section() == sectionNearby {
		return m.runAdd(e.person.ID)
	}
	return m.offer(e)
}

// offer is what can be done about somebody who is no contact.
func (m *Model) offer(e *entry) tea.Cmd {
	id, name := e.person.ID, nameOf(e.person)
	w := m.words
	s := &sheet{name: func(*Model) string { return name }}
	switch e.section() {
	case sectionRequests:
		s.text = func(m *Model, width int) []paint.Line {
			return paragraphs(width, paint.Plain, m.answerMore(e.person)...)
		}
		s.choices = func(*Model) []choice {
			return []choice{
				{label: w.AcceptYes, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.runAccept(id) }},
				{label: w.DeclineYes, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.runDecline(id) }},
			}
		}
	case sectionAsked:
		s.text = func(_ *Model, width int) []paint.Line { return paragraphs(width, paint.Plain, w.WaitingFor(name)...) }
		s.choices = func(*Model) []choice {
			return []choice{{label: w.TakeBack, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.runDecline(id) }}}
		}
	default:
		s.text = func(_ *Model, width int) []paint.Line { return paragraphs(width, paint.Plain, w.AskContactMore(name)) }
		s.choices = func(*Model) []choice {
			return []choice{{label: w.AskContact, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.runAdd(id) }}}
		}
	}
	return m.openDialog(s)
}

// answerMore says who asks, and on whose word it is they.
func (m *Model) answerMore(p control.Person) []string {
	if p.IntroducedBy == nil {
		return []string{m.words.AnswerMore(nameOf(p))}
	}
	return []string{m.words.IntroducedMore(paint.OneLine(p.IntroducedBy.Name), nameOf(p))}
}

// runSearch looks for words in all conversations, as they are typed.
func (m *Model) runSearch(words string) tea.Cmd {
	s := newSearch()
	s.field.set(words)
	m.openDialog(s)
	return s.found(m)
}

// search is the dialog that finds messages.
type search struct {
	sheet
	asked    string
	answered bool // hits are for what was asked last
	hits     []control.Message
}

// searchMax is how many messages a search lists.
const searchMax = 50

func newSearch() *search {
	s := &search{}
	s.field = &field{}
	s.bar = true
	s.name = func(m *Model) string { return m.words.SearchTitle }
	s.text = func(m *Model, width int) []paint.Line {
		if !s.answered {
			return nil
		}
		return m.foundRows(len(s.hits), width)
	}
	s.choices = func(m *Model) []choice {
		s.field.label = m.words.SearchLabel
		all := make([]choice, len(s.hits))
		for i, h := range s.hits {
			from := nameOf(h.From)
			if h.From.ID == m.me.ID {
				from = m.words.You + " → " + paint.OneLine(h.Conversation.Name)
			}
			all[i] = choice{
				label: from + ": " + paint.OneLine(h.Snippet), more: h.Time.In(m.zone).Format("2006-01-02 15:04"),
				do: func(m *Model) tea.Cmd { return m.show(h) },
			}
		}
		return all
	}
	s.field.done = func(m *Model, _ string) tea.Cmd {
		if s.at < len(s.hits) {
			return m.show(s.hits[s.at])
		}
		return nil
	}
	return s
}

func (s *search) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	cmd := s.sheet.key(m, k)
	return tea.Batch(cmd, s.found(m))
}

func (s *search) paste(m *Model, text string) tea.Cmd {
	s.sheet.paste(m, text)
	return s.found(m)
}

// found asks for what was typed, unless that was asked already.
func (s *search) found(m *Model) tea.Cmd {
	words := strings.TrimSpace(s.field.String())
	if words == s.asked {
		return nil
	}
	s.asked, s.at, s.answered = words, 0, false
	if words == "" {
		s.hits = nil
		return nil
	}
	return func() tea.Msg {
		hits, err := m.node.Search(m.ctx, control.SearchQuery{Words: words, N: searchMax})
		return then(func(*Model) tea.Cmd {
			if s.asked == words && err == nil {
				s.hits, s.answered = hits, true
			}
			return nil
		})
	}
}

// show turns to a conversation, at one of its messages. What is typed next is written; Tab and the arrows go on from that message.
func (m *Model) show(msg control.Message) tea.Cmd {
	m.dialogs = nil
	with := msg.Conversation.With
	m.open, m.focus = with, onEditor
	t := m.talks[with]
	if t == nil {
		t = newTranscript()
		m.talks[with] = t
	}
	t.renew()
	return m.fetch(with, control.LogQuery{Before: msg.ID, N: pageSize}, func(t *transcript, page []control.Message) {
		t.at(append(page, msg), len(page) < pageSize)
	})
}
