package control

import (
	"strings"
	"unicode"
)

// Show makes the text of a message safe to print on a terminal: what could move the cursor, turn the direction of what
// follows or hide something becomes the replacement character, and marks that are not to be seen go. Newlines and tabs
// stay. It is enough for names, too, which a Node has neutralised by stricter rules before.
func Show(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r == '\u061c', r == '\u200e', r == '\u200f', r == '\ufeff':
			return -1
		case Unseen(r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}

// Unseen tells that a character does something else to a terminal than to appear on it: controls, marks and overrides of
// direction, separators of lines and paragraphs, annotations and tags. Joiners are not among them, because scripts and
// emoji are written with them.
func Unseen(r rune) bool {
	switch {
	case unicode.IsControl(r),
		r == '\u061c', r == '\u200e', r == '\u200f', r == '\ufeff',
		r >= '\u2028' && r <= '\u202e', r >= '\u2066' && r <= '\u2069',
		r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}
