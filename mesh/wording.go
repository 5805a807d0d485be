package mesh

import (
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// wording is what a message says as it stands now, and how far it has come.
type wording struct {
	standing
	text      string
	replyTo   conversation.OpID // zero: it answers none
	quote     *quoted
	change    *changed
	reactions []given // the oldest first
}

// quoted is what a message answers, if that is here.
type quoted struct {
	row  *store.Op
	text string // cut
}

// changed is the op that edited a text last, or deleted it, and how far that has come.
type changed struct {
	standing
	row *store.Op
}

// given is an emoji by one of the two.
type given struct {
	emoji string
	mine  bool
}

// wordingOf reads what there is to show of a text.
func wordingOf(tx *store.Tx, row *store.Op) (wording, error) {
	text, replyTo := textIn(row)
	s, err := standingOf(tx, row)
	if err != nil {
		return wording{}, err
	}
	return complete(tx, row, wording{text: text, replyTo: replyTo, standing: s})
}

// complete adds to what a text said at first what has been done to it since.
func complete(tx *store.Tx, row *store.Op, c wording) (wording, error) {
	by := max(row.Edit, row.Deleted)
	if by != 0 {
		op, err := tx.Op(by)
		if err != nil && !errors.Is(err, store.ErrNotFound) { // a deletion that is past keeping
			return c, err
		}
		if err == nil {
			c.change = &changed{row: op}
			if c.change.standing, err = standingOf(tx, op); err != nil {
				return c, err
			}
		}
		c.text = ""
		if row.Edit != 0 && op != nil {
			c.text, _ = textIn(op)
		}
	}
	if c.replyTo != (conversation.OpID{}) {
		var err error
		if c.quote, err = quoteOf(tx, row, c.replyTo); err != nil {
			return c, err
		}
	}
	if !row.Reacted {
		return c, nil
	}
	ops, err := reactionsOf(tx, row)
	for _, g := range ops {
		c.reactions = append(c.reactions, g.given)
	}
	return c, err
}

// reacted is an op that answers a text with an emoji.
type reacted struct {
	given
	id conversation.OpID
}

// reactionsOf lists what a text is answered with, the oldest answer first.
func reactionsOf(tx *store.Tx, text *store.Op) ([]reacted, error) {
	ops, err := changesOf(tx, text, func(row *store.Op) bool { return row.Kind == uint8(conversation.KindReaction) })
	if err != nil {
		return nil, err
	}
	var all []reacted
	for i := range ops {
		op, err := conversation.ParseOp(ops[i].Body)
		if err != nil {
			return nil, err
		}
		r, _ := op.Reaction()
		all = append(all, reacted{given{r.Emoji, ops[i].Mine}, op.ID()})
	}
	return all, nil
}

// quoteOf reads what a text answers; nil when that is not here, or no text.
func quoteOf(tx *store.Tx, row *store.Op, id conversation.OpID) (*quoted, error) {
	other, err := about(tx, row, id)
	if err != nil || other == nil || other.Kind != uint8(conversation.KindText) {
		return nil, err
	}
	text, _ := textIn(other)
	if other.Edit != 0 {
		edit, err := tx.Op(other.Edit)
		if err != nil {
			return nil, err
		}
		text, _ = textIn(edit)
	}
	return &quoted{other, cut(text, quoteMax)}, nil
}

// cut is as much of a text as fits into so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// textIn is what the op of a row says by itself, if it is a text or an edit, and what it
// answers.
func textIn(row *store.Op) (text string, replyTo conversation.OpID) {
	if len(row.Body) == 0 {
		return "", replyTo
	}
	op, err := conversation.ParseOp(row.Body)
	if err != nil {
		return "", replyTo
	}
	if e, ok := op.Edit(); ok {
		return e.Text, replyTo
	}
	text, _ = op.Text()
	replyTo, _ = op.ReplyTo()
	return text, replyTo
}

// textOf is what of an op is to be found by its words. Of a text and its edit the later one
// that came has them: what is older is in the index already.
func textOf(tx *store.Tx, row *store.Op) (string, error) {
	other, newest := row.Edit+row.Edits, row
	switch {
	case other > row.Seq, row.Kind == uint8(conversation.KindEdit) && row.Edits == 0:
		return "", nil
	case row.Edit != 0:
		edit, err := tx.Op(row.Edit)
		if err != nil {
			return "", err
		}
		newest = edit
	}
	text, _ := textIn(newest)
	return text, nil
}

// stateDetail is what a stored event about a message says beside its op: how far it had come,
// and the op that changed it last.
type stateDetail struct {
	State     uint8 `cbor:"0,keyasint"`
	Delivered int   `cbor:"1,keyasint"`
	Devices   int   `cbor:"2,keyasint"`

	Change          int64 `cbor:"3,keyasint,omitempty"` // its row
	ChangeState     uint8 `cbor:"4,keyasint,omitempty"`
	ChangeDelivered int   `cbor:"5,keyasint,omitempty"`
	ChangeDevices   int   `cbor:"6,keyasint,omitempty"`
}

// detail is how far a message has come now.
func (c *wording) detail() stateDetail {
	d := stateDetail{State: uint8(c.State), Delivered: c.Delivered, Devices: c.Devices}
	if c.change != nil {
		d.Change, d.ChangeState = c.change.row.Seq, uint8(c.change.State)
		d.ChangeDelivered, d.ChangeDevices = c.change.Delivered, c.change.Devices
	}
	return d
}

// asThen makes a message of ours one as it was when an event was stored: later events say how
// it went on.
func (m *Message) asThen(d stateDetail) {
	if !m.Mine {
		return
	}
	if then := conversation.State(d.State); then != m.State {
		m.State, m.Reason = then, ""
	}
	m.Delivered, m.Devices = d.Delivered, d.Devices
	if m.Change == nil {
		return
	}
	c := *m.Change
	c.State, c.Delivered, c.Reason = conversation.StateQueued, 0, ""
	if c.row == d.Change {
		c.State, c.Delivered, c.Devices = conversation.State(d.ChangeState), d.ChangeDelivered, d.ChangeDevices
	}
	m.Change = &c
}

// changeOf shows the op that changed a message last.
func (v *view) changeOf(c *changed) *Change {
	if c == nil {
		return nil
	}
	return &Change{
		ID: conversation.OpID(c.row.ID).String(), Time: time.UnixMilli(c.row.Time), State: c.State, Reason: c.reason,
		Delivered: c.Delivered, Devices: c.Devices, HeldBy: v.keepers(c.keepers), row: c.row.Seq,
	}
}

// quoteOf shows what a message answers.
func (v *view) quoteOf(q *quoted) *Quote {
	if q == nil {
		return nil
	}
	return &Quote{
		ID: conversation.OpID(q.row.ID).String(), From: v.author(q.row), Text: q.text, Deleted: q.row.Deleted != 0,
	}
}

// reactions shows by whom a message is answered with which emoji.
func (v *view) reactions(row *store.Op, all []given) []Reaction {
	var shown []Reaction
	for _, g := range all {
		who := v.talks[row.Conversation].with
		if g.mine {
			who = v.me
		}
		i := slices.IndexFunc(shown, func(r Reaction) bool { return r.Emoji == g.emoji })
		if i < 0 {
			i, shown = len(shown), append(shown, Reaction{Emoji: g.emoji})
		}
		if from := shown[i].From; !slices.ContainsFunc(from, func(p Person) bool { return p.ID == who.ID }) {
			shown[i].From = append(from, who)
		}
	}
	return shown
}
