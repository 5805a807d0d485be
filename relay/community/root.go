package community

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"sottovoce/mesh/verify"
	"sottovoce/mesh/wire"
)

// WordCount is the number of root words: 24 of 6 bits each hold 16 bytes and a check of 2.
//
// spec: 10-communities#root-words
const WordCount = 24

const (
	entropySize  = 16
	wordSumSize  = 2
	bitsPerWord  = 6
	wordsTextMax = 4 << 10 // bytes of a text that may be root words
)

// Root is the private key of a community. It lives as words on paper, and here for as long as one
// command.
//
// spec: 10-communities#the-root
type Root struct {
	signer
	entropy hidden // the first 16 bytes; the rest is zero
}

// NewRoot draws 16 bytes from rand.
func NewRoot(rand io.Reader) (Root, error) {
	var entropy Secret
	defer entropy.Erase()
	if _, err := io.ReadFull(rand, entropy[:entropySize]); err != nil {
		return Root{}, fmt.Errorf("drawing a community's root: %v", err)
	}
	return rootOf(entropy), nil
}

func rootOf(entropy Secret) Root {
	var seed Secret
	defer seed.Erase()
	expand(seed[:], entropy[:entropySize], labelRoot)
	return Root{signer: newSigner(seed), entropy: hide(entropy)}
}

// ID returns the community's.
func (r Root) ID() ID { return IDOf(r.pub) }

// Erase zeroes the private key and what its words are made of.
func (r Root) Erase() {
	r.signer.Erase()
	(*r.entropy.p).Erase()
}

// Words returns what the founder writes down: 24 names of the table that emoji are compared by,
// in English, each without spaces. They are the root; who holds them back in memory clears them.
//
// spec: 10-communities#root-words
func (r Root) Words() []string {
	entropy := (*r.entropy.p)[:entropySize]
	sum := wordSum(entropy)
	all := slices.Concat(entropy, sum[:])
	defer clear(all)
	words := make([]string, WordCount)
	for i := range words {
		var place uint8
		for bit := bitsPerWord * i; bit < bitsPerWord*(i+1); bit++ {
			place = place<<1 | all[bit/8]>>(7-bit%8)&1
		}
		words[i] = wordOf(verify.SymbolAt(place).English)
	}
	return words
}

// ErrWords says that a text holds no root words, or not all of them.
var ErrWords = errors.New("those are not the root words of a community")

// ParseWords makes the root of its words, in English or Italian, in any case, with numbers and
// punctuation between them or not. It fails with ErrWords and says which word is wrong.
//
// spec: 10-communities#root-words
func ParseWords(text string) (Root, error) {
	if len(text) > wordsTextMax {
		return Root{}, fmt.Errorf("%w: too long a text", ErrWords)
	}
	var all [entropySize + wordSumSize]byte
	defer clear(all[:])
	n := 0
	for rest := letters(text); len(rest) > 0; n++ {
		place, used, found := readWord(rest)
		if !found {
			return Root{}, fmt.Errorf("%w: number %d, %q, is not one of the words", ErrWords, n+1, rest[0])
		}
		rest = rest[used:]
		for bit := 0; bit < bitsPerWord && n < WordCount; bit++ {
			at := bitsPerWord*n + bit
			all[at/8] |= (place >> (bitsPerWord - 1 - bit) & 1) << (7 - at%8)
		}
	}
	if n != WordCount {
		return Root{}, fmt.Errorf("%w: there are %d words, not %d", ErrWords, n, WordCount)
	}
	if wordSum(all[:entropySize]) != [wordSumSize]byte(all[entropySize:]) {
		return Root{}, fmt.Errorf("%w: two may be swapped, or one mistaken for another", ErrWords)
	}
	var entropy Secret
	defer entropy.Erase()
	copy(entropy[:], all[:entropySize])
	return rootOf(entropy), nil
}

// readWord finds the word that pieces of a text begin with; the longest where there are several.
func readWord(pieces []string) (place uint8, used int, found bool) {
	for at := range uint8(verify.SymbolCount) {
		symbol := verify.SymbolAt(at)
		for _, name := range []string{symbol.English, symbol.Italian} {
			parts := letters(name)
			if len(parts) > used && len(pieces) >= len(parts) && slices.Equal(pieces[:len(parts)], parts) {
				place, used, found = at, len(parts), true
			}
		}
	}
	return place, used, found
}

// letters splits a text into its runs of letters, in lower case.
func letters(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) })
}

// wordOf is a name as one word.
func wordOf(name string) string { return strings.Join(letters(name), "-") }

// wordSum finds a word that was misread; it protects from nobody.
func wordSum(entropy []byte) [wordSumSize]byte {
	sum := wire.HashOf(labelWords, entropy)
	return [wordSumSize]byte(sum[:])
}
