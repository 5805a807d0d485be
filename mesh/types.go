package mesh

import (
	"errors"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/peer"
)

// Via says which way a person is reached right now.
type Via string

// The ways that exist today.
const (
	ViaNone Via = "none"
	ViaLink Via = "link"
	// ViaSupernode is that of a message only: it can be left for them.
	ViaSupernode Via = "supernode"
)

// Way says how it came to a link to a contact.
type Way string

// The ways to find somebody.
const (
	WayHeard      Way = "heard"      // we hear them announce themselves
	WayTold       Way = "told"       // another contact had heard them
	WayRemembered Way = "remembered" // they were there before
	WayTheirs     Way = "by_them"    // they dialled, and we do not hear them
)

// Direction of a contact request, as seen from here.
type Direction string

// A request is theirs to us or ours to them.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Person is anybody a face can show: a contact, somebody nearby, or a requester.
// ID is an account id for contacts and for oneself, else the handle of an open
// profile. Name is cleaned for display.
//
// OwnName is what a contact calls itself where Name is our own word for it. Of who is
// Blocked nothing is shown but that.
type Person struct {
	ID        string
	Name      string
	OwnName   string
	Verified  bool // a contact that the person has compared with
	Keys      Keys // of a contact that is not blocked
	Contact   bool
	Blocked   bool
	Online    bool
	Typing    bool // is writing to us
	Waiting   bool // a request of ours that has not reached them
	Via       Via
	Found     Way // of a contact with a link
	Direction Direction
	Waits     string // what a request waits for, if not for a person's answer

	IntroducedBy Introducer // zero: by nobody
}

// Message is one text of a conversation as it stands now. Delivered and Devices
// count the recipient's devices; both are zero for what others wrote.
type Message struct {
	ID           string
	Conversation string
	Peer         Person
	From         Person
	Mine         bool
	Time         time.Time
	Text         string
	State        conversation.State
	Reason       string // why it expired or failed
	Delivered    int
	Devices      int
	HeldBy       []Keeper // while it is held
	ReplyTo      string   // the id of the message that it answers; "" for none
	Quote        *Quote   // that message, nil when it is not here
	Edited       bool
	Deleted      bool    // it says nothing any more
	Change       *Change // the last edit, or the deletion; nil for neither
	Reactions    []Reaction
}

// Quote is a message that another one answers, as it stands now.
type Quote struct {
	ID      string
	From    Person
	Text    string // at most 240 bytes of it
	Deleted bool
}

// Change is what edited a message last, or deleted it: an op of its own, on its way like the
// message itself. The states of what others changed are zero.
type Change struct {
	ID        string
	Time      time.Time // of the author's clock
	State     conversation.State
	Reason    string
	Delivered int
	Devices   int
	HeldBy    []Keeper

	row int64
}

// Reaction is an emoji by which a message is answered, and by whom, the first first.
type Reaction struct {
	Emoji string
	From  []Person
}

// Keeper is a supernode that signed that it holds a message, and until the end of which
// Unix day.
type Keeper struct {
	ID    peer.ID
	Name  string // for people
	Until uint16
}

// EventKind says which field of an Event is set.
type EventKind string

// The kinds of events of this version.
const (
	EventMessage EventKind = "message"
	EventState   EventKind = "state"
	EventPerson  EventKind = "person"
	EventRequest EventKind = "request"
	EventNotice  EventKind = "notice"
	// EventChange tells of a message that was edited or deleted, or whose reactions are others.
	EventChange EventKind = "change"
	// EventVerification tells how far a comparison with a person is; it is not stored.
	EventVerification EventKind = "verification"
	// EventReading tells that the person has read a conversation, at whichever face; it is not stored.
	EventReading EventKind = "reading"
)

// Event is one thing that happened. Message, state and request events are durable:
// Cursor rises strictly and is never reused. Person events say who came and went;
// they are not stored and carry the cursor of the last durable event.
type Event struct {
	Cursor     int64
	Kind       EventKind
	Time       time.Time
	Message    *Message
	Person     *Person
	Comparison *Comparison // with Person
	Reading    *ReadResult
	Notice     string // with the Person that it is about, if it is about one
	stored     bool   // durable, with a cursor of its own
}

// Status is what the node is doing. The counts are of people, Queued and Held of
// messages.
type Status struct {
	Me       Person
	Started  time.Time
	Listen   []string
	Seen     Seen
	Links    int
	Nearby   int
	Contacts int
	Requests int
	Queued   int
	Held     int
	// Supernodes are those of our communities, reached or not.
	Supernodes []Supernode
	Cursor     int64
	Dropped    uint64 // blobs, frames and ops of this run that were not taken
	// LocalOnly says that nothing is sent beyond Networks, on which the node stands.
	LocalOnly bool
	Networks  []peer.Network
	Port      uint16 // of links
	Notices   []string
}

// Outgoing is a text to send.
type Outgoing struct {
	To      string // may be empty where ReplyTo is not
	Text    string
	ReplyTo string // the id of a message in the same conversation that it answers, or a prefix of one; "" for none
}

// Errors that callers branch on.
var (
	ErrNotFound  = errors.New("nobody and nothing by that name or id")
	ErrAmbiguous = errors.New("more than one person fits that name")
	ErrTooLong   = conversation.ErrTooLong
	ErrSelf      = errors.New("that is yourself")
	ErrLink      = contact.ErrLink
	ErrBlocked   = errors.New("you have blocked them; unblock them first")
	ErrRequests  = errors.New("too many requests wait for an answer")
	ErrText      = conversation.ErrText
	ErrCursor    = errors.New("no event ever had that cursor")
	ErrPruned    = errors.New("events after that cursor are not kept any more; begin again after the oldest")
	// ErrAmbiguousMessage says that more than one message id begins as typed.
	ErrAmbiguousMessage = errors.New("more than one message id begins like that; give more of it")
	ErrUnreached        = errors.New("could not be reached")
	ErrClosed           = errors.New("the node is stopping")
)

// AmbiguousError names everybody who fits what was asked for; it is ErrAmbiguous.
type AmbiguousError struct{ Candidates []Person }

func (e *AmbiguousError) Error() string { return ErrAmbiguous.Error() }

// Unwrap makes errors.Is(err, ErrAmbiguous) hold.
func (e *AmbiguousError) Unwrap() error { return ErrAmbiguous }
