package mesh

import (
	"context"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/wire"
)

// Typing tells a contact that the person is writing to it, or has stopped, if that is
// shared and there is a link; it is not kept. Telling it again and again tells it now and
// then only. ErrNotFound and ErrAmbiguous.
// spec: 03-links#typing
func (n *Node) Typing(ctx context.Context, to string, typing bool) error {
	return n.do(ctx, func(t *turn) error {
		c, err := n.contactCalled(to)
		if err != nil {
			return refuse(err)
		}
		if !n.me.share.typing() {
			return nil
		}
		f := wire.Typing{Conversation: c.talk.log.ID()}
		if typing {
			f.Seconds = uint8(typingHolds / time.Second)
		}
		for _, d := range c.devices {
			v := d.route.live
			if v == nil || !d.open() || typing && t.now.Sub(v.told) < typingAgain || !typing && v.told.IsZero() {
				continue
			}
			v.told = time.Time{}
			if typing {
				v.told = t.now
			}
			t.then(func() { v.post.put(parcel{frames: []wire.Frame{f}}) })
		}
		return nil
	})
}

// theyType takes the word of a device that its person is writing. One that says so more
// often than it is worth is not listened to.
// spec: 03-links#typing
func (t *turn) theyType(d *device, v *live, f wire.Typing) {
	if conversation.ID(f.Conversation) != d.contact.talk.log.ID() || t.now.Sub(v.heard) < typingTaken {
		return
	}
	v.heard = t.now
	t.typing(d, t.now.Add(time.Duration(f.Seconds)*time.Second))
}

// typing notes until when a device's person counts as writing, and tells the faces if that
// changes anything.
func (t *turn) typing(d *device, until time.Time) {
	v := d.route.live
	if v == nil || v.typing.IsZero() && !until.After(t.now) {
		return
	}
	was := !v.typing.IsZero()
	if v.typing = until; until.After(t.now) {
		t.n.wakeBy(until)
	} else {
		v.typing = time.Time{}
	}
	if was == v.typing.IsZero() {
		t.changed(d.contact)
	}
}
