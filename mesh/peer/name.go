package peer

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a name.
//
// spec: 01-identity#names
const (
	// NameCharsMax is the number of visible characters: enough for a full name
	// in any script, too short for a paragraph.
	NameCharsMax = 64
	// NameBytesMax bounds the UTF-8 form (64 characters of four bytes), so that
	// marks and joiners cannot make a short name long.
	NameBytesMax = 256
	// marksMax is how many combining marks may follow one character: no living
	// script stacks more, and more overflow the lines above and below.
	marksMax = 4
)

// CleanName checks and tidies a name that this person gives itself: space
// around it is trimmed, runs of any Unicode space become one plain space. It
// refuses text that is not UTF-8, is empty, has more than 64 visible characters
// or 256 bytes, or holds control, bidirectional or invisible characters,
// misplaced joiners, or more than four combining marks in a row.
//
// spec: 01-identity#names
func CleanName(s string) (string, error) {
	if len(s) > 4*NameBytesMax {
		return "", fmt.Errorf("name is longer than %d bytes", NameBytesMax)
	}
	if !utf8.ValidString(s) {
		return "", errors.New("name is not UTF-8")
	}
	name := strings.Join(strings.FieldsFunc(s, isSpace), " ")
	if name == "" {
		return "", errors.New("name is empty")
	}
	if len(name) > NameBytesMax {
		return "", fmt.Errorf("name is longer than %d bytes", NameBytesMax)
	}
	var sc scanner
	runes := []rune(name)
	for i, r := range runes {
		if v := sc.judge(r, following(runes, i)); v != keep {
			return "", fmt.Errorf("name contains the character %U, which %s", r, v.reason())
		}
	}
	if sc.chars > NameCharsMax {
		return "", fmt.Errorf("name has %d visible characters, the limit is %d", sc.chars, NameCharsMax)
	}
	if !sc.visible {
		return "", errors.New("name has no visible character")
	}
	return name, nil
}

// ShowName makes anybody's name safe to show on one line: whatever CleanName
// refuses becomes U+FFFD, so that a doctored name cannot look like the real
// one, marks beyond the fourth are dropped, and what exceeds the limits is cut
// and ends in "…". The result of CleanName comes back unchanged.
//
// spec: 01-identity#names
func ShowName(s string) string {
	s = cutBytes(s, 4*NameBytesMax)
	name := neutralise(strings.Join(strings.FieldsFunc(s, isSpace), " "), false)
	if name == "" {
		return string(utf8.RuneError)
	}
	if short := cut(name, NameCharsMax, NameBytesMax); short != name {
		return cut(name, NameCharsMax-1, NameBytesMax-len("…")) + "…"
	}
	return name
}

// ShowText makes a message's text safe to show on a terminal: control
// characters but newline and tab become U+FFFD (a carriage return before a
// newline goes), bidirectional overrides become U+FFFD, invisible characters
// and direction marks are dropped, marks beyond the fourth in a row too. It
// does not shorten.
//
// spec: 01-identity#names
func ShowText(s string) string { return neutralise(strings.ReplaceAll(s, "\r\n", "\n"), true) }

// CutName shortens a clean name to at most size bytes without splitting a
// character from its marks; for places with less room than NameBytesMax.
func CutName(name string, size int) string { return cut(name, NameCharsMax, size) }

// isSpace is Unicode's category of spaces: unlike unicode.IsSpace it leaves
// controls and line separators for the scanner to judge.
func isSpace(r rune) bool { return unicode.Is(unicode.Zs, r) }

func following(runes []rune, i int) rune {
	if i+1 < len(runes) {
		return runes[i+1]
	}
	return utf8.RuneError
}

func neutralise(s string, text bool) string {
	var sc scanner
	var out strings.Builder
	runes := []rune(s) // invalid bytes become U+FFFD each
	for i, r := range runes {
		if text && (r == '\n' || r == '\t') {
			sc.next(' ')
			out.WriteRune(r)
			continue
		}
		before := sc
		switch v := sc.judge(r, following(runes, i)); {
		case v == keep:
			out.WriteRune(r)
		case v == tooManyMarks:
		case text && v == invisible:
			sc = before // what is dropped stands between nothing
		default:
			out.WriteRune(utf8.RuneError)
		}
	}
	return out.String()
}

// cut keeps the whole characters of s that fit into both limits.
func cut(s string, chars, size int) string {
	var sc scanner
	end := 0
	for i, r := range s {
		before := sc.chars
		sc.next(r)
		if sc.chars > before {
			end = i // a character begins here: everything before it is whole
		}
		if sc.chars > chars || i+utf8.RuneLen(r) > size {
			return strings.TrimRight(s[:end], " ")
		}
	}
	return s
}

// cutBytes bounds the work on a hostile name before anything looks at it.
func cutBytes(s string, size int) string {
	if len(s) <= size {
		return s
	}
	for size > 0 && !utf8.RuneStart(s[size]) {
		size--
	}
	return s[:size]
}
