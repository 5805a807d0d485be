package mailbox

import "sottovoce/mesh/wire"

// What files look like.
//
// spec: 13-mailbox#frames
const (
	// unit is what sizes in files are multiples of, in bytes: blob sizes are, and an index can count offsets in it.
	unit = 32
	// frameHeader is the size of what stands before a frame's body.
	frameHeader = 96
	// bodyMax bounds the body of a frame in bytes; a blob is the largest.
	bodyMax = wire.BlobSizeMax
	// tombstoneBody is the size of a tombstone's body: D, day, cursor of the blob, 6 zeros.
	tombstoneBody = 32
	// tokenSize is the size of a token in the body of a frame.
	tokenSize = 32
	// segmentMax bounds a file of blobs in bytes: the index counts 2³² units.
	segmentMax = unit << 32
)

// What the side index looks like.
//
// spec: 13-mailbox#side-index
const (
	sideHeader = 16
	sideEntry  = 80
	// sideBlock is how many records one block of the side index describes: what a start has to read of a file of blobs whose side index
	// was not finished is at most as much.
	sideBlock = 256
)

// What the small files look like.
//
// spec: 13-mailbox#head
const (
	slotSize   = 4 << 10 // a block of its own each, so that a torn write spares the other
	slotHeader = 14
)

const (
	// reserved is how many cursors are written off ahead: one small write for so many records, and as many numbers lost by a crash.
	reserved = 1 << 16
	// closeStep is how many cursors of one day make its close stand at a multiple of it: who follows a busy log remembers the chain there.
	closeStep = 64
	// searchBuffer is how many bytes are looked through at once for whole frames behind damage, and set aside.
	searchBuffer = 1 << 20
	// searchMost is how many bytes of what looks like frames are read meanwhile: some seconds' worth, and many commits.
	searchMost = 256 << 20
	// lostHead is how far cursors jump where nobody knows any more what was reserved: beyond all that a reservation can have been.
	lostHead = 1 << 20
)

// What one commit takes at the most; others wait for the next.
const (
	commitBytes    = 8 << 20 // of blobs: bounds memory, and the wait for a slow disk to some seconds
	commitRequests = 1 << 10
)

// What one page holds at the most, beside the limit in bytes.
const (
	pageBlobsMax  = 256  // as many as a batch on the wire
	pageOthersMax = 1024 // absences and deletions: some 100 KB
)

// What a file of blobs looks like.
//
// spec: 13-mailbox#a-file-of-blobs
const (
	stickMagic     = "sottovoce blobs 1\n"
	stickVersion   = len("sottovoce blobs ") // where the version stands
	stickRecord    = 8                       // CRC-32C, kind, size
	kindCommunity  = kind(16)                // of a record: whose the following are
	stickTombstone = 18
)

// How a file of blobs is read and written.
const (
	stickBuffer = 256 << 10
	stickBatch  = 1 << 20 // bytes of blobs that are taken, or fetched, at once
)
