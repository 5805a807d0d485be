package mesh

import (
	"cmp"
	"errors"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
)

// view is what is needed to show messages outside the loop: who is who. It is never
// changed; the loop puts a new one in its place.
type view struct {
	me    Person
	talks map[int64]talkView // by the conversation's row

	supernodes map[peer.ID]string // what they are called
}

// talkView names a conversation and the other person in it.
type talkView struct {
	id      conversation.ID
	with    Person
	authors []peer.ID // their devices
}

// refreshView makes what changed about people visible.
func (n *Node) refreshView() {
	v := &view{me: n.myself(), talks: make(map[int64]talkView, len(n.contacts)), supernodes: make(map[peer.ID]string)}
	for _, c := range n.contacts {
		talk := talkView{id: c.talk.log.ID(), with: n.person(c)}
		for _, d := range c.devices {
			talk.authors = append(talk.authors, d.id)
		}
		v.talks[c.talk.row.ID] = talk
	}
	for _, s := range n.supernodes() {
		v.supernodes[s.ID] = s.shownName()
	}
	n.view.Store(v)
}

// shows renders an op of kind text.
func (v *view) shows(row *store.Op, c wording) *Message {
	talk := v.talks[row.Conversation]
	m := &Message{
		ID: conversation.OpID(row.ID).String(), Conversation: talk.id.String(), Peer: talk.with, From: v.author(row),
		Mine: row.Mine, Time: time.UnixMilli(row.Time), State: c.State, Reason: c.reason,
		Text: c.text, Delivered: c.Delivered, Devices: c.Devices, HeldBy: v.keepers(c.keepers),
		Edited: row.Edit != 0, Deleted: row.Deleted != 0,
		Quote: v.quoteOf(c.quote), Change: v.changeOf(c.change), Reactions: v.reactions(row, c.reactions),
	}
	if c.replyTo != (conversation.OpID{}) {
		m.ReplyTo = c.replyTo.String()
	}
	return m
}

// author is who wrote an op.
func (v *view) author(row *store.Op) Person {
	if row.Mine {
		return v.me
	}
	return v.talks[row.Conversation].with
}

// keepers shows who holds something.
func (v *view) keepers(all []store.Keeper) (shown []Keeper) {
	for _, k := range all {
		shown = append(shown, Keeper{ID: k.Supernode, Name: cmp.Or(v.supernodes[k.Supernode], k.Supernode.String()), Until: k.Until})
	}
	return shown
}

// message reads and renders one op; nil when it is gone or not a text.
func (v *view) message(tx *store.Tx, seq int64) (*Message, error) {
	row, err := tx.Op(seq)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil || row.Kind != uint8(conversation.KindText) {
		return nil, err
	}
	c, err := wordingOf(tx, row)
	if err != nil {
		return nil, err
	}
	return v.shows(row, c), nil
}
