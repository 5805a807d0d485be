package replica

import (
	"context"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Stock is what this supernode keeps of one community. Its methods may be called at the same time.
type Stock interface {
	// Shelves says how much is held of which day.
	Shelves() Shelves
	// Moved returns channels that are closed when Shelves, and Mark, may say something else than before the call.
	Moved() (shelves, papers <-chan struct{})
	// IDs and Secrets return what stands on the shelves of a day: the ids of blobs, the D of tombstones.
	IDs(ctx context.Context, day uint16) ([]wire.BlobID, error)
	Secrets(ctx context.Context, day uint16) ([][16]byte, error)
	// Get returns blobs whose ids begin so, as many as limit bytes hold, but one at least if any is held.
	Get(ctx context.Context, ids []wire.ShortID, limit int) ([][]byte, error)
	// Keep takes blobs, and says of each why it is not held: 0, it is, and on the disk.
	Keep(ctx context.Context, blobs [][]byte) ([]wire.Reason, error)
	// Bury takes tombstones of a day for good.
	Bury(ctx context.Context, day uint16, secrets [][16]byte) error

	// Mark changes with the community's papers, and is the same for two supernodes that know the same.
	Mark() [8]byte
	// Offer returns papers for somebody of whom nothing is known.
	Offer() []byte
	// Merge takes the papers of another supernode, on the disk if anything was new in them, and returns what it lacks by
	// what they say that it knows; none if that is nothing.
	Merge(ctx context.Context, theirs []byte) (ours []byte, err error)
}

// Shelves say how much is held.
type Shelves struct {
	Finished uint16          // the last expiry day that is over
	Today    uint16          // by a clock that is believed; 0: ours is not
	Days     []wire.StockDay // later ones, ascending
}

// Stream is a custody stream (link.CustodyStream). An error of a send or a receive ends it.
type Stream interface {
	Send(ctx context.Context, f wire.Frame, blobs ...[]byte) error
	Await(by time.Time)
	Receive(ctx context.Context) (wire.Frame, error)
	Blob(ctx context.Context, room int) ([]byte, error)
	Close() error
}

// Conn is a link to another supernode, in mode supernode.
type Conn interface {
	Open(ctx context.Context) (Stream, error)
	Exporter() [32]byte
	// Done is closed when the link has ended.
	Done() <-chan struct{}
	Close()
}

// Dialer makes links to other supernodes of the community, and signs for log-ins there.
type Dialer interface {
	// Dial fails when the supernode is not reached now.
	Dial(ctx context.Context, ally peer.ID) (Conn, error)
	// Ally returns the log-in for a link to that supernode.
	Ally(at peer.ID, exporter [32]byte) wire.Ally
}

// stockOf is what is told of a stock.
func stockOf(s Stock) wire.Stock {
	shelves := s.Shelves()
	f := wire.Stock{Finished: shelves.Finished, Papers: s.Mark()}
	for i, d := range shelves.Days {
		if i < wire.StockDaysMax && d.Day > f.Finished {
			f.Days = f.Days.Add(d)
		}
	}
	return f
}
