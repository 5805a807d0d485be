package mailbox

import (
	"context"
	"errors"

	"sottovoce/mesh/wire"
)

// Errors that callers branch on, of whole calls and of single results.
var (
	// ErrFull says that the limit or the disk leaves no room. Nothing was written; reading goes on.
	ErrFull = errors.New("mailbox is full")
	// ErrDay says that the expiry day, or the day of a token, is finished with.
	ErrDay = errors.New("day is finished with")
	// ErrDeleted says that a tombstone forbids the blob.
	ErrDeleted = errors.New("blob was deleted")
	// ErrSpent says that a token was spent before. None of those beside it was spent now.
	ErrSpent = errors.New("token was spent before")
	// ErrUnpaid says that an item would be new, and is taken only if it is not.
	ErrUnpaid = errors.New("nothing was paid for what is new here")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("mailbox is closed")
	// ErrBroken says that a write failed in a way that leaves the disk's state unknown: nothing more is taken until
	// the store is opened again. Reading goes on.
	ErrBroken = errors.New("mailbox takes nothing until it is opened again")
)

// Community is the id of a community. Each has a log of its own; a log begins with its first blob.
type Community [32]byte

// Token is a deposit token as far as a store knows it: a day, and what names it on that day. It may be spent once.
type Token struct {
	Day uint16
	ID  [32]byte
}

// Deposit is one blob and what pays for it.
type Deposit struct {
	Blob []byte // header and size are checked; must not be changed before Append returns
	// Paid are spent in the same commit if the blob is new, and not touched if it is held already.
	Paid []Token
	// HeldOnly takes the blob only if it is held already: ErrUnpaid says that it is not.
	HeldOnly bool
}

// Tombstone deletes the blobs of a day that are committed to D, those that come later too.
//
// spec: 07-blobs#deletion-commitment
type Tombstone struct {
	D   [16]byte
	Day uint16 // expiry day, on which the tombstone expires as well
}

// Removal is a tombstone and what pays for it.
type Removal struct {
	Tombstone
	Paid     []Token // spent if no blob is held that it deletes, and the tombstone is new
	HeldOnly bool    // without a blob to delete: ErrUnpaid
}

// Result says what became of one item of a call.
type Result struct {
	Cursor uint64 // of the blob, or of the tombstone; 0 with an error
	New    bool   // false: it was held before, at this cursor
	Err    error  // nil: it is on the disk. Else one of ErrFull, ErrDay, ErrDeleted, ErrSpent, ErrUnpaid, or what is wrong with the blob
}

// Chain is a hash along the log: c = H("sv1 chain" ‖ c ‖ id) for each blob in the order of cursors, beginning with zeros.
//
// spec: 13-mailbox#cursor-and-chain
type Chain [32]byte

// Record is a blob at its place in the log.
type Record struct {
	Cursor uint64
	Blob   []byte
}

// Absence is a blob that was in the log and that a page does not bring: deleted, lost by the disk, or of class 3. Its id is told
// so that the chain can be computed.
type Absence struct {
	Cursor uint64
	ID     wire.BlobID
}

// Removed is a deletion at its place in the log.
type Removed struct {
	Cursor uint64 // of the deletion
	Tombstone
	Blob Absence // what was deleted; zero if nothing was held
}

// Page is what a log holds behind From and up to Until, in the order of cursors.
type Page struct {
	// From is the cursor that was asked for, or a later one if what lies between has expired: the ids of that are
	// not known any more, and the chain begins anew with Base.
	From    uint64
	Base    Chain // at From
	Until   uint64
	Chain   Chain // at Until: Base, and over all of Blobs and Absent
	Blobs   []Record
	Absent  []Absence
	Deleted []Removed
	End     bool // there is no more now
}

// Listing are the entries of a log behind a cursor and up to Until.
type Listing struct {
	Until   uint64
	Entries []wire.Entry
	End     bool
}

// Head is where a log stands.
type Head struct {
	Cursor uint64 // of the last record that was committed; 0: none
	Chain  Chain
}

// Day says how much is kept of one expiry day.
type Day struct {
	Day        uint16
	Blobs      int // deleted ones not counted
	Tombstones int
	Bytes      int64 // on the disk
}

// Stats say how much is kept.
type Stats struct {
	Bytes int64 // on the disk, of all communities
	Limit int64 // 0: none
	Blobs int
	// Lost are the blobs that the disk was found not to return any more, of days that are not finished with; not those that nobody has
	// asked for since the store was opened. They are taken again.
	Lost int
	// Cut are the bytes at the ends of files that were no whole records when the store was opened: writes that a crash interrupted, which
	// nobody was told of.
	Cut int64
	// Damaged are the bytes that were no whole records then, and were left by no crash: what they held is lost, or set aside in a file
	// beside, until its day is over.
	Damaged int64
	Logs    map[Community][]Day // ascending by day
}

// Store keeps the logs of the communities of one supernode. All methods may be called at the same time. What Append
// and Delete report as done is on the disk for good, and visible to readers no sooner.
//
// A cursor is never used again, whatever happens to what it stood for; 0 stands before everything.
type Store interface {
	// Append takes blobs, one result each. Those that are held already keep their cursor. Concurrent calls share
	// a commit. An error says that nothing of it may count on being kept; ctx ends the wait for the turn, not a commit that
	// has begun.
	Append(ctx context.Context, c Community, deposits []Deposit) ([]Result, error)
	// Delete takes tombstones, one result each, as Append does.
	Delete(ctx context.Context, c Community, removals []Removal) ([]Result, error)
	// Spent tells of a token whether it was spent on a commit, or its day is finished with.
	Spent(c Community, t Token) bool

	// Current returns when everything is seen here that was reported to anybody before, by whatever process has the store open: what is read
	// afterwards, Head and Spent among it, is no older. It fails where that cannot be known.
	Current(ctx context.Context, c Community) error
	// Since returns the page of blobs of classes 0 to 2 behind a cursor. It ends after limit bytes of blobs, but never before the first,
	// or sooner; who asks again from Until on gets the rest.
	Since(ctx context.Context, c Community, cursor uint64, limit int) (Page, error)
	// Scan lists blobs of classes 0 to 2 behind a cursor, at most limit of them.
	Scan(ctx context.Context, c Community, cursor uint64, limit int) (Listing, error)
	// Get returns the blobs of any class whose ids begin so, in the order of the ids asked for, as many as limit bytes hold, but at
	// least one; what is not held is left out.
	Get(ctx context.Context, c Community, ids []wire.ShortID, limit int) ([]Record, error)
	// Head returns where the log stands. The zero Head is that of a log without records.
	Head(c Community) Head
	// Chain returns the chain at a cursor of the log; false if that cursor's record is not known any more.
	Chain(ctx context.Context, c Community, cursor uint64) (Chain, bool, error)
	// CloseDay fixes where the log stands as the end of a day, for good, and returns that: the same whoever asks, and after a start. Of a
	// day before the last that was closed nothing is told but that one.
	CloseDay(ctx context.Context, c Community, day uint16) (DayClose, error)
	// Moved returns a channel that is closed when the log stands beyond cursor; the same for all who wait.
	Moved(c Community, cursor uint64) <-chan struct{}

	// IDs returns the ids of the blobs of one expiry day, in the order of cursors; without those that were deleted.
	IDs(ctx context.Context, c Community, day uint16) ([]wire.BlobID, error)
	// Tombstones returns those of one expiry day, each once.
	Tombstones(ctx context.Context, c Community, day uint16) ([]Tombstone, error)

	// Expire finishes with a day and all before it: blobs, tombstones and spent tokens of those days go, and none is taken any more,
	// even after Expire was interrupted. A day before the last finished one changes nothing.
	Expire(ctx context.Context, day uint16) error
	// Finished is the last day that was finished with; 0: none.
	Finished() uint16
	Stats() Stats
	// Close waits for the commit under way. Reading ends with it too.
	Close() error
}
