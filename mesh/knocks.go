package mesh

import (
	"context"
	"errors"
	"io"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// knock is the supernode on a link that we use, and how far we have come with it, as the meeting has it.
//
//	asked ──fetched──▶ committed, the answer is on disk ──left──▶ nothing more to do there
//
// spec: 05-contacts#while-the-giver-is-away
type knock struct {
	Door   contact.Door `cbor:"1,keyasint"`
	Sealed bool         `cbor:"2,keyasint,omitempty"` // our answer is made
	Left   bool         `cbor:"3,keyasint,omitempty"` // and in the slot
}

// atDoor is what goes on with it in this run.
type atDoor struct {
	due  time.Time
	wait time.Duration // until the next try, when one has failed
	busy bool
	why  string // the last one has failed; for people
}

// tickKnocks goes to supernodes on links that we use, where the giver was not found here.
func (t *turn) tickKnocks() error {
	n := t.n
	for _, m := range n.meetings {
		if m.Knock == nil || m.Knock.Left || n.slots == nil {
			continue
		}
		q := n.requests[m.Their]
		if q == nil || !m.Knock.Sealed && (q.exchange.Phase() != contact.PhaseAsked || uint32(wire.DayAt(t.date)) > uint32(wire.DayAt(time.UnixMilli(m.Until)))) {
			continue
		}
		k := n.knocks[m.ID]
		if k == nil {
			k = &atDoor{due: t.now.Add(knockDelay), wait: knockMin}
			n.knocks[m.ID] = k
		}
		switch {
		case k.busy:
		case k.due.After(t.now):
			n.wakeBy(k.due)
		default:
			k.busy = true
			if err := t.knockAt(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// knockAt fetches what is in the slot of a link, or leaves our answer there.
func (t *turn) knockAt(m *meeting) error {
	n, id, door, slot := t.n, m.ID, m.Knock.Door, m.secret().SlotID()
	if !m.Knock.Sealed {
		n.beside(func(ctx context.Context) {
			bundle, err := n.slots.FetchSlot(ctx, door, slot)
			n.post(func(t *turn) error {
				return t.knocked(id, err, func(m *meeting, q *request) error { return t.fetched(m, q, bundle) })
			})
		})
		return nil
	}
	var kept slotSecrets
	if err := loadSecret(t.tx, slotKey(id), &kept); err != nil {
		return err
	}
	n.beside(func(ctx context.Context) {
		place, err := n.slots.AnswerSlot(ctx, door, slot, kept.Answer)
		n.post(func(t *turn) error {
			return t.knocked(id, err, func(m *meeting, _ *request) error { return t.answerLeft(m, place) })
		})
	})
	return nil
}

// knocked notes what came of a try, and goes on if it went well.
func (t *turn) knocked(id contact.MeetingID, failed error, then func(*meeting, *request) error) error {
	n := t.n
	m, k := n.meetingCalled(id), n.knocks[id]
	if m == nil || k == nil || m.Knock == nil {
		return nil
	}
	k.busy = false
	q := n.requests[m.Their]
	if q == nil {
		return nil
	}
	if failed == nil {
		failed = then(m, q)
		if refusal := (refusal{}); failed != nil && !errors.As(failed, &refusal) {
			return failed
		}
	}
	if failed == nil {
		k.why, k.wait, k.due = "", knockMin, t.now
		n.wakeBy(t.now)
		return nil
	}
	k.why = t.whyNot(m, failed)
	if err := t.unanswered(m, q, k.why, failed); err != nil {
		return err
	}
	var b [1]byte
	_, _ = io.ReadFull(n.rand, b[:]) // who lost one supernode together does not come back together
	k.due = t.now.Add(k.wait - k.wait/5 + k.wait*2/5*time.Duration(b[0])/256)
	k.wait = min(2*k.wait, knockMax)
	n.wakeBy(k.due)
	p := n.shownRequest(q)
	p.Waiting = true
	t.ends(q, p, nil)
	return nil
}

// unanswered tells our person who has a contact by what lay in the slot that the other will not know of it.
func (t *turn) unanswered(m *meeting, q *request, why string, failed error) error {
	no, refused := errors.AsType[*SlotError](failed)
	lasts := refused && (no.Reason == wire.ReasonLink || no.Reason == wire.ReasonQuota) || errors.As(failed, new(refusal))
	if q.exchange.Phase() != contact.PhaseCommitted || !lasts {
		return nil
	}
	return t.toldOnce(keptNotice{Kind: noticeInvite, Invite: m.ID.String(), Text: m.ID.String() +
		": who gave it does not know that you are contacts, until you meet on one network, or you remove them and use another link: " + why})
}

// whyNot says to people why a supernode was of no use.
func (t *turn) whyNot(m *meeting, err error) string {
	no, refused := errors.AsType[*SlotError](err)
	switch {
	case errors.Is(err, contact.ErrSlot), errors.Is(err, errNotMeant):
		return "what its supernode keeps is not of who gave the link: ask for a new one, by a safer way"
	case errors.Is(err, wire.ErrNewer):
		return "who gave it has a newer version of Sottovoce: update yours"
	case errors.As(err, new(refusal)):
		return err.Error()
	case !refused:
		return "the supernode on the link, " + m.Knock.Door.Addresses[0] + ", is not reached from here"
	case no.Reason == wire.ReasonLink:
		return "its supernode keeps nothing under this link: it was taken back, or is past its time; ask for a new one"
	case no.Reason == wire.ReasonQuota:
		return "the link was used by others before you: tell who gave it to you, and ask for a new one, by a safer way"
	}
	return "its supernode said: " + no.Word
}

// errNotMeant says that an offer is of another account than the link's.
var errNotMeant = errors.New("not the one who gave the link")

// fetched takes what was in the slot of a link: with it we have the contact, and our answer is on disk before it leaves.
//
// spec: 05-contacts#while-the-giver-is-away
func (t *turn) fetched(m *meeting, q *request, bundle []byte) error {
	n := t.n
	if q.exchange.Phase() != contact.PhaseAsked {
		return nil // they were found here meanwhile
	}
	found, err := m.secret().Visit(bundle)
	if err != nil {
		return refuse(err)
	}
	defer found.Erase()
	offer := wire.Offer{Card: found.Card, Share: found.Share, Nonce: q.exchange.Nonce()}
	if ok, err := t.isMeant(m, offer); err != nil || !ok {
		return errors.Join(err, refuse(errNotMeant))
	}
	if err := t.advance(q, contact.Received{From: m.Their, Frame: offer}); err != nil {
		return err
	}
	reply, ok := q.exchange.Answer()
	c := n.contactBy(m.Their)
	if !ok || c == nil { // there are others in its place, who are to be compared first
		return nil
	}
	answer, err := found.Answer(reply, ratchet.Random, n.rand)
	if err != nil {
		return refuse(err)
	}
	m.Knock.Sealed = true
	c.mailbox.Card = found.Mailbox
	n.custody.due, n.custody.tell = true, true
	return errors.Join(saveSecret(t.tx, slotKey(m.ID), slotSecrets{Answer: answer}), t.saveMailbox(c), t.keepMeetings())
}

// answerLeft notes that our answer is in the slot. Who is told to be the second there is told what that means.
func (t *turn) answerLeft(m *meeting, place uint64) error {
	m.Knock.Left = true
	if err := errors.Join(t.tx.DeleteSetting(slotKey(m.ID)), t.keepMeetings()); err != nil || place < 2 {
		return err
	}
	return t.raiseKept(keptNotice{Kind: noticeInvite, Invite: m.ID.String(), Text: m.ID.String() + ": " + ErrUsed.Error()})
}
