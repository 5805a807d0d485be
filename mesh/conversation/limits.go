package conversation

// The protocol's.
//
// spec: 06-conversations#limits
const (
	TextMax          = 60_000          // bytes of UTF-8 in a text: it fits a class-2 blob
	OpMax            = 62_000          // bytes of an op, encoded
	FrontierMax      = 8               // ids of other authors' last ops in an op
	OpsPerPayloadMax = 512             // ops in one payload
	PayloadMax       = 1 << 20         // bytes of a payload, unpacked
	SeqMax           = 1 << 40         // ops of one author: one a millisecond for 34 years
	LamportMax       = 1 << 62         // fits a signed 64-bit column
	LamportJump      = 1 << 40         // the most by which one op raises the clock of the log
	leapMin          = 1 << 20         // places left out, at the least, when the newest part of a log is lost
	nameMax          = 256             // bytes of a name in a profile
	AccountMax       = 61_440          // bytes of an account in an op
	MailboxMax       = 16 << 10        // bytes of a mailbox card: a few supernodes, and what pays for deposits there
	marksMax         = 32              // authors in a read mark
	EmojiMax         = 64              // bytes of an emoji: families and flags have 28 to 41
	TakenBackMax     = 16              // answers that one op takes back
	ReactionsMax     = 16              // answers that one person gives to one text
	ReactionsKept    = 32              // of one person to one text that count: as many again may come before those are taken back
	timeMax          = 253402300799999 // the year 9999, Unix milliseconds
)

// Ours.
const (
	rawMax     = 2 << 10 // bytes of a payload that is not compressed: the smallest blob holds it, and a key besides
	authorsMax = 512     // devices that ever wrote to one log
	rangesMax  = 16      // gaps remembered of one author; the oldest is given up
	savedMax   = 1 << 20 // bytes of a saved log
)
