package conversation

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"sottovoce/mesh/wire"
)

// Reply is the body of an op of KindText that answers another one. What it answers may be
// missing, or somewhere else: that is for the reader of the conversation to find out.
//
// spec: 06-conversations#text
type Reply struct {
	To   OpID
	Text string
}

func (Reply) kind() Kind { return KindText }

func (r Reply) encode() ([]byte, error) {
	if err := checkText(r.Text); err != nil {
		return nil, err
	}
	if err := r.To.checkNamed(); err != nil {
		return nil, err
	}
	return wire.Marshal(textBody{Text: r.Text, ReplyTo: &r.To})
}

// Edit is the body of an op of KindEdit: what the author's text Of says from now on. Of several
// the latest in the order counts.
//
// spec: 06-conversations#edit
type Edit struct {
	Of   OpID   `cbor:"0,keyasint"`
	Text string `cbor:"1,keyasint"` // as that of a text
}

func (Edit) kind() Kind { return KindEdit }

func (e Edit) encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(e)
}

func (e Edit) check() error {
	if err := checkText(e.Text); err != nil {
		return err
	}
	return e.Of.checkNamed()
}

// Delete is the body of an op of KindDelete: the author's text Of is gone for good.
//
// spec: 06-conversations#delete
type Delete struct {
	Of OpID `cbor:"0,keyasint"`
}

func (Delete) kind() Kind { return KindDelete }

func (d Delete) encode() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(d)
}

func (d Delete) check() error { return d.Of.checkNamed() }

// Reaction is the body of an op of KindReaction: it answers the text To with one emoji, 1 to
// EmojiMax bytes of UTF-8 and hostile until shown, or takes back 1 to TakenBackMax of the
// author's answers to it, by the ids of the ops that gave them. An answer counts until an op
// takes it back, in whatever order the two arrive.
//
// spec: 06-conversations#reaction
type Reaction struct {
	To        OpID   `cbor:"0,keyasint"`
	Emoji     string `cbor:"1,keyasint,omitempty"`
	TakesBack []OpID `cbor:"2,keyasint,omitempty"` // ascending
}

func (Reaction) kind() Kind { return KindReaction }

func (r Reaction) encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return wire.Marshal(r)
}

func (r Reaction) check() error {
	if err := r.To.checkNamed(); err != nil {
		return err
	}
	switch {
	case (r.Emoji == "") == (len(r.TakesBack) == 0):
		return errors.New("reaction that neither gives one answer nor takes some back")
	case len(r.TakesBack) > TakenBackMax:
		return fmt.Errorf("reaction that takes back %d answers", len(r.TakesBack))
	case r.Emoji != "":
		return CheckEmoji(r.Emoji)
	}
	for i, id := range r.TakesBack {
		if id == (OpID{}) || i > 0 && r.TakesBack[i-1].Compare(id) >= 0 {
			return errors.New("answers taken back are out of order")
		}
	}
	return nil
}

// CheckEmoji reports why a text cannot be the emoji of a reaction: it is empty or too long, no
// UTF-8, or has a space or a control character in it. Whether it is one sign is for those to say
// who show it: what one sign is changes with every version of Unicode.
//
// spec: 06-conversations#reaction
func CheckEmoji(emoji string) error {
	if emoji == "" || len(emoji) > EmojiMax || !utf8.ValidString(emoji) {
		return fmt.Errorf("%w: %d bytes", ErrEmoji, len(emoji))
	}
	for _, r := range emoji {
		if r <= 0x20 || r >= 0x7f && r <= 0xa0 || r == 0x2028 || r == 0x2029 {
			return fmt.Errorf("%w: U+%04X", ErrEmoji, r)
		}
	}
	return nil
}

// checkNamed refuses the zero id, which no op has.
func (id OpID) checkNamed() error {
	if id == (OpID{}) {
		return errors.New("op that is about none")
	}
	return nil
}

// ReplyTo returns which op a text answers; ok is false when it answers none.
func (op *Op) ReplyTo() (id OpID, ok bool) { return op.replyTo, op.replyTo != OpID{} }

// Edit returns which text the op edits; ok is false when it is of another kind.
func (op *Op) Edit() (e Edit, ok bool) { return op.edit, op.Kind == KindEdit }

// Delete returns which text the op deletes; ok is false when it is of another kind.
func (op *Op) Delete() (d Delete, ok bool) { return op.deletes, op.Kind == KindDelete }

// Reaction returns what the op answers, or takes back; ok is false when it is of another kind.
func (op *Op) Reaction() (r Reaction, ok bool) { return op.reaction, op.Kind == KindReaction }

// Changes reports whether ops of the kind change what another one shows: they are not shown
// themselves.
func (k Kind) Changes() bool { return k == KindEdit || k == KindDelete || k == KindReaction }
