package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// Who has a backup begins with it instead of a name: which file, its passphrase, and everything is here again.

// restoring is what the person has answered so far.
type restoring struct {
	file     string
	messages int64 // that came back
}

// askBackup asks for the file; those that lie where one would look are listed.
func (m *Model) askBackup(r *restoring, trouble string) *sheet {
	s := &sheet{none: true, bar: true}
	found := m.begin.Backups()
	s.field = &field{}
	s.field.set(r.file)
	s.field.done = func(m *Model, file string) tea.Cmd {
		if s.at >= 0 && s.at < len(found) {
			file = found[s.at]
		}
		if file == "" {
			return nil
		}
		r.file = file
		return m.replaceDialog(askBackupPassphrase(r))
	}
	s.name = func(m *Model) string { return m.words.RestoreTitle }
	s.text = func(m *Model, width int) []paint.Line {
		s.field.label = m.words.FileLabel
		rows := paragraphs(width, paint.Plain, m.words.RestoreMore)
		if trouble != "" {
			rows = append(append(rows, nil), paragraphs(width, paint.Bad, trouble)...)
		}
		return rows
	}
	s.choices = func(*Model) (all []choice) {
		for _, file := range found {
			all = append(all, choice{label: paint.OneLine(file), do: func(m *Model) tea.Cmd {
				r.file = file
				return m.replaceDialog(askBackupPassphrase(r))
			}})
		}
		return all
	}
	s.hints = func(m *Model) string { return m.words.HintsField }
	s.escape = func(m *Model) tea.Cmd { return m.replaceDialog(newWelcome()) }
	return s
}

func askBackupPassphrase(r *restoring) *sheet {
	f := &field{secret: true, done: func(m *Model, text string) tea.Cmd {
		if text == "" {
			return nil
		}
		m.closeDialog()
		return m.restore(r, control.Passphrase(text))
	}}
	return &sheet{
		name: func(m *Model) string { return m.words.RestoreTitle },
		text: func(m *Model, width int) []paint.Line {
			f.label = m.words.PassphraseLabel
			return paragraphs(width, paint.Plain, m.words.RestorePassphrase(paint.OneLine(r.file)))
		},
		field:  f,
		escape: func(m *Model) tea.Cmd { return m.replaceDialog(m.askBackup(r, "")) },
	}
}

// restore brings it back, and opens the face; what will not do is asked for again.
func (m *Model) restore(r *restoring, passphrase control.Passphrase) tea.Cmd {
	var far int64
	var w *working
	cmd := m.working(m.words.RestoreTitle, func(m *Model, w *working, width int) []paint.Line {
		if w.over {
			return paragraphs(width, paint.Plain, m.words.Starting)
		}
		return paragraphs(width, paint.Plain, m.words.RestoreFar(far))
	}, func(*Model, *working) []choice { return nil }, func(ctx context.Context, tell func(then) bool) error {
		defer clear(passphrase)
		pace := m.paced(tell, func(n int64) { far = n })
		err := m.begin.Restore(ctx, r.file, passphrase, func(n int64) { r.messages = n; pace(n) })
		tell(func(m *Model) tea.Cmd { return m.restored(r, err) })
		return nil
	})
	w = m.dialog().(*working) // just opened
	w.escape = func(m *Model) tea.Cmd {
		w.cancel()
		return m.replaceDialog(m.askBackup(r, ""))
	}
	return cmd
}

// restored goes on with what came back, or asks again.
func (m *Model) restored(r *restoring, err error) tea.Cmd {
	if err != nil {
		return m.replaceDialog(m.askBackup(r, sentence(err)))
	}
	m.begin.Exists = true
	return m.start(nil, func(m *Model) tea.Cmd {
		return m.replaceDialog(&sheet{
			name: func(m *Model) string { return m.words.RestoredTitle },
			text: func(m *Model, width int) []paint.Line {
				return paragraphs(width, paint.Plain, m.words.Restored(r.messages), m.words.RestoredAsks, m.words.RestoredOnce)
			},
			choices: func(m *Model) []choice {
				return []choice{
					{label: m.words.RestoredGo, do: (*Model).closeDialog},
					{label: m.words.SetPassphrase, more: m.words.RestoredOpen, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.askPassphrases() }},
				}
			},
		})
	})
}
