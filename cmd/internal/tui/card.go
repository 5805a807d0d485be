package tui

import (
	"context"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// runAbout shows who somebody is, and all that can be done about them.
func (m *Model) runAbout(who string) tea.Cmd {
	e, ok := m.find(who)
	if !ok {
		return m.say(paint.Bad, m.words.NobodyCalled(paint.OneLine(who)))
	}
	if !e.person.Contact {
		return m.offer(e)
	}
	id := e.person.ID
	person := func(m *Model) control.Person { // as they are now
		if e := m.people.all[id]; e != nil {
			return e.person
		}
		return e.person
	}
	return m.openDialog(&sheet{
		name:    func(m *Model) string { return nameOf(person(m)) },
		text:    func(m *Model, width int) []paint.Line { return m.cardRows(person(m), width) },
		choices: func(m *Model) []choice { return m.cardChoices(person(m)) },
	})
}

// cardRows is what is known of a contact.
func (m *Model) cardRows(p control.Person, width int) (rows []paint.Line) {
	w := m.words
	presence := w.Away
	switch {
	case p.Blocked:
		presence = w.Blocked
	case p.Via == control.ViaLink, p.Online:
		presence = w.Here
	}
	rows = append(rows, columns(width, w.CardNow, presence)...)
	if p.OwnName != "" {
		rows = append(rows, columns(width, w.CardOwnName, paint.OneLine(p.OwnName))...)
	}
	if p.IntroducedBy != nil {
		rows = append(rows, columns(width, w.CardIntroduced, paint.OneLine(p.IntroducedBy.Name))...)
	}
	verified := w.CardUnverified
	switch {
	case p.Keys == control.KeysAlarm, p.Keys == control.KeysChanged:
		blocked := p
		blocked.Blocked = false
		verified = m.standing(blocked)
	case p.Verified:
		verified = w.Verified
	}
	rows = append(rows, columns(width, w.CardSure, verified)...)
	return append(rows, columns(width, w.CardID, idOf(p.ID))...)
}

// cardChoices are the commands about a contact.
func (m *Model) cardChoices(p control.Person) []choice {
	w := m.words
	all := []choice{{label: w.CardWrite, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.turnTo(p.ID) }}}
	add := func(look paint.Look, name string) {
		for _, c := range commands() {
			if c.name == name {
				all = append(all, choice{label: "/" + name, more: w.Commands[name].Does, look: look, do: func(m *Model) tea.Cmd {
					m.closeDialog()
					return c.run(m, p.ID)
				}})
			}
		}
	}
	for _, name := range []string{"verify", "private", "introduce", "export", "reset"} {
		add(paint.Strong, name)
	}
	all = append(all, choice{label: "/rename", more: w.Commands["rename"].Does, look: paint.Strong, do: func(m *Model) tea.Cmd {
		m.closeDialog()
		return m.askRename(p)
	}})
	if p.Blocked {
		add(paint.Strong, "unblock")
	} else {
		add(paint.Bad, "block")
	}
	add(paint.Bad, "remove")
	return all
}

// askRename asks for a name of our own for somebody; an empty one brings theirs back.
func (m *Model) askRename(p control.Person) tea.Cmd {
	f := &field{done: func(m *Model, name string) tea.Cmd {
		m.closeDialog()
		rename := func(ctx context.Context, who string) (control.Person, error) { return m.node.Rename(ctx, who, name) }
		return m.about(p.ID, rename, m.words.SaidRenamed)
	}}
	f.set(p.Name)
	return m.openDialog(&sheet{
		name: func(m *Model) string { return nameOf(p) },
		text: func(m *Model, width int) []paint.Line {
			f.label = m.words.RenameLabel
			return paragraphs(width, paint.Plain, m.words.RenameMore)
		},
		field: f,
	})
}

// runIntroduce asks whom somebody is to get to know.
func (m *Model) runIntroduce(who string) tea.Cmd {
	one, ok := m.find(who)
	if !ok || !one.person.Contact {
		return m.say(paint.Bad, m.words.NobodyCalled(paint.OneLine(who)))
	}
	s := &sheet{bar: true}
	s.field = &field{}
	others := func(m *Model) (all []choice) {
		for _, e := range m.people.list() {
			typed := strings.ToLower(s.field.String())
			if !e.person.Contact || e.person.Blocked || e == one || !strings.Contains(strings.ToLower(nameOf(e.person)), typed) {
				continue
			}
			other := e.person
			all = append(all, choice{label: m.nameApart(other), more: m.standing(other), do: func(m *Model) tea.Cmd {
				m.closeDialog()
				return m.introduce(one.person, other)
			}})
		}
		return all
	}
	s.name = func(m *Model) string { return m.words.IntroduceTitle(nameOf(one.person)) }
	s.text = func(m *Model, width int) []paint.Line {
		s.field.label = m.words.SearchLabel
		if s.field.empty() && len(others(m)) == 0 {
			return paragraphs(width, paint.Plain, m.words.IntroduceNobody)
		}
		return paragraphs(width, paint.Plain, m.words.IntroduceMore(nameOf(one.person)))
	}
	s.choices = others
	s.field.done = func(m *Model, _ string) tea.Cmd {
		if all := others(m); s.at < len(all) {
			return all[s.at].do(m)
		}
		return nil
	}
	return m.openDialog(s)
}

// introduce tells two contacts of each other.
func (m *Model) introduce(one, other control.Person) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		_, err := m.node.Introduce(ctx, one.ID, other.ID)
		return func(m *Model) tea.Cmd {
			return m.say(paint.Good, m.words.SaidIntroduced(nameOf(one), nameOf(other)))
		}, err
	})
}

// nameApart is a name, with the beginning of the id where several have it.
func (m *Model) nameApart(p control.Person) string {
	if m.people.twins[p.Name] {
		return nameOf(p) + " " + shortID(p.ID)
	}
	return nameOf(p)
}

// runReset begins anew with a contact: after a restored backup we ask them, or they have asked us.
func (m *Model) runReset(who string) tea.Cmd {
	e, ok := m.find(who)
	if !ok || !e.person.Contact {
		return m.say(paint.Bad, m.words.NobodyCalled(paint.OneLine(who)))
	}
	id, name := e.person.ID, nameOf(e.person)
	answer := func(do func(ctx context.Context, who string) (control.Person, error), says func(name string) string) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd {
			m.closeDialog()
			return tea.Batch(m.about(id, do, says), m.refresh())
		}
	}
	return m.openDialog(&sheet{
		name: func(m *Model) string { return m.words.ResetTitle(name) },
		text: func(m *Model, width int) []paint.Line {
			if m.asksReset(e.person) {
				return paragraphs(width, paint.Plain, m.words.ResetAsked(name))
			}
			return paragraphs(width, paint.Plain, m.words.ResetMore(name))
		},
		choices: func(m *Model) []choice {
			cancel := choice{label: m.words.Cancel, do: (*Model).closeDialog}
			if m.asksReset(e.person) {
				return []choice{cancel, {label: m.words.ResetPermit(name), look: paint.Caution, do: answer(m.node.PermitReset, m.words.SaidPermitted)}}
			}
			return []choice{cancel, {label: m.words.ResetAsk(name), look: paint.Caution, do: answer(m.node.Reset, m.words.SaidReset)}}
		},
	})
}

// asksReset tells whether a notice of the node says that somebody asks to begin anew.
func (m *Model) asksReset(p control.Person) bool {
	for _, notice := range m.status.Notices {
		if strings.HasSuffix(notice, program+"reset "+strconv.Quote(p.Name)+" --accept") {
			return true
		}
	}
	return false
}
