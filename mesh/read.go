package mesh

import (
	"context"
	"errors"
	"strings"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// Share says what contacts may know of what a person does with their messages.
type Share string

// Nothing is shared unless the person wants it.
const (
	ShareNothing Share = "nothing"
	ShareReading Share = "reading" // how far one has read
	ShareTyping  Share = "typing"  // that one is writing, while one is
	ShareBoth    Share = "both"
)

// settingShare is the setting that keeps it.
const settingShare = "share"

// ErrShare says that there is nothing of that name to share.
var ErrShare = errors.New("share is nothing, reading, typing or both")

func (s Share) reading() bool { return s == ShareReading || s == ShareBoth }
func (s Share) typing() bool  { return s == ShareTyping || s == ShareBoth }

// loadShare reads what is shared.
func loadShare(tx *store.Tx) (Share, error) {
	kept, err := tx.Setting(settingShare)
	if errors.Is(err, store.ErrNotFound) {
		return ShareNothing, nil
	}
	return Share(kept), err
}

// Share returns what contacts may know.
func (n *Node) Share(ctx context.Context) (Share, error) {
	var s Share
	err := n.do(ctx, func(*turn) error {
		s = n.me.share
		return nil
	})
	return s, err
}

// SetShare changes what contacts may know from now on. It fails with ErrShare.
func (n *Node) SetShare(ctx context.Context, s Share) error {
	switch s {
	case ShareNothing, ShareReading, ShareTyping, ShareBoth:
	default:
		return ErrShare
	}
	return n.do(ctx, func(t *turn) error {
		n.me.share = s
		return t.tx.SetSetting(settingShare, []byte(s))
	})
}

// ReadResult is how far a conversation has been read. Message is the last of theirs that
// was, nil if there is none; Shared says whether they are told. Unread counts their texts
// behind the mark, up to UnreadMax.
type ReadResult struct {
	With    Person
	Message *Message
	Shared  bool
	Unread  int
}

// Read notes that the person has read a conversation up to one message of theirs, or all
// of it when a contact is given. It is kept here, and told only if that is shared; a mark
// never goes back. ErrNotFound, ErrAmbiguous, ErrAmbiguousMessage and ErrOwnMessage.
// spec: 06-conversations#read-mark
func (n *Node) Read(ctx context.Context, what string) (ReadResult, error) {
	var r ReadResult
	err := n.do(ctx, func(t *turn) error {
		c, last, err := t.readUpTo(ctx, what)
		if err != nil {
			return refuse(err)
		}
		r = ReadResult{With: n.person(c), Shared: n.me.share.reading()}
		if last == nil {
			return nil
		}
		said, err := wordingOf(t.tx, last)
		if err != nil {
			return err
		}
		r.Message = n.view.Load().shows(last, said)
		if err := t.read(c, last, r.Shared); err != nil {
			return err
		}
		if r.Unread, err = n.view.Load().talks[c.talk.row.ID].unread(t.tx, c.talk.row.ID); err != nil {
			return err
		}
		t.then(func() { n.publish(Event{Kind: EventReading, Time: t.now, Reading: &r}) })
		return nil
	})
	return r, err
}

// ErrOwnMessage says that nobody reads their own messages.
var ErrOwnMessage = errors.New("that is a message of your own; give one of theirs")

// readUpTo finds what was meant: a contact, and the last message of theirs to be read.
func (t *turn) readUpTo(ctx context.Context, what string) (*contactState, *store.Op, error) {
	if !strings.HasPrefix(what, "msg-") {
		c, err := t.n.contactCalled(what)
		if err != nil {
			return nil, nil, err
		}
		last, err := t.lastOfTheirs(ctx, c)
		return c, last, err
	}
	row, err := opCalled(t.tx, what)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range t.n.contacts {
		if c.talk.row.ID != row.Conversation {
			continue
		}
		switch {
		case row.Mine:
			return nil, nil, ErrOwnMessage
		case row.Kind == uint8(conversation.KindText):
			return c, row, nil
		}
	}
	return nil, nil, ErrNotFound
}

// lastOfTheirs is the last text of a contact, nil if there is none.
func (t *turn) lastOfTheirs(ctx context.Context, c *contactState) (*store.Op, error) {
	return lastText(ctx, t.tx, c.talk.row.ID, func(row *store.Op) bool { return !row.Mine })
}

// read moves our mark up to an op of theirs, and tells them if that is shared.
func (t *turn) read(c *contactState, last *store.Op, shared bool) error {
	key := [32]byte(c.talk.log.ID())
	seq, err := t.tx.ReadMark(key, last.Author)
	if err != nil || seq >= last.AuthorSeq {
		return err
	}
	if err := t.tx.SetReadMark(key, last.Author, last.AuthorSeq); err != nil || !shared || c.row.Blocked {
		return err
	}
	_, err = t.say(c, conversation.Read{{Author: last.Author, Seq: last.AuthorSeq}})
	return err
}

// theyRead makes our messages read that a device of theirs says were, from the newest
// back to one that is read already. What was not sent to it cannot have been read there.
// spec: 06-conversations#read-mark
func (t *turn) theyRead(d *device, op *conversation.Op) error {
	marks, _ := op.Read()
	us := t.n.me.device.ID()
	for _, m := range marks {
		if m.Author != us {
			continue
		}
		sent, err := t.tx.SentTo(d.row, d.contact.talk.row.ID, us, m.Seq, markedMax)
		if err != nil {
			return err
		}
		for _, s := range sent {
			if s.Delivered == uint8(conversation.StateRead) && s.Kind == uint8(conversation.KindText) {
				break
			}
			if s.Delivered != uint8(conversation.StateDelivered) || s.Kind != uint8(conversation.KindText) {
				continue
			}
			if err := t.tx.SetDeliveryRead(s.Delivery, t.now.UnixMilli()); err != nil {
				return err
			}
			t.moved[s.Op] = struct{}{}
		}
	}
	return nil
}
