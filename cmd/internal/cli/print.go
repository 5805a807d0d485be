package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"sottovoce/cmd/internal/control"
)

func isTerminalFile(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// palette gives text a weight where the output is a terminal that wants it.
type palette bool

// paletteFor colours terminals only, and none of those whose person does not want it.
func paletteFor(out io.Writer) palette {
	return palette(isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

func (p palette) bold(text string) string { return p.wrap("1", text) }

func (p palette) faint(text string) string { return p.wrap("2", text) }

func (p palette) wrap(code, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// printJSON prints one line. What could do something to a terminal is escaped, which JSON allows.
func (c *call) printJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(c.Stdout, escapeUnseen(strings.TrimSuffix(b.String(), "\n"))+"\n")
	return err
}

// escapeUnseen writes characters that are not to reach a terminal as \uXXXX; in JSON they stand in strings only.
func escapeUnseen(line string) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case !control.Unseen(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func (c *call) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(c.Stdout, format, args...)
	return err
}

// name is a person's name for the screen.
func name(p control.Person) string { return oneLine(p.Name) }

// shortID is enough of an id to tell people apart and to type.
func shortID(id string) string {
	prefix, rest, _ := strings.Cut(id, "-")
	return prefix + "-" + rest[:min(len(rest), 10)]
}

// standing says how we are with somebody.
func standing(p control.Person) string {
	switch {
	case p.Blocked:
		return "blocked"
	case p.Contact && p.Keys == control.KeysAlarm:
		return "contact, keys in doubt"
	case p.Contact && p.Keys == control.KeysChanged:
		return "contact, new keys"
	case p.Contact && p.Verified:
		return "contact, verified" // who introduced them does not matter any more
	case p.Contact && p.IntroducedBy != nil:
		return "contact, introduced by " + oneLine(p.IntroducedBy.Name)
	case p.Contact:
		return "contact"
	case p.Direction == control.DirectionIn && p.IntroducedBy != nil:
		return "introduced by " + oneLine(p.IntroducedBy.Name)
	case p.Direction == control.DirectionIn:
		return "asks you" + waits(p)
	case p.Direction == control.DirectionOut:
		return "you asked" + waits(p)
	}
	return "not a contact"
}

// ways are what a person may want to know of how somebody was found: that we do not hear
// them ourselves.
var ways = map[string]string{
	"told": ", another contact hears them", "remembered": ", where they were before", "by_them": ", they reached us",
}

// waits says what a request waits for, if not for a person.
func waits(p control.Person) string {
	if p.Waits == "" {
		return ""
	}
	return ", waits " + oneLine(p.Waits)
}

// presence says how somebody can be reached.
func presence(p control.Person) string {
	switch {
	case p.Blocked:
		return "not shown"
	case p.Via == control.ViaLink:
		return "connected" + ways[p.Found]
	case p.Online:
		return "here"
	}
	return "away"
}

// printPeople prints one line a person, or one JSON object.
func (c *call) printPeople(people []control.Person, none string) error {
	if c.json {
		for _, p := range people {
			if err := c.printJSON(p); err != nil {
				return err
			}
		}
		return nil
	}
	if len(people) == 0 {
		return c.printf("%s\n", none)
	}
	rows := make([][]string, len(people))
	for i, p := range people {
		rows[i] = []string{name(p), standing(p), presence(p), shortID(p.ID)}
	}
	return c.printTable(rows, c.palette.bold, nil, nil, c.palette.faint)
}

// printTable aligns columns by their widest cell and gives each its style.
func (c *call) printTable(rows [][]string, styles ...func(string) string) error {
	widths := make([]int, len(styles))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
			if styles[i] != nil {
				cell = styles[i](cell)
			}
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(pad)
			}
		}
		if err := c.printf("%s\n", b.String()); err != nil {
			return err
		}
	}
	return nil
}

// stateMark is a message's state in a sign and a word.
func stateMark(m control.Message) string {
	switch m.State {
	case control.StateQueued:
		return "… waiting"
	case control.StateHeld:
		return heldMark(m)
	case control.StateDelivered:
		return "✓ delivered"
	case control.StateRead:
		return "✓ read"
	}
	if m.Reason != "" {
		return "✗ " + string(m.State) + ": " + oneLine(m.Reason)
	}
	return "✗ " + string(m.State)
}

// heldMark says who keeps a message, and how long.
func heldMark(m control.Message) string {
	mark := "✓ kept by " + supernodes(len(m.HeldBy))
	if !m.HeldUntil.IsZero() {
		mark += " until " + m.HeldUntil.Format("2 January") // the day is the same everywhere
	}
	return mark
}

// indent puts the further lines of a text below its first.
func indent(text string, width int) string {
	lines := strings.Split(strings.TrimRight(control.Show(text), "\n"), "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = strings.Repeat(" ", width) + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

// clock is the time of day for the screen.
func clock(t time.Time) string { return t.Local().Format("15:04") }
