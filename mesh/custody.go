package mesh

import (
	"context"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Custodian leaves sealed blobs with supernodes and brings what they keep for our
// communities. It knows links, tokens and logs; whose a blob is and what is in it, only
// the node knows. Its methods are safe for concurrent use. Mailbox, Where, Supernodes and Beacons are asked
// in the midst of a commit: they wait for nothing, least of all for the node or its store.
//
// spec: 06-conversations#custody
type Custodian interface {
	// Run keeps links to supernodes and collects from them until ctx ends. What it
	// calls of c may wait for a commit.
	Run(ctx context.Context, c Collector) error
	// Deposit asks a supernode to keep blobs, and returns one answer for each, in order.
	// What is said to be kept was signed for, and the signature verified. Of those with
	// wire.ReasonNotNow perhaps nothing is known, and an error says so of all. It gives up
	// by itself what takes too long.
	Deposit(ctx context.Context, at peer.ID, parcels []Parcel) ([]Custody, error)
	// Reread brings blobs that were on pages before, as far as the supernode has them
	// still, in any order and with others among them. Who asks for blobs by id shows
	// which are its own: they are hidden among others, or whole pages are read again.
	Reread(ctx context.Context, from Log, wanted []Unmatched) ([][]byte, error)
	// Mailbox is the card that tells a contact where we collect, and what lets it deposit
	// there unless its own card, which may be nil, says that it can, at most MailboxMax
	// bytes; nil: we collect nowhere. It is told to the contact whenever it is not what was
	// told last, so it is the same until something changed.
	Mailbox(to identity.AccountID, theirs []byte) []byte
	// Where lists the logs in which Deposit leaves what is for the giver of a card, one for each supernode,
	// reached or not, those first that are nearest. It answers at once.
	Where(card []byte) []Log
	// Known says who our contacts are, and their cards: what was given to anybody else, and what anybody else gave, is
	// forgotten. It answers at once.
	Known(contacts map[identity.AccountID][]byte)
	// Supernodes lists those of our communities, for people. It answers at once.
	Supernodes() []Supernode
	// Beacons are what supernodes of ours announce on a day, in the order of their ids.
	Beacons(day uint32) []Beacon
	// Sighted says where on our networks a supernode announces itself. It answers at once.
	Sighted(at peer.ID, p link.Place)
}

// MailboxMax is how large a mailbox card may be, in bytes.
//
// spec: 06-conversations#mailbox
const MailboxMax = conversation.MailboxMax

// Collector takes what a Custodian brings; it is the node. Its methods are safe for
// concurrent use, and fail with ErrClosed once the node has stopped.
type Collector interface {
	// Cursor is how far a log was collected: up to there all is opened, or noted as
	// unmatched, and on disk. 0 is its beginning.
	Cursor(ctx context.Context, from Log) (uint64, error)
	// Match says for each entry of a log whether its blob is wanted. It is for those who
	// do not collect whole pages: wanted blobs come on the page with the rest as Scanned.
	Match(ctx context.Context, entries []Entry) ([]bool, error)
	// Collected opens what of a page is ours, notes the rest, and keeps the page's Until as
	// the log's cursor, all in one commit. It returns after that; an error says that
	// nothing of it happened, and the page has to come again.
	Collected(ctx context.Context, p Page) error
	// Lost says that a log does not hold, at these cursors, what was signed for; and if there are none that it is another log
	// than the one that was collected, or a part of that: it is collected from its beginning, and what it held is left there
	// again. It returns after that was committed.
	Lost(ctx context.Context, from Log, at []uint64) error
	// Reached says at which supernodes can be deposited now. It replaces what was said
	// last. A supernode that lost its link between two calls is one that was reached anew.
	Reached(at []Reached)
	// Changed says that Mailbox, Where, Supernodes or Beacons may answer otherwise now.
	Changed()
}

// Log is what one supernode keeps for one community: its cursors are its own.
type Log struct {
	At        peer.ID
	Community [32]byte
}

// Reached is a supernode that can be deposited at.
type Reached struct {
	At   peer.ID
	Link uint64 // which link it is, of this run: another number says that it was reached anew
}

// Parcel is a blob to be left at a supernode for whoever gave us Card.
type Parcel struct {
	Blob []byte
	Card []byte // as the contact told it; it says in whose log, and by what right
}

// Custody is what a supernode answers about one blob. It is kept, or there is a reason.
type Custody struct {
	Reason   wire.Reason // why not; 0: it is kept
	Day      uint16      // the supernode's, with a reason; 0: it was not said
	Log      Log         // in which it is kept,
	Cursor   uint64      // and where
	Evidence []byte      // the signed statement that it is, with what it takes to verify it; blobs may share one
}

// Page is a stretch of a log. Since is the cursor that was read from, Until that after it;
// a log whose supernode has forgotten how far it was begins anew from 0.
type Page struct {
	Log
	Since, Until uint64
	Blobs        [][]byte
	Scanned      []Entry // what was not fetched
	End          bool    // there was nothing after it
}

// Entry names a blob of a log: its tag, and how its id begins.
type Entry struct {
	Tag       [16]byte
	ID        [8]byte
	ExpiryDay uint16
}

// Unmatched is a blob of a log that no key was known for when it came.
type Unmatched struct {
	Since uint64 // of the page that it came on
	ID    [8]byte
}

// Supernode is one of those that we use, as people see it.
type Supernode struct {
	ID        peer.ID
	Name      string // what its community calls it; hostile until shown
	Community string
	In        [32]byte // the community's id
	Reached   bool
	Level     string // what it can tell of whom we hear from, in plain words
}

// Beacon is what a supernode is recognised by on a day: it announces the slot of its own
// id under the key.
//
// spec: 01-identity#slots
type Beacon struct {
	At  peer.ID
	Key identity.DiscoveryKey
}
