package tui

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/tui/paint"
)

const (
	// historyMax is how many sent texts an editor remembers.
	historyMax = 100
	// editorRowsMax is how many rows the editor grows to; beyond, it scrolls.
	editorRowsMax = 6
)

// editor is a text being written, of several lines if need be. Its unit is what a reader takes for one character.
type editor struct {
	text []string // characters; "\n" ends a line
	at   int      // the cursor stands before this one

	history []string // what was sent, oldest first
	back    int      // how far back in it we are; 0: in what is being written
	draft   []string // what was being written when we went back
	unsent  bool     // what was written last is no message: a command, or one that could not be sent

	intent *intent // nil: it is a new message
}

// String is the text as it will be sent.
func (e *editor) String() string { return strings.Join(e.text, "") }

func (e *editor) empty() bool { return len(e.text) == 0 }

// set replaces all of it; the cursor goes to the end.
func (e *editor) set(text string) {
	e.text = characters(text)
	e.at = len(e.text)
}

// insert puts text at the cursor, typed or pasted; what cannot be shown does not get in, and not more than can be sent.
func (e *editor) insert(text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	text = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && control.Unseen(r) {
			return -1
		}
		return r
	}, text)
	room := control.TextMax - e.size()
	if len(text) > room {
		text = strings.ToValidUTF8(text[:max(room, 0)], "")
	}
	// A mark may join what stands before it, and what stands behind may join that.
	from, to := max(e.at-1, 0), min(e.at+1, len(e.text))
	before := strings.Join(e.text[from:e.at], "") + text
	joined := characters(before + strings.Join(e.text[e.at:to], ""))
	e.text = slices.Replace(e.text, from, to, joined...)
	e.at = min(from+len(characters(before)), len(e.text))
}

// size is how many bytes the text has.
func (e *editor) size() (bytes int) {
	for _, c := range e.text {
		bytes += len(c)
	}
	return bytes
}

// characters cuts a text into what a reader takes for one.
func characters(text string) []string {
	var all []string
	for text != "" {
		if text[0] == '\n' || text[0] == '\t' {
			all, text = append(all, text[:1]), text[1:]
			continue
		}
		_, _, n, _ := ansi.DecodeSequence(text, ansi.NormalState, nil)
		all, text = append(all, text[:n]), text[n:]
	}
	return all
}

func (e *editor) backspace() {
	if e.at > 0 {
		e.text = slices.Delete(e.text, e.at-1, e.at)
		e.at--
	}
}

func (e *editor) remove() {
	if e.at < len(e.text) {
		e.text = slices.Delete(e.text, e.at, e.at+1)
	}
}

func (e *editor) move(by int) { e.at = min(max(e.at+by, 0), len(e.text)) }

func (e *editor) home() { e.at = e.lineStart(e.at) }

func (e *editor) end() { e.at = e.lineEnd(e.at) }

func (e *editor) lineStart(at int) int {
	for at > 0 && e.text[at-1] != "\n" {
		at--
	}
	return at
}

func (e *editor) lineEnd(at int) int {
	for at < len(e.text) && e.text[at] != "\n" {
		at++
	}
	return at
}

// wordLeft and wordRight are where a word begins and ends.
func (e *editor) wordLeft() int {
	at := e.at
	for at > 0 && blank(e.text[at-1]) {
		at--
	}
	for at > 0 && !blank(e.text[at-1]) {
		at--
	}
	return at
}

func (e *editor) wordRight() int {
	at := e.at
	for at < len(e.text) && blank(e.text[at]) {
		at++
	}
	for at < len(e.text) && !blank(e.text[at]) {
		at++
	}
	return at
}

func blank(character string) bool { return strings.TrimSpace(character) == "" }

// cut takes away what is between the cursor and another place.
func (e *editor) cut(to int) {
	from, to := min(e.at, to), max(e.at, to)
	e.text = slices.Delete(e.text, from, to)
	e.at = from
}

// up and down move by one written line; false at the first and the last, where they mean something else.
func (e *editor) up() bool {
	start := e.lineStart(e.at)
	if start == 0 {
		return false
	}
	column := e.at - start
	above := e.lineStart(start - 1)
	e.at = min(above+column, start-1)
	return true
}

func (e *editor) down() bool {
	end := e.lineEnd(e.at)
	if end == len(e.text) {
		return false
	}
	column := e.at - e.lineStart(e.at)
	e.at = min(end+1+column, e.lineEnd(end+1))
	return true
}

// take returns the text, remembers it and begins a new one.
func (e *editor) take() string {
	text := e.String()
	if strings.TrimSpace(text) != "" && (len(e.history) == 0 || e.history[len(e.history)-1] != text) {
		e.history = append(e.history, text)
		e.history = e.history[max(0, len(e.history)-historyMax):]
	}
	e.set("")
	e.back, e.draft = 0, nil
	return text
}

// recall goes back in what was sent, or forth to what is being written.
func (e *editor) recall(by int) {
	back := min(max(e.back+by, 0), len(e.history))
	if back == e.back {
		return
	}
	if e.back == 0 {
		e.draft = slices.Clone(e.text)
	}
	e.back = back
	if back == 0 {
		e.set(strings.Join(e.draft, ""))
		return
	}
	e.set(e.history[len(e.history)-back])
}

// view lays the text out on rows of so many cells, those around the cursor when there are too many, and tells where the
// cursor stands among them.
func (e *editor) view(width int) (rows []string, x, y int) {
	width = max(width, 2)
	var row []string
	cells := 0
	y = -1
	flush := func() {
		rows = append(rows, strings.Join(row, ""))
		row, cells = nil, 0
	}
	for i, c := range e.text {
		c = shown(c)
		w := paint.Width(c)
		if cells+w > width-1 && c != "\n" { // the last cell is the cursor's
			flush()
		}
		if i == e.at {
			x, y = cells, len(rows)
		}
		if c == "\n" {
			flush()
			continue
		}
		row, cells = append(row, c), cells+w
	}
	if y < 0 {
		x, y = cells, len(rows)
	}
	flush()
	from := max(0, min(y-editorRowsMax/2, len(rows)-editorRowsMax))
	rows = rows[from:min(len(rows), from+editorRowsMax)]
	y -= from
	if turned := paint.Turned(rows[y]); turned != rows[y] {
		rows[y], x = turned, paint.Width(turned) // typing from right to left: the cursor waits at the side
	}
	for i := range rows {
		rows[i] = paint.Turned(rows[i])
	}
	return rows, x, y
}

// shown is one character as it is printed.
func shown(c string) string {
	switch {
	case c == "\t":
		return " "
	case len(c) <= utf8.UTFMax: // of a single code
		return c
	}
	return paint.Safe(c)
}

// shownAll is a text on one row.
func shownAll(text []string) string {
	var b strings.Builder
	for _, c := range text {
		if c == "\n" {
			c = " "
		}
		b.WriteString(shown(c))
	}
	return b.String()
}
