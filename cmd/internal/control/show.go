package control

import (
	"unicode"

	"sottovoce/mesh/peer"
)

// Show makes the text of a message safe to print on a terminal: what could move the cursor, turn the direction of what
// follows or hide something is replaced or goes. Newlines and tabs stay. It is enough for names, too, which a Node has
// neutralised by stricter rules before.
func Show(text string) string { return peer.ShowText(text) }

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
