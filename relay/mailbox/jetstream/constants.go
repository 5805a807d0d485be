package jetstream

import (
	"time"

	"sottovoce/mesh/wire"
)

// What messages look like.
//
// spec: 13-mailbox#commits-on-a-cluster
const (
	// version is the first byte of each message of a log, and of a file; versionSealed is that of a sealed one.
	version       = 1
	versionSealed = 2
	// commitHeader is the size of what stands before the records of a commit, in bytes.
	commitHeader = 1 + 16 + 8 + 32 + 2 + 8 + 32 + 2 + 2 + 2
	// blobRecord, tombRecord and tokenRecord are the sizes of records, in bytes.
	blobRecord  = 1 + 1 + 2 + 2 + 4 + 4 + 16 + 16 + 32
	tombRecord  = 1 + 2 + 16 + 8 + 32
	tokenRecord = 2 + 32
)

// cursorMax is beyond what any log comes to: no sum of it and what a commit brings is too large for a cursor.
const cursorMax = 1 << 62

// What one commit takes at the most; others wait for the next.
const (
	commitBytes    = 4 << 20 // of blobs: a server holds as much in memory for each log until the commit is whole
	commitRequests = 256
	commitTokens   = 8 << 10 // 272 KiB of the message of the log
	tombsMost      = 4 << 10 // 236 KiB of it: any number of blobs may be committed to what deletes them
	// bodyBytes is how many bytes of blobs share a message, unless one blob has more: who fetches one blob fetches the message.
	bodyBytes = 64 << 10
)

// What one page holds at the most, beside the limit in bytes.
const (
	pageBlobsMax  = 256  // as many as a batch on the wire
	pageOthersMax = 1024 // absences and deletions: some 100 KB
	closeStep     = 64   // spec: 13-mailbox#close-of-the-day
)

const (
	// payloadMin is what the servers must let a message have: the largest blob, and headers.
	payloadMin = wire.BlobSizeMax + 4<<10
	// replicasDefault is on how many servers everything lies: one may be lost.
	replicasDefault = 3
	// messageRoom is what a server keeps beside a message of blobs at the most, in bytes: its subject, of up to 110, and headers, of up to 150.
	messageRoom = 512
	// cacheBytes of blobs that were written or read last are kept: who follows a log asks for them at once.
	cacheBytes = 16 << 20
	// readAhead is how many messages of a log are asked for at once at the start, and behind others.
	readAhead = 128
	// readAheadBytes bounds them.
	readAheadBytes = 4 << 20
	// together is how many messages of blobs are asked for at once: 4 MiB at the most where blobs are small.
	together = 64
)

const (
	// connectTime is how long the first server that answers may take.
	connectTime = 5 * time.Second
	// answerTime is how long a server is waited for before it is asked again: an election takes some seconds.
	answerTime = 4 * time.Second
	// againTime is when what may be asked twice is asked again; each time it is waited for twice as long. Answers take a few milliseconds.
	againTime = 250 * time.Millisecond
	// commitTime is how long a commit is tried whose outcome is not known; less than a depositor waits (60 s).
	commitTime = 20 * time.Second
	// outageTime is how long one is tried after another has failed.
	outageTime = 2 * time.Second
	// retryPause stands between two tries.
	retryPause = 100 * time.Millisecond
	// movedPause is the same where another process's message is on its way, which takes as long as servers take to agree.
	movedPause = 5 * time.Millisecond
	// turnMost bounds how long another process is let write first: many times what a commit takes.
	turnMost = 100 * time.Millisecond
	// pollPeriod is how often a log is looked at where nothing wakes us: a process may end before it wakes the others.
	pollPeriod = 2 * time.Second
)
