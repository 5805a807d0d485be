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
)

// resendAfter are the pauses after each transmission of a blob on one link; the last
// one repeats. A link is reliable: a blob without a receipt was dropped at the far
// end (a full disk, a crash), so asking often would not help.
//
// spec: 06-conversations#outbox
var resendAfter = [...]time.Duration{5 * time.Second, 15 * time.Second, time.Minute}

// Ours.
const (
	PageMax = 1024 // blobs held in memory; the session's window is 1,000
	SealMax = 64   // blobs asked for by one Seal: one turn of the caller
	deadMax = 8    // overtaken sessions remembered
)
