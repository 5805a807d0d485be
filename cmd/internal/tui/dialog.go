package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/tui/paint"
)

// dialog is something that is asked or shown before the conversation; while it is there, keys are its own.
type dialog interface {
	// title stands on its frame, hint below it says which keys there are.
	title(m *Model) string
	hint(m *Model) string
	// rows is what it shows on so many cells; cursor is where the text cursor stands in them, if it has one.
	rows(m *Model, width int) (rows []paint.Line, cursor *place)
	key(m *Model, k tea.KeyPressMsg) tea.Cmd
	paste(m *Model, text string) tea.Cmd
	click(m *Model, x, y int) tea.Cmd
	wheel(m *Model, by int)
	// first is the first row shown when there are more than fit.
	first(rows, height int) int
}

// place is a cell.
type place struct{ x, y int }

// dialog is the one on top.
func (m *Model) dialog() dialog {
	if len(m.dialogs) == 0 {
		return nil
	}
	return m.dialogs[len(m.dialogs)-1]
}

func (m *Model) openDialog(d dialog) tea.Cmd {
	m.complete.close()
	m.said = saying{}
	m.dialogs = append(m.dialogs, d)
	return nil
}

// deafTime is how long a dialog that came by itself takes no keys: they are meant for what was there before.
const deafTime = 700 * time.Millisecond

// interrupt opens a dialog that nobody has asked for.
func (m *Model) interrupt(d dialog) tea.Cmd {
	m.sudden, m.suddenAt = d, m.now()
	return m.openDialog(d)
}

// deaf tells that the only dialog has just come by itself: keys go on to what is being written.
func (m *Model) deaf() bool {
	return len(m.dialogs) == 1 && m.dialog() == m.sudden && m.now().Sub(m.suddenAt) < deafTime
}

// closeDialog goes back to what was before.
func (m *Model) closeDialog() tea.Cmd {
	if n := len(m.dialogs); n > 0 {
		m.dialogs = m.dialogs[:n-1]
	}
	return nil
}

// replaceDialog goes on with another.
func (m *Model) replaceDialog(d dialog) tea.Cmd {
	m.closeDialog()
	return m.openDialog(d)
}

// sheet is what most dialogs are made of: words, then fields to fill in, then things to choose from.
type sheet struct {
	name    func(m *Model) string
	text    func(m *Model, width int) []paint.Line // nil: none
	field   *field                                 // nil: nothing to be written
	choices func(m *Model) []choice                // nil: nothing to choose
	at      int                                    // the choice under the bar
	keys    map[string]func(m *Model) tea.Cmd      // what else can be pressed
	hints   func(m *Model) string                  // in place of the usual; nil: the usual
	bar     bool                                   // the bar is on a choice while something is written, too
	none    bool                                   // the bar may be on no choice, and begins there
	escape  func(m *Model) tea.Cmd                 // nil: Esc closes it
	notice  string                                 // of the node, if it shows one

	begun      bool  // it was laid out
	offset     int   // first row shown
	height     int   // how many are
	moved      bool  // the bar was moved: it is to be seen
	choiceRows []int // row of each choice when it was last laid out
	lastRows   int
}

// choice is something to choose.
type choice struct {
	label, more string
	note        string // what it means, below all while the bar is on it
	look        paint.Look
	do          func(m *Model) tea.Cmd
}

// field is a line to be written.
type field struct {
	editor
	label  string
	secret bool
	done   func(m *Model, text string) tea.Cmd
}

func (s *sheet) title(m *Model) string { return s.name(m) }

func (s *sheet) hint(m *Model) string {
	if s.hints != nil {
		return s.hints(m)
	}
	switch {
	case s.field != nil && s.choices == nil:
		return m.words.HintsField
	case s.choices == nil:
		return m.words.HintsRead
	}
	return m.words.HintsDialog
}

func (s *sheet) rows(m *Model, width int) (rows []paint.Line, cursor *place) {
	var all []choice
	if s.choices != nil { // first: they may say how the field is called
		all = s.choices(m)
	}
	if s.text != nil {
		rows = s.text(m, width)
	}
	if s.field != nil {
		if len(rows) > 0 {
			rows = append(rows, nil)
		}
		row, x := s.field.row(width)
		cursor = &place{x, len(rows)}
		rows = append(rows, row)
	}
	s.choiceRows = s.choiceRows[:0]
	if s.choices != nil {
		if len(rows) > 0 {
			rows = append(rows, nil)
		}
		s.settle(len(all))
		column := 0
		for _, c := range all {
			column = max(column, min(paint.Width(c.label)+4, width*3/5))
		}
		for i, c := range all {
			s.choiceRows = append(s.choiceRows, len(rows))
			rows = append(rows, c.row(i == s.at && (s.field == nil || s.bar || s.field.empty()), column, width))
		}
	}
	rows = append(rows, notes(all, s.at, width)...)
	s.lastRows = len(rows)
	return rows, cursor
}

// notes explain the choice under the bar, on as many rows as the longest explanation of all takes.
func notes(all []choice, at, width int) []paint.Line {
	var rows, shown []paint.Line
	for i, c := range all {
		if c.note == "" {
			continue
		}
		note := append([]paint.Line{nil}, paragraphs(width, paint.Faint, c.note)...)
		rows = append(rows, make([]paint.Line, max(0, len(note)-len(rows)))...)
		if i == at {
			shown = note
		}
	}
	copy(rows, shown)
	return rows
}

// row is the label, and behind a column what more there is to say.
func (c choice) row(chosen bool, column, width int) paint.Line {
	mark := "  "
	if chosen {
		mark = "▸ "
	}
	line := paint.Line{{Text: mark, Look: paint.Strong}, {Text: c.label, Look: c.look}}
	if c.more != "" {
		gap := strings.Repeat(" ", max(2, column-line.Width()))
		line = append(line, paint.Span{Text: gap + c.more, Look: paint.Faint})
	}
	if chosen {
		line = line.Chosen(width)
	}
	return line
}

// row shows the end of what was written, around the cursor.
func (f *field) row(width int) (paint.Line, int) {
	label := f.label + " "
	room := max(2, width-paint.Width(label)-1)
	show := shownAll
	if f.secret {
		show = func(text []string) string { return strings.Repeat("•", len(text)) }
	}
	from := f.at
	for taken := 0; from > 0; from-- {
		if taken += paint.Width(show(f.text[from-1 : from])); taken > room {
			break
		}
	}
	before, after := show(f.text[from:f.at]), show(f.text[f.at:min(len(f.text), f.at+room+1)])
	return paint.Line{{Text: label, Look: paint.Strong}, {Text: paint.Cut(before+after, room)}}, paint.Width(label) + paint.Width(before)
}

func (s *sheet) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	stroke := k.Keystroke()
	var all []choice
	if s.choices != nil {
		all = s.choices(m)
	}
	switch {
	case s.keys[stroke] != nil:
		return s.keys[stroke](m)
	case stroke == "esc":
		if s.escape != nil {
			return s.escape(m)
		}
		return m.closeDialog()
	case stroke == "enter" && s.field != nil && (!s.field.empty() || len(all) == 0):
		return s.field.done(m, strings.TrimSpace(strings.ReplaceAll(s.field.String(), "\n", " ")))
	case stroke == "enter" && s.at >= 0 && s.at < len(all):
		return all[s.at].do(m)
	case stroke == "enter" && s.field == nil:
		return m.closeDialog()
	case stroke == "up" || stroke == "shift+tab":
		s.step(-1, len(all))
	case stroke == "down" || stroke == "tab":
		s.step(1, len(all))
	case stroke == "pgup":
		s.wheel(m, m.height/2)
	case stroke == "pgdown":
		s.wheel(m, -m.height/2)
	case s.field != nil && edit(&s.field.editor, stroke):
	case s.field != nil && k.Text != "":
		s.field.insert(k.Text)
	case s.field == nil && len(k.Text) == 1 && k.Text[0] >= '1' && k.Text[0] <= '9' && int(k.Text[0]-'1') < len(all):
		s.at = int(k.Text[0] - '1')
		return all[s.at].do(m)
	}
	return nil
}

// step moves the bar, or the rows where there is nothing to choose, or where the bar is out of sight that way.
func (s *sheet) step(by, choices int) {
	switch {
	case choices == 0, s.hidden(by):
		s.offset = max(0, s.offset+by)
	case s.none: // one place more: on none
		s.at, s.moved = (s.at+1+by+choices+1)%(choices+1)-1, true
	default:
		s.at, s.moved = (s.at+by+choices)%choices, true
	}
}

// hidden tells that the bar is out of sight, above (-1) or below (1).
func (s *sheet) hidden(by int) bool {
	if s.at < 0 || s.at >= len(s.choiceRows) {
		return false
	}
	row := s.choiceRows[s.at]
	return by > 0 && row >= s.offset+s.height || by < 0 && row < s.offset
}

// settle puts the bar where there is a choice; where it may be on none it begins there.
func (s *sheet) settle(choices int) {
	if s.none && !s.begun {
		s.begun, s.at = true, -1
	}
	s.at = min(s.at, max(0, choices-1))
}

func (s *sheet) paste(_ *Model, text string) tea.Cmd {
	if s.field != nil {
		s.field.insert(strings.TrimSpace(text))
	}
	return nil
}

func (s *sheet) click(m *Model, _, y int) tea.Cmd {
	for i, row := range s.choiceRows {
		if m.frame.dialogRow(y) == row {
			if all := s.choices(m); i < len(all) {
				s.at = i
				return all[i].do(m)
			}
		}
	}
	return nil
}

func (s *sheet) wheel(_ *Model, by int) { s.offset, s.moved = max(0, s.offset-by), false }

func (s *sheet) first(rows, height int) int {
	s.height = height
	if s.moved && s.at >= 0 && s.at < len(s.choiceRows) {
		if row := s.choiceRows[s.at]; row >= s.offset+height {
			s.offset = row - height + 1
		} else if row < s.offset {
			s.offset = row
		}
	}
	s.offset = max(0, min(s.offset, rows-height))
	return s.offset
}

// paragraphs lays out texts below each other, with a free row between.
func paragraphs(width int, look paint.Look, texts ...string) (rows []paint.Line) {
	for i, text := range texts {
		if i > 0 {
			rows = append(rows, nil)
		}
		for _, row := range paint.Wrap(text, width) {
			rows = append(rows, paint.Text(look, row))
		}
	}
	return rows
}
