package paint

import (
	"slices"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/unicode/bidi"
)

// rightToLeft tells whether a paragraph is one: its first letter with a direction says so.
func rightToLeft(paragraph string) bool {
	for _, r := range paragraph {
		p, _ := bidi.LookupRune(r)
		switch p.Class() {
		case bidi.L:
			return false
		case bidi.R, bidi.AL:
			return true
		}
	}
	return false
}

// cluster is what stands in one place, and how deep it is nested: even from left to right, odd from right to left.
type cluster struct {
	text  string
	level int
}

// visual puts a row, which has no newline, into the order of the screen (UAX 9, rule L2). Levels come from the directions
// of its runs: package bidi does not tell them.
func visual(row string, rtl bool) string {
	if !turns(row) {
		return row
	}
	var p bidi.Paragraph
	base := bidi.LeftToRight
	if rtl {
		base = bidi.RightToLeft
	}
	if _, err := p.SetString(row, bidi.DefaultDirection(base)); err != nil {
		return row
	}
	order, err := p.Order()
	if err != nil {
		return row
	}
	var all []cluster
	for i := range order.NumRuns() {
		run := order.Run(i)
		level := 0
		switch {
		case run.Direction() == bidi.RightToLeft:
			level = 1
		case rtl, i > 0 && isNumber(run.String()):
			level = 2
		}
		all = append(all, clusters(run.String(), level)...)
	}
	for level := 2; level > 0; level-- {
		reverseRuns(all, level)
	}
	var b strings.Builder
	for _, c := range all {
		b.WriteString(mirrored(c))
	}
	return b.String()
}

// turns tells whether there is anything to turn.
func turns(row string) bool {
	return strings.ContainsFunc(row, func(r rune) bool {
		if r < 0x590 {
			return false
		}
		p, _ := bidi.LookupRune(r)
		return p.Class() == bidi.R || p.Class() == bidi.AL
	})
}

// isNumber tells of a run between others that only holds a number and what belongs to one.
func isNumber(run string) bool {
	digits := false
	for _, r := range run {
		if unicode.IsLetter(r) {
			return false
		}
		digits = digits || unicode.IsDigit(r)
	}
	return digits
}

// clusters cuts a text into what a reader takes for one character.
func clusters(text string, level int) []cluster {
	var all []cluster
	for text != "" {
		_, _, n, _ := ansi.DecodeSequence(text, ansi.NormalState, nil)
		all = append(all, cluster{text[:n], level})
		text = text[n:]
	}
	return all
}

// reverseRuns turns each stretch of at least this level.
func reverseRuns(all []cluster, level int) {
	for i := 0; i < len(all); i++ {
		from := i
		for i < len(all) && all[i].level >= level {
			i++
		}
		slices.Reverse(all[from:i])
	}
}

// mirrored turns brackets around that are read from right to left.
func mirrored(c cluster) string {
	if c.level%2 == 0 {
		return c.text
	}
	return bidi.ReverseString(c.text)
}

// Turned is one row in the order of the screen, without being moved to the right.
func Turned(row string) string { return visual(row, rightToLeft(row)) }
