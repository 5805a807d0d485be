package outbox

import "time"

// The protocol's.
const (
	// FlightBlobsMax and FlightBytesMax bound what is transmitted on a link and not
	// yet receipted: enough to fill a fast LAN, little enough that a dead link costs
	// a megabyte. The first blob goes whatever its size.
	//
	// spec: 06-conversations#outbox
	FlightBlobsMax = 256
	FlightBytesMax = 1 << 20

	// LifeMax is how long a blob is offered before it counts as expired.
	//
	// spec: 06-conversations#outbox
	LifeMax = 58 * 24 * time.Hour

	// DepositDelay is how long a receipt may take on a link before a blob is left at
	// supernodes, too.
	//
	// spec: 06-conversations#custody
	DepositDelay = 2 * time.Second

	// AimMax is at how many supernodes at once a blob is left.
	//
	// spec: 06-conversations#custody
	AimMax = 2
)

// resendAfter are the pauses after each transmission of a blob on one link; the last
// one repeats. A link is reliable: a blob without a receipt was dropped at the far
// end (a full disk, a crash), so asking often would not help.
//
// spec: 06-conversations#outbox
var resendAfter = [...]time.Duration{5 * time.Second, 15 * time.Second, time.Minute}

// depositAgain are the pauses after deposits in a row that a supernode refused, or did not
// answer; the last one repeats. Quotas and tokens are of a day.
//
// spec: 06-conversations#custody
var depositAgain = [...]time.Duration{5 * time.Second, 30 * time.Second, 5 * time.Minute, 30 * time.Minute}

// sealPaces are the pauses between two seals for supernodes alone, by how many blobs nobody
// has receipted, the most first.
var sealPaces = [...]struct {
	from  int
	pause time.Duration
}{{512, time.Hour}, {128, time.Minute}}

// Ours.
const (
	PageMax = 1024 // blobs held in memory; the session's window is 1,000
	SealMax = 64   // blobs asked for by one Seal: one turn of the caller

	DepositBlobsMax = 64        // blobs of one Deposit; their bytes are at most FlightBytesMax
	depotsMax       = 16        // supernodes considered
	offeredMax      = 64        // of which it is remembered that a blob was offered to them
	resealPause     = time.Hour // before another day of a supernode is taken over

	deadMax = 8 // overtaken sessions remembered
)
