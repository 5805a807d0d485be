package mesh

import (
	"bytes"
	"context"
	"errors"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
)

// ErrSamePerson says that two people who are to be introduced are one.
var ErrSamePerson = errors.New("that is one person; say which two are to know each other")

// Introducer is who introduced a contact to us: an account id, and a name safe to show.
type Introducer struct{ ID, Name string }

// Introduce tells two contacts of each other, each by the name it chose. Both decide by
// themselves whether they become contacts, and hear from whom it came. It returns the two.
// ErrNotFound, ErrAmbiguous, ErrSamePerson, and ErrBlocked
// and ErrKeys for whom nothing is sent to.
// spec: 05-contacts#introductions
func (n *Node) Introduce(ctx context.Context, one, other string) (two [2]Person, err error) {
	err = n.do(ctx, func(t *turn) error {
		var c [2]*contactState
		for i, typed := range []string{one, other} {
			var err error
			if c[i], err = n.contactCalled(typed); err != nil {
				return refuse(err)
			}
			if c[i].row.Blocked {
				return refuse(ErrBlocked)
			}
			if c[i].trust.Keys() == contact.KeysAlarm {
				return refuse(ErrKeys)
			}
			two[i] = n.person(c[i])
		}
		if c[0] == c[1] {
			return refuse(ErrSamePerson)
		}
		secret, err := contact.NewMeeting(n.rand)
		if err != nil {
			return err
		}
		for i := range c {
			told := c[1-i]
			if _, err := t.say(c[i], conversation.Introduction{Secret: secret.Secret, Name: told.row.Name, Account: told.account.ID()}); err != nil {
				return err
			}
		}
		return nil
	})
	return two, err
}

// introduced takes a contact's word that there is somebody to know. Nothing of it is answered
// before our person has.
// spec: 05-contacts#introductions
func (t *turn) introduced(by *contactState, i conversation.Introduction) error {
	n, our := t.n, t.n.me.account.ID()
	if i.Account == our || n.contacts[i.Account] != nil {
		return nil
	}
	again := func(m *meeting) bool {
		return m.Kind == meetingIntroduced && m.Account == i.Account && m.By == by.account.ID()
	}
	secret, role := contact.Meeting{Secret: i.Secret}, contact.First
	id := secret.ID()
	said, known, all, ofThem := false, false, 0, 0
	for _, m := range n.meetings {
		switch {
		case again(m):
			said = said || n.requests[m.Their] != nil
		case m.ID == id: // each secret is for one
			known = true
		case m.Kind == meetingIntroduced && !m.Done:
			all++
			if m.By == by.account.ID() {
				ofThem++
			}
		}
	}
	if known || all >= introductionsMax || ofThem >= introductionsOfOneMax {
		t.drop("introduction")
		return nil
	}
	if err := t.dropMeetings(again); err != nil {
		return err
	}
	if bytes.Compare(our[:], i.Account[:]) > 0 {
		role = contact.Second
	}
	m := newMeeting(meetingIntroduced, secret, role, t.date, t.date.Add(introductionLife))
	m.Our, m.Their, m.Mark = secret.Introduced(our), secret.Introduced(i.Account), secret.Mark(i.Account)
	m.Account, m.User, m.By, m.ByName = i.Account, i.Name, by.account.ID(), by.row.Name
	n.meetings = append(n.meetings, m)
	if err := t.keepMeetings(); err != nil {
		return err
	}
	if said {
		return t.acceptIntroduction(m)
	}
	return t.recordPerson(storedRequest, n.introducedPerson(m))
}

// acceptIntroduction asks the one whom our person wants to know; they ask us when theirs does.
func (t *turn) acceptIntroduction(m *meeting) error {
	n := t.n
	q := &request{
		row:      store.Request{Handle: peer.Handle(m.ID), Name: m.User, Time: t.now.UnixMilli()},
		exchange: contact.New(n.me.ours, m.Our, m.Their),
	}
	n.requests[m.Their] = q
	t.then(n.announce)
	t.keysStale = true
	for _, s := range n.nearby {
		t.lookFor(m, s)
	}
	return t.advance(q, contact.Ask{})
}

// undecided are the introductions that our person has not answered, oldest first.
func (n *Node) undecided() (waiting []*meeting) {
	for _, m := range n.meetings {
		if m.Kind == meetingIntroduced && !m.Done && n.requests[m.Their] == nil {
			waiting = append(waiting, m)
		}
	}
	return waiting
}

// introducedPerson is who was introduced to us.
func (n *Node) introducedPerson(m *meeting) Person {
	p := Person{ID: m.Account.String(), Name: peer.ShowName(m.User), Via: ViaNone, Direction: In}
	p.IntroducedBy = n.introducer(m.By, m.ByName)
	p.Online = n.placeOf(m) != nil
	return p
}

// introducer shows who introduced somebody, by our name for them while they are a contact.
func (n *Node) introducer(id identity.AccountID, name string) Introducer {
	if c := n.contacts[id]; c != nil {
		return Introducer{ID: id.String(), Name: c.shownName()}
	}
	return Introducer{ID: id.String(), Name: peer.ShowName(name)}
}

// forgetIntroductions drops those of an account that is a contact now, but for the one by
// which it became one.
func (t *turn) forgetIntroductions(account identity.AccountID, but contact.Profile) error {
	return t.dropMeetings(func(m *meeting) bool {
		return m.Kind == meetingIntroduced && m.Account == account && m.Our != but
	})
}
