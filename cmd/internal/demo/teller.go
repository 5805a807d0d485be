package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sottovoce/cmd/internal/tui/paint"
)

// Statement is one thing that was observed, as --json prints it.
type Statement struct {
	Time     time.Time      `json:"time"`
	Act      string         `json:"act"`
	Event    string         `json:"event"` // the same in every language
	Side     side           `json:"side"`
	Says     string         `json:"says"`
	Evidence map[string]any `json:"evidence,omitempty"` // what it goes by
}

// side is whose view a statement is.
type side string

const (
	ofPeople side = "people"
	ofShelf  side = "supernode"
	ofAll    side = "all"
)

// failed are the events that say what is wrong.
var failed = map[string]bool{"missing": true, "leaked": true, "failed": true}

// teller prints statements: in two columns, one below the other, or as JSON. What belongs together is told at once.
type teller struct {
	out    io.Writer
	json   bool
	words  *catalogue
	width  int // of the lines, in cells; 0: they are not cut
	two    bool
	colour bool
	raw    bool // the terminal needs to be told that a line begins at the left

	left, right []Statement // since the last pause
}

// tell notes a statement, and prints it at once where nothing has to stand beside it.
func (t *teller) tell(s Statement) error {
	s.Says = paint.Safe(s.Says)
	switch {
	case t.json:
		line := json.NewEncoder(t.out)
		line.SetEscapeHTML(false)
		return line.Encode(s)
	case s.Event == "act":
		return t.title(s)
	case s.Side == ofAll:
		return errors.Join(t.flush(), t.linear(s))
	case !t.two:
		return t.linear(s)
	case s.Side == ofShelf:
		t.right = append(t.right, s)
	default:
		t.left = append(t.left, s)
	}
	return nil
}

// title prints the head of an act, and what the columns are.
func (t *teller) title(s Statement) error {
	if !t.two || s.Act == "end" {
		return t.print("\n" + t.paint(bold, s.Says) + "\n\n")
	}
	l, _ := t.columns()
	head := "── " + s.Says + " "
	head += strings.Repeat("─", max(0, l-paint.Width(head))) + "─┬─ " + t.words.Shelf + " "
	return t.print("\n" + t.paint(bold, head+strings.Repeat("─", max(0, t.width-paint.Width(head)))) + "\n")
}

// columns are the widths of both.
func (t *teller) columns() (left, right int) {
	left = (t.width - len(" | ")) / 2
	return left, t.width - len(" | ") - left
}

// flush prints what waits, the two sides beside each other.
func (t *teller) flush() error {
	if len(t.left)+len(t.right) == 0 {
		return nil
	}
	l, r := t.columns()
	left, right := rows(t.left, l), rows(t.right, r)
	t.left, t.right = nil, nil
	var b strings.Builder
	for i := range max(len(left), len(right)) {
		var one, other row
		if i < len(left) {
			one = left[i]
		}
		if i < len(right) {
			other = right[i]
		}
		fill := strings.Repeat(" ", max(0, l-paint.Width(one.text)))
		b.WriteString(t.show(one) + fill + t.paint(faint, " │ ") + t.show(other) + "\n")
	}
	return t.print(b.String() + strings.Repeat(" ", l) + t.paint(faint, " │") + "\n")
}

// linear prints a statement by itself; what the supernode sees says so, and stands apart.
func (t *teller) linear(s Statement) error {
	says, indent := s.Says, ""
	if s.Side == ofShelf {
		says, indent = t.words.Aside+": "+says, "   "
	}
	lines := strings.Split(says, "\n")
	if t.width > len(indent) {
		lines = paint.Wrap(says, t.width-len(indent))
	}
	for _, line := range lines {
		if err := t.print(t.show(row{indent + line, s}) + "\n"); err != nil {
			return err
		}
	}
	return nil
}

// row is a line of a statement.
type row struct {
	text string
	of   Statement
}

// rows cuts statements to a width.
func rows(all []Statement, width int) (cut []row) {
	for _, s := range all {
		for _, text := range paint.Wrap(s.Says, width) {
			cut = append(cut, row{text, s})
		}
	}
	return cut
}

// The looks, in the colours that the person has chosen for the terminal.
const (
	bold  = "1"
	faint = "2"
	red   = "1;31"
	warm  = "33"
)

// looks are the colours of who takes part.
var looks = map[string]string{anna: "1;36", bruno: "1;32", carla: "1;35"}

func (t *teller) show(r row) string {
	switch {
	case failed[r.of.Event]:
		return t.paint(red, r.text)
	case r.of.Side == ofShelf:
		return t.paint(warm, r.text)
	}
	for _, name := range cast {
		r.text = strings.ReplaceAll(r.text, name, t.paint(looks[name], name))
	}
	return r.text
}

func (t *teller) paint(code, text string) string {
	if !t.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[m"
}

func (t *teller) print(text string) error {
	if t.raw {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	_, err := io.WriteString(t.out, text)
	return err
}

// hexRows shows the beginning of a blob, in rows of 16 bytes.
func hexRows(b []byte) string {
	var rows []string
	for some := range slices.Chunk(b[:min(len(b), hexShown)], 16) {
		rows = append(rows, fmt.Sprintf("% x", some))
	}
	return strings.Join(rows, "\n")
}

// shape fits the lines to a terminal of so many cells, 0 where that is not known.
func (t *teller) shape(width int, lines, dumb, plain bool) {
	t.width, t.colour = width, !dumb && !plain
	t.two = !lines && !dumb && width >= columnsMin
}
