package conversation

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Errors that callers branch on. Malformed and newer ops are wire.ErrMalformed and
// wire.ErrNewer.
var (
	// ErrTooLong says that a text is over TextMax.
	ErrTooLong = errors.New("text is longer than 60,000 bytes")
	// ErrText says that a text is empty or not UTF-8.
	ErrText = errors.New("text is empty or not valid UTF-8")
	// ErrEmoji says that a text is no emoji of a reaction.
	ErrEmoji = errors.New("a reaction is one emoji of at most 64 bytes")
)

// Kind says what an op does. Ops of unknown kinds are kept and not shown.
//
// spec: 06-conversations#kinds
type Kind uint8

// The kinds of this version, and those that have their number already.
const (
	KindText          Kind = 1
	KindEdit          Kind = 2
	KindDelete        Kind = 3
	KindReaction      Kind = 4
	KindRead          Kind = 5
	KindDisappear     Kind = 6 // reserved, as all below that are not in use
	KindFile          Kind = 7
	KindCallOffer     Kind = 8
	KindCallAnswer    Kind = 9
	KindCallCandidate Kind = 10
	KindCallEnd       Kind = 11
	KindMembership    Kind = 12
	KindBundle        Kind = 13
	KindSelf          Kind = 14
	KindProfile       Kind = 15 // in use
	KindDiscovery     Kind = 16 // in use
	KindAccount       Kind = 17 // in use
	KindIntroduction  Kind = 18 // in use
	KindMailbox       Kind = 19 // in use
)

// Op is one entry of a conversation. It is made by Log.Next or ParseOp and not
// changed afterwards.
//
// spec: 06-conversations#ops
type Op struct {
	Conversation ID
	Author       peer.ID
	Seq          uint64 // 1, 2, 3 … of this author in this conversation
	Prev         OpID   // the author's op before; zero in its first
	Frontier     []OpID // last known ops of others, sorted
	Lamport      uint64 // as the author wrote it; see Admission for what counts
	Time         int64  // Unix milliseconds of the author's clock, never trusted
	Kind         Kind

	text    string  // of an op of KindText
	replyTo OpID    // of KindText; zero: it answers none
	profile Profile // of KindProfile
	account Account // of KindAccount
	read    Read    // of KindRead

	introduction Introduction // of KindIntroduction
	discovery    Discovery    // of KindDiscovery
	mailbox      Mailbox      // of KindMailbox
	edit         Edit         // of KindEdit
	deletes      Delete       // of KindDelete
	reaction     Reaction     // of KindReaction

	raw []byte
	id  OpID
}

// Raw returns the bytes that were parsed or made; they are not to be changed.
func (op *Op) Raw() []byte { return op.raw }

// ID returns the hash of the raw bytes.
func (op *Op) ID() OpID { return op.id }

// Text returns the text; ok is false when the op is of another kind.
func (op *Op) Text() (text string, ok bool) { return op.text, op.Kind == KindText }

// Body is what an op of some kind says.
type Body interface {
	kind() Kind
	encode() ([]byte, error)
}

// Text is the body of an op of KindText, 1 to TextMax bytes of UTF-8.
//
// spec: 06-conversations#text
type Text string

// textBody is map {0: text, ? 1: what it answers}.
type textBody struct {
	Text    string `cbor:"0,keyasint"`
	ReplyTo *OpID  `cbor:"1,keyasint,omitempty"`
}

func (Text) kind() Kind { return KindText }

func (t Text) encode() ([]byte, error) {
	if err := checkText(string(t)); err != nil {
		return nil, err
	}
	return wire.Marshal(textBody{Text: string(t)})
}

// wireOp is map {1: conversation, 2: author, 3: seq, ? 4: prev, ? 5: frontier, 6:
// lamport, 7: time, 8: kind, 9: body}; key 10 is reserved for via.
type wireOp struct {
	Conversation ID              `cbor:"1,keyasint"`
	Author       peer.ID         `cbor:"2,keyasint"`
	Seq          uint64          `cbor:"3,keyasint"`
	Prev         *OpID           `cbor:"4,keyasint,omitempty"`
	Frontier     []OpID          `cbor:"5,keyasint,omitempty"`
	Lamport      uint64          `cbor:"6,keyasint"`
	Time         int64           `cbor:"7,keyasint"`
	Kind         Kind            `cbor:"8,keyasint"`
	Body         cbor.RawMessage `cbor:"9,keyasint"`
}

// ParseOp reads an op of at most OpMax bytes. It takes only what Next writes, and
// keys and kinds of later versions; raw is copied.
//
// spec: 06-conversations#ops
func ParseOp(raw []byte) (*Op, error) {
	if len(raw) > OpMax {
		return nil, fmt.Errorf("%w: op of %d bytes, the limit is %d", wire.ErrMalformed, len(raw), OpMax)
	}
	raw = slices.Clone(raw)
	var w wireOp
	if err := wire.Unmarshal(raw, &w); err != nil {
		return nil, err
	}
	op, err := w.op(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: op: %v", wire.ErrMalformed, err)
	}
	return op, nil
}

// op is what w says, whose encoding is raw.
func (w *wireOp) op(raw []byte) (*Op, error) {
	op := &Op{
		Conversation: w.Conversation, Author: w.Author, Seq: w.Seq, Frontier: w.Frontier,
		Lamport: w.Lamport, Time: w.Time, Kind: w.Kind,
		raw: raw, id: OpID(wire.HashOf("sv1 op", raw)),
	}
	if w.Prev != nil {
		op.Prev = *w.Prev
	}
	if err := op.check(w.Prev != nil); err != nil {
		return op, err
	}
	return op, op.parseBody(w.Body)
}

// check holds an op against the limits that its encoding does not have.
func (op *Op) check(hasPrev bool) error {
	switch {
	case op.Seq < 1 || op.Seq > SeqMax:
		return fmt.Errorf("seq %d", op.Seq)
	case hasPrev != (op.Seq > 1):
		return fmt.Errorf("seq %d with prev %t", op.Seq, hasPrev)
	case hasPrev && op.Prev == OpID{}:
		return errors.New("prev is zero")
	case op.Lamport < 1 || op.Lamport > LamportMax:
		return fmt.Errorf("lamport %d", op.Lamport)
	case op.Time < 0 || op.Time > timeMax:
		return fmt.Errorf("time %d", op.Time)
	case op.Kind == 0:
		return errors.New("kind 0")
	case len(op.Frontier) > FrontierMax:
		return fmt.Errorf("frontier of %d ops", len(op.Frontier))
	}
	for i, id := range op.Frontier {
		if id == op.Prev || i > 0 && op.Frontier[i-1].Compare(id) >= 0 {
			return errors.New("frontier is unsorted or names an op twice")
		}
	}
	return nil
}

func parseText(body []byte) (text string, replyTo OpID, err error) {
	var b textBody
	if err := wire.Unmarshal(body, &b); err != nil {
		return "", OpID{}, err
	}
	if b.ReplyTo != nil {
		if err := b.ReplyTo.checkNamed(); err != nil {
			return "", OpID{}, err
		}
		replyTo = *b.ReplyTo
	}
	return b.Text, replyTo, checkText(b.Text)
}

func checkText(text string) error {
	switch {
	case len(text) > TextMax:
		return ErrTooLong
	case text == "" || !utf8.ValidString(text):
		return ErrText
	}
	return nil
}

// newOp encodes op with its body and fills in what depends on the bytes.
func newOp(op Op, now time.Time, body Body) (*Op, error) {
	encoded, err := body.encode()
	if err != nil {
		return nil, err
	}
	w := wireOp{
		Conversation: op.Conversation, Author: op.Author, Seq: op.Seq, Frontier: op.Frontier,
		Lamport: op.Lamport, Time: min(max(now.UnixMilli(), 0), timeMax), Kind: body.kind(), Body: encoded,
	}
	if op.Seq > 1 {
		w.Prev = &op.Prev
	}
	raw, err := wire.Marshal(w)
	if err != nil {
		return nil, err
	}
	return w.op(raw)
}
