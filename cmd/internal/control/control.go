// Package control is the local API between a running node and its faces: the JSON shapes, the [Node] that answers,
// a server that puts a Node on a unix socket, and the client that every face uses.
//
// It leaves to others what a node is and does (the daemon gives it a Node), and how anything looks to a person (the faces).
package control

import (
	"context"
	"io"
	"iter"
	"time"
)

// Node is what the server asks of a running node. WHO arguments are a contact's name, a nearby name, an id, or an
// unambiguous prefix of an id. Methods are safe for concurrent use, return when ctx ends, and fail with an [*Error]
// wherever a face should act on the reason; any other error is told as [CodeFailed].
//
// Names in what a Node returns are already neutralised for showing; texts are exactly as they were sent.
type Node interface {
	// Me tells who this node is for others.
	Me(ctx context.Context) (Me, error)
	// SetName changes our own name; a name that is not 1–64 visible characters is CodeUsage.
	SetName(ctx context.Context, name string) (Me, error)
	// SetShare changes what contacts may know; what there is not to share is CodeUsage.
	SetShare(ctx context.Context, share Share) (Me, error)
	// Status tells what the node is doing right now.
	Status(ctx context.Context) (Status, error)

	// Nearby lists who is seen on this network now, contacts included, sorted by name and then by id.
	Nearby(ctx context.Context) ([]Person, error)
	// Contacts lists whom we and they have accepted, sorted by name and then by id.
	Contacts(ctx context.Context) ([]Person, error)
	// Requests lists who waits for an answer, ours or theirs (Person.Direction), oldest first.
	Requests(ctx context.Context) ([]Person, error)

	// Add asks someone nearby (WHO), at a typed host:port, or who gave out a contact link to become a contact. It returns
	// once the request is handed over, which is not yet an answer; for a link with the contact, with CodeRefused if
	// somebody else used it before, or Waiting where there is no answer yet. Who is a contact already is returned as it
	// stands. Nobody reached is CodeTimeout.
	Add(ctx context.Context, who string) (Person, error)
	// Accept says yes to an incoming request and returns once the yes is kept: the exchange goes on by itself.
	Accept(ctx context.Context, who string) (Person, error)
	// Decline says no to an incoming request, or takes back an outgoing one.
	Decline(ctx context.Context, who string) (Person, error)

	// Invite makes a contact link that is answered for a time, a day if that is 0; who uses it first becomes a contact.
	// Invites lists those that are not past their time, oldest first. Revoke takes one back, by its id or an unambiguous
	// prefix of it, and returns it as it was.
	Invite(ctx context.Context, life time.Duration) (Invite, error)
	Invites(ctx context.Context) ([]Invite, error)
	Revoke(ctx context.Context, id string) (Invite, error)

	// Introduce tells two contacts of each other, who both decide by themselves, and returns the two. One person twice is
	// CodeUsage, one who is blocked CodeRefused.
	Introduce(ctx context.Context, who, other string) ([]Person, error)

	// Contact finds one contact.
	Contact(ctx context.Context, who string) (Person, error)
	// Remove forgets a contact for good, untold, with all that was said, and returns it as it was.
	Remove(ctx context.Context, who string) (Person, error)
	// Rename gives a contact a name of our own; an empty one brings theirs back. A name that will not do is CodeUsage.
	Rename(ctx context.Context, who, name string) (Person, error)
	// Block shuts a contact out, untold; Unblock lets it in again, and what waited on either side goes out.
	Block(ctx context.Context, who string) (Person, error)
	Unblock(ctx context.Context, who string) (Person, error)
	// Reset gives up the keys shared with a contact and asks it to begin anew. PermitReset says yes to a contact that
	// asks so; it is CodeRefused when none does, or too late.
	Reset(ctx context.Context, who string) (Person, error)
	PermitReset(ctx context.Context, who string) (Person, error)

	Verifier

	// Send queues a batch in its order and answers with one result for each, in the same order. A message in a result is
	// on disk. One that fails takes no other with it.
	Send(ctx context.Context, batch []Outgoing) []SendResult
	Amender

	// Message finds one message by its id or an unambiguous prefix of it.
	Message(ctx context.Context, id string) (Message, error)
	// Journey tells how far a message came, which way, and what it waits for.
	Journey(ctx context.Context, id string) (Journey, error)
	// Read notes that the person has read a conversation, up to a message of theirs (its id) or all of it (WHO); the author
	// is told if that is shared. An own message is CodeUsage.
	Read(ctx context.Context, what string) (Reading, error)
	// Typing tells a contact that the person is writing to it, or has stopped, if that is shared and they are connected. To be
	// called again as long as they write: it holds for some seconds.
	Typing(ctx context.Context, to string, typing bool) error
	// Conversations lists those with all contacts; the one in which something came last is the last.
	Conversations(ctx context.Context) ([]Overview, error)
	// Log lists messages of the conversation with one contact in the conversation's order, oldest first.
	Log(ctx context.Context, to string, q LogQuery) ([]Message, error)

	// Search finds messages in all conversations, what came last first. A question without a word is CodeUsage.
	Search(ctx context.Context, q SearchQuery) ([]Message, error)

	// Events yields everything kept that happened after the cursor since, in order, and then goes on as it happens until
	// ctx ends; nil means from now on, and now is when Events returns, not when the first event is asked for. Events are
	// pulled from the node's disk, so that a slow reader delays nobody and loses nothing. The first error yielded is the
	// last thing yielded. A cursor that never was is CodeUsage; one after which events are not kept any more is CodeGone,
	// but 0 means all that are kept.
	Events(ctx context.Context, since *int64) (iter.Seq2[Event, error], error)

	// Export yields all messages of the conversation with one contact in the conversation's order, oldest first. The first
	// error yielded is the last thing yielded.
	Export(ctx context.Context, to string) (iter.Seq2[Message, error], error)

	// Backup writes the file that a home is restored from: age, encrypted under the passphrase. What was written before an
	// error is of no use.
	Backup(ctx context.Context, passphrase Passphrase, w io.Writer) error

	// Diagnostics tells what can be told to strangers when something is wrong.
	Diagnostics(ctx context.Context) (Diagnostics, error)

	// Doctor tests what keeps people here from finding and reaching each other, and yields each finding as soon as there is
	// one; it takes ten seconds at most. The first error yielded is the last thing yielded.
	Doctor(ctx context.Context) (iter.Seq2[Finding, error], error)

	// Scan asks each address of the networks in use by itself who is there, for networks that lose what is called out to
	// everybody, and yields how far it is a few times a second; who answers is nearby. The first error yielded is the last
	// thing yielded. It fails at once for networks that have too many addresses.
	Scan(ctx context.Context) (iter.Seq2[Scan, error], error)

	// SetPassphrase lets next open the home instead of current; an empty next takes the passphrase away, and current is
	// empty where there is none. A wrong current is CodeRefused.
	SetPassphrase(ctx context.Context, current, next Passphrase) error

	// Retention tells how long messages are kept and on how much room; SetRetention changes that. Bounds that cannot be
	// kept to are CodeUsage.
	Retention(ctx context.Context) (Retention, error)
	SetRetention(ctx context.Context, r Retention) (Retention, error)

	// Visibility tells who may see this node; SetVisibility changes that for the networks in use (here), for those for which
	// nothing was chosen (elsewhere), or for both; an empty one stays. A word that is none, or here without any network, is
	// CodeUsage.
	Visibility(ctx context.Context) (Visibility, error)
	SetVisibility(ctx context.Context, here, elsewhere Visible) (Visibility, error)

	// LocalOnly tells whether nothing is sent beyond the networks that the node stands on; SetLocalOnly changes that, for
	// later runs too.
	LocalOnly(ctx context.Context) (bool, error)
	SetLocalOnly(ctx context.Context, on bool) error

	Communities

	// Down begins a clean stop and returns at once.
	Down(ctx context.Context) error
}

// Outgoing is one text to send.
type Outgoing struct {
	// To is WHO; it may be left out where ReplyTo is there.
	To string `json:"to,omitempty"`
	// Text is 1–[TextMax] bytes of UTF-8.
	Text string `json:"text"`
	// ReplyTo is the message that it answers: its id, or an unambiguous prefix of one, in the same conversation.
	ReplyTo string `json:"reply_to,omitempty"`
}

// SendResult is what became of one Outgoing: a message that is on disk, or the reason why there is none.
type SendResult struct {
	Message Message
	Err     error // nil: Message is valid
}

// LogQuery chooses messages of a conversation. The zero value is all of it.
type LogQuery struct {
	// N keeps the newest N of what is chosen; 0 is no limit.
	N int
	// First keeps the oldest so many of what is chosen instead, to go on from After; 0 is no limit.
	First int
	// After keeps what follows the message with this id in the conversation's order; empty is everything.
	After string
	// Before keeps what stands before the message with this id; empty is everything.
	Before string
	// Since keeps messages whose author's clock said this time or later; the zero time is everything.
	Since time.Time
}
