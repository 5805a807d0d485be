package tui

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
	"sottovoce/cmd/internal/tui/words"
)

const (
	// textIndent is how far a text stands to the right of who wrote it.
	textIndent = 2
	// textRowsMax is how many rows of a text stand in the conversation; who wants the others opens the message.
	textRowsMax = 60
)

// layout is what the rows of a message depend on besides itself.
type layout struct {
	width int
	me    string // our id
	name  string // ours
	words *words.Catalogue
	zone  *time.Location
	fresh string
	links bool // the terminal takes them
}

// rowsOf lays out the message at i: a line for a new day, one for what was not read, who wrote it and when unless that goes
// on, and the text, with how far it came at the right of its last row.
func (t *transcript) rowsOf(i int, l layout) []paint.Line {
	if t.width != l.width {
		clear(t.rows)
		t.width = l.width
	}
	m := t.messages[i]
	if rows, ok := t.rows[m.ID]; ok {
		return rows
	}
	var rows []paint.Line
	before := t.before(i)
	when := m.Time.In(l.zone)
	newDay := before == nil || !sameDay(before.Time.In(l.zone), when)
	if newDay && (before != nil || t.whole) {
		rows = append(rows, rule(l.words.Day(when), paint.Faint, l.width))
	}
	if m.ID == l.fresh {
		rows = append(rows, rule(l.words.NewHere, paint.Fresh, l.width))
	}
	if newDay || m.ID == l.fresh || before.From.ID != m.From.ID || m.Time.Sub(before.Time) > groupPause {
		rows = append(rows, l.head(m, when))
	}
	rows = append(rows, l.quote(m)...)
	rows = append(rows, l.body(m)...)
	rows = append(rows, l.reactions(m)...)
	t.rows[m.ID] = rows
	return rows
}

func sameDay(a, b time.Time) bool { return a.YearDay() == b.YearDay() && a.Year() == b.Year() }

// head names the author and the time.
func (l layout) head(m control.Message, when time.Time) paint.Line {
	name, look := nameOf(m.From), paint.Theirs
	if m.From.ID == l.me {
		name, look = l.words.You, paint.Own
	}
	return paint.Line{{Text: name, Look: look}, {Text: "  " + when.Format("15:04"), Look: paint.Faint}}
}

// body is the text; the state of a message of ours stands at the right of its last row, or below when there is no room.
func (l layout) body(m control.Message) []paint.Line {
	var rows []paint.Line
	indent := strings.Repeat(" ", textIndent)
	if m.Deleted {
		return []paint.Line{l.marked(paint.Line{{Text: indent}, {Text: l.words.WasDeleted, Look: paint.Faint}}, m)}
	}
	safe := paint.Safe(m.Text)
	text := paint.Wrap(safe, l.width-textIndent)
	for _, parts := range l.linked(safe, text[:min(len(text), textRowsMax)]) {
		line := paint.Line{{Text: indent}}
		for _, part := range parts {
			if part.IsLink() || m.From.ID == l.me {
				line = append(line, part)
			} else {
				line = append(line, mention(part.Text, l.name)...)
			}
		}
		rows = append(rows, line)
	}
	if more := len(text) - textRowsMax; more > 0 {
		rows = append(rows, paint.Text(paint.Caution, paint.Cut(indent+l.words.MoreRows(more), l.width)))
	}
	if mark := l.mark(m); rows[len(rows)-1].Width()+mark.Width() >= l.width && mark.Width() > 0 {
		return append(rows, append(paint.Text(paint.Plain, strings.Repeat(" ", max(0, l.width-mark.Width()))), mark...))
	}
	rows[len(rows)-1] = l.marked(rows[len(rows)-1], m)
	return rows
}

// linked makes the addresses in a text links where the terminal takes them.
func (l layout) linked(text string, rows []string) []paint.Line {
	if l.links {
		return paint.Linked(text, rows)
	}
	lines := make([]paint.Line, len(rows))
	for i, row := range rows {
		lines[i] = paint.Text(paint.Plain, row)
	}
	return lines
}

// marked is a row with the mark of its message at the right.
func (l layout) marked(row paint.Line, m control.Message) paint.Line {
	mark := l.mark(m)
	if mark.Width() == 0 {
		return row
	}
	gap := paint.Span{Text: strings.Repeat(" ", max(1, l.width-row.Width()-mark.Width()))}
	return append(append(row, gap), mark...)
}

// mention makes a name stand out where it stands for itself.
func mention(row, name string) (line paint.Line) {
	for from := 0; name != ""; {
		at := strings.Index(row[from:], name)
		if at < 0 {
			break
		}
		at += from
		from = at + len(name)
		before, _ := utf8.DecodeLastRuneInString(row[:at])
		behind, _ := utf8.DecodeRuneInString(row[from:])
		if unicode.IsLetter(before) || unicode.IsDigit(before) || unicode.IsLetter(behind) || unicode.IsDigit(behind) {
			continue
		}
		return append(paint.Line{{Text: row[:at]}, {Text: name, Look: paint.Fresh}}, mention(row[from:], name)...)
	}
	return paint.Line{{Text: row}}
}

// mark tells whether a message was edited, and of one of ours how far it came; once it was edited or deleted, how far that came.
func (l layout) mark(m control.Message) paint.Line {
	var mark paint.Line
	if m.Edited && !m.Deleted {
		mark = paint.Text(paint.Faint, l.words.WasEdited)
	}
	state := m.State
	if m.Change != nil && m.Change.State != "" {
		state = m.Change.State
	}
	if m.From.ID != l.me {
		return mark
	}
	if far := l.far(state); far != nil && mark != nil {
		return append(append(mark, paint.Span{Text: "  "}), far...)
	} else if far != nil {
		return far
	}
	return mark
}

// far says how far something of ours came.
func (l layout) far(state control.State) paint.Line {
	switch state {
	case control.StateQueued:
		return paint.Text(paint.Caution, l.words.Queued)
	case control.StateHeld:
		return paint.Text(paint.Faint, l.words.Held)
	case control.StateDelivered:
		return paint.Text(paint.Faint, l.words.Delivered)
	case control.StateRead:
		return paint.Text(paint.Good, l.words.Read)
	case control.StateExpired:
		return paint.Text(paint.Bad, l.words.Expired)
	case control.StateFailed:
		return paint.Text(paint.Bad, l.words.Failed)
	}
	return nil
}

// rule is a line across with words in its middle.
func rule(text string, look paint.Look, width int) paint.Line {
	text = " " + text + " "
	left := max(0, (width-paint.Width(text))/2)
	right := max(0, width-left-paint.Width(text))
	return paint.Line{
		{Text: strings.Repeat("─", left), Look: paint.Frame},
		{Text: text, Look: look},
		{Text: strings.Repeat("─", right), Look: paint.Frame},
	}
}

// isRule tells of such a line: it belongs to no message.
func isRule(line paint.Line) bool { return len(line) > 0 && line[0].Look == paint.Frame }

// pointed puts a mark into the indent of a row, for who sees no colours.
func pointed(line paint.Line) paint.Line {
	text, indented := strings.CutPrefix(line[0].Text, strings.Repeat(" ", textIndent))
	if !indented {
		return line
	}
	line = slices.Clone(line)
	line[0].Text = "▸ " + text
	return line
}

// nameOf is the name of somebody, fit to be printed.
func nameOf(p control.Person) string {
	if name := paint.OneLine(p.Name); name != "" {
		return name
	}
	return p.ID
}

// window is the rows of the conversation that are on a screen of so many rows, with the message that each belongs to.
func (t *transcript) window(height int, l layout) (rows []paint.Line, of []string) {
	skip := t.offset
	var reversed []paint.Line
	for i := len(t.messages) - 1; i >= 0 && len(reversed) < height; i-- {
		lines := t.rowsOf(i, l)
		for j := len(lines) - 1; j >= 0 && len(reversed) < height; j-- {
			if skip > 0 {
				skip--
				continue
			}
			line := lines[j]
			if t.messages[i].ID == t.chosen && !isRule(line) {
				line = pointed(line).Chosen(l.width)
			}
			reversed = append(reversed, line)
			of = append(of, t.messages[i].ID)
		}
	}
	for i := range reversed {
		rows = append(rows, reversed[len(reversed)-1-i])
	}
	for i, j := 0, len(of)-1; i < j; i, j = i+1, j-1 {
		of[i], of[j] = of[j], of[i]
	}
	return rows, of
}
