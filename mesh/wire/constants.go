package wire

// Limits of the protocol. They are part of it: both ends must agree.

// spec: 00-encoding#canonical-cbor
const (
	// depthMax is how many arrays and maps may lie inside each other: ours need
	// five, and a bound keeps hostile nesting off the stack.
	depthMax = 8
	// objectSizeMax bounds any object in bytes; the largest, an account, has
	// 64 KiB, and local files that use the encoding stay below a mebibyte.
	objectSizeMax = 1 << 20
	// criticalKey is the first map key that must be understood.
	criticalKey = 0x8000
)

// spec: 00-encoding#frames
const (
	// FrameSizeMax bounds the body of any frame in bytes, of unknown types too:
	// the largest carries a contact card of 48 KiB.
	FrameSizeMax = 64 << 10
	// smallFrameMax bounds the body of frames that carry a few hashes; it
	// leaves room for keys of later versions.
	smallFrameMax = 1 << 10
	// receiptFrameMax: 64 ranges of at most 16 bytes, and room for later keys.
	receiptFrameMax = 4 << 10
	// lookFrameMax: a packet's worth of padding, and room for later keys.
	lookFrameMax = 2 << 10
	// SameTagsMax bounds the tags of a Same; as many are always sent.
	SameTagsMax = 16
	// PaddingMax bounds the padding of a look in bytes: with it the frame is larger than
	// what an Ethernet carries in one packet.
	PaddingMax = 1500
	// HeardMax is how long ago, in milliseconds, something heard is still told: sightings
	// live as long at most.
	HeardMax = 600_000
	// peersFrameMax: 64 announcements of at most 191 bytes, and room for later keys.
	peersFrameMax = 16 << 10
	// ToldMax is the number of announcements in one frame of peers.
	ToldMax = 64
	// ToldAddressesMax is the number of addresses of one of them.
	ToldAddressesMax = 4
	// RangesMax is the number of ranges in one receipt.
	RangesMax = 64
	// TypingMax is how many seconds a word of typing may hold.
	TypingMax = 30
	// CardSizeMax bounds a contact card in bytes, with room beside it in a frame.
	CardSizeMax = 48 << 10
)

// spec: 08-custody#limits
const (
	// BatchBlobsMax is the number of blobs, results, ids or tombstones of one request or page.
	BatchBlobsMax = 256
	// BatchSizeMax bounds the blobs of one deposit or page in bytes, together.
	BatchSizeMax = 1 << 20
	// AbsentMax is the number of entries that one page names without bringing them.
	AbsentMax = 1024
	// EntriesMax is the number of entries in one answer to a scan.
	EntriesMax = 2048
	// CursorStep divides every cursor that a client asks with: 64 clients that stand in
	// different places ask the same.
	CursorStep = 64
	// TokensSizeMax bounds the tokens of one request in bytes: 256 of at most 160.
	TokensSizeMax = 40 << 10
	// GrantPapersMax bounds the papers of a grant in bytes, with room beside them in a frame.
	GrantPapersMax = 48 << 10
	// JoinProofMax and DrawProofMax bound the proofs of a join and a draw in bytes.
	JoinProofMax = 2 << 10
	DrawProofMax = 128
	// ElementSize is the size of a group element of a draw in bytes.
	ElementSize = 32
	// DrawMax is the number of tokens that one draw asks for.
	DrawMax = 256
	// SlotSize is the size of what a slot holds for who comes, and of each answer, in bytes: all slots look the same.
	SlotSize = 16 << 10
	// SlotAnswersMax is the number of different answers that a slot takes: one is wanted, and the others show that somebody
	// else has the link.
	SlotAnswersMax = 3
	// SlotCost is what a slot costs in tokens: as much as a blob of the class whose size it has with all of its answers.
	SlotCost = 4
	// WordMax bounds what a supernode says to a person, in bytes.
	WordMax = 256
	// listFrameMax: 256 results of 9 bytes or a proof of 2 KiB, and room for later keys.
	listFrameMax = 4 << 10
	// drawFrameMax: 256 elements, a proof, and room for later keys.
	drawFrameMax = 10 << 10
)

// spec: 12-replication#limits
const (
	// StockDaysMax is the number of days of which a supernode may hold something: as many as a blob may
	// live, and some for clocks.
	StockDaysMax = 64
	// ReconcileMax bounds a message of a reconciliation in bytes, with room beside it in a frame.
	ReconcileMax = 60 << 10
	// PapersSizeMax bounds the papers of a community in bytes, with room beside them in a frame.
	PapersSizeMax = 60 << 10
)

// spec: 07-blobs#header
const (
	// HeaderSize is the size of a blob's header in bytes.
	HeaderSize = 40
	// ExpiryDaysMax is the longest life of a blob in days: keys live 60, one day
	// goes to rounding and one to clocks.
	ExpiryDaysMax = 58
	// BlobSizeMax is the size of the largest blob in bytes.
	BlobSizeMax = 1 << 20

	headerVersion = 1
	size0         = 4 << 10
	size1         = 16 << 10
	size2         = 64 << 10
)
