// Package words says what a word is when messages are searched: where it begins and
// ends in a text of any script, and which spellings count as the same. Case,
// diacritics and compatibility forms do not matter; scripts that are written without
// spaces are taken letter by letter.
//
// It knows nothing of messages and of the index, which package store keeps.
package words

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Each calls f with every word of a text, folded, and with the bytes it stands at.
//
// spec: 09-storage#words
func Each(text string, f func(word string, from, to int)) {
	from := -1
	end := func(to int) {
		if from >= 0 {
			if word := Fold(text[from:to]); word != "" {
				f(word, from, to)
			}
			from = -1
		}
	}
	for at, r := range text {
		switch {
		case r < utf8.RuneSelf && !asciiWord(r), r >= utf8.RuneSelf && !inWord(r):
			end(at)
		case alone(r):
			end(at)
			from = at
			end(at + utf8.RuneLen(r))
		case from < 0:
			from = at
		}
	}
	end(len(text))
}

func asciiWord(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// inWord reports whether a rune beyond ASCII is a part of words. Invisible ones are:
// they separate nothing.
func inWord(r rune) bool {
	return r != utf8.RuneError && unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.Cf)
}

// alone reports whether the rune is a word by itself.
func alone(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// Fold returns what all spellings of a word have in common, at most WordMax bytes; ""
// for what is not to be seen.
func Fold(word string) string {
	ascii := true
	for i := range len(word) {
		ascii = ascii && word[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.ToLower(word[:min(len(word), WordMax)])
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(word[:min(len(word), spelledMax)]) {
		if r == utf8.RuneError || unicode.Is(ignored, r) {
			continue
		}
		folded := string(unicode.ToLower(unicode.ToUpper(r)))
		if folded == "ß" {
			folded = "ss"
		}
		if b.Len()+len(folded) > WordMax {
			break
		}
		b.WriteString(folded)
	}
	return b.String()
}

// ignored is what makes no difference: marks on letters, invisible characters, and
// the stroke that lengthens Arabic words.
var ignored = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00ad, 0x00ad, 1},
		{0x0300, 0x036f, 1},
		{0x0591, 0x05bd, 1},
		{0x05bf, 0x05c7, 1},
		{0x0610, 0x061a, 1},
		{0x0640, 0x0640, 1},
		{0x064b, 0x065f, 1},
		{0x0670, 0x0670, 1},
		{0x1ab0, 0x1aff, 1},
		{0x1dc0, 0x1dff, 1},
		{0x200b, 0x200f, 1},
		{0x202a, 0x202e, 1},
		{0x2060, 0x206f, 1},
		{0x20d0, 0x20ff, 1},
		{0xfe00, 0xfe0f, 1},
		{0xfe20, 0xfe2f, 1},
		{0xfeff, 0xfeff, 1},
	},
	R32:         []unicode.Range32{{0xe0000, 0xe01ef, 1}},
	LatinOffset: 1,
}

// Query returns the different words of what somebody looks for, at most QueryMax.
func Query(text string) []string {
	var all []string
	Each(text, func(word string, _, _ int) {
		if len(all) < QueryMax && !slices.Contains(all, word) {
			all = append(all, word)
		}
	})
	return all
}

// Match reports whether all the words are in a text.
func Match(text string, query []string) bool {
	var found [QueryMax]bool
	left := len(query)
	Each(text, func(word string, _, _ int) {
		if i := slices.Index(query, word); i >= 0 && !found[i] {
			found[i] = true
			left--
		}
	})
	return left <= 0
}

// Snippet returns about width runes of a text around the first word of the query, in
// one line, with … where something was left out.
func Snippet(text string, query []string, width int) string {
	at := -1
	Each(text, func(word string, from, _ int) {
		if at < 0 && slices.Contains(query, word) {
			at = from
		}
	})
	from, to := max(at, 0), max(at, 0)
	for n := 0; n < width/3 && from > 0; n++ {
		_, size := utf8.DecodeLastRuneInString(text[:from])
		from -= size
	}
	for n := utf8.RuneCountInString(text[from:to]); n < width && to < len(text); n++ {
		_, size := utf8.DecodeRuneInString(text[to:])
		to += size
	}
	snippet := strings.Join(strings.Fields(text[from:to]), " ")
	if from > 0 {
		snippet = "…" + snippet
	}
	if to < len(text) {
		snippet += "…"
	}
	return snippet
}
