package supernode

import (
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// Constants of the protocol. spec: 08-custody#limits
const (
	// requestTimeout is how long a request may take to arrive, and its answer to begin;
	// perBytes comes on top for each 64 KiB of blobs.
	requestTimeout = 30 * time.Second
	perBytes       = 10 * time.Second
	// slotDaysMax is how many days ahead a slot may be answered: a contact link lives 7, and clocks differ.
	slotDaysMax = 8
	// slotHeld is how many days longer a slot is kept that was answered.
	slotHeld = 30
	// guestIdleMax is how long a link in mode supernode may ask nothing.
	guestIdleMax = time.Minute
	// newsBurst is how often the community's papers are told to one member in a row, and newsPause what is between two from then on.
	newsBurst = 4
	newsPause = 30 * time.Second
	// foreignDaysMax is how many days another supernode's clock may be off for it to be recognised on a network.
	foreignDaysMax = 7
	// tokensMax is the number of tokens in one request.
	tokensMax = wire.TokensSizeMax / token.Size
	// epochLength is the life of everything that is announced, on the average, and
	// secondsPerEpoch what the number of an epoch counts. spec: 02-discovery#epochs
	epochLength     = time.Hour
	secondsPerEpoch = 3600
	epochsPerDay    = 24
)

// Constants of this implementation.
const (
	// linksMax is the number of links that are served at one time.
	linksMax = 2048
	// bytesIn and bytesOut bound the blobs of deposits and of answers in memory. A block has an
	// eighth of them at most.
	bytesIn  = 64 << 20
	bytesOut = 64 << 20
	// slowAfter and slowRate, in bytes a second, say who is slow: a request gives way to those
	// that wait for its memory if less has arrived than that. pressPeriod is how often who waits looks
	// for one, and pressPause how long all of them pause between two looks.
	slowAfter   = 2 * time.Second
	slowRate    = 16 << 10
	pressPeriod = 100 * time.Millisecond
	pressPause  = 10 * time.Millisecond
	// pageSize is how many bytes of blobs a page has, about, and pagesKept those of the pages
	// that are kept for whoever asks next, of one community.
	pageSize  = 256 << 10
	pagesKept = 4 << 20
	// sightingsWaiting is how many announcements wait to be looked at; more are not looked at.
	sightingsWaiting = 256
	// sightingsMax is how many announcements of one other supernode are remembered.
	sightingsMax = 4
	// pagesMax is the number of pages that are kept or read at one time, whatever their size.
	pagesMax = 4096
	// paceMax is how long a request waits for its community to be under its bandwidth, at most; it stays below what a client waits for.
	// paceBurstMin is what may be moved at once, in bytes, however low that is: the largest deposit or answer.
	paceMax      = 20 * time.Second
	paceBurstMin = wire.BatchSizeMax + 64<<10
	// turnPeriod is how often the supernode looks at the clock.
	turnPeriod = 5 * time.Minute
	// statsAge is how old the store's account of the disk may be that quotas go by; what was
	// deposited since is counted.
	statsAge = 10 * time.Second
	// diskDefault is what blobs may take of the disk, in bytes, where nothing is said.
	diskDefault = 2 << 30
	// lockPatience is how long a data directory is waited for: a command that looks at one holds it for
	// some milliseconds, and must not keep the supernode from starting. lockPause is between two looks.
	lockPatience = 500 * time.Millisecond
	lockPause    = 20 * time.Millisecond
	// keyFileMax and houseMax bound the files of a data directory in bytes.
	keyFileMax = 4 << 10
	houseMax   = 16 << 20
	// slotsMax is the number of slots of one community, slotRoom what one counts for in bytes, and slotFileMax bounds its file.
	slotsMax    = 8192
	slotRoom    = (1 + wire.SlotAnswersMax) * wire.SlotSize
	slotFileMax = slotRoom + 4<<10
	// finishTimeout is how long the far end has to close its side of a stream that was answered.
	finishTimeout = 5 * time.Second
	// epochRetry is how long an old epoch lasts on when there was no randomness for another.
	epochRetry = time.Minute
	// patiencePerSecond and patienceBurst are what a block may spend of the supernode's patience:
	// about 128 requests a second, or 8 forged tokens, or half a MiB that nobody pays for.
	patiencePerSecond = 128
	patienceBurst     = 4096
	// blocksMax is how many blocks of addresses are told apart; the others share one patience.
	blocksMax = 4096
	// sweepPause is how long no block is forgotten after some were looked for: that looks at all.
	sweepPause = time.Second
)
