package control

import (
	"bytes"
	"time"
)

// Via is the way by which a person can be reached now.
type Via string

// The ways a person can be reached. An empty Via is written as none.
const (
	ViaLink      Via = "link"
	ViaCircuit   Via = "circuit"
	ViaSupernode Via = "supernode"
	ViaNone      Via = "none"
)

// MarshalText writes an empty Via as none.
func (v Via) MarshalText() ([]byte, error) {
	if v == "" {
		v = ViaNone
	}
	return []byte(v), nil
}

// Direction tells who asked whom in a contact request.
type Direction string

// The directions of a request; a Person that is no request has none.
const (
	DirectionNone Direction = ""
	DirectionIn   Direction = "in"  // they asked us
	DirectionOut  Direction = "out" // we asked them
)

// Person is somebody as seen from this node.
type Person struct {
	// ID is acct-… for a contact, near-… (the handle) for a stranger, and link-… for who gave out a link that we use.
	ID string `json:"id"`
	// Name is neutralised: one line without control characters. It is not unique.
	Name string `json:"name"`
	// OwnName is what a contact calls itself, where Name is our own name for it.
	OwnName string `json:"own_name,omitempty"`
	// Verified: a contact that was compared with in person.
	Verified bool `json:"verified"`
	// Keys: how a contact's keys stand to those that were known.
	Keys Keys `json:"keys,omitempty"`
	// Contact: we and they have accepted.
	Contact bool `json:"contact"`
	// Blocked: a contact that is shut out; whether it is online is not shown.
	Blocked bool `json:"blocked,omitempty"`
	// Online: seen on this network or linked, now.
	Online bool `json:"online"`
	// Typing: writing to us at this moment, if they share that.
	Typing bool `json:"typing,omitempty"`
	Via    Via  `json:"via"`
	// Found says how it came to the link of who is linked: heard, told (by another contact), remembered, or by_them, who
	// dialled and are not heard.
	Found     string    `json:"found,omitempty"`
	Direction Direction `json:"direction,omitempty"`
	// Waiting: a link of theirs that we used and that was not answered yet; it is when both are on one network.
	Waiting bool `json:"waiting,omitempty"`
	// Waits is what a request waits for, in words, if it is not a person's answer.
	Waits string `json:"waits,omitempty"`
	// IntroducedBy is who introduced them to us; it is their word that it is them.
	IntroducedBy *Introducer `json:"introduced_by,omitempty"`
}

// Introducer is who introduced somebody to us: an account id, and a name that is neutralised.
type Introducer struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Me is who this node is for others.
type Me struct {
	Person
	// Link is the newest contact link of ours that may still be used; empty where there is none. It is a secret.
	Link string `json:"link"`
	// Share is what contacts may know of what one does with their messages.
	Share Share `json:"share"`
}

// Share is what contacts may know of what a person does with their messages.
type Share string

// What can be shared; nothing is, unless the person wants it.
const (
	ShareNothing Share = "nothing"
	ShareReading Share = "reading" // how far one has read
	ShareTyping  Share = "typing"  // that one is writing, while one is
	ShareBoth    Share = "both"
)

// State is how far a message has come. It only moves forward: queued, held, delivered, read; or expired or failed.
type State string

// The delivery states, each backed by evidence.
const (
	StateQueued    State = "queued"    // on our disk
	StateHeld      State = "held"      // supernodes signed for it
	StateDelivered State = "delivered" // at least one of their devices has it
	StateRead      State = "read"      // they shared that they read it
	StateExpired   State = "expired"
	StateFailed    State = "failed"
)

// rank orders the states of the way forward; 0 is off that way.
func (s State) rank() int {
	switch s {
	case StateQueued:
		return 1
	case StateHeld:
		return 2
	case StateDelivered:
		return 3
	case StateRead:
		return 4
	}
	return 0
}

// Reached tells whether s is the state want or a later one on the way queued, held, delivered, read.
func (s State) Reached(want State) bool { return s.rank() > 0 && s.rank() >= want.rank() }

// Over tells that s will never reach a later state: expired or failed.
func (s State) Over() bool { return s == StateExpired || s == StateFailed }

// ConversationKind tells what sort of conversation it is.
type ConversationKind string

// KindDirect is the conversation of two people, the only kind so far.
const KindDirect ConversationKind = "direct"

// Conversation names the log a message belongs to.
type Conversation struct {
	Kind ConversationKind `json:"kind"`
	ID   string           `json:"id"`   // conv-…
	Name string           `json:"name"` // the other person's name, neutralised
	With string           `json:"with"` // the other person's id
}

// UnreadMax is how far Overview.Unread counts; a hundred are "many".
const UnreadMax = 100

// Overview is a conversation as a list of them shows it.
type Overview struct {
	Conversation Conversation `json:"conversation"`
	Person       Person       `json:"person"`
	// Unread counts their messages behind the last one that was read, up to [UnreadMax].
	Unread int `json:"unread"`
	// Newest is the last message, absent where nothing was said.
	Newest *Message `json:"newest,omitempty"`
}

// Message is one text in a conversation, ours or theirs.
type Message struct {
	ID           string       `json:"id"` // msg-…
	Conversation Conversation `json:"conversation"`
	// From is the author; our own messages carry our own id and name.
	From Person `json:"from"`
	// Time is the author's clock, to the millisecond, in UTC.
	Time  time.Time `json:"time"`
	Text  string    `json:"text"`
	State State     `json:"state"`
	// Reason says why a message expired or failed.
	Reason string `json:"reason,omitempty"`
	// HeldBy names the supernodes that signed for it.
	HeldBy Strings `json:"held_by"`
	// HeldUntil is the last day, in UTC, on which one of them keeps it; the zero time where none does.
	HeldUntil time.Time `json:"held_until,omitzero"`
	// Delivered of Devices: how many of the recipient's devices have it.
	Delivered int `json:"delivered"`
	Devices   int `json:"devices"`
	// Edited: Text is not what it said first. Deleted: it says nothing any more.
	Edited  bool `json:"edited"`
	Deleted bool `json:"deleted"`
	// Change is the last edit, or the deletion, and how far that has come; absent where there is neither.
	Change *Change `json:"change,omitempty"`
	// Reactions lists what people answered with one sign, the oldest first.
	Reactions Reactions `json:"reactions"`
	// ReplyTo is the id of the message it answers, or empty.
	ReplyTo string `json:"reply_to"`
	// Quote is that message, absent where it is not here.
	Quote *Quote `json:"quote,omitempty"`
	// Snippet is the part of the text, in one line, where a search found it; only a search has it.
	Snippet string `json:"snippet,omitempty"`
}

// Strings is written as [] when it is empty, and never as null.
type Strings []string

// MarshalJSON is of each list, not of what it is in: what a method returns is read and copied once more.
func (s Strings) MarshalJSON() ([]byte, error) {
	if len(s) == 0 {
		return []byte("[]"), nil
	}
	return marshal([]string(s))
}

// marshal is json.Marshal without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	err := encode(&b, v)
	return b.Bytes(), err
}

// EventKind tells what happened.
type EventKind string

// What an Event tells, and which of its fields is then set.
const (
	EventMessage EventKind = "message" // Message: a new one, ours or theirs
	EventState   EventKind = "state"   // Message: the same as before with a later state, of its own or of its Change
	EventChange  EventKind = "change"  // Message: the same as before, edited, deleted, or with other reactions
	EventPerson  EventKind = "person"  // Person: came, went, changed, or became a contact
	EventRequest EventKind = "request" // Person with Direction: a request was made or has arrived
	EventNotice  EventKind = "notice"  // Notice: a sentence for the person at the screen; Person, the contact that it is about, if it is about one
	// EventVerification: Person, and how far a Comparison with them is
	EventVerification EventKind = "verification"
	// EventReading: Reading, which the person has just done, at whichever face
	EventReading EventKind = "reading"
)

// Event is one thing that happened. Cursors grow across restarts, not always by one. What is not kept, as who comes and
// goes, is told only to those who listen and carries the cursor of the event before it.
type Event struct {
	Cursor     int64       `json:"cursor"`
	Event      EventKind   `json:"event"`
	Message    *Message    `json:"message,omitempty"`
	Person     *Person     `json:"person,omitempty"`
	Notice     string      `json:"notice,omitempty"`
	Comparison *Comparison `json:"comparison,omitempty"`
	Reading    *Reading    `json:"reading,omitempty"`
}

// Status is what a node is doing.
type Status struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Version string `json:"version"`
	PID     int    `json:"pid"`
	// Started is when the node came up, in UTC.
	Started    time.Time `json:"started"`
	Visibility Visible   `json:"visibility"`
	// PortKept tells that the port was chosen by a person and never changes, so that this node can be recognised by it.
	PortKept bool `json:"port_kept"`
	// Listen lists the UDP addresses where others reach us.
	Listen Strings `json:"listen"`
	// LocalOnly tells that nothing is sent beyond the networks of Interfaces, which are those in use.
	LocalOnly  bool            `json:"local_only"`
	Interfaces []UsedInterface `json:"interfaces"`
	// Links, Nearby, Contacts and Requests count people: linked now, seen now, accepted, waiting for an answer.
	Links    int `json:"links"`
	Nearby   int `json:"nearby"`
	Contacts int `json:"contacts"`
	Requests int `json:"requests"`
	// Supernodes counts those that are reached and keep messages for us.
	Supernodes int `json:"supernodes"`
	// Queued and Held count our messages that have come this far and no further.
	Queued int `json:"queued"`
	Held   int `json:"held"`
	// Cursor is that of the newest event; 0 before the first.
	Cursor int64 `json:"cursor"`
	// Passphrase tells whether it takes one to open the home.
	Passphrase bool `json:"passphrase"`
	// Memory is what the process occupies, in bytes.
	Memory int64 `json:"memory"`
	// Goroutines counts what the program does side by side: it grows with links and readers, and shrinks with them.
	Goroutines int `json:"goroutines"`
	// Notices are sentences about what is wrong, such as multicast that does not come back.
	Notices Strings `json:"notices"`
}

// Version tells which program answers.
type Version struct {
	Version string `json:"version"`
	// API counts incompatible changes of this interface; it is 1.
	API int `json:"api"`
}
