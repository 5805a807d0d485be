package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/tui/paint"
)

// troubleRoom is how many cells of the bar stay free of what is wrong, for the beginning of what follows.
const troubleRoom = 14

// bar is the truth about this node: who we are; what is wrong, if anything is; who sees us, who is near, what waits.
func (m *Model) bar() paint.Line {
	w := m.words
	line := paint.Line{{Text: " " + nameOf(m.me.Person), Look: paint.Strong}}
	if m.me.ID == "" {
		line = paint.Line{{Text: " Sottovoce", Look: paint.Strong}}
	}
	add := func(look paint.Look, text string) {
		line = append(line, paint.Span{Text: "  ·  ", Look: paint.Frame}, paint.Span{Text: text, Look: look})
	}
	switch {
	case m.broken != nil:
		add(paint.Bad, w.Broken)
		return line
	case m.me.ID == "":
		return line
	}
	if wrong := m.wrong(); len(wrong) > 0 {
		add(wrong[0].Look, paint.Cut(wrong[0].Text, max(troubleRoom, m.width-line.Width()-troubleRoom)))
	}
	if m.seen.Here != "" {
		add(paint.Faint, m.seenWords(m.seen.Here))
	}
	if near := m.people.near(); near > 0 {
		add(paint.Good, w.Near(near))
	} else if len(m.status.Interfaces) > 0 {
		add(paint.Faint, w.Alone)
	}
	if m.status.LocalOnly {
		add(paint.Faint, w.LocalOnly)
	}
	if m.status.Supernodes > 0 {
		add(paint.Good, w.Kept(m.status.Supernodes))
	}
	if m.status.Queued > 0 {
		add(paint.Faint, w.QueuedCount(m.status.Queued))
	}
	return line
}

// wrong is what is not as it should be, the worst first.
func (m *Model) wrong() (all paint.Line) {
	add := func(look paint.Look, text string) {
		all = append(all, paint.Span{Text: here(text), Look: look})
	}
	for _, notice := range m.status.Notices {
		add(paint.Bad, notice)
	}
	if len(m.status.Interfaces) == 0 {
		add(paint.Caution, m.words.NoNetwork)
	}
	reached, weaker := false, false
	for _, c := range m.member {
		if c.Trouble != "" {
			add(paint.Caution, communityName(c)+": "+c.Trouble)
		}
		for _, s := range c.Supernodes {
			if s.Reached && s.Trouble != "" {
				add(paint.Caution, communityName(c)+": "+s.Trouble)
			}
			reached, weaker = reached || s.Reached, weaker || s.Weaker
		}
	}
	if len(m.member) > 0 && !reached {
		add(paint.Caution, m.words.NotKept)
	}
	if weaker {
		add(paint.Caution, m.words.Weaker)
	}
	return all
}

// runStatus says all that the bar says, in full.
func (m *Model) runStatus(string) tea.Cmd {
	return m.openDialog(&sheet{
		name: func(m *Model) string { return m.words.StatusTitle },
		text: (*Model).statusRows,
		choices: func(m *Model) []choice {
			return []choice{
				{label: m.words.Close, do: (*Model).closeDialog},
				{label: m.words.DoctorTitle, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.runDoctor("") }},
				{label: m.words.PrivateTitle, do: func(m *Model) tea.Cmd { m.closeDialog(); return m.runPrivate("") }},
			}
		},
	})
}

func (m *Model) statusRows(width int) (rows []paint.Line) {
	w, s := m.words, m.status
	for _, what := range m.wrong() {
		rows = append(append(rows, paragraphs(width, what.Look, what.Text)...), nil)
	}
	if len(rows) == 0 {
		rows = append(rows, paint.Text(paint.Good, w.NothingWrong), nil)
	}
	rows = append(rows, columns(width, nameOf(m.me.Person), w.CardID+" "+idOf(m.me.ID)+"  Sottovoce "+paint.OneLine(s.Version))...)
	say := func(text string) { rows = append(rows, paragraphs(width, paint.Plain, text)...) }
	var networks []string
	for _, n := range s.Interfaces {
		networks = append(networks, n.Name)
	}
	rows = append(rows, columns(width, w.StatusNetworks, strings.Join(networks, ", "))...)
	say(m.seenWords(m.seen.Here))
	if near := m.people.near(); near > 0 {
		say(w.Near(near))
	} else {
		say(w.Alone)
	}
	if s.LocalOnly {
		say(w.LocalOnly)
	}
	if s.Supernodes > 0 {
		say(w.Kept(s.Supernodes))
	}
	if s.Queued > 0 {
		say(w.QueuedCount(s.Queued))
	}
	if s.Held > 0 {
		say(w.HeldCount(s.Held))
	}
	return rows
}
