package tui

import (
	"strings"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

const (
	// quoteMark stands before what a message answers.
	quoteMark = "┃ "
	// signMax is how many cells a reaction may take: what is no emoji at all could be longer.
	signMax = 8
	// reactorsMax is how many people are named behind a reaction; of more, how many they are.
	reactorsMax = 2
)

// quote is what a message answers, in one row.
func (l layout) quote(m control.Message) []paint.Line {
	if m.ReplyTo == "" || m.Deleted {
		return nil
	}
	line := paint.Line{{Text: strings.Repeat(" ", textIndent)}, {Text: quoteMark, Look: paint.Frame}}
	switch q := m.Quote; {
	case q == nil:
		line = append(line, paint.Span{Text: l.words.QuoteMissing, Look: paint.Faint})
	case q.Deleted:
		line = append(line, l.author(q.From), paint.Span{Text: l.words.WasDeleted, Look: paint.Faint})
	default:
		line = append(line, l.author(q.From), paint.Span{Text: paint.Turned(paint.OneLine(q.Text)), Look: paint.Faint})
	}
	return []paint.Line{line.Cut(l.width)}
}

// author names who wrote what is quoted.
func (l layout) author(p control.Person) paint.Span {
	if p.ID == l.me {
		return paint.Span{Text: l.words.You + ": ", Look: paint.Own}
	}
	return paint.Span{Text: nameOf(p) + ": ", Look: paint.Strong}
}

// reactions stand below a message, each with who gave it; as many rows as they need.
func (l layout) reactions(m control.Message) (rows []paint.Line) {
	indent := paint.Span{Text: strings.Repeat(" ", textIndent)}
	line := paint.Line{indent}
	for _, r := range m.Reactions {
		look := paint.Faint
		for _, p := range r.From {
			if p.ID == l.me {
				look = paint.Own
			}
		}
		text := paint.Cut(signOf(r.Emoji)+" "+l.names(r.From), max(signMax, l.width-textIndent))
		if len(line) > 1 && line.Width()+2+paint.Width(text) > l.width {
			rows, line = append(rows, line), paint.Line{indent}
		}
		if len(line) > 1 {
			line = append(line, paint.Span{Text: "  "})
		}
		line = append(line, paint.Span{Text: text, Look: look})
	}
	if len(line) > 1 {
		rows = append(rows, line)
	}
	return rows
}

// signOf is a reaction, fit to be printed.
func signOf(emoji string) string { return paint.Cut(paint.OneLine(emoji), signMax) }

// names are those of several people, or how many they are.
func (l layout) names(all []control.Person) string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = nameOf(p)
		if p.ID == l.me {
			names[i] = l.words.You
		}
	}
	if len(names) > reactorsMax {
		return l.words.Reactors(len(names))
	}
	return strings.Join(names, ", ")
}

// intentRow says above what is written what it will be.
func (m *Model) intentRow(width int) []paint.Line {
	in := m.editor().intent
	if in == nil {
		return nil
	}
	l := m.layout(newTranscript())
	end := paint.Span{Text: "  " + m.words.EscDrops, Look: paint.Faint}
	if in.edits { // its text stands below
		return []paint.Line{{{Text: m.words.Editing, Look: paint.Caution}, end}}
	}
	line := paint.Line{{Text: m.words.Replying, Look: paint.Caution}, {Text: "  "}, l.author(in.of.From), {Text: paint.Turned(paint.OneLine(in.of.Text)), Look: paint.Faint}}
	return []paint.Line{append(line.Cut(max(0, width-paint.Width(end.Text))), end)}
}
