package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
	"sottovoce/cmd/internal/tui/words"
)

// runSettings lists what can be chosen; each choice goes on to the next value, or asks.
func (m *Model) runSettings(string) tea.Cmd {
	return m.openDialog(&sheet{
		name: func(m *Model) string { return m.words.SettingsTitle },
		choices: func(m *Model) []choice {
			w := m.words
			return []choice{
				{label: w.SetName, more: nameOf(m.me.Person), do: (*Model).askOwnName},
				{label: w.SetSeen, more: m.seenWords(m.seen.Here), note: w.NoteSeen, do: (*Model).nextSeen},
				{label: w.SetElsewhere, more: m.elsewhereWords(m.seen.Elsewhere), note: w.NoteElsewhere, do: (*Model).nextElsewhere},
				{label: w.SetShare, more: w.Shares[string(m.me.Share)], note: w.NoteShare, do: (*Model).nextShare},
				{label: w.SetLocal, more: w.OnOff(m.status.LocalOnly), note: w.NoteLocal, do: (*Model).nextLocal},
				{label: w.SetPassphrase, more: w.OnOff(m.status.Passphrase), note: w.NotePassphrase, do: (*Model).askPassphrases},
				{label: w.SetKept, note: w.NoteKept, do: (*Model).openRetention},
				{label: w.SetTheme, more: w.Themes[m.theme.Name], do: (*Model).nextTheme},
				{label: w.SetLanguage, more: w.LanguageName, do: (*Model).nextLanguage},
				{label: w.Close, do: (*Model).closeDialog},
			}
		},
		hints: func(m *Model) string { return m.words.HintsChange },
	})
}

func (m *Model) seenWords(v control.Visible) string {
	switch v {
	case control.VisibleEveryone:
		return m.words.SeenByAll
	case control.VisibleContacts:
		return m.words.SeenByContacts
	}
	return m.words.Hidden
}

func (m *Model) askOwnName() tea.Cmd {
	f := &field{done: func(m *Model, name string) tea.Cmd {
		m.closeDialog()
		return m.do(func(ctx context.Context) (then, error) {
			me, err := m.node.SetName(ctx, name)
			return func(m *Model) tea.Cmd { m.me = me; return nil }, err
		})
	}}
	f.set(m.me.Name)
	return m.openDialog(&sheet{
		name: func(m *Model) string { return m.words.SetName },
		text: func(m *Model, width int) []paint.Line {
			f.label = m.words.NameLabel
			return paragraphs(width, paint.Plain, m.words.AskName)
		},
		field: f,
	})
}

// elsewhereWords say who sees us on networks for which nothing was chosen.
func (m *Model) elsewhereWords(v control.Visible) string {
	if v == control.VisibleEveryone {
		return m.words.ElsewhereAll
	}
	return m.seenWords(v)
}

// nextVisible goes around.
var nextVisible = map[control.Visible]control.Visible{
	control.VisibleEveryone: control.VisibleContacts, control.VisibleContacts: control.VisibleNobody, control.VisibleNobody: control.VisibleEveryone,
}

func (m *Model) nextSeen() tea.Cmd { return m.setSeen(nextVisible[m.seen.Here], "") }

func (m *Model) nextElsewhere() tea.Cmd { return m.setSeen("", nextVisible[m.seen.Elsewhere]) }

func (m *Model) setSeen(here, elsewhere control.Visible) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		v, err := m.node.SetVisibility(ctx, here, elsewhere)
		return func(m *Model) tea.Cmd { m.seen = v; return nil }, err
	})
}

func (m *Model) nextShare() tea.Cmd {
	next := map[control.Share]control.Share{
		control.ShareNothing: control.ShareReading, control.ShareReading: control.ShareTyping, control.ShareTyping: control.ShareBoth, control.ShareBoth: control.ShareNothing,
	}[m.me.Share]
	return m.do(func(ctx context.Context) (then, error) {
		me, err := m.node.SetShare(ctx, next)
		return func(m *Model) tea.Cmd { m.me = me; return nil }, err
	})
}

func (m *Model) nextLocal() tea.Cmd {
	on := !m.status.LocalOnly
	return m.do(func(ctx context.Context) (then, error) {
		err := m.node.SetLocalOnly(ctx, on)
		return func(m *Model) tea.Cmd { m.status.LocalOnly = on; return nil }, err
	})
}

// nextTheme and nextLanguage change how this face looks and speaks, now and from now on.
func (m *Model) nextTheme() tea.Cmd {
	for i := range paint.Themes {
		if paint.Themes[i].Name == m.theme.Name {
			m.theme = &paint.Themes[(i+1)%len(paint.Themes)]
			break
		}
	}
	m.taste.Theme = m.theme.Name
	return m.remember()
}

func (m *Model) nextLanguage() tea.Cmd {
	all := words.All()
	for i, c := range all {
		if c.Language == m.words.Language {
			m.words = all[(i+1)%len(all)]
			break
		}
	}
	m.taste.Language = m.words.Language
	m.relayout()
	return m.remember()
}

// remember keeps the person's taste.
func (m *Model) remember() tea.Cmd {
	taste := m.taste
	return m.do(func(context.Context) (then, error) { return nil, m.keep(taste) })
}

// askPassphrases asks for the current passphrase if there is one, and for the next.
func (m *Model) askPassphrases() tea.Cmd {
	if !m.status.Passphrase {
		return m.openDialog(m.newPassphrase(nil))
	}
	f := &field{secret: true}
	f.done = func(m *Model, text string) tea.Cmd { return m.replaceDialog(m.newPassphrase([]byte(text))) }
	return m.openDialog(&sheet{
		name:  func(m *Model) string { return m.words.CurrentPassphrase },
		text:  func(m *Model, _ int) []paint.Line { f.label = m.words.PassphraseLabel; return nil },
		field: f,
	})
}

func (m *Model) newPassphrase(current control.Passphrase) *sheet {
	return m.askTwice(m.words.SetPassphrase, m.words.PassphraseHint, func(m *Model, text string) tea.Cmd {
		m.closeDialog()
		return m.do(func(ctx context.Context) (then, error) {
			next := control.Passphrase(text)
			defer clear(next)
			defer clear(current)
			err := m.node.SetPassphrase(ctx, current, next)
			return func(m *Model) tea.Cmd { return tea.Batch(m.say(paint.Good, m.words.SaidPassphrase), m.refresh()) }, err
		})
	})
}

// askTwice asks for a new passphrase, and for the same once more unless there is to be none.
func (m *Model) askTwice(title, more string, done func(m *Model, text string) tea.Cmd) *sheet {
	f := &field{secret: true}
	first := ""
	f.done = func(m *Model, text string) tea.Cmd {
		if first == "" && text != "" {
			first = text
			f.set("")
			return nil
		}
		if text != first {
			return m.say(paint.Bad, m.words.PassphraseDiffers)
		}
		return done(m, text)
	}
	return &sheet{
		name: func(m *Model) string {
			if first != "" {
				return m.words.PassphraseAgain
			}
			return title
		},
		text: func(m *Model, width int) []paint.Line {
			f.label = m.words.PassphraseLabel
			return paragraphs(width, paint.Plain, more)
		},
		field: f,
	}
}
