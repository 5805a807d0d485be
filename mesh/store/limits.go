package store

// Names of the files in a home.
//
// spec: 09-storage#home
const (
	keysName        = "keys"
	unlockName      = "unlock.key"
	databaseName    = "chat.db"
	databaseNewName = "chat.db.new" // until Init has finished
	lockName        = "lock"
	restoreName     = "restore.new" // a home inside the home, until Restore has filled it
)

// The key file's.
//
// spec: 09-storage#key-file
const (
	keyFileVersion  = 1
	keyFileSizeMax  = 1 << 20 // bytes: what the canonical encoding takes in one object
	keySaltSize     = 16      // bytes, of each slot
	keySlotStep     = 4096    // bytes: a slot is padded to a multiple, so that it does not count the conversations
	keySlotSizeMax  = 480 << 10
	argonTimeMin    = 3         // passes
	argonTimeMax    = 64        // passes: bounds what a foreign file can cost
	argonMemoryMin  = 64 << 10  // KiB
	argonMemoryMax  = 512 << 10 // KiB: bounds what a foreign file can cost
	argonThreadsMin = 4
	argonThreadsMax = 16
)

// The database's. A node is to stay under 30 MB in all, and an SD card is to
// last: a small cache, few connections, a log that is copied back rarely and
// never grows much beyond that point.
const (
	schemaVersion     = 8
	pageSize          = 4096 // bytes
	pageReserve       = 8    // bytes of a page that hold its checksum
	writerCacheSize   = 2048 // KiB
	readerCacheSize   = 1024 // KiB
	readersMax        = 2    // connections
	busyTimeout       = 5000 // ms
	walPages          = 1000 // pages of 4 KiB in the log before it is copied back
	walSizeMax        = 6 << 20
	gatheredMax       = 128 << 10 // bytes of the log held back: a commit of 31 pages; a larger one goes in parts
	idsReserved       = 4096      // ids taken from the database at once
	deliveryBits      = 16        // of a delivery's id: they count the deliveries of its op
	authorsMax        = 1024      // authors whose rows are remembered, 40 bytes each
	rowsMax           = 4096      // rows of one answer, whatever was asked for
	skippedSessionMax = 2000      // skipped keys of one session; the oldest go
)

// The index of words.
const (
	indexBatch     = 256     // ops indexed at once; fewer are looked through by each search instead
	segmentOpsMax  = 1 << 16 // ops of one segment: what a merge holds in memory and writes at once is some MB
	stretchOpsMax  = 256     // ops whose times are kept together
	segmentGrowth  = 3       // a segment is merged with the one before it unless that has so many times its ops
	blockSize      = 3900    // bytes of a block before it is sealed: a row that fills a page
	blockBits      = 16      // of a block's id: they count the blocks of its segment
	termSizeMax    = 80      // bytes of a word in the index
	searchPatience = 64      // ops read between two looks at whether the asker has gone
)

// States of a delivery that is pending, in the numbers of package conversation;
// the statements and the index say "state < 3".
const (
	stateQueued = 1
	stateHeld   = 2
)
