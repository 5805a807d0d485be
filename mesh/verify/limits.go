package verify

import "time"

// The protocol's.
const (
	// SymbolCount is the length of the table of emoji and their names.
	//
	// spec: 05-contacts#the-emoji
	SymbolCount = 64

	// EmojiCount emoji are compared, of 6 bits each.
	//
	// spec: 05-contacts#the-emoji
	EmojiCount = 7

	// WordCount words are compared, of 6 bits each.
	//
	// spec: 05-contacts#safety-words
	WordCount = 16

	// What one safety sentence costs to compute. Whoever wants two that are equal computes
	// 2^48 of them.
	wordsTime    = 2
	wordsMemory  = 19 << 10 // KiB
	wordsThreads = 1

	labelContext = "sv1 sas context"
	labelCommit  = "sv1 sas commit"
	labelEmoji   = "sv1 sas emoji"
	labelWords   = "sv1 safety words" // 16 bytes, the salt
)

// Ours.
const (
	personWait = 5 * time.Minute  // for the other side's person to begin, too
	stepWait   = 30 * time.Second // for the other device, once both have begun
	lookWait   = 10 * time.Minute // for our person to compare
	triesMax   = 10               // comparisons in triesSpan: each gives a man in the middle one chance in 2^42
	invitesMax = 20               // invitations in triesSpan that are taken
	triesSpan  = time.Hour
)
