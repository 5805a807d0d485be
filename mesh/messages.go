package mesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/store"
)

// SendResult is what became of one Outgoing: a message that is durable, or why not.
type SendResult struct {
	Message Message
	Err     error
}

// Send queues a batch in its order; what is not refused is durable when it returns.
// It fails one by one with ErrNotFound, ErrAmbiguous, ErrTooLong and ErrText, and
// altogether with what the store says.
func (n *Node) Send(ctx context.Context, batch []Outgoing) []SendResult {
	results := make([]SendResult, len(batch))
	err := n.do(ctx, func(t *turn) error {
		n.busy = time.Now()
		for i, o := range batch {
			var r refusal
			if err := t.send(o, &results[i].Message); errors.As(err, &r) {
				results[i].Err = r.err
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for i := range results {
			results[i] = SendResult{Err: err}
		}
	}
	return results
}

// send appends our op to the conversation and one delivery for each device; after the
// commit it shows the message in to.
func (t *turn) send(o Outgoing, to *Message) error {
	n := t.n
	c, body, err := t.addressed(o)
	if err != nil {
		return refuse(err)
	}
	if err := c.writable(); err != nil {
		return refuse(err)
	}
	row, err := t.say(c, body)
	if err != nil {
		return err
	}
	said := wording{text: o.Text, standing: standing{Summary: conversation.Summary{State: conversation.StateQueued, Devices: len(c.devices)}}}
	if reply, ok := body.(conversation.Reply); ok {
		said.replyTo = reply.To
		if said, err = complete(t.tx, row, said); err != nil {
			return err
		}
	}
	return t.record(storedMessage, row.Seq, nil, func(e *Event) {
		e.Kind, e.Message = EventMessage, n.view.Load().shows(row, said)
		*to = *e.Message
	})
}

// addressed finds to whom a text goes, and what it answers.
func (t *turn) addressed(o Outgoing) (*contactState, conversation.Body, error) {
	if o.ReplyTo == "" {
		c, err := t.n.contactCalled(o.To)
		return c, conversation.Text(o.Text), err
	}
	row, err := opCalled(t.tx, o.ReplyTo)
	if err != nil {
		return nil, nil, err
	}
	c := t.n.contactIn(row.Conversation)
	if c == nil || row.Kind != uint8(conversation.KindText) {
		return nil, nil, ErrNotFound
	}
	if o.To != "" {
		if to, err := t.n.contactCalled(o.To); err != nil || to != c {
			return nil, nil, cmp.Or(err, fmt.Errorf("%w: that message is in another conversation", ErrNotFound))
		}
	}
	return c, conversation.Reply{To: row.ID, Text: o.Text}, nil
}

// say appends our next op to the conversation with a contact, and one delivery for each
// of its devices. What the body itself is refused for is a refusal.
func (t *turn) say(c *contactState, body conversation.Body) (*store.Op, error) {
	n := t.n
	op, err := c.talk.log.Next(n.me.device.ID(), t.now, body)
	if err != nil {
		return nil, refuse(err)
	}
	admission, err := c.talk.log.Admit(op, n.me.device.ID())
	if err != nil {
		return nil, err
	}
	t.touchTalk(c.talk)
	row := opRow(c.talk, op, admission, t.date)
	row.Mine, row.State = true, uint8(conversation.StateQueued)
	if _, err := t.tx.AppendOp(&row); err != nil {
		return nil, err
	}
	for _, d := range c.devices {
		if !d.active {
			continue
		}
		delivery := store.Delivery{Op: row.Seq, Pair: d.row, State: uint8(conversation.StateQueued), Time: t.now.UnixMilli()}
		if err := t.tx.PutDelivery(&delivery); err != nil {
			return nil, err
		}
		d.queued++
		d.said = d.said || op.Kind != conversation.KindMailbox && op.Kind != conversation.KindDiscovery
		t.touch(d)
	}
	text, _ := op.Text()
	replyTo, _ := op.ReplyTo()
	n.recent.add(&sent{row: row, text: text, replyTo: replyTo})
	return &row, nil
}

// settle ends a turn, before its commit: queued ops are sealed where there is a way,
// states of ops follow their deliveries, and everything that moved is saved.
func (t *turn) settle() error {
	for d := range t.dirty {
		if err := t.speak(d); err != nil {
			return err
		}
		if d.queued != 0 {
			queued := outbox.OpsQueued{Ops: d.queued}
			d.queued = 0
			if err := t.step(d, queued); err != nil {
				return err
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(t.altered)) {
		if err := t.tellChanged(text); err != nil {
			return err
		}
	}
	for _, op := range slices.Sorted(maps.Keys(t.moved)) {
		if err := t.moveState(op); err != nil {
			return err
		}
	}
	for d := range t.dirty {
		if d.pair.FixedChanged() {
			if err := t.tx.SavePairFixed(d.row, d.pair.SaveFixed()); err != nil {
				return err
			}
		}
		if err := t.tx.SavePair(d.row, d.pair.Save()); err != nil {
			return err
		}
		if err := t.sendReceipts(d); err != nil {
			return err
		}
		if d.rekey() {
			t.keysStale = true
		}
	}
	for c := range t.talks {
		c.row.Log = c.log.Save()
		if err := t.tx.PutConversation(&c.row); err != nil {
			return err
		}
	}
	return nil
}

// moveState brings an op's state up to its deliveries. A state never goes back.
// spec: 06-conversations#delivery-states
func (t *turn) moveState(seq int64) error {
	op, err := t.op(seq)
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted here while it was on its way
	}
	if err != nil {
		return err
	}
	row := &op.row
	sum, err := standingOf(t.tx, row)
	if err != nil {
		return err
	}
	if uint8(sum.State) != row.State {
		row.State = uint8(sum.State)
		if err := t.tx.SetOpState(seq, row.State); err != nil {
			return err
		}
	}
	switch conversation.Kind(row.Kind) {
	case conversation.KindText:
		c, err := complete(t.tx, row, wording{text: op.text, replyTo: op.replyTo, standing: sum})
		if err != nil {
			return err
		}
		return t.recordState(row, c)
	case conversation.KindEdit, conversation.KindDelete:
		return t.changeMoved(row)
	case conversation.KindDiscovery:
		return t.told(row, sum)
	case conversation.KindMailbox:
		return t.mailboxTold(row, sum)
	}
	return nil
}

// changeMoved tells how far an edit or a deletion has come, if it is what counts.
func (t *turn) changeMoved(row *store.Op) error {
	text, err := changedBy(t.tx, row)
	if err != nil {
		return err
	}
	if text == nil {
		return t.outrun(row)
	}
	c, err := wordingOf(t.tx, text)
	if err != nil {
		return err
	}
	return t.recordState(text, c)
}

// outrun takes away what an edit of ours says in whose place another one came while it waited
// to be sent, once it does not any more.
//
// spec: 06-conversations#edit
func (t *turn) outrun(row *store.Op) error {
	_, op, err := changeAt(t.tx, row.Seq)
	if err != nil || op == nil || op.Kind != conversation.KindEdit {
		return err
	}
	e, _ := op.Edit()
	text, err := about(t.tx, row, e.Of)
	if err != nil || text == nil || text.Edit == 0 {
		return err
	}
	empty, err := outdated(t.tx, row, text)
	if err != nil {
		return err
	}
	return t.emptied(empty)
}

func (t *turn) recordState(row *store.Op, c wording) error {
	return t.record(storedState, row.Seq, c.detail(), func(e *Event) { e.Kind, e.Message = EventState, t.n.view.Load().shows(row, c) })
}

// standing is how far an op of ours has come; it is zero for others' ops.
type standing struct {
	conversation.Summary
	reason  string // why it expired or failed
	keepers []store.Keeper
}

// standingOf sums up the deliveries of an op.
func standingOf(tx *store.Tx, row *store.Op) (standing, error) {
	if !row.Mine {
		return standing{}, nil
	}
	deliveries, err := tx.DeliveriesOf(row.Seq)
	if err != nil {
		return standing{}, err
	}
	var s standing
	states := make([]conversation.State, len(deliveries))
	for i, d := range deliveries {
		states[i] = conversation.State(d.State)
		if d.Reason != "" {
			s.reason = d.Reason
		}
	}
	s.Summary = conversation.Summarise(states)
	if shown := conversation.State(row.State); shown != conversation.StateHeld || s.State != conversation.StateQueued {
		s.State = shown.Advance(s.State) // else nobody holds it any more
	}
	if s.State == conversation.StateHeld {
		s.keepers, err = tx.KeepersOf(row.Seq)
	}
	return s, err
}

// Message finds one message by its id or an unambiguous prefix of it.
func (n *Node) Message(_ context.Context, id string) (Message, error) {
	var m *Message
	view := n.view.Load()
	err := n.store.View(func(tx *store.Tx) error {
		row, err := opCalled(tx, id)
		if err != nil {
			return err
		}
		m, err = view.message(tx, row.Seq)
		if err == nil && m == nil {
			err = ErrNotFound // an op, and no message
		}
		return err
	})
	if err != nil {
		return Message{}, err
	}
	return *m, nil
}

// opCalled finds the op whose id begins as typed.
func opCalled(tx *store.Tx, typed string) (*store.Op, error) {
	prefix, err := conversation.OpIDPrefix(typed)
	if err != nil {
		return nil, ErrNotFound
	}
	rows, err := tx.OpsByPrefix(prefix, opPrefixRows)
	if err != nil {
		return nil, err
	}
	if len(rows) == opPrefixRows {
		return nil, ErrAmbiguousMessage
	}
	var found *store.Op
	for i := range rows {
		if !strings.HasPrefix(conversation.OpID(rows[i].ID).String(), typed) {
			continue
		}
		if found != nil {
			return nil, ErrAmbiguousMessage
		}
		found = &rows[i]
	}
	if found == nil {
		return nil, ErrNotFound
	}
	return found, nil
}
