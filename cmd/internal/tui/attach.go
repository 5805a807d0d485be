package tui

import (
	"errors"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// errEnded says that the node has ended while we looked at it.
var errEnded = errors.New("the node has ended")

// retryEvery is how often a node that has ended is looked for: another may run for this home by then.
const retryEvery = 2 * time.Second

// start runs a node unless one runs, attaches to it, and goes on. A passphrase that does not open is asked for again.
func (m *Model) start(passphrase control.Passphrase, next then) tea.Cmd {
	m.joining = true
	return func() tea.Msg {
		defer clear(passphrase)
		if err := m.begin.Start(m.ctx, passphrase); err != nil {
			return then(func(m *Model) tea.Cmd {
				m.joining = false
				first := m.broken == nil
				cmd := m.fail(err)
				switch {
				case m.stopped == nil: // the face ends
				case control.AsError(err).Code == control.CodeRefused:
					m.unlock(m.words.UnlockWrong)
				case !first:
					m.insteadOfStopped(m.newStopped())
				}
				return cmd
			})
		}
		return m.attach(next)()
	}
}

// attach listens to the node, learns what there is, and goes on.
func (m *Model) attach(next then) tea.Cmd {
	m.joining = true
	return func() tea.Msg {
		events, err := m.node.Events(m.ctx, nil)
		return then(func(m *Model) tea.Cmd {
			m.joining = false
			if err != nil {
				return m.fail(err)
			}
			m.broken, m.there, m.since = nil, false, m.now()
			m.dialogs = slices.DeleteFunc(m.dialogs, func(d dialog) bool { return d == dialog(m.stopped) })
			m.events = make(chan []control.Event)
			go m.pump(events, m.events)
			// What was said in between is not known: conversations are fetched again.
			m.people = newPeople()
			clear(m.talks)
			cmds := []tea.Cmd{m.learn(), m.listen()}
			if next != nil {
				cmds = append(cmds, next(m))
			}
			return tea.Batch(cmds...)
		})
	}
}

// fail takes in that the node does not answer any more: it is said, with what can be done, and looked for until it is back.
func (m *Model) fail(err error) tea.Cmd {
	if m.ctx.Err() != nil {
		return nil
	}
	first := m.broken == nil
	if first || control.AsError(err).Code != control.CodeNotRunning { // else why it does not run is known better already
		m.broken = err
	}
	if !first {
		return nil
	}
	m.stopped = m.newStopped()
	return tea.Batch(m.interrupt(m.stopped), m.retry())
}

// retry looks whether a node is there again, until one is.
func (m *Model) retry() tea.Cmd {
	return tea.Tick(retryEvery, func(time.Time) tea.Msg {
		return then(func(m *Model) tea.Cmd {
			switch {
			case m.broken == nil:
				return nil
			case m.joining:
				return m.retry()
			}
			return tea.Batch(m.attach(nil), m.retry())
		})
	})
}

// began tells that a node was reached at least once: else there is nothing to go back to.
func (m *Model) began() bool { return m.me.ID != "" }

// newStopped says that the node has ended, or why it could not be started.
func (m *Model) newStopped() *sheet {
	return &sheet{
		name: func(m *Model) string {
			if !m.began() {
				return m.words.NotStartedTitle
			}
			return m.words.StoppedTitle
		},
		text: func(m *Model, width int) []paint.Line {
			rows := paragraphs(width, paint.Plain, m.words.StoppedMore)
			if !m.began() {
				rows = paragraphs(width, paint.Plain, m.words.NotStartedMore)
			}
			if m.broken != nil && !errors.Is(m.broken, errEnded) && control.AsError(m.broken).Code != control.CodeNotRunning {
				rows = append(append(rows, nil), paragraphs(width, paint.Bad, sentence(m.broken))...)
			}
			return rows
		},
		choices: func(m *Model) []choice {
			again := func(m *Model) tea.Cmd {
				switch locked, err := m.begin.Locked(); {
				case m.joining:
					return nil
				case err != nil:
					m.broken = err
					return nil
				case locked:
					return m.unlock("")
				}
				return m.start(nil, nil)
			}
			return []choice{{label: m.words.StartAgain, do: again}, {label: m.words.Quit, do: func(*Model) tea.Cmd { return tea.Quit }}}
		},
		escape: (*Model).closeDialog,
	}
}

// unlock asks for the passphrase that it takes to start, in place of what said that nothing runs; trouble says what was wrong with the
// one before.
func (m *Model) unlock(trouble string) tea.Cmd {
	s := &sheet{name: func(m *Model) string { return m.words.SetPassphrase }}
	tried := false
	s.field = &field{secret: true, done: func(m *Model, text string) tea.Cmd {
		if text == "" || m.joining {
			return nil
		}
		tried = true
		s.field.set("")
		return m.start(control.Passphrase(text), nil)
	}}
	s.text = func(m *Model, width int) []paint.Line {
		s.field.label = m.words.PassphraseLabel
		switch {
		case tried:
			return paragraphs(width, paint.Plain, m.words.Starting)
		case trouble != "":
			return paragraphs(width, paint.Bad, trouble)
		}
		return paragraphs(width, paint.Plain, m.words.UnlockMore)
	}
	s.hints = func(m *Model) string {
		if !m.began() {
			return m.words.HintsUnlock
		}
		return m.words.HintsField
	}
	s.escape = func(m *Model) tea.Cmd {
		if !m.began() {
			return tea.Quit
		}
		return m.insteadOfStopped(m.newStopped())
	}
	return m.insteadOfStopped(s)
}

// insteadOfStopped puts a sheet in the place of the one that says that nothing runs; it goes when something does.
func (m *Model) insteadOfStopped(s *sheet) tea.Cmd {
	m.dialogs = slices.DeleteFunc(m.dialogs, func(d dialog) bool { return d == dialog(m.stopped) })
	m.stopped = s
	return m.openDialog(s)
}
