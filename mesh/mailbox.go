package mesh

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// settingMailbox keeps, with a contact's row behind it, where the contact collects.
//
// spec: 09-storage#mailboxes
const settingMailbox = "mailbox"

// theirMailbox is where a contact collects, and which card of ours it has.
type theirMailbox struct {
	Card    []byte `cbor:"1,keyasint,omitempty"` // nil: nowhere
	Lamport uint64 `cbor:"2,keyasint,omitempty"` // of the op that told it
	Has     []byte `cbor:"3,keyasint,omitempty"` // hash of the card of ours that it receipted; nil: none
	Telling []byte `cbor:"4,keyasint,omitempty"` // hash of that which is under way
	Op      int64  `cbor:"5,keyasint,omitempty"` // row of the op that tells it; 0: none is
}

func mailboxOf(row int64) string { return settingMailbox + " " + strconv.FormatInt(row, 10) }

// loadMailbox reads where the contact collects.
func (c *contactState) loadMailbox(tx *store.Tx) error {
	c.mailbox = theirMailbox{}
	return loadSecret(tx, mailboxOf(c.row.ID), &c.mailbox)
}

func (t *turn) saveMailbox(c *contactState) error {
	return saveSecret(t.tx, mailboxOf(c.row.ID), c.mailbox)
}

// hashOfCard names a card of ours; that of no card is nil.
func hashOfCard(card []byte) []byte {
	if len(card) == 0 {
		return nil
	}
	sum := wire.HashOf("sv1 mailbox", card)
	return sum[:]
}

// tellMailboxes tells contacts where we collect who have not heard of it and to whom there
// is a way, each once at a time: who is away hears of the newest only.
//
// spec: 06-conversations#mailbox
func (t *turn) tellMailboxes() error {
	n := t.n
	if n.custodian == nil || !n.custody.tell {
		return nil
	}
	n.custody.tell = false
	told := 0
	byRow := func(a, b *contactState) int { return cmp.Compare(a.row.ID, b.row.ID) }
	for _, c := range slices.SortedFunc(maps.Values(n.contacts), byRow) {
		if c.mailbox.Op != 0 || c.row.Blocked || c.talk == nil || !slices.ContainsFunc(c.devices, (*device).reachable) {
			continue
		}
		card := n.custodian.Mailbox(c.account.ID(), c.mailbox.Card)
		if len(card) > MailboxMax || bytes.Equal(hashOfCard(card), c.mailbox.Has) {
			continue
		}
		if told++; told > mailboxBatch {
			n.custody.tell = true
			n.wakeBy(t.now)
			return nil
		}
		row, err := t.say(c, conversation.Mailbox(card))
		if err != nil {
			return err
		}
		c.mailbox.Op, c.mailbox.Telling = row.Seq, hashOfCard(card)
		if err := t.saveMailbox(c); err != nil {
			return err
		}
	}
	return nil
}

// reachable reports whether there is a way to the device now.
func (d *device) reachable() bool {
	return d.open() && (d.route.live != nil && d.route.live.held.IsZero() || len(d.depots) > 0)
}

// mailboxTold is about an op of ours that tells our mailbox, when its deliveries moved: it
// is over when every device has it, or none will.
func (t *turn) mailboxTold(op *store.Op, s standing) error {
	n := t.n
	everywhere := s.Delivered == s.Devices
	if !everywhere && s.State != conversation.StateExpired && s.State != conversation.StateFailed {
		return nil
	}
	for _, c := range n.contacts {
		if c.mailbox.Op != op.Seq {
			continue
		}
		c.mailbox.Op = 0
		if everywhere {
			c.mailbox.Has = c.mailbox.Telling
		}
		if err := t.saveMailbox(c); err != nil {
			return err
		}
	}
	n.custody.tell = true // of a newer one
	n.wakeBy(t.now)
	n.recent.forget(op.Seq) // its body
	return t.tx.EmptyOp(op)
}

// tellMailboxAgain has a contact told once more: one of the two homes was put back to an
// older state.
func (t *turn) tellMailboxAgain(c *contactState) error {
	if c.mailbox.Has == nil {
		return nil
	}
	c.mailbox.Has = nil
	t.n.custody.tell = true
	t.n.wakeBy(t.now)
	return t.saveMailbox(c)
}

// theyMoved takes where a contact collects now. Of several the latest in the conversation's
// order counts, whichever arrives first.
//
// spec: 06-conversations#mailbox
func (t *turn) theyMoved(c *contactState, op *conversation.Op, a conversation.Admission) error {
	card, ok := op.Mailbox()
	if !ok || a.Lamport <= c.mailbox.Lamport {
		return nil
	}
	c.mailbox.Card, c.mailbox.Lamport = bytes.Clone(card), a.Lamport
	n := t.n
	if slices.ContainsFunc(c.devices, func(d *device) bool { return d.route.live != nil }) {
		n.custody.due, n.custody.tell = true, true
		n.wakeBy(t.now)
		return t.saveMailbox(c)
	}
	if n.custody.later.IsZero() { // else who dials, or answers, would be who collected it
		n.custody.later = slotAfter(t.now)
	}
	n.wakeBy(n.custody.later)
	return t.saveMailbox(c)
}

// tickCustody does what is due about supernodes.
func (t *turn) tickCustody() error {
	n := t.n
	if n.custodian == nil {
		return nil
	}
	if at := n.custody.later; at.After(t.now) {
		n.wakeBy(at)
	} else if !at.IsZero() {
		n.custody.later, n.custody.due, n.custody.tell = time.Time{}, true, true
	}
	if err := errors.Join(t.lookForDepots(), t.tellMailboxes(), t.lookFarAhead(), t.rereadDue()); err != nil {
		return err
	}
	w := &n.custody.waiting
	if w.again.IsZero() {
		return nil
	}
	if w.again.After(t.now) {
		n.wakeBy(w.again)
		return nil
	}
	return t.matchAgain()
}

// dropLogs forgets logs that hold nothing, unless they are collected from, and what we know of those that are collected from
// no more.
//
// spec: 09-storage#logs
func (t *turn) dropLogs() error {
	n := t.n
	if n.custodian == nil {
		return nil
	}
	ours := n.ourLogs()
	for _, l := range slices.SortedFunc(maps.Keys(n.custody.logs), Log.compare) {
		row := n.custody.logs[l]
		if ours[l] || row.Cursor == 0 {
			continue
		}
		row.Cursor = 0 // whoever becomes a member again reads it all
		if err := cmp.Or(t.forgetWaiting(row.ID), t.tx.PutLog(row)); err != nil {
			return err
		}
	}
	idle, err := t.tx.IdleLogs()
	if err != nil {
		return err
	}
	for _, row := range idle {
		l := Log{row.Supernode, row.Community}
		if ours[l] { // by its number outboxes call it
			continue
		}
		if err := t.tx.DropLog(row.ID); err != nil {
			return err
		}
		delete(n.custody.logs, l)
	}
	for _, c := range n.contacts {
		c.crowded = false
	}
	return nil
}

// ourLogs are those of our communities.
func (n *Node) ourLogs() map[Log]bool {
	ours := make(map[Log]bool)
	for _, s := range n.custodian.Supernodes() {
		ours[Log{s.ID, s.In}] = true
	}
	return ours
}

// dropLeft forgets logs that we collect from no more.
func (t *turn) dropLeft() error {
	n := t.n
	ours := n.ourLogs()
	for l, row := range n.custody.logs {
		if row.Cursor > 0 && !ours[l] {
			return t.dropLogs()
		}
	}
	return nil
}

// knownAgain tells the custodian who our contacts are, after the commit.
//
// spec: 08-custody#mailbox-cards
func (t *turn) knownAgain() {
	n := t.n
	if n.custodian == nil {
		return
	}
	known := make(map[identity.AccountID][]byte)
	for id, c := range n.contacts {
		if !c.row.Blocked {
			known[id] = c.mailbox.Card
		}
	}
	t.then(func() { n.custodian.Known(known) })
}

// expireCustody forgets what has expired of what supernodes hold, and looks for the rest far
// ahead.
func (t *turn) expireCustody() error {
	n := t.n
	if err := errors.Join(t.tx.ExpireCustody(), t.tx.ExpireUnmatched(n.mark.Day)); err != nil {
		return err
	}
	if err := t.dropLogs(); err != nil {
		return err
	}
	n.custody.waiting = unmatched{} // read again without what is gone
	t.lookFarSoon()
	return nil
}
