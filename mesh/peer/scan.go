package peer

import "unicode"

// verdict says what a rune in its place is worth.
type verdict uint8

const (
	keep verdict = iota
	control
	bidi
	invisible
	strayMark
	tooManyMarks
)

func (v verdict) reason() string {
	switch v {
	case control:
		return "is a control character"
	case bidi:
		return "changes the direction of text"
	case invisible:
		return "is invisible"
	case strayMark:
		return "is a mark without a character to stand on"
	case tooManyMarks:
		return "is one combining mark too many"
	}
	return "is allowed"
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

// scanner walks over a text and counts its visible characters: a rune together
// with its marks, variation selector, skin tone, and what a joiner ties to it.
type scanner struct {
	chars   int
	marks   int  // combining marks since the last character
	prev    rune // 0 at the start
	visible bool // something that is not a space was seen
}

// next counts r without judging it.
func (sc *scanner) next(r rune) {
	switch {
	case isMark(r):
		sc.marks++
	case r == zeroWidthJoiner, r == zeroWidthNonJoiner, isSkinTone(r) && isPictograph(sc.prev):
	case sc.prev == zeroWidthJoiner && isPictograph(r):
		sc.marks = 0
	default:
		sc.chars++
		sc.marks = 0
		sc.visible = sc.visible || r != ' '
	}
	sc.prev = r
}

// judge counts r, which after follows, and says whether it may be shown.
func (sc *scanner) judge(r, after rune) verdict {
	prev := sc.prev
	v := keep
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		v = control
	case isBidi(r):
		v = bidi
	case r == '\u200e', r == '\u200f', r == '\u061c', isInvisible(r):
		v = invisible
	case r == zeroWidthJoiner, r == zeroWidthNonJoiner:
		if !joins(prev, r, after) {
			v = invisible
		}
	case isMark(r) && (prev == 0 || prev == ' '):
		v = strayMark
	case isMark(r) && sc.marks >= marksMax:
		v = tooManyMarks
	}
	if v == keep {
		sc.next(r)
	} else if v != tooManyMarks {
		sc.next('\ufffd')
	}
	return v
}

// joins reports whether a joiner between prev and after does something: it ties
// pictographs together, or shapes letters of scripts that need it.
func joins(prev, joiner, after rune) bool {
	if joiner == zeroWidthJoiner && (isPictograph(prev) || isSkinTone(prev) || prev == '\ufe0f') && isPictograph(after) {
		return true
	}
	return needsJoiners(prev) && needsJoiners(after)
}

func needsJoiners(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Devanagari, unicode.Bengali,
		unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada,
		unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar)
}

func isMark(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me) }

func isSkinTone(r rune) bool { return r >= 0x1f3fb && r <= 0x1f3ff }

func isPictograph(r rune) bool {
	return r >= 0x2190 && r <= 0x2bff || r >= 0x1f000 && r <= 0x1faff && !isSkinTone(r)
}

// isBidi reports embeddings, overrides and isolates.
func isBidi(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }

// isInvisible reports characters that take no room or show nothing, among them
// the tag characters and fillers that hide text from the eye, private use and
// code points that are no characters.
func isInvisible(r rune) bool {
	switch {
	case r == 0x00ad, r == 0x034f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x2800, r == 0x3164, r == 0xffa0:
		return true
	case r >= 0x180b && r <= 0x180f, r == 0x200b, r >= 0x2060 && r <= 0x2065, r >= 0x206a && r <= 0x206f, r == 0xfeff:
		return true
	case r >= 0xfff0 && r <= 0xfffb, r >= 0x1bca0 && r <= 0x1bca3, r >= 0x1d173 && r <= 0x1d17a, r >= 0xe0000 && r <= 0xe0fff:
		return true
	case r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		return true
	case unicode.In(r, unicode.Co, unicode.Cf):
		return r != zeroWidthJoiner && r != zeroWidthNonJoiner && !unicode.In(r, unicode.Prepended_Concatenation_Mark)
	}
	return false
}
