package tui

import "sottovoce/cmd/internal/tui/paint"

// hints are the keys for what has the focus.
func (m *Model) hints() string {
	w, t := m.words, m.talk()
	switch {
	case m.focus == onPeople:
		return w.HintsPeople
	case m.focus == onTranscript && t != nil:
		if i := t.index(t.chosen); i >= 0 && t.messages[i].From.ID == m.me.ID {
			return w.HintsOwn + w.HintsMessage
		}
		return w.HintsMessage
	}
	return m.hintsWriting()
}

// hintsWriting are the keys of what can be done now, as many as there is room for: the first to go is people, then the way out.
func (m *Model) hintsWriting() string {
	w, t := m.words, m.talk()
	hints := []string{w.HintHelp, w.HintCommands, w.HintPeople, w.HintUnread, w.HintMessages, w.HintQuit}
	if n := len(m.people.all); n == 0 || n == 1 && m.open != "" {
		hints[2] = ""
	}
	if !m.people.callsBut(m.open) {
		hints[3] = ""
	}
	if t == nil || len(t.messages) == 0 || !m.editor().empty() { // else Tab completes
		hints[4] = ""
	}
	for _, next := range []int{2, 5, 1, 3} {
		if paint.Width(joined(hints)) < m.width {
			break
		}
		hints[next] = ""
	}
	return joined(hints)
}

// joined is what there is of them in one line.
func joined(hints []string) (line string) {
	for _, h := range hints {
		if h != "" && line != "" {
			line += "  "
		}
		line += h
	}
	return line
}
