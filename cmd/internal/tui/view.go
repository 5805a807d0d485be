package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

const (
	// widthMin and heightMin are the smallest terminal that the face can be used on.
	widthMin, heightMin = 40, 10
	// peopleWidth is how wide the list of people is; below sideWidthMin it is shown only while it has the focus.
	peopleWidth  = 24
	peopleWide   = 34
	sideWidthMin = 64
	wideMin      = 120
	// textWidthMax is how wide a conversation gets: longer lines are hard to read.
	textWidthMax = 100
	// paneMargin is free at both sides of the conversation.
	paneMargin = 1
	// dialogWidthMax is how wide a dialog gets.
	dialogWidthMax = 76
)

// area is a part of the screen.
type area struct{ x, y, width, height int }

func (a area) holds(x, y int) bool {
	return x >= a.x && x < a.x+a.width && y >= a.y && y < a.y+a.height
}

// frame is what the last view put where.
type frame struct {
	people, pane, dialog area
	rowPeople            []string // by row of the list: an id, or nothing
	rowMessage           []string
	peopleFrom           int    // first row of the list that is shown
	peopleOf             string // who was at the right then
	dialogFrom           int
}

func (f *frame) personAt(x, y int) string {
	if !f.people.holds(x, y) || y-f.people.y >= len(f.rowPeople) {
		return ""
	}
	return f.rowPeople[y-f.people.y]
}

func (f *frame) messageAt(x, y int) string {
	if !f.pane.holds(x, y) || y-f.pane.y >= len(f.rowMessage) {
		return ""
	}
	return f.rowMessage[y-f.pane.y]
}

// atHead tells of the row that names who is at the right.
func (f *frame) atHead(x, y int) bool { return x >= f.pane.x && y == f.pane.y-1 }

func (f *frame) inPeople(x int) bool { return f.people.width > 0 && x < f.people.x+f.people.width }

// dialogRow is the row of a dialog's content at a row of the screen.
func (f *frame) dialogRow(y int) int { return y - f.dialog.y + f.dialogFrom }

// layout is what rows of a conversation depend on.
func (m *Model) layout(t *transcript) layout {
	width := m.frame.pane.width
	if width <= 0 {
		width = m.width
	}
	return layout{width: min(width, textWidthMax), me: m.me.ID, name: nameOf(m.me.Person), words: m.words, zone: m.zone, fresh: t.fresh, links: m.links}
}

// View implements tea.Model.
func (m *Model) View() tea.View {
	v := tea.View{AltScreen: true, MouseMode: tea.MouseModeCellMotion, ReportFocus: true, WindowTitle: m.titleOfWindow()}
	if m.width < widthMin || m.height < heightMin {
		v.Content = m.theme.Render(paint.Text(paint.Plain, m.words.TooSmallFor(widthMin, heightMin)), m.width)
		return v
	}
	screen := m.screen()
	var cursor *place
	if d := m.dialog(); d != nil {
		screen, cursor = m.over(screen, d)
	} else {
		cursor = m.cursor
	}
	v.Content = strings.Join(screen, "\n")
	if cursor != nil {
		v.Cursor = tea.NewCursor(cursor.x, cursor.y)
		v.Cursor.Blink = false
	}
	return v
}

// titleOfWindow says how much is new, and nothing about whom: titles are seen by who looks over the shoulder, and logged.
func (m *Model) titleOfWindow() string {
	if n := m.people.unread(); n > 0 {
		return "(" + strconv.Itoa(n) + ") Sottovoce"
	}
	return "Sottovoce"
}

// screen is the whole face without dialogs: the bar at the top, people at the left, the conversation at the right, what is
// written and a line of hints below.
func (m *Model) screen() []string {
	written, x, y := m.arrange()
	side, paneWidth, body := m.frame.people.width, m.frame.pane.width, m.frame.people.height

	left := m.peopleRows(side, body)
	right := append([]paint.Line{m.paneHead(paneWidth)}, m.paneRows(paneWidth, m.frame.pane.height)...)
	right = append(right, m.seam(paneWidth))
	about := m.intentRow(paneWidth)
	right = append(right, about...)
	for i, row := range written {
		mark := "  "
		if i == 0 {
			mark = "▸ "
		}
		right = append(right, paint.Line{{Text: mark, Look: m.promptLook()}, {Text: row}})
	}
	m.cursor = nil
	if m.focus == onEditor {
		m.cursor = &place{m.frame.pane.x + 2 + x, m.frame.pane.y + m.frame.pane.height + 1 + len(about) + y}
	}
	m.overlay(right, paneWidth, len(about)+len(written)+1)

	rows := []string{m.theme.Render(m.bar(), m.width)}
	for i := range body {
		row := ""
		if side > 0 {
			row = m.theme.Render(left[i], side) + m.theme.Render(paint.Text(paint.Frame, "│"), 1)
		}
		rows = append(rows, row+" "+m.theme.Render(right[i], paneWidth)+" ")
	}
	last := paint.Text(paint.Faint, " "+m.hints())
	if m.saying() && !m.fitsSeam(paneWidth) {
		last = paint.Text(m.said.look, " "+m.said.text)
	}
	return append(rows, m.theme.Render(last, m.width))
}

// arrange puts the parts of the screen in their places; what is written takes as many rows as it needs.
func (m *Model) arrange() (written []string, x, y int) {
	side := 0
	if m.width >= sideWidthMin || m.focus == onPeople {
		side = peopleWidth
		if m.width >= wideMin {
			side = peopleWide
		}
	}
	written, x, y = m.editor().view(m.width - side - 5)
	body := m.height - 2 // the bar and the hints
	paneWidth := m.width - 2*paneMargin
	if side > 0 {
		paneWidth -= side + 1
	}
	about := 0
	if m.editor().intent != nil {
		about = 1
	}
	m.frame.people = area{0, 1, side, body}
	m.frame.pane = area{m.width - paneWidth - paneMargin, 2, paneWidth, body - 2 - about - len(written)}
	return written, x, y
}

func (m *Model) promptLook() paint.Look {
	if m.focus == onEditor {
		return paint.Own
	}
	return paint.Faint
}

// overlay puts the list of completions right above what is written.
func (m *Model) overlay(right []paint.Line, width, below int) {
	c := &m.complete
	if !c.open() {
		return
	}
	from := max(0, min(c.at-offersMax/2, len(c.offers)-offersMax))
	shown := c.offers[from:min(len(c.offers), from+offersMax)]
	at := len(right) - below - len(shown)
	for i, o := range shown {
		gap := strings.Repeat(" ", max(2, columnWidth-paint.Width(o.label)))
		line := paint.Line{{Text: "  " + o.label + gap, Look: paint.Strong}, {Text: o.more, Look: paint.Faint}}
		if from+i == c.at {
			line = line.Chosen(width)
		}
		if at+i > 0 {
			right[at+i] = line
		}
	}
}

// peopleRows is the list at the left: what of it is in sight is laid out.
func (m *Model) peopleRows(width, height int) []paint.Line {
	type row struct {
		title string
		of    *entry
	}
	var all []row
	w, last, open := m.words, section(255), 0
	for _, e := range m.people.list() {
		if s := e.section(); s != last {
			if last != 255 {
				all = append(all, row{})
			}
			all = append(all, row{title: []string{w.Requests, w.Conversations, w.Nearby, w.Asked}[s]})
			last = s
		}
		if e.person.ID == m.open {
			open = len(all)
		}
		all = append(all, row{of: e})
	}
	m.people.findTwins()
	if len(all) == 0 {
		for _, text := range paint.Wrap(w.NobodyYet, max(2, width-2)) {
			all = append(all, row{title: text})
		}
	}
	from := max(0, min(m.frame.peopleFrom, len(all)-height))
	if m.frame.peopleOf != m.open { // who is turned to comes into sight; then the wheel goes where it likes
		from = max(0, min(max(from, open-height+1), open-1))
	}
	m.frame.peopleFrom, m.frame.peopleOf = from, m.open
	rows := make([]paint.Line, height)
	m.frame.rowPeople = make([]string, height)
	for i, r := range all[from:min(len(all), from+height)] {
		switch {
		case r.of != nil:
			rows[i], m.frame.rowPeople[i] = m.personRow(r.of, width), r.of.person.ID
		case r.title != "":
			rows[i] = paint.Text(paint.Faint, " "+r.title)
		}
	}
	return rows
}

// personRow is one of the list: whether they are here, their name, what is new.
func (m *Model) personRow(e *entry, width int) paint.Line {
	dot, look := "○ ", paint.Faint
	if e.person.Online {
		dot, look = "● ", paint.Good
	}
	if e.person.Keys == control.KeysAlarm {
		dot, look = "! ", paint.Bad
	}
	right, name := "", paint.Plain
	switch {
	case e.person.Typing:
		right = "… "
	case e.unread >= control.UnreadMax:
		right = strconv.Itoa(control.UnreadMax-1) + "+ "
	case e.unread > 0:
		right = strconv.Itoa(e.unread) + " "
	case e.person.Verified:
		right = "✓ "
	}
	rightLook := paint.Faint
	if e.unread > 0 || e.section() == sectionRequests {
		name, rightLook = paint.Fresh, paint.Fresh
	}
	twin := ""
	if m.people.twins[e.person.Name] {
		twin = " " + shortID(e.person.ID)
	}
	shown := paint.Cut(nameOf(e.person), max(1, width-4-paint.Width(right)-len(twin)))
	gap := strings.Repeat(" ", max(0, width-3-paint.Width(shown)-len(twin)-paint.Width(right)))
	line := paint.Line{{Text: " " + dot, Look: look}, {Text: shown, Look: name}, {Text: twin, Look: paint.Faint}, {Text: gap}, {Text: right, Look: rightLook}}
	if e.person.ID == m.open {
		line = line.Chosen(width)
	}
	return line
}

// paneHead names who is at the right, and how it stands with them.
func (m *Model) paneHead(width int) paint.Line {
	e := m.current()
	if e == nil {
		return nil
	}
	w, p := m.words, e.person
	line := paint.Line{{Text: nameOf(p), Look: paint.Strong}}
	if m.people.twins[p.Name] {
		line[0].Text += " " + shortID(p.ID)
	}
	presence, look := w.Away, paint.Faint
	switch {
	case p.Typing:
		presence, look = w.Typing, paint.Good
	case p.Via == control.ViaLink, p.Online:
		presence, look = w.Here, paint.Good
	}
	if !p.Blocked {
		line = append(line, paint.Span{Text: "  " + presence, Look: look})
	}
	standing := paint.Faint
	switch {
	case p.Keys == control.KeysAlarm || p.Blocked:
		standing = paint.Bad
	case p.Keys == control.KeysChanged:
		standing = paint.Caution
	case p.Verified:
		standing = paint.Good
	}
	line = append(line, paint.Span{Text: "  " + m.standing(p), Look: standing})
	if line.Width() > width {
		return line[:2]
	}
	return line
}

// paneRows is the conversation, or what there is to say where there is none.
func (m *Model) paneRows(width, height int) (rows []paint.Line) {
	m.frame.rowMessage = nil
	t, e := m.talk(), m.current()
	switch {
	case t != nil && t.opened && len(t.messages) > 0:
		var of []string
		rows, of = t.window(height, m.layout(t))
		free := height - len(rows)
		m.frame.rowMessage = append(make([]string, free), of...)
		return append(make([]paint.Line, free), rows...)
	case t != nil && t.opened:
		rows = paragraphs(width, paint.Faint, m.words.NothingSaid(nameOf(e.person)), m.words.EncryptedFor(nameOf(e.person)))
	case t != nil:
	case e == nil && len(m.people.all) == 0:
		rows = paragraphs(width, paint.Faint, m.words.NobodyYetHint)
	case e == nil:
		rows = paragraphs(width, paint.Faint, m.words.ChooseSomebody)
	case e.section() == sectionRequests:
		rows = paragraphs(width, paint.Plain, append(m.answerMore(e.person), m.words.EnterAnswers)...)
	case e.section() == sectionAsked:
		rows = paragraphs(width, paint.Faint, append(m.words.WaitingFor(nameOf(e.person)), m.words.EnterTakesBack)...)
	default:
		rows = paragraphs(width, paint.Plain, m.words.AskContactMore(nameOf(e.person)), m.words.EnterAsks(nameOf(e.person)))
	}
	rows = rows[:min(len(rows), height)]
	return append(rows, make([]paint.Line, height-len(rows))...)
}

// saying tells whether there is something to say right now, fitsSeam whether the seam has room for it; else it stands at the bottom.
func (m *Model) saying() bool { return m.said.text != "" && m.now().Before(m.said.until) }

func (m *Model) fitsSeam(width int) bool { return paint.Width(m.said.text) <= width-4 }

// seam is the line between what was said and what is written: what there is to say right now stands on it.
func (m *Model) seam(width int) paint.Line {
	text, look := "", paint.Faint
	t := m.talk()
	switch {
	case m.saying() && m.fitsSeam(width):
		text, look = m.said.text, m.said.look
	case t != nil && (t.offset > 0 || t.cut):
		text, look = m.words.Below, paint.Caution
	}
	if text == "" {
		return paint.Text(paint.Frame, strings.Repeat("─", width))
	}
	text = " " + paint.Cut(text, width-4) + " "
	return paint.Line{
		{Text: "─", Look: paint.Frame},
		{Text: text, Look: look},
		{Text: strings.Repeat("─", max(0, width-1-paint.Width(text))), Look: paint.Frame},
	}
}

// over lays a dialog over the screen.
func (m *Model) over(screen []string, d dialog) ([]string, *place) {
	width := min(dialogWidthMax, m.width-4)
	rows, cursor := d.rows(m, width-4)
	height := min(len(rows), m.height-2)
	from := d.first(len(rows), height)
	if cursor != nil {
		from = max(min(from, cursor.y), cursor.y-height+1)
	}
	x, y := (m.width-width)/2, max(0, (m.height-height-2)/2)
	m.frame.dialog, m.frame.dialogFrom = area{x + 2, y + 1, width - 4, height}, from

	out := make([]string, len(screen))
	blank := strings.Repeat(" ", m.width)
	for i := range screen {
		out[i] = blank
	}
	left, right := strings.Repeat(" ", x), strings.Repeat(" ", m.width-x-width)
	put := func(row int, inner string) {
		if row < len(out) {
			out[row] = left + inner + right
		}
	}
	edge := func(a string, text paint.Line, b string) string {
		text = text.Cut(width - 6)
		fill := strings.Repeat("─", max(0, width-4-text.Width()-1))
		return m.theme.Render(append(append(paint.Line{{Text: a + "─ ", Look: paint.Frame}}, text...), paint.Span{Text: " " + fill + b, Look: paint.Frame}), width)
	}
	put(y, edge("╭", paint.Text(paint.Strong, d.title(m)), "╮"))
	side := m.theme.Render(paint.Text(paint.Frame, "│"), 1)
	for i := range height {
		put(y+1+i, side+" "+m.theme.Render(rows[from+i], width-4)+" "+side)
	}
	hint := d.hint(m)
	if len(rows) > height {
		place := "  ↑↓ PgUp PgDn " + strconv.Itoa(from+height) + "/" + strconv.Itoa(len(rows))
		hint = paint.Cut(hint, width-6-paint.Width(place)) + place
	}
	put(y+1+height, edge("╰", m.besideSaying(hint, width-6), "╯"))
	if m.saying() && paint.Width(m.said.text) > width-6 {
		out[len(out)-1] = m.theme.Render(paint.Text(m.said.look, " "+m.said.text), m.width)
	}
	if cursor == nil {
		return out, nil
	}
	return out, &place{x + 2 + min(cursor.x, width-4), y + 1 + cursor.y - from}
}

// besideSaying is the edge below a dialog: its keys, and what there is to say right now behind them, or in their place where
// there is no room for both.
func (m *Model) besideSaying(hint string, width int) paint.Line {
	said := paint.Span{Text: m.said.text, Look: m.said.look}
	switch taken := paint.Width(hint) + paint.Width(said.Text); {
	case !m.saying() || paint.Width(said.Text) > width:
		return paint.Text(paint.Faint, hint)
	case taken+4 <= width:
		return paint.Line{{Text: hint, Look: paint.Faint}, {Text: " " + strings.Repeat("─", width-taken-2) + " ", Look: paint.Frame}, said}
	}
	return paint.Line{said}
}
