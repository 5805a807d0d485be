package paint

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Look says what a piece of text is for the reader; a theme says how that looks.
type Look uint8

// What there is to tell apart.
const (
	Plain    Look = iota
	Faint         // beside the matter: times, hints
	Strong        // names, titles
	Own           // what the person at the screen wrote
	Theirs        // who wrote something
	Fresh         // what was not read yet
	Good          // there, verified
	Caution       // look here: something waits, a weaker way
	Bad           // an alarm
	Frame         // lines between parts
	Chosen        // the bar
	Code          // a code for cameras: black on white whatever the theme
	looksEnd      // how many there are
)

// Theme is how looks look: for each what turns it on.
type Theme struct {
	Name string
	on   [looksEnd]string
}

// The themes. Without colour everything is told by bold, faint, reverse and underlined alone; the others use the sixteen
// colours that the person has chosen for the terminal where they will do, so that they fit to everything else on it.
var (
	Dark = Theme{Name: "dark", on: [looksEnd]string{
		Faint: fg(245), Strong: bold, Own: fg(117), Theirs: bold + fg(222), Fresh: bold + fg(214), Good: fg(114), Caution: fg(221),
		Bad: bold + fg(203), Frame: fg(239), Chosen: bg(237) + bold, Code: blackOnWhite,
	}}
	Light = Theme{Name: "light", on: [looksEnd]string{
		Faint: fg(243), Strong: bold, Own: fg(25), Theirs: bold + fg(94), Fresh: bold + fg(166), Good: fg(28), Caution: fg(130),
		Bad: bold + fg(160), Frame: fg(250), Chosen: bg(254) + bold, Code: blackOnWhite,
	}}
	HighContrast = Theme{Name: "contrast", on: [looksEnd]string{
		Strong: bold, Own: bold + fg(14), Theirs: bold + fg(11), Fresh: reverse + bold, Good: bold + fg(10), Caution: bold + fg(11),
		Bad: reverse + bold + fg(9), Chosen: reverse + bold, Code: blackOnWhite,
	}}
	Monochrome = Theme{Name: "mono", on: [looksEnd]string{
		Faint: faint, Strong: bold, Own: "", Theirs: bold, Fresh: bold, Good: "", Caution: underline, Bad: bold + reverse, Frame: faint,
		Chosen: reverse, Code: blackOnWhite,
	}}
)

// Themes are all of them, by name.
var Themes = []Theme{Dark, Light, HighContrast, Monochrome}

const (
	bold      = "\x1b[1m"
	faint     = "\x1b[2m"
	underline = "\x1b[4m"
	reverse   = "\x1b[7m"
	reset     = "\x1b[m"

	blackOnWhite = "\x1b[38;5;16;48;5;231m"
)

// fg and bg are one of the 256 colours; the terminal's own profile makes fewer of them.
func fg(n uint8) string { return ansi.NewStyle().ForegroundColor(ansi.IndexedColor(n)).String() }

func bg(n uint8) string { return ansi.NewStyle().BackgroundColor(ansi.IndexedColor(n)).String() }

// Span is a piece of one row. Its text is safe to print already.
type Span struct {
	Text string
	Look Look
	bar  bool   // under the bar
	link string // of which it is a part
}

// Line is one row.
type Line []Span

// Text makes a line of one look.
func Text(look Look, text string) Line { return Line{{Text: text, Look: look}} }

// Width is how many cells it takes.
func (l Line) Width() int {
	w := 0
	for _, s := range l {
		w += Width(s.Text)
	}
	return w
}

// String is the line without looks.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Cut shortens a line to at most width cells; the last one then is an ellipsis.
func (l Line) Cut(width int) Line {
	if l.Width() <= width {
		return l
	}
	var short Line
	for _, s := range l {
		w := Width(s.Text)
		if w >= width {
			s.Text = shorten(s.Text, width)
			return append(short, s)
		}
		short = append(short, s)
		width -= w
	}
	return short
}

// Chosen is the line under the bar, on so many cells; what its parts are for stays to be seen.
func (l Line) Chosen(width int) Line {
	under := make(Line, len(l), len(l)+1)
	for i, s := range l {
		s.bar = true
		under[i] = s
	}
	return append(under, Span{Text: strings.Repeat(" ", max(0, width-l.Width())), bar: true})
}

// Render prints a line on exactly width cells: cut with an ellipsis, or filled up.
func (t *Theme) Render(l Line, width int) string {
	var b strings.Builder
	left, whole := width, l.Width() <= width
	for _, s := range l {
		text := s.Text
		if w := Width(text); !whole && w >= left {
			text = shorten(text, left)
		}
		t.print(&b, Span{text, s.Look, s.bar, s.link})
		left -= Width(text)
		if !whole && strings.HasSuffix(text, ellipsis) && left <= 0 {
			return b.String()
		}
	}
	b.WriteString(strings.Repeat(" ", max(left, 0)))
	return b.String()
}

func (t *Theme) print(b *strings.Builder, s Span) {
	if s.Text == "" {
		return
	}
	on := t.on[s.Look]
	if s.bar {
		on = t.on[Chosen] + on
	}
	if s.link != "" {
		b.WriteString(ansi.SetHyperlink(s.link))
	}
	b.WriteString(on)
	b.WriteString(s.Text)
	if on != "" {
		b.WriteString(reset)
	}
	if s.link != "" {
		b.WriteString(ansi.ResetHyperlink())
	}
}
