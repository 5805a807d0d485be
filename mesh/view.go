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
func (v *view) shows(row *store.Op, text string, s standing) *Message {
	talk := v.talks[row.Conversation]
	m := &Message{
		ID: conversation.OpID(row.ID).String(), Conversation: talk.id.String(), Peer: talk.with, From: talk.with,
		Mine: row.Mine, Time: time.UnixMilli(row.Time), State: s.State, Reason: s.reason,
		Text: text, Delivered: s.Delivered, Devices: s.Devices,
	}
	if row.Mine {
		m.From = v.me
	}
	for _, k := range s.keepers {
		m.HeldBy = append(m.HeldBy, Keeper{ID: k.Supernode, Name: cmp.Or(v.supernodes[k.Supernode], k.Supernode.String()), Until: k.Until})
	}
	return m
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
	s, err := standingOf(tx, row)
	if err != nil {
		return nil, err
	}
	return v.shows(row, textOf(row), s), nil
}
