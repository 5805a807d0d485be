package mesh

import (
	"context"
	"maps"
	"slices"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// sortedWays are the instances that there is a way to, in an order that replays.
func (n *Node) sortedWays() []string { return slices.Sorted(maps.Keys(n.ways)) }

// tickMeetings forgets what is over and dials whoever is in sight and wanted.
func (t *turn) tickMeetings() error {
	n := t.n
	if err := t.dropMeetings(func(m *meeting) bool { return !t.date.Before(n.end(m)) }); err != nil {
		return err
	}
	for _, m := range n.meetings {
		next := n.over(m)
		if n.lapsed(m, t.date) {
			next = n.end(m)
		}
		n.wakeBy(t.now.Add(min(max(next.Sub(t.date), time.Second), housekeeping)))
	}
	t.tickSlots()
	if err := t.tickKnocks(); err != nil {
		return err
	}
	for _, instance := range n.sortedWays() {
		w := n.ways[instance]
		switch m := n.meetingCalled(w.meeting); {
		case m == nil:
			delete(n.ways, instance)
		case w.due.IsZero() || w.dialing:
		case w.due.After(t.now):
			n.wakeBy(w.due)
		default:
			w.due = time.Time{}
			if n.wants(m, w) {
				t.dialWay(instance, w, m)
			}
		}
	}
	return nil
}

func (n *Node) meetingCalled(id contact.MeetingID) *meeting {
	i := slices.IndexFunc(n.meetings, func(m *meeting) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return n.meetings[i]
}

// wants reports whether a link along the way would bring something forward: the exchange
// that waits for one, or to know who it is that has a link of ours.
func (n *Node) wants(m *meeting, w *way) bool {
	their := m.Their
	if m.Kind == meetingGiven {
		if their = w.label; their == (contact.Profile{}) {
			return true
		}
	}
	q := n.requests[their]
	return q != nil && q.exchange.Due() && n.open[their] == nil
}

// dialWay opens a link in mode pair.
func (t *turn) dialWay(instance string, w *way, m *meeting) {
	n, pair := t.n, m.pair()
	w.dialing = true
	target := link.Target{Endpoints: w.place.endpoints, Fingerprint: w.place.fingerprint, Mode: handshake.PairUp, Pair: &pair}
	n.beside(func(ctx context.Context) {
		l, err := n.transport.Dial(ctx, target)
		n.post(func(t *turn) error {
			if w := n.ways[instance]; w != nil {
				w.dialing = false
				if err != nil {
					t.retryWay(w)
				}
			}
			if err != nil {
				return nil
			}
			return t.proven(l)
		})
	})
}

// retryWay plans the next dial, later and later.
func (t *turn) retryWay(w *way) {
	w.due = t.now.Add(min(redialDelayMin<<min(w.failures, 16), redialDelayMax))
	w.failures++
	t.n.wakeBy(w.due)
}

// retryMeeting plans dials after a link in mode pair has ended.
func (t *turn) retryMeeting(id contact.MeetingID) {
	for _, instance := range t.n.sortedWays() {
		if w := t.n.ways[instance]; w.meeting == id && w.due.IsZero() && !w.dialing {
			t.retryWay(w)
		}
	}
}

// meetBySecret takes a proven link in mode pair. Nobody but the one who is meant answers a
// link that we use.
//
// spec: 05-contacts#contact-links
func (t *turn) meetBySecret(l *link.Link) error {
	n, proof := t.n, l.Proof()
	m, their := n.meetingAt(proof.Pair), contact.Profile(proof.Label)
	if m == nil || m.Kind != meetingGiven && their != m.Their || n.lapsed(m, t.date) {
		l.Close(link.ReasonBye)
		return nil
	}
	for _, w := range n.ways {
		if w.meeting == m.ID && slices.Contains(w.place.endpoints, l.Remote()) {
			w.label = their
		}
	}
	if m.Kind != meetingGiven && n.requests[their] == nil {
		l.Close(link.ReasonBye)
		return nil
	}
	id := m.ID
	o := &openLink{
		link: l, our: m.Our, profile: their, handle: peer.Handle(m.ID), meeting: &id, frames: make(chan wire.Frame, openFramesMax), since: t.now,
	}
	if !t.join(o) {
		return nil
	}
	return t.resume(o)
}

// usedTwice is about who asks by a link that somebody else has used: they are told so, and
// our person too.
func (t *turn) usedTwice(m *meeting, o *openLink) error {
	t.then(func() {
		if o == nil { // it came by slot
			return
		}
		select {
		case o.frames <- wire.Declined{Reason: wire.DeclineUsed}:
		default:
		}
	})
	if m.Twice {
		return nil
	}
	m.Twice = true
	if err := t.keepMeetings(); err != nil {
		return err
	}
	if m.Away != nil { // our card lay there for whoever has read the link
		if err := t.renew(); err != nil {
			return err
		}
	}
	first := "somebody"
	if m.User != "" {
		first = peer.ShowName(m.User)
	}
	k := keptNotice{Kind: noticeInvite, Invite: m.ID.String()}
	if c := t.n.contactBy(m.Their); c != nil {
		k.Contact = c.row.ID
	}
	k.Text = k.Invite + " was used by somebody else, too: two people have the link that you gave to one. " + first +
		" came first and may not be who you gave it to. Compare with them in person, or remove them; and give a new link, by a safer way"
	return t.raiseKept(k)
}

// contactBy is the contact that was met by a profile, nil if there is none.
func (n *Node) contactBy(profile contact.Profile) *contactState {
	for _, c := range n.contacts {
		if c.profile == profile {
			return c
		}
	}
	return nil
}

// admitted returns the meeting that a frame of a link in mode pair goes on with, nil if it
// does not, or all is done about it.
func (t *turn) admitted(o *openLink, f wire.Frame) (*meeting, error) {
	if o.meeting == nil {
		return nil, nil
	}
	m := t.n.meetingCalled(*o.meeting)
	if m == nil {
		o.link.Close(link.ReasonBye)
		return nil, nil
	}
	ok, err := t.admits(m, o, f)
	if !ok || err != nil {
		t.drop("contact frame")
		return nil, err
	}
	if m.Away != nil {
		if done, err := t.slotFrame(m, o, f); done || err != nil {
			return nil, err
		}
	}
	return m, nil
}

// admits judges a frame on a link in mode pair before the exchange sees it, and binds a link
// that we gave to who asks first.
//
// spec: 05-contacts#contact-links
func (t *turn) admits(m *meeting, o *openLink, f wire.Frame) (bool, error) {
	if m.Kind != meetingGiven {
		return t.isMeant(m, f)
	}
	switch {
	case m.Their != (contact.Profile{}) && m.Their != o.profile:
		return false, t.usedTwice(m, o)
	case m.Done:
		_, again := f.(wire.CardFrame)
		return again, nil // it has not heard that we have its card
	case m.Their == o.profile:
		return true, nil
	}
	if _, answers := f.(wire.CardFrame); answers && m.Away != nil {
		return true, nil // it found our offer in the slot
	}
	ask, asks := f.(wire.Ask)
	if !asks {
		return false, nil
	}
	m.Their, m.User, m.Secret = o.profile, ask.Name, [32]byte{}
	return true, t.keepMeetings()
}

// isMeant reports whether a card is of the account that was meant; other frames are.
func (t *turn) isMeant(m *meeting, f wire.Frame) (bool, error) {
	var card []byte
	switch f := f.(type) {
	case wire.Offer:
		card = f.Card
	case wire.CardFrame:
		card = f.Card
	default:
		return true, nil
	}
	if mark, ok := m.secret().MarkOf(card); ok && mark == m.Mark {
		return true, nil
	}
	k := keptNotice{Kind: noticeInvite, Invite: m.ID.String()}
	k.Text = "somebody answers " + k.Invite + " who is not the one who gave it: no contact was made. Ask for a new link, by a safer way"
	if m.Kind == meetingIntroduced {
		k.Text = "somebody else answers in the name of " + peer.ShowName(m.User) + ", whom " + t.n.introducer(m.By, m.ByName).Name +
			" introduced: no contact was made (" + k.Invite + ")"
	}
	return false, t.raiseKept(k)
}
