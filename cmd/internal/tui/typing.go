package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
)

// typingAgain is how often a contact is told that the person is writing; the node knows whether that is shared.
const typingAgain = 4 * time.Second

// typing is to whom the person is writing, and who was told so. One word follows the other: a contact shall not hear first
// that we stopped.
type typing struct {
	to, told string // by id; empty: nobody
	at       time.Time
	telling  bool
}

// types takes in that the person is writing.
func (m *Model) types() tea.Cmd {
	if m.talk() == nil || m.me.Share != control.ShareTyping && m.me.Share != control.ShareBoth {
		return nil
	}
	t, now := &m.typing, m.now()
	if t.to == m.open && now.Sub(t.at) >= typingAgain {
		t.told = ""
	}
	if t.told != m.open {
		t.at = now
	}
	t.to = m.open
	return m.tellTyping()
}

// rests takes in that nothing is being written any more, or to somebody else: it was sent, erased or left.
func (m *Model) rests() tea.Cmd {
	if to := m.typing.to; to == "" || to == m.open && !m.editor().empty() {
		return nil
	}
	m.typing.to = ""
	return m.tellTyping()
}

// tellTyping tells who does not know it yet.
func (m *Model) tellTyping() tea.Cmd {
	t := &m.typing
	if t.telling || t.to == t.told {
		return nil
	}
	to, on := t.to, true
	if t.told != "" {
		to, on = t.told, false
	}
	t.telling = true
	return func() tea.Msg {
		err := m.node.Typing(m.ctx, to, on)
		return then(func(m *Model) tea.Cmd {
			t := &m.typing
			t.telling, t.told = false, ""
			if err != nil {
				t.to = ""
				return m.complain(err)
			}
			if on {
				t.told = to
			}
			return m.tellTyping()
		})
	}
}
