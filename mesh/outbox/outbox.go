package outbox

import (
	"time"

	"sottovoce/mesh/wire"
)

// Blob is what the queue knows of a sealed blob.
type Blob struct {
	ID      int64     // the caller's row; later blobs have larger ids
	Size    int       // bytes
	Expires time.Time // from then on it counts as expired
	Session [8]byte   // the session it was sealed under
	Day     uint16    // its expiry day
	Start   bool      // it begins the session: what was sealed before it may need it
	Old     bool      // sealed before this run
	Kept    []int64   // the logs that were seen to hold it, by the caller's numbers
}

// Depot is a supernode at which the peer collects and we can deposit now.
type Depot struct {
	At   int64  // the caller's number for it
	Link uint64 // another one says that it was reached anew
	Log  int64  // the caller's number for the log there, if the caller reads it: what is kept there is not offered again before Lost; 0: nobody does
}

// Answer is what a supernode says to one blob.
type Answer struct {
	Blob   int64
	Reason wire.Reason // why it is not kept; 0: it is
	Day    uint16      // the supernode's, with a reason; 0: it was not said
}

// Event is something that happened to the queue's peer.
type Event interface{ event() }

// The events.
type (
	// Loaded answers Load, and is the first event after a start: the sealed and
	// unreceipted blobs after Load's id in the order of their ids, at most PageMax;
	// More says that there are others. Ops is the number of ops not sealed; it
	// counts only in the first Loaded.
	Loaded struct {
		Blobs []Blob
		More  bool
		Ops   int
	}
	// OpsQueued says that so many more ops rest unsealed; also after Reseal.
	OpsQueued struct{ Ops int }
	// RouteUp says that the peer is reached by this link now, instead of any other.
	RouteUp struct{ Link uint64 }
	// RouteDown says that this link is gone.
	RouteDown struct{ Link uint64 }
	// Sealed answers Seal: Ops ops went into these blobs, which are on disk. No blob
	// and no op means that nothing rests: what did was receipted in an older blob.
	Sealed struct {
		Blobs []Blob
		Ops   int
	}
	// WindowFull answers Seal when the session allows no further number; Blobs and
	// Ops are what was sealed before that.
	WindowFull struct {
		Blobs []Blob
		Ops   int
	}
	// WindowOpen says that the session allows numbers again. A receipt says so too,
	// and with a new link or session it is tried.
	WindowOpen struct{}
	// Sent says that a Transmit was handed to the link's stream completely.
	Sent struct {
		Link  uint64
		Blobs []int64
	}
	// Receipted says that the recipient itself has receipted these blobs.
	Receipted struct{ Blobs []int64 }
	// Refused says that the far end of the link did not take a blob. After
	// wire.ReasonWrongDay it is sealed again, after any other reason offered again
	// later.
	Refused struct {
		Blob   int64
		Reason wire.Reason
	}
	// Reached says where can be deposited, the nearest first; it replaces what was said
	// last.
	Reached struct{ Depots []Depot }
	// Deposited answers Deposit: what the supernode said to each blob. Where it said
	// nothing that is wire.ReasonNotNow.
	Deposited struct {
		At      int64
		Answers []Answer
	}
	// Lost says that a log does not hold these blobs, whatever was signed, and nil that it is another log than was read. What
	// was in another log is left there once more, the rest once on each link.
	Lost struct {
		Log   int64
		Blobs []int64
	}
	// Quiet says that nothing is to be left at supernodes before a time; it replaces what
	// was said last.
	Quiet struct{ Until time.Time }
	// Overtaken says that nothing more is to be sent under a session.
	Overtaken struct{ Session [8]byte }
	// Tick says that the time of a Wait has come, or nothing at all.
	Tick struct{}
)

// Action is something the caller does.
type Action interface{ action() }

// The actions.
type (
	// Load asks for the page of sealed, unreceipted blobs with ids above After.
	Load struct {
		After int64
		Max   int
	}
	// Seal asks that unsealed ops be sealed, oldest first, in at most Max full
	// blobs; the answer is Sealed or WindowFull.
	Seal struct{ Max int }
	// Transmit asks that these blobs be sent on the link, in this order; the answer
	// is Sent, or RouteDown.
	Transmit struct {
		Link  uint64
		Blobs []int64
	}
	// Deposit asks that these blobs be left at a supernode; the answer is Deposited, whatever
	// comes of it. First are those of them that it was never offered, starts before
	// the rest, and else in the order in which they were sealed.
	Deposit struct {
		At    int64
		Blobs []int64
		First []int64
	}
	// Expire asks that the ops in these blobs be marked expired and the bytes go.
	Expire struct{ Blobs []int64 }
	// Reseal asks that the ops in these blobs rest unsealed again, in their old
	// order; the answer is OpsQueued. The blobs are no longer the queue's: a receipt
	// for one of them still counts for its ops.
	Reseal struct{ Blobs []int64 }
	// Wait asks for a Tick at this time. It replaces every earlier Wait, and a Step
	// without one needs no Tick.
	Wait struct{ Until time.Time }
)

func (Loaded) event()     {}
func (OpsQueued) event()  {}
func (RouteUp) event()    {}
func (RouteDown) event()  {}
func (Sealed) event()     {}
func (WindowFull) event() {}
func (WindowOpen) event() {}
func (Sent) event()       {}
func (Receipted) event()  {}
func (Refused) event()    {}
func (Reached) event()    {}
func (Deposited) event()  {}
func (Lost) event()       {}
func (Quiet) event()      {}
func (Overtaken) event()  {}
func (Tick) event()       {}

func (Load) action()     {}
func (Seal) action()     {}
func (Transmit) action() {}
func (Deposit) action()  {}
func (Expire) action()   {}
func (Reseal) action()   {}
func (Wait) action()     {}
