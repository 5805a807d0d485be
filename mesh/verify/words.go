package verify

import (
	"bytes"
	"slices"

	"golang.org/x/crypto/argon2"

	"sottovoce/mesh/identity"
)

// Owner is who a safety sentence is about: an account, and the root that speaks for it
// now. Devices are not in it: the root vouches for those.
type Owner struct {
	Account identity.AccountID
	Root    [32]byte
}

// OwnerOf returns what of an account is in a safety sentence.
func OwnerOf(a *identity.Account) Owner { return Owner{Account: a.ID(), Root: a.Root()} }

// Words is the safety sentence of two accounts: sixteen places in the table of symbols,
// the same on both sides as long as neither root changes.
//
// spec: 05-contacts#safety-words
type Words [WordCount]uint8

// Symbols returns the words, with the emoji that go with them.
func (w Words) Symbols() []Symbol { return symbols(w[:]) }

// WordsOf computes the safety sentence of two accounts. It takes a while, and 19 MiB: a
// man in the middle would have to compute it 2^48 times to find accounts that give both
// sides the same.
//
// spec: 05-contacts#safety-words
func WordsOf(our, their Owner) (w Words) {
	first, second := our, their
	if bytes.Compare(our.Account[:], their.Account[:]) > 0 {
		first, second = their, our
	}
	who := slices.Concat(first.Account[:], first.Root[:], second.Account[:], second.Root[:])
	sixes(argon2.IDKey(who, []byte(labelWords), wordsTime, wordsMemory, wordsThreads, WordCount*6/8), w[:])
	return w
}
