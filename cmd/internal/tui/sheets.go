package tui

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

// newHelp lists the keys and the first commands; all of those are in the palette.
func newHelp(*Model) *sheet {
	return &sheet{
		name: func(m *Model) string { return m.words.HelpTitle },
		text: func(m *Model, width int) (rows []paint.Line) {
			for _, line := range m.words.Help {
				keys, does, _ := strings.Cut(line, "\t")
				rows = append(rows, columns(width, keys, does)...)
			}
			return rows
		},
	}
}

// runPrivate says in plain words who can read what, and who sees what else. docs/threat-model.md is the measure of it.
func (m *Model) runPrivate(string) tea.Cmd {
	return m.openDialog(&sheet{
		name: func(m *Model) string { return m.words.PrivateTitle },
		text: func(m *Model, width int) (rows []paint.Line) {
			for _, line := range m.words.Private(m.status.Passphrase) {
				what, who, _ := strings.Cut(line, "\t")
				rows = append(rows, columns(width, what, who)...)
			}
			return rows
		},
	})
}

const (
	// columnWidth is how wide the first of two columns is, columnNarrow where there are fewer cells than columnsWide.
	columnWidth  = 22
	columnNarrow = 14
	columnsWide  = 50
)

// columns are a word at the left and what it means at the right; a word that is too long stands above.
func columns(width int, left, right string) (rows []paint.Line) {
	column := columnWidth
	if width < columnsWide {
		column = columnNarrow
	}
	if paint.Width(left) >= column {
		rows, left = append(rows, paint.Text(paint.Strong, left)), ""
	}
	for _, row := range paint.Wrap(right, max(10, width-column)) {
		rows = append(rows, paint.Line{{Text: left + strings.Repeat(" ", column-paint.Width(left)), Look: paint.Strong}, {Text: row}})
		left = ""
	}
	return rows
}

// details tells all that is known of one message: for ours how each copy went, for theirs when it came.
func (m *Model) details(msg control.Message) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		j, err := m.node.Journey(ctx, msg.ID)
		var change *control.Journey
		if err == nil && msg.Change != nil && msg.From.ID == m.me.ID {
			if c, err := m.node.Journey(ctx, msg.Change.ID); err == nil {
				change = &c
			}
		}
		return func(m *Model) tea.Cmd {
			laidOut := once(func(width int) []paint.Line {
				rows := m.journey(j, m.words.Written, msg.Time, width)
				if change != nil {
					what := m.words.WasEdited
					if msg.Deleted {
						what = m.words.WasDeleted
					}
					rows = append(append(rows, nil), m.journey(*change, what, msg.Change.Time, width)...)
				}
				if text := paragraphs(width, paint.Plain, paint.Safe(msg.Text)); len(text) > textRowsMax/2 { // of the same text there are at most twice as many rows beside the people
					rows = append(append(rows, nil), text...)
				}
				return rows
			})
			return m.openDialog(&sheet{
				name:    func(m *Model) string { return m.words.DetailsTitle },
				text:    func(_ *Model, width int) []paint.Line { return laidOut(width) },
				choices: func(m *Model) []choice { return m.messageChoices(msg) },
				keys:    m.messageKeys(msg),
			})
		}, err
	})
}

// once lays out what does not change once for each width in a row: it may be 10,000 rows long.
func once(layOut func(width int) []paint.Line) func(width int) []paint.Line {
	var rows []paint.Line
	last := -1
	return func(width int) []paint.Line {
		if width != last {
			rows, last = layOut(width), width
		}
		return slices.Clip(rows)
	}
}

// journey tells when a message or a change of one was made, and how far it came.
func (m *Model) journey(j control.Journey, what string, made time.Time, width int) (rows []paint.Line) {
	w := m.words
	at := func(label string, t *time.Time) {
		if t != nil {
			rows = append(rows, columns(width, label, t.In(m.zone).Format("2006-01-02 15:04:05"))...)
		}
	}
	at(what, &made)
	at(w.Received, j.Received)
	for _, c := range j.Copies {
		rows = append(rows, nil, paint.Text(paint.Strong, nameOf(c.To)))
		at(w.Sealed, c.Sealed)
		at(w.DeliveredAt, c.Delivered)
		at(w.ReadAt, c.Read)
		if len(c.HeldBy) > 0 {
			names := make([]string, len(c.HeldBy))
			for i, n := range c.HeldBy {
				names[i] = paint.OneLine(n)
			}
			rows = append(rows, columns(width, w.HeldBy, strings.Join(names, ", "))...)
			rows = append(rows, columns(width, w.HeldUntil, c.HeldUntil.Format("2006-01-02"))...)
		}
		for _, said := range [][2]string{{w.WaitsFor, c.Waits}, {w.Reason, c.Reason}} {
			if said[1] != "" {
				rows = append(rows, columns(width, said[0], here(said[1]))...)
			}
		}
	}
	return rows
}

// runInvite makes a link and shows it with its code.
func (m *Model) runInvite(string) tea.Cmd {
	return m.do(func(ctx context.Context) (then, error) {
		made, err := m.node.Invite(ctx, 0)
		return func(m *Model) tea.Cmd { return m.openDialog(m.invitation(made)) }, err
	})
}

// invitation shows a link, at the right of its code where both have room beside each other.
func (m *Model) invitation(made control.Invite) *sheet {
	m.alone = m.alone || made.Away == nil
	return &sheet{
		name: func(m *Model) string { return m.words.InviteTitle },
		text: func(m *Model, width int) []paint.Line {
			code, columns, needed := qrRows(made.Link, width, m.height-frameRows)
			if len(code) == 0 {
				said := m.inviteWords(made, false, width)
				if needed > 0 {
					more := paragraphs(width, paint.Caution, m.words.InviteNoCode(columns+frameColumns, needed+frameRows))
					said = append(append(more, nil), said...)
				}
				return said
			}
			beside := width - code[0].Width() - 2
			if beside < inviteWordsMin {
				return append(append(code, nil), m.inviteWords(made, true, width)...)
			}
			said := m.inviteWords(made, true, beside)
			rows := make([]paint.Line, max(len(code), len(said)))
			for i := range rows {
				row := paint.Text(paint.Plain, strings.Repeat(" ", code[0].Width()))
				if i < len(code) {
					row = code[i]
				}
				if i < len(said) {
					row = append(append(row, paint.Span{Text: "  "}), said[i]...)
				}
				rows[i] = row
			}
			return rows
		},
		keys: map[string]func(m *Model) tea.Cmd{
			"c": func(m *Model) tea.Cmd {
				return tea.Batch(tea.SetClipboard(made.Link), m.say(paint.Good, m.words.Copied))
			},
			"r": func(m *Model) tea.Cmd {
				m.closeDialog()
				return m.revoke(made.ID)
			},
		},
		hints: func(m *Model) string { return m.words.InviteKeys },
	}
}

// inviteWordsMin is how narrow the words beside a code may get.
const inviteWordsMin = 24

// inviteWords say what a link does and how it is used, and what its code is where that is shown.
func (m *Model) inviteWords(made control.Invite, code bool, width int) []paint.Line {
	said := []string{m.words.InviteMore(made.Expires.In(m.zone).Format("2006-01-02 15:04")), m.words.InviteHow}
	if code {
		said = append(said, m.words.InviteCode)
	}
	rows := append(paragraphs(width, paint.Plain, said...), nil)
	switch {
	case made.Away != nil:
		rows = append(append(rows, paragraphs(width, paint.Good, m.words.InviteAway)...), nil)
	default:
		rows = append(append(rows, paragraphs(width, paint.Caution, m.words.InviteAlone)...), nil)
	}
	for _, row := range paint.Wrap(made.Link, width) {
		rows = append(rows, paint.Text(paint.Strong, row))
	}
	return rows
}
