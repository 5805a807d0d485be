package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
)

// resize takes in another size.
func (m *Model) resize(width, height int) tea.Cmd {
	unseen := m.height == 0
	m.width, m.height = width, height
	m.relayout()
	t := m.talk()
	if t == nil || !t.opened {
		return nil
	}
	if unseen {
		m.toFresh(t)
	}
	return m.settle(t)
}

// relayout lays everything out anew; the message at the bottom of what was looked at stays there.
func (m *Model) relayout() {
	lowest := map[*transcript]string{}
	for _, t := range m.talks {
		if t.offset > 0 {
			lowest[t] = t.lowest()
		}
		clear(t.rows)
	}
	m.arrange()
	for t, id := range lowest {
		t.offset = 0
		l := m.layout(t)
		for i := len(t.messages) - 1; i >= 0 && t.messages[i].ID != id; i-- {
			t.offset += len(t.rowsOf(i, l))
		}
	}
}

// scroll moves what was said by so many rows, up when positive, and fetches what comes into sight.
func (m *Model) scroll(by int) tea.Cmd {
	t := m.talk()
	if t == nil || !t.opened {
		return nil
	}
	m.hasCome()
	t.offset = max(0, t.offset+by)
	return m.settle(t)
}

// settle keeps the offset within what there is, and fetches pages that are near.
func (m *Model) settle(t *transcript) tea.Cmd {
	height := m.frame.pane.height
	if m.height == 0 || !t.opened {
		return nil
	}
	total, l := 0, m.layout(t)
	for i := len(t.messages) - 1; i >= 0 && total < t.offset+2*height; i-- {
		total += len(t.rowsOf(i, l))
	}
	near := total < t.offset+2*height
	if near {
		t.offset = max(0, min(t.offset, total-height))
	}
	switch {
	case near && !t.whole && len(t.messages) > 0:
		return m.fetch(m.open, t.olderQuery(), (*transcript).older)
	case t.offset < height && t.cut:
		return m.fetch(m.open, t.newerQuery(), m.takeNewer)
	case m.seesEnd():
		return m.read(m.open)
	}
	return nil
}

// takeNewer takes a page in at the end, below what is looked at.
func (m *Model) takeNewer(t *transcript, page []control.Message) {
	before := len(t.messages)
	last := t.messages[before-1].ID
	t.newer(page)
	l := m.layout(t)
	for i := t.index(last) + 1; i < len(t.messages); i++ {
		t.offset += len(t.rowsOf(i, l))
	}
}

// toEnd shows the newest message, and those that follow.
func (m *Model) toEnd() tea.Cmd {
	m.hasCome()
	t := m.talk()
	if t == nil || !t.opened {
		return nil
	}
	t.offset = 0
	if t.cut {
		return m.fetchEnd(m.open)
	}
	return m.read(m.open)
}

// hasCome takes in that the person has begun to go through what was said: nothing takes them back to the line of what was not read.
func (m *Model) hasCome() { m.since = time.Time{} }

// atBottom tells whether the newest message of the open conversation is on the screen.
func (m *Model) atBottom() bool {
	t := m.talk()
	return t != nil && t.opened && !t.cut && t.offset == 0 && m.height > 0
}

// seesEnd tells whether the person has seen it, too, as far as the face knows.
func (m *Model) seesEnd() bool { return m.focused && m.there && m.atBottom() }

// follow scrolls so that the message under the bar is seen.
func (m *Model) follow(t *transcript) tea.Cmd {
	if t.chosen == "" {
		return m.toEnd()
	}
	m.hasCome()
	at, l := t.index(t.chosen), m.layout(t)
	below := 0
	for i := len(t.messages) - 1; i > at; i-- {
		below += len(t.rowsOf(i, l))
	}
	own, height := len(t.rowsOf(at, l)), m.frame.pane.height
	t.offset = min(max(t.offset, below+own-height), below)
	return m.settle(t)
}
