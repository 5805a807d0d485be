package mesh

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// Slots keeps at supernodes what the users of our links find there while we are away, and looks into the slots of others. Its
// methods wait for the network; they fail with a SlotError where a supernode says no.
//
// spec: 05-contacts#while-the-giver-is-away
type Slots interface {
	// Stand returns a supernode of ours that can keep a slot now; the error says why there is none, for people.
	Stand(ctx context.Context) (Stand, error)
	// OpenSlot has it kept. The same again costs nothing.
	OpenSlot(ctx context.Context, at Log, slot wire.Slot) error
	// ReadSlot returns the answers in it, in the order in which they came, or gives it up.
	ReadSlot(ctx context.Context, at Log, id wire.SlotID, secret [16]byte, withdraw bool) ([][]byte, error)
	// FetchSlot returns what is in somebody's slot.
	FetchSlot(ctx context.Context, door contact.Door, id wire.SlotID) ([]byte, error)
	// AnswerSlot leaves an answer in it, and returns its place among the answers: 1 if it was the first.
	AnswerSlot(ctx context.Context, door contact.Door, id wire.SlotID, sealed []byte) (place uint64, err error)
}

// Stand is a supernode that can keep a slot for us.
type Stand struct {
	Log  Log
	Name string // for people
	Door contact.Door
	Card []byte // our mailbox card for whoever comes, with what it takes to deposit
}

// SlotError is a supernode's no.
type SlotError struct {
	Reason wire.Reason
	Word   string // for people
}

func (e *SlotError) Error() string { return e.Word }

// final reports whether the same supernode will go on saying no.
func (e *SlotError) final() bool {
	switch e.Reason {
	case wire.ReasonWeOld, wire.ReasonYouOld, wire.ReasonCommunity, wire.ReasonNoMember, wire.ReasonLink:
		return true
	}
	return false
}

// Shelf says where a link of ours is answered while we are away.
type Shelf struct {
	Supernode string
	Address   string // by which who is no member finds it
	Kept      bool   // it holds what it takes; else it is asked again
}

// shelved is a link's slot at a supernode, as the meeting has it.
type shelved struct {
	Secret    [16]byte     `cbor:"1,keyasint"` // shows the supernode that the slot is ours
	At        [32]byte     `cbor:"2,keyasint"`
	Community [32]byte     `cbor:"3,keyasint"`
	Name      string       `cbor:"4,keyasint,omitempty"`
	Door      contact.Door `cbor:"5,keyasint"`
	ID        wire.SlotID  `cbor:"6,keyasint"`
	Kept      bool         `cbor:"7,keyasint,omitempty"`
	Dealt     [][32]byte   `cbor:"8,keyasint,omitempty"` // hashes of the answers that were looked at
	Taken     [32]byte     `cbor:"9,keyasint"`           // contact.Reply's Sum of the one that made a contact; zero: none has
}

func (s *shelved) log() Log { return Log{At: s.At, Community: s.Community} }

// withdrawn is a slot that its supernode is still to give up.
type withdrawn struct {
	At        [32]byte    `cbor:"1,keyasint"`
	Community [32]byte    `cbor:"2,keyasint"`
	ID        wire.SlotID `cbor:"3,keyasint"`
	Secret    [16]byte    `cbor:"4,keyasint"`
	Until     int64       `cbor:"5,keyasint"` // Unix ms, after which it is gone by itself
}

// slotSecrets is what is kept of a slot beside its meeting, which is written more often.
type slotSecrets struct {
	Shelved []byte `cbor:"1,keyasint,omitempty"` // ours: contact.Shelved
	Bundle  []byte `cbor:"2,keyasint,omitempty"` // ours: what the slot holds
	Answer  []byte `cbor:"3,keyasint,omitempty"` // another's: what we answer
}

const (
	settingSlot      = "slot "           // with the meeting's id behind it
	settingWithdrawn = "slots withdrawn" // a list
)

func slotKey(id contact.MeetingID) string { return settingSlot + id.String() }

// loadShelved reads the offer that is in the slot of a link of ours.
func loadShelved(tx *store.Tx, id contact.MeetingID) (*contact.Shelved, error) {
	var kept slotSecrets
	if err := loadSecret(tx, slotKey(id), &kept); err != nil {
		return nil, err
	}
	defer clear(kept.Shelved)
	return contact.LoadShelved(kept.Shelved)
}

// spend forgets of the offer of a link by which there is a contact now what made it.
//
// spec: 05-contacts#while-the-giver-is-away
func (t *turn) spend(m *meeting) error {
	var kept slotSecrets
	if err := loadSecret(t.tx, slotKey(m.ID), &kept); err != nil {
		return err
	}
	s, err := contact.LoadShelved(kept.Shelved)
	if err != nil {
		return err
	}
	defer s.Erase()
	s.Spend()
	clear(kept.Shelved)
	kept.Shelved = s.Save()
	t.then(t.n.scrubSoon)
	return saveSecret(t.tx, slotKey(m.ID), kept)
}

// stand looks for a supernode that is to keep the slot of a new link.
func (n *Node) stand(ctx context.Context) (*Stand, string) {
	if n.slots == nil {
		return nil, ""
	}
	ctx, cancel := context.WithTimeout(ctx, standPatience)
	defer cancel()
	s, err := n.slots.Stand(ctx)
	if err != nil {
		return nil, err.Error()
	}
	door := s.Door.Narrow()
	if door == nil {
		return nil, "the address of your supernode is too long for a link"
	}
	s.Door = *door
	return &s, ""
}

// shelve makes what is to be in the slot of a link that was just given.
//
// spec: 05-contacts#while-the-giver-is-away
func (t *turn) shelve(m *meeting, s *Stand) error {
	n := t.n
	offer, bundle, err := n.me.ours.Shelve(m.secret(), s.Card, t.date, n.rand)
	if err != nil {
		n.log.Warn("a link does not work while we are away", "error", err)
		return nil
	}
	a := &shelved{At: s.Log.At, Community: s.Log.Community, Name: s.Name, Door: s.Door, ID: m.secret().SlotID()}
	if _, err := io.ReadFull(n.rand, a.Secret[:]); err != nil {
		return err
	}
	m.Away = a
	n.shelves[m.ID] = slotAfter(t.now)
	return errors.Join(saveSecret(t.tx, slotKey(m.ID), slotSecrets{Shelved: offer.Save(), Bundle: bundle}), t.keepMeetings())
}

// openSlot has the slot of a link opened that is not kept yet. Where it is refused for good that is returned, and a link that
// nobody was given yet becomes one that works where both are. Of another somebody may have the offer, and answer it there.
func (n *Node) openSlot(ctx context.Context, id contact.MeetingID, given bool) (why string) {
	var slot wire.Slot
	var at Log
	open := false
	err := n.do(ctx, func(t *turn) error {
		m := n.meetingCalled(id)
		if m == nil || m.Away == nil || m.Away.Kept || n.lapsed(m, t.date) {
			return nil
		}
		var kept slotSecrets
		if err := loadSecret(t.tx, slotKey(id), &kept); err != nil {
			return err
		}
		owner := wire.CommitTo(m.Away.Secret)
		slot = wire.Slot{ID: m.Away.ID, Day: wire.DayAt(time.UnixMilli(m.Until)), Bundle: kept.Bundle, Owner: &owner}
		at, open = m.Away.log(), true
		return nil
	})
	if err != nil || !open {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, slotPatience)
	defer cancel()
	refused := n.slots.OpenSlot(ctx, at, slot)
	if refused != nil {
		n.log.Debug("a slot is not open yet", "error", refused)
	}
	err = n.do(n.ctx, func(t *turn) error {
		m := n.meetingCalled(id)
		if m == nil || m.Away == nil {
			return nil
		}
		no, is := errors.AsType[*SlotError](refused)
		switch {
		case refused == nil:
			m.Away.Kept = true
			return t.keepMeetings()
		case is && no.final() && !given:
			why = no.Word
			m.Away = nil
			return errors.Join(t.tx.DeleteSetting(slotKey(id)), t.keepMeetings())
		}
		return nil
	})
	if err != nil {
		n.log.Debug("what became of a slot is not noted", "error", err)
	}
	return why
}

// slotErrand is a slot that is to be opened, read or given up.
type slotErrand struct {
	meeting  contact.MeetingID
	id       wire.SlotID
	secret   [16]byte
	withdraw bool
}

// readSlots looks into our slots at a supernode where that is due, and gives up those that were taken back. It is done before
// the log there is collected: what a new contact has written is behind its answer.
func (n *Node) readSlots(ctx context.Context, from Log) {
	if n.slots == nil {
		return
	}
	var errands []slotErrand
	if err := n.do(ctx, func(t *turn) error {
		errands = t.slotsDue(from)
		return nil
	}); err != nil {
		return
	}
	for _, e := range errands {
		n.readSlot(ctx, from, e)
	}
}

// readSlot carries out one errand.
func (n *Node) readSlot(ctx context.Context, from Log, e slotErrand) {
	if !e.withdraw {
		n.openSlot(ctx, e.meeting, true)
	}
	ctx, cancel := context.WithTimeout(ctx, slotPatience)
	defer cancel()
	answers, err := n.slots.ReadSlot(ctx, from, e.id, e.secret, e.withdraw)
	no, refused := errors.AsType[*SlotError](err)
	gone := refused && no.Reason == wire.ReasonLink
	if err != nil && !gone {
		n.log.Debug("a slot was not read", "error", err)
		return
	}
	if err := n.do(n.ctx, func(t *turn) error {
		if e.withdraw {
			return t.withdrawn(e.id)
		}
		m := n.meetingCalled(e.meeting)
		if m == nil || m.Away == nil {
			return nil
		}
		if gone && m.Away.Kept { // the supernode has lost it: once more, the next time
			m.Away.Kept = false
			return t.keepMeetings()
		}
		return t.answeredAll(m, answers)
	}); err != nil {
		n.log.Warn("the answers in a slot could not be taken", "error", err)
	}
}

// slotsDue are the errands at a supernode whose time has come: when it was reached anew, and then in the slots of five minutes.
func (t *turn) slotsDue(at Log) (due []slotErrand) {
	n := t.n
	for _, w := range n.withdrawn {
		if (Log{At: w.At, Community: w.Community}) == at {
			due = append(due, slotErrand{id: w.ID, secret: w.Secret, withdraw: true})
		}
	}
	for _, m := range n.meetings {
		if m.Away == nil || m.Away.log() != at || n.shelves[m.ID].After(t.now) {
			continue
		}
		n.shelves[m.ID] = slotAfter(t.now)
		due = append(due, slotErrand{meeting: m.ID, id: m.Away.ID, secret: m.Away.Secret})
	}
	return due
}

// tickSlots reads slots whose time has come. Where a supernode has just been reached that is done by who collects.
func (t *turn) tickSlots() {
	n := t.n
	if n.slots == nil {
		return
	}
	var logs []Log
	for _, m := range n.meetings {
		due, read := n.shelves[m.ID]
		switch {
		case m.Away == nil || !read:
		case due.After(t.now):
			n.wakeBy(due)
		case slices.ContainsFunc(n.custody.reached, func(r Reached) bool { return r.At == m.Away.At }) && !slices.Contains(logs, m.Away.log()):
			logs = append(logs, m.Away.log())
		}
	}
	for _, at := range logs {
		n.beside(func(ctx context.Context) { n.readSlots(ctx, at) })
	}
}

// reachedAnew has the slots read that are at supernodes which were reached anew.
func (n *Node) reachedAnew(now []Reached) {
	for _, m := range n.meetings {
		if m.Away == nil {
			continue
		}
		same := func(r Reached) bool { return r.At == m.Away.At && slices.Contains(n.custody.reached, r) }
		if !slices.ContainsFunc(now, same) {
			delete(n.shelves, m.ID)
		}
	}
}

// answeredAll takes the answers in a slot of ours, each once.
func (t *turn) answeredAll(m *meeting, answers [][]byte) error {
	for _, answer := range answers {
		sum := wire.HashOf("", answer)
		if slices.Contains(m.Away.Dealt, [32]byte(sum)) || len(m.Away.Dealt) >= dealtMax {
			continue
		}
		later, err := t.answered(m, answer)
		if err == nil && !later {
			m.Away.Dealt = append(m.Away.Dealt, sum)
			err = t.keepMeetings()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// answered takes one. What does not open is of somebody who knows the slot and not what it is for, or was spoiled. What needs
// a newer version is looked at again later.
func (t *turn) answered(m *meeting, answer []byte) (later bool, err error) {
	s, err := loadShelved(t.tx, m.ID)
	if err != nil {
		return false, err
	}
	defer s.Erase()
	reply, err := s.Open(answer)
	if err == nil {
		err = t.n.me.ours.Check(reply)
	}
	if err == nil {
		err = t.replied(m, nil, s, reply)
		if !errors.As(err, new(refusal)) {
			return false, err
		}
	}
	t.drop("answer in a slot")
	if errors.Is(err, wire.ErrNewer) {
		return true, t.toldOnce(keptNotice{Kind: noticeInvite, Invite: m.ID.String(), Text: "who used " + m.ID.String() +
			" has a newer version of Sottovoce: update yours, and you become contacts"})
	}
	return false, t.spoiled(m)
}

// spoiled tells our person that something that is no answer lies under a link.
func (t *turn) spoiled(m *meeting) error {
	if m.Twice {
		return nil
	}
	return t.toldOnce(keptNotice{Kind: noticeInvite, Invite: m.ID.String(), Text: "something that is no answer was left under " + m.ID.String() +
		" at your supernode: somebody else has read the link, or the supernode is not honest. If nobody has become a contact by it, give a new link, by a safer way"})
}

// replied goes on with the exchange when the other has answered our offer before we have heard it ask: in a slot, or by a link
// after it found the offer in the slot. A label is said and not proven: another card under it is a second use.
//
// spec: 05-contacts#while-the-giver-is-away
func (t *turn) replied(m *meeting, o *openLink, s *contact.Shelved, reply contact.Reply) error {
	n := t.n
	switch {
	case reply.Label == m.Our:
		return refuse(contact.ErrProfile) // which everybody knows who has the link
	case m.Their != (contact.Profile{}) && m.Their != reply.Label, m.Done && m.Away.Taken != reply.Sum():
		return t.usedTwice(m, o)
	case m.Done:
		return nil // it came by a link, too
	}
	q := n.requests[reply.Label]
	if q != nil && q.exchange.Our() != m.Our {
		return refuse(contact.ErrProfile) // the label is somebody else's
	}
	if m.Their == (contact.Profile{}) {
		m.Their, m.User, m.Secret = reply.Label, reply.Ask().Name, [32]byte{}
		if err := t.keepMeetings(); err != nil {
			return err
		}
	}
	if q == nil {
		q = &request{
			row: store.Request{Handle: peer.Handle(m.ID), Time: t.now.UnixMilli()}, exchange: contact.New(n.me.ours, m.Our, m.Their),
		}
		n.requests[m.Their] = q
	}
	q.exchange.Prepare(s)
	defer q.exchange.Prepare(nil)
	if q.exchange.Phase() != contact.PhaseOffered {
		if err := errors.Join(t.advance(q, contact.Received{From: m.Their, Frame: reply.Ask()}), t.advance(q, contact.Accept{})); err != nil {
			return err
		}
	}
	if err := t.advance(q, contact.Received{From: m.Their, Frame: reply.Card}); err != nil || !m.Done {
		return err
	}
	m.Away.Taken = reply.Sum()
	return errors.Join(t.spend(m), t.keepMeetings())
}

// takeBack has a slot given up at its supernode, as soon as that is reached.
func (t *turn) takeBack(m *meeting) error {
	n, a := t.n, m.Away
	delete(n.shelves, m.ID)
	n.withdrawn = append(n.withdrawn, withdrawn{
		At: a.At, Community: a.Community, ID: a.ID, Secret: a.Secret, Until: time.UnixMilli(m.Until).Add(slotHeld).UnixMilli(),
	})
	n.withdrawn = n.withdrawn[max(0, len(n.withdrawn)-withdrawnMax):]
	t.then(func() { n.beside(func(ctx context.Context) { n.readSlots(ctx, a.log()) }) })
	return saveSecret(t.tx, settingWithdrawn, n.withdrawn)
}

// withdrawn notes that a slot is given up, or is gone by itself.
func (t *turn) withdrawn(id wire.SlotID) error {
	n := t.n
	n.withdrawn = slices.DeleteFunc(n.withdrawn, func(w withdrawn) bool {
		return bytes.Equal(w.ID[:], id[:]) || t.date.UnixMilli() > w.Until
	})
	return saveSecret(t.tx, settingWithdrawn, n.withdrawn)
}

// slotFrame takes a card by a link, of somebody who found our offer in the slot or was given the same one by a link.
func (t *turn) slotFrame(m *meeting, o *openLink, f wire.Frame) (done bool, err error) {
	card, is := f.(wire.CardFrame)
	if !is {
		return false, nil
	}
	reply := contact.Reply{Label: o.profile, Card: card}
	if m.Done {
		if m.Away.Taken == reply.Sum() {
			return false, nil // it has not heard that we have it
		}
		return true, t.usedTwice(m, o)
	}
	s, err := loadShelved(t.tx, m.ID)
	if err != nil {
		return false, err
	}
	defer s.Erase()
	if err = t.n.me.ours.Check(reply); err == nil {
		err = t.replied(m, o, s, reply)
	} else {
		err = refuse(err)
	}
	if refusal := (refusal{}); errors.As(err, &refusal) {
		t.drop("contact frame")
		return true, nil
	}
	return true, err
}

// exchangeBy finds or begins the exchange by a link with somebody who asks. By a link of ours that has a slot they are made
// the offer that is there.
func (t *turn) exchangeBy(m *meeting, o *openLink) (*request, error) {
	q, err := t.exchange(o, contact.PhaseIncoming)
	if err != nil || m == nil || m.Away == nil || m.Done {
		return q, err
	}
	s, err := loadShelved(t.tx, m.ID)
	if err != nil {
		return nil, err
	}
	q.exchange.Prepare(s)
	t.then(func() { q.exchange.Prepare(nil) })
	return q, nil
}
