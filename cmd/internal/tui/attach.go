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

// start runs a node unless one runs, attaches to it, and goes on.
func (m *Model) start(next then) tea.Cmd {
	m.joining = true
	return func() tea.Msg {
		if err := m.begin.Start(m.ctx); err != nil {
			return then(func(m *Model) tea.Cmd { m.joining = false; return m.fail(err) })
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
			m.broken = nil
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
	m.broken = err
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

// newStopped says that the node has ended, or why it could not be started.
func (m *Model) newStopped() *sheet {
	return &sheet{
		name: func(m *Model) string { return m.words.StoppedTitle },
		text: func(m *Model, width int) []paint.Line {
			rows := paragraphs(width, paint.Plain, m.words.StoppedMore)
			if m.broken != nil && !errors.Is(m.broken, errEnded) && control.AsError(m.broken).Code != control.CodeNotRunning {
				rows = append(append(rows, nil), paragraphs(width, paint.Bad, sentence(m.broken))...)
			}
			return rows
		},
		choices: func(m *Model) []choice {
			again := func(m *Model) tea.Cmd {
				if m.joining {
					return nil
				}
				return m.start(nil)
			}
			return []choice{{label: m.words.StartAgain, do: again}, {label: m.words.Quit, do: func(*Model) tea.Cmd { return tea.Quit }}}
		},
		escape: (*Model).closeDialog,
	}
}
