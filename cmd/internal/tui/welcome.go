package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// The first minute: a name, who may see it, a passphrase for who wants one; then the list of who is near is alive.

// beginning is what the person has answered so far.
type beginning struct {
	name       string
	seen       control.Visible
	passphrase string
}

func newWelcome() *sheet { return askName(&beginning{}, "") }

// askName is the first question; trouble says what was wrong with the answer before.
func askName(b *beginning, trouble string) *sheet {
	s := &sheet{none: true, bar: true}
	s.field = &field{done: func(m *Model, name string) tea.Cmd {
		switch {
		case s.at >= 0:
			return s.choices(m)[s.at].do(m)
		case name == "":
			return nil
		}
		b.name = name
		return m.replaceDialog(askSeen(b))
	}}
	s.field.set(b.name)
	s.name = func(m *Model) string { return m.words.Welcome }
	s.text = func(m *Model, width int) []paint.Line {
		s.field.label = m.words.NameLabel
		rows := paragraphs(width, paint.Plain, m.words.WelcomeMore, m.words.AskName)
		if trouble != "" {
			rows = append(append(rows, nil), paragraphs(width, paint.Bad, trouble)...)
		}
		return rows
	}
	s.choices = func(m *Model) []choice {
		return []choice{{label: m.words.RestoreChoice, look: paint.Faint, do: func(m *Model) tea.Cmd { return m.replaceDialog(m.askBackup(&restoring{}, "")) }}}
	}
	s.hints = func(m *Model) string { return m.words.HintsFirst }
	s.escape = func(*Model) tea.Cmd { return tea.Quit }
	return s
}

func askSeen(b *beginning) *sheet {
	answer := func(seen control.Visible) func(m *Model) tea.Cmd {
		return func(m *Model) tea.Cmd {
			b.seen = seen
			return m.replaceDialog(askPassphrase(b))
		}
	}
	return &sheet{
		name: func(m *Model) string { return m.words.AskSeen },
		text: func(m *Model, width int) []paint.Line { return paragraphs(width, paint.Plain, m.words.SeenHint) },
		choices: func(m *Model) []choice {
			return []choice{
				{label: m.words.SeenByAll, more: m.words.SeenAllMore, do: answer(control.VisibleEveryone)},
				{label: m.words.SeenByContacts, more: m.words.SeenContactsMore, do: answer(control.VisibleContacts)},
				{label: m.words.Hidden, more: m.words.SeenNobodyMore, do: answer(control.VisibleNobody)},
			}
		},
		escape: func(m *Model) tea.Cmd { return m.replaceDialog(askName(b, "")) },
	}
}

func askPassphrase(b *beginning) *sheet {
	f := &field{secret: true, done: func(m *Model, text string) tea.Cmd {
		b.passphrase = text
		if text == "" {
			return m.found(b)
		}
		return m.replaceDialog(repeatPassphrase(b))
	}}
	return &sheet{
		name: func(m *Model) string { return m.words.AskPassphrase },
		text: func(m *Model, width int) []paint.Line {
			f.label = m.words.PassphraseLabel
			return paragraphs(width, paint.Plain, m.words.PassphraseHint)
		},
		field:  f,
		escape: func(m *Model) tea.Cmd { return m.replaceDialog(askSeen(b)) },
	}
}

func repeatPassphrase(b *beginning) *sheet {
	differs := false
	f := &field{secret: true}
	f.done = func(m *Model, text string) tea.Cmd {
		if differs = text != b.passphrase; differs {
			f.set("")
			return nil
		}
		return m.found(b)
	}
	return &sheet{
		name: func(m *Model) string { return m.words.PassphraseAgain },
		text: func(m *Model, width int) []paint.Line {
			f.label = m.words.PassphraseLabel
			if differs {
				return paragraphs(width, paint.Bad, m.words.PassphraseDiffers)
			}
			return nil
		},
		field:  f,
		escape: func(m *Model) tea.Cmd { return m.replaceDialog(askPassphrase(b)) },
	}
}

// found makes the identity and opens the face; a name that will not do is asked for again.
func (m *Model) found(b *beginning) tea.Cmd {
	m.replaceDialog(&sheet{
		name: func(m *Model) string { return m.words.Welcome },
		text: func(m *Model, width int) []paint.Line { return paragraphs(width, paint.Plain, m.words.Starting) },
	})
	return func() tea.Msg {
		if err := m.begin.Init(b.name, b.seen); err != nil {
			return then(func(m *Model) tea.Cmd { return m.replaceDialog(askName(b, paint.OneLine(err.Error()))) })
		}
		return then(func(m *Model) tea.Cmd {
			m.begin.Exists = true
			return m.start(nil, func(m *Model) tea.Cmd { return tea.Batch(m.closeDialog(), m.protect(b.passphrase)) })
		})
	}
}

// protect sets the passphrase that was chosen.
func (m *Model) protect(passphrase string) tea.Cmd {
	if passphrase == "" {
		return nil
	}
	return m.do(func(ctx context.Context) (then, error) {
		secret := control.Passphrase(passphrase)
		defer clear(secret)
		return nil, m.node.SetPassphrase(ctx, nil, secret)
	})
}
