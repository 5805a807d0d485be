package paint

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"sottovoce/cmd/internal/control"
)

// tabWidth is how many spaces a tab is; on a screen of columns it cannot go on to the next stop.
const tabWidth = 4

// Safe makes what others wrote fit to be printed: nothing in it moves the cursor, turns what follows or hides, and all of it
// takes as many cells as the terminal thinks; newlines stay.
func Safe(text string) string {
	return strings.ReplaceAll(settled(control.Show(text)), "\t", strings.Repeat(" ", tabWidth))
}

// OneLine is Safe without newlines, for names and excerpts.
func OneLine(text string) string {
	return strings.Join(strings.Fields(Safe(text)), " ")
}

// Width is how many cells a text takes: by its single characters, as the renderer and most terminals count.
func Width(text string) int {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return ansi.StringWidthWc(text)
		}
	}
	return len(text)
}

// ellipsis stands for what was left out.
const ellipsis = "…"

// Cut shortens a text to at most width cells; the last one then is an ellipsis.
func Cut(text string, width int) string {
	if Width(text) <= width {
		return text
	}
	return shorten(text, width)
}

// shorten is Cut where something follows that has no room any more.
func shorten(text string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.TruncateWc(text, width-1, "") + ellipsis
}

// Wrap cuts a safe text into rows of at most width cells, between words where that can be, and puts each into the order in
// which it is read: Arabic and Hebrew from right to left, whatever the terminal can do.
func Wrap(text string, width int) []string {
	var rows []string
	for _, paragraph := range strings.Split(text, "\n") {
		rtl := rightToLeft(paragraph)
		for _, row := range cutRows(paragraph, max(width, 2)) {
			if rtl {
				row = strings.Repeat(" ", max(0, width-Width(row))) + visual(row, true)
			} else {
				row = visual(row, false)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// cutRows cuts a paragraph at the last space that fits, or within a word that fits nowhere. A character is never cut; none
// takes more than two cells.
func cutRows(paragraph string, width int) []string {
	var rows []string
	from, space := 0, -1  // where the row begins; where it could end, behind a space
	taken, behind := 0, 0 // cells since from, and since space
	for at := 0; at < len(paragraph); {
		_, w, n, _ := ansi.DecodeSequenceWc(paragraph[at:], ansi.NormalState, nil)
		blank := paragraph[at] == ' '
		for taken+w > width && !blank {
			end := at
			if space > from {
				end = space
			} else {
				behind = 0
			}
			rows = append(rows, strings.TrimRight(paragraph[from:end], " "))
			from, taken, space = end, behind, -1
		}
		at += n
		taken += w
		behind += w
		if blank {
			space, behind = at, 0
		}
	}
	return append(rows, strings.TrimRight(paragraph[from:], " "))
}
