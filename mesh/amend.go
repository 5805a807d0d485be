package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// Errors of those who change what was said.
var (
	ErrTheirs    = errors.New("only who wrote a message can edit or delete it")
	ErrDeleted   = errors.New("that message was deleted")
	ErrEdits     = fmt.Errorf("that message was edited %d times; write a new one", editsMax)
	ErrReactions = fmt.Errorf("you have answered that message with %d emoji; take one back first", conversation.ReactionsMax)
	ErrEmoji     = conversation.ErrEmoji
)

// Edit makes a message of ours say something else, here at once and with the recipient when it
// arrives there. It fails with ErrNotFound, ErrAmbiguousMessage, ErrTheirs, ErrDeleted, ErrEdits and what Send
// does.
//
// spec: 06-conversations#edit
func (n *Node) Edit(ctx context.Context, id, text string) (Message, error) {
	return n.amend(ctx, id, func(t *turn, c *contactState, row *store.Op) error {
		if !row.Mine {
			return refuse(ErrTheirs)
		}
		now, err := wordingOf(t.tx, row)
		if err != nil || now.text == text {
			return err
		}
		edits, err := changesOf(t.tx, row, func(other *store.Op) bool { return other.Kind == uint8(conversation.KindEdit) })
		if err != nil {
			return err
		}
		if len(edits) >= editsMax {
			return refuse(ErrEdits)
		}
		return t.change(c, conversation.Edit{Of: row.ID, Text: text})
	}, (*contactState).writable)
}

// Delete takes a message of ours away: it says nothing any more here, nothing of it is sent
// that was not sent, and who has it is asked to forget it: once there is a way, where nothing
// may be sent now. It fails as Edit does, but for what keeps Send from sending.
//
// spec: 06-conversations#delete
func (n *Node) Delete(ctx context.Context, id string) (Message, error) {
	return n.amend(ctx, id, func(t *turn, c *contactState, row *store.Op) error {
		if !row.Mine {
			return refuse(ErrTheirs)
		}
		return t.change(c, conversation.Delete{Of: row.ID})
	}, (*contactState).anyhow)
}

// React answers a message of either with an emoji, or takes that back; what is so already stays
// as it is. It fails with ErrNotFound, ErrAmbiguousMessage, ErrDeleted, ErrEmoji, ErrReactions and what Send does.
//
// spec: 06-conversations#reaction
func (n *Node) React(ctx context.Context, id, emoji string, on bool) (Message, error) {
	if err := conversation.CheckEmoji(emoji); err != nil {
		return Message{}, err
	}
	return n.amend(ctx, id, func(t *turn, c *contactState, row *store.Op) error {
		all, err := reactionsOf(t.tx, row)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(r reacted) bool { return !r.mine })
		var same []conversation.OpID
		for _, r := range all {
			if r.emoji == emoji {
				same = append(same, r.id)
			}
		}
		switch {
		case on == (len(same) > 0):
			return nil
		case !on:
			slices.SortFunc(same, conversation.OpID.Compare)
			return t.change(c, conversation.Reaction{To: row.ID, TakesBack: same})
		case len(all) >= conversation.ReactionsMax:
			return refuse(ErrReactions)
		}
		return t.change(c, conversation.Reaction{To: row.ID, Emoji: emoji})
	}, (*contactState).writable)
}

// amend finds a message that can still be changed, unless the contact does not allow it, and
// shows it as it is then.
func (n *Node) amend(ctx context.Context, id string, f func(*turn, *contactState, *store.Op) error, allows func(*contactState) error) (m Message, err error) {
	err = n.do(ctx, func(t *turn) error {
		row, err := opCalled(t.tx, id)
		if err != nil {
			return refuse(err)
		}
		c := n.contactIn(row.Conversation)
		if c == nil || row.Kind != uint8(conversation.KindText) {
			return refuse(ErrNotFound)
		}
		if row.Deleted != 0 {
			return refuse(ErrDeleted)
		}
		if err := allows(c); err != nil {
			return refuse(err)
		}
		if err := f(t, c, row); err != nil {
			return err
		}
		after, err := t.n.view.Load().message(t.tx, row.Seq)
		if err == nil {
			m = *after
		}
		return err
	})
	return m, err
}

// contactIn is the contact with whom a conversation is, nil if it is with nobody any more.
func (n *Node) contactIn(conv int64) *contactState {
	for _, c := range n.contacts {
		if c.talk.row.ID == conv {
			return c
		}
	}
	return nil
}

// anyhow is for what is done here whatever may be sent.
func (*contactState) anyhow() error { return nil }

// writable says why nothing can be written to a contact now.
func (c *contactState) writable() error {
	switch {
	case c.row.Blocked:
		return ErrBlocked
	case c.trust.Keys() == contact.KeysAlarm:
		return fmt.Errorf("%w: nothing is sent to %s until you decide; see: sottovoce status", ErrKeys, c.shownName())
	case !slices.ContainsFunc(c.devices, func(d *device) bool { return d.active }):
		return ErrNoDevice
	}
	return nil
}

// change says something about another op, and does it here.
func (t *turn) change(c *contactState, body conversation.Body) error {
	row, err := t.say(c, body)
	if err != nil {
		return err
	}
	op, err := conversation.ParseOp(row.Body)
	if err != nil {
		return err
	}
	return t.changes(row, op)
}

// changes does what an op says about another one, ours or theirs.
func (t *turn) changes(row *store.Op, op *conversation.Op) error {
	done, err := apply(t.tx, row, op)
	if err != nil {
		return err
	}
	if err := t.emptied(done.empty); err != nil || done.text == nil {
		return err
	}
	t.n.recent.forget(done.text.Seq)
	t.altered[done.text.Seq] = struct{}{}
	return nil
}

// tellChanged tells of a text once, however much was done to it in this turn.
func (t *turn) tellChanged(seq int64) error {
	row, err := t.tx.Op(seq)
	if errors.Is(err, store.ErrNotFound) {
		return nil // forgotten since
	}
	if err != nil {
		return err
	}
	c, err := wordingOf(t.tx, row)
	if err != nil {
		return err
	}
	return t.record(storedChange, seq, c.detail(), func(e *Event) {
		e.Kind, e.Message = EventChange, t.n.view.Load().shows(row, c)
	})
}

// emptied lets go of all that is left of ops that say nothing any more. What of them was not
// sealed yet is not sent.
//
// spec: 06-conversations#delete
func (t *turn) emptied(ops []int64) error {
	for _, seq := range ops {
		t.n.recent.forget(seq)
		deliveries, err := t.tx.DeliveriesOf(seq)
		if err != nil {
			return err
		}
		for _, dl := range deliveries {
			if dl.Blob != 0 || conversation.State(dl.State).Final() {
				continue
			}
			if err := t.withdraw(dl); err != nil {
				return err
			}
			if d := t.n.devices[dl.Pair]; d != nil {
				d.queued--
				t.touch(d)
			}
		}
	}
	if len(ops) > 0 {
		t.then(t.n.scrubSoon)
	}
	return nil
}

// withdraw gives up a delivery of an op that says nothing any more.
func (t *turn) withdraw(dl store.Delivery) error {
	t.moved[dl.Op] = struct{}{}
	return t.tx.SetDelivery(dl.ID, uint8(conversation.StateFailed), "deleted before it was sent", t.now.UnixMilli())
}

// applyKept does what ops say that were kept by a program that did not know their kinds.
//
// spec: 09-storage#changes
func applyKept(tx *store.Tx) error {
	var unknown conversation.OpID
	kept, err := tx.ChangesOf(unknown)
	if err != nil {
		return err
	}
	for _, seq := range kept {
		if err := tx.DropChange(seq, unknown); err != nil {
			return err
		}
		row, op, err := changeAt(tx, seq)
		if err != nil {
			return err
		}
		switch {
		case op != nil:
			_, err = apply(tx, row, op)
		case row != nil && len(row.Body) > 0: // malformed, as is seen now
			err = tx.EmptyOp(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
