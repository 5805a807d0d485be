package words

// Ours: what an index and a question can be made to hold.
const (
	WordMax    = 64  // bytes of a folded word; what is longer is cut
	QueryMax   = 16  // words of one question; the others are left out
	spelledMax = 256 // bytes of a word that are looked at
)
