package paint

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/unicode/norm"
)

// settled leaves out what joins several emoji into one or gives one another look, and joins the letters of Korean syllables:
// some terminals take such a character for one, others for its parts, and what stands behind it on the row would be moved.
func settled(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return joins(r) || isJamo(r) }) {
		return text
	}
	if strings.ContainsFunc(text, isJamo) {
		text = strings.Map(func(r rune) rune {
			if isJamo(r) && r >= firstVowel {
				return '\ufffd' // part of no syllable of today
			}
			return r
		}, norm.NFC.String(text))
	}
	var b strings.Builder
	for text != "" {
		_, _, n, _ := ansi.DecodeSequence(text, ansi.NormalState, nil)
		c := text[:n]
		text = text[n:]
		if ansi.StringWidth(c) != ansi.StringWidthWc(c) && isEmoji(c) {
			first := true
			c = strings.Map(func(r rune) rune {
				if joins(r) && !first {
					return -1
				}
				first = false
				return r
			}, c)
		}
		b.WriteString(c)
	}
	return b.String()
}

// joins tells of a joiner, of what chooses between two looks, of the colours of skin, and of the frame of a key.
func joins(r rune) bool {
	return r == '\u200d' || r == '\ufe0e' || r == '\ufe0f' || r == '\u20e3' || r >= 0x1f3fb && r <= 0x1f3ff
}

// isEmoji tells a character that is one, or looks like one, from letters that are joined.
func isEmoji(c string) bool {
	return strings.ContainsFunc(c, func(r rune) bool { return r >= 0x1f000 || r == '\ufe0f' || r == '\u20e3' })
}

// firstVowel is the first letter of a Korean syllable that is not at its beginning.
const firstVowel = 0x1160

// isJamo tells of the letters that Korean syllables are made of.
func isJamo(r rune) bool { return r >= 0x1100 && r <= 0x11ff }
