package reconcile

// Constants of the protocol: both ends must agree.
//
// spec: 12-replication#reconciliation
const (
	// fanOut is how many parts a range is split into: more parts, fewer rounds, and more bytes for one difference.
	fanOut = 16
	// listMax is how many ids of one's own in a range are listed rather than split: splitting sixteen costs as much.
	listMax = 16
	// PrintSize is the size of a fingerprint in bytes: with a salt that nobody knew, two sets agree by chance once in 2^128.
	PrintSize = 16
	// MessageMax bounds a message in bytes, so that it fits into a frame with what stands beside it.
	MessageMax = 60 << 10
	// RoundsMax bounds the messages that one end takes in a session. Each settles about a thousand ids at least, so two
	// sets that share nothing get through four million; who is cut off begins anew and is further along.
	RoundsMax = 4096
)

// Constants of ours.
const (
	// messageMin is the least limit in bytes that leaves room for a split, or for a list, beside what is repeated.
	messageMin = 4 << 10
	// sampleEvery is how many ids lie between two sums that are kept: a byte for each id, and at most 30 hashes
	// for a range.
	sampleEvery = 16
	// spanHeadMax is the most that the end of a range and its mode take, in bytes.
	spanHeadMax = 1 + 32 + 1
	// printSpanMax is the most that a range described by its fingerprint takes, in bytes.
	printSpanMax = spanHeadMax + PrintSize
)
