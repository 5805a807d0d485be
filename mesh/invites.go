package mesh

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// Errors of invites that callers branch on.
var (
	ErrInvites    = errors.New("too many of your links may still be used; take one back first")
	ErrInviteLife = errors.New("a link lives a minute at the least, and 7 days at the most")
	ErrExpired    = errors.New("this link is past its time; ask for a new one")
	ErrUsed       = errors.New("this link was used by somebody else before you: tell who gave it to you, and ask for a new one, by a safer way")
	ErrDeclined   = errors.New("who gave out this link declined to be a contact")
)

// Invited is a contact link that we gave out.
type Invited struct {
	ID      string
	Link    string // empty once it cannot be used any more
	Made    time.Time
	Expires time.Time
	Used    bool
	By      string // who used it, by their own name, safe to show
	Twice   bool   // somebody else came with it, too

	Away  *Shelf // where it is answered while we are away; nil: nowhere
	Alone string // why nowhere, when it was made; for people
}

// Invite makes a contact link that one person can use within a time, inviteLife if that is 0.
// It fails with ErrInvites and ErrInviteLife.
// spec: 05-contacts#contact-links
func (n *Node) Invite(ctx context.Context, life time.Duration) (Invited, error) {
	if life == 0 {
		life = inviteLife
	}
	if life < time.Minute || life > contact.LinkLifeMax {
		return Invited{}, ErrInviteLife
	}
	stand, alone := n.stand(ctx)
	var id contact.MeetingID
	err := n.do(ctx, func(t *turn) error {
		m, err := t.give(life)
		if err != nil {
			return err
		}
		if id = m.ID; stand == nil {
			return nil
		}
		return t.shelve(m, stand)
	})
	if err != nil {
		return Invited{}, err
	}
	if stand != nil {
		alone = n.openSlot(ctx, id, false)
	}
	var made Invited
	err = n.do(ctx, func(t *turn) error {
		m := n.meetingCalled(id)
		if m == nil {
			return refuse(ErrNotFound) // it was taken back meanwhile
		}
		made = n.invited(m, t.date)
		if made.Away == nil {
			made.Alone = alone
		}
		return nil
	})
	return made, err
}

// give makes a link of ours. Of those that were used the oldest gives way, and at its supernode.
func (t *turn) give(life time.Duration) (*meeting, error) {
	n := t.n
	open, used := 0, []*meeting(nil)
	for _, m := range n.meetings {
		switch {
		case m.open(t.date):
			open++
		case m.Kind == meetingGiven:
			used = append(used, m)
		}
	}
	if open >= invitesMax {
		return nil, refuse(ErrInvites)
	}
	slices.SortStableFunc(used, func(a, b *meeting) int { return cmp.Compare(waits(a), waits(b)) })
	if len(used) >= usedMax {
		if used[0].Away != nil {
			if err := t.takeBack(used[0]); err != nil {
				return nil, err
			}
		}
		if err := t.dropMeetings(func(m *meeting) bool { return m == used[0] }); err != nil {
			return nil, err
		}
	}
	secret, err := contact.NewMeeting(n.rand)
	if err != nil {
		return nil, err
	}
	m := newMeeting(meetingGiven, secret, contact.First, t.date, t.date.Add(life))
	m.Our = secret.Giver()
	return m, t.addMeeting(m)
}

// waits is 1 for a link by which somebody may have answered at a supernode, which was not read yet, else 0.
func waits(m *meeting) int {
	if m.Away != nil && !m.Done {
		return 1
	}
	return 0
}

// invited shows a link of ours.
func (n *Node) invited(m *meeting, now time.Time) Invited {
	i := Invited{
		ID: m.ID.String(), Made: time.UnixMilli(m.Made), Expires: time.UnixMilli(m.Until), Used: m.Their != contact.Profile{}, Twice: m.Twice,
	}
	if m.User != "" {
		i.By = peer.ShowName(m.User)
	}
	var door *contact.Door
	if m.Away != nil {
		door = &m.Away.Door
		i.Away = &Shelf{Supernode: m.Away.Name, Address: door.Addresses[0], Kept: m.Away.Kept}
	}
	if m.open(now) {
		i.Link = contact.Invite{
			Meeting: m.secret(), Account: m.secret().Mark(n.me.account.ID()), Until: uint32(wire.DayAt(i.Expires)), Door: door,
		}.Link()
	}
	return i
}

// Invites lists the links that we gave out and that are not past their time, oldest first.
func (n *Node) Invites(ctx context.Context) ([]Invited, error) {
	var all []Invited
	err := n.do(ctx, func(t *turn) error {
		for _, m := range n.meetings {
			if m.Kind == meetingGiven && (m.Away == nil || !n.lapsed(m, t.date)) {
				all = append(all, n.invited(m, t.date))
			}
		}
		return nil
	})
	return all, err
}

// Revoke takes a link of ours back, by its id or an unambiguous prefix of it: nobody can use it
// any more. A warning about it, or about another's link by its whole id, is dealt with.
// ErrNotFound and ErrAmbiguous.
func (n *Node) Revoke(ctx context.Context, typed string) (Invited, error) {
	var was Invited
	err := n.do(ctx, func(t *turn) error {
		var found []*meeting
		for _, m := range n.meetings {
			if m.Kind == meetingGiven && len(typed) >= idPrefixMin && strings.HasPrefix(m.ID.String(), typed) {
				found = append(found, m)
			}
		}
		switch len(found) {
		case 0:
			if !slices.ContainsFunc(n.notices, func(k keptNotice) bool { return k.Invite == typed && typed != "" }) {
				return refuse(ErrNotFound)
			}
			was.ID = typed
			return t.dropNotices(func(k keptNotice) bool { return k.Invite == typed })
		case 1:
		default:
			return refuse(ErrAmbiguous)
		}
		was = n.invited(found[0], t.date)
		was.Link = ""
		err := t.dropNotices(func(k keptNotice) bool { return k.Invite == was.ID })
		if err != nil {
			return err
		}
		t.then(n.announce)
		if found[0].Away != nil {
			if err := t.takeBack(found[0]); err != nil {
				return err
			}
		}
		return t.dropMeetings(func(m *meeting) bool { return m == found[0] })
	})
	return was, err
}

// addByLink asks the giver of a contact link.
func (n *Node) addByLink(ctx context.Context, typed string) (Person, error) {
	invite, err := contact.ParseInvite(typed)
	if err != nil {
		return Person{}, err
	}
	var p Person
	var end *outcome
	err = n.do(ctx, func(t *turn) error {
		var err error
		p, end, err = t.use(invite)
		return err
	})
	if err != nil || p.Contact {
		return p, err
	}
	patience := linkPatience
	if invite.Door != nil && n.slots != nil {
		patience = knockPatience
	}
	select {
	case <-end.known:
		return end.person, end.err
	case <-time.After(patience):
	case <-ctx.Done():
	}
	p.Waiting = true
	return p, nil
}

// outcome is what came of a request: a contact, or why there is none.
type outcome struct {
	known  chan struct{} // closed when the rest stands
	person Person
	err    error
}

// ends tells those who wait for it what came of a request.
func (t *turn) ends(q *request, p Person, err error) {
	if end := q.end; end != nil {
		q.end = nil
		t.then(func() {
			end.person, end.err = p, err
			close(end.known)
		})
	}
}

// use makes the request that a contact link is for. The account of a contact is returned as it
// stands.
func (t *turn) use(i contact.Invite) (p Person, end *outcome, err error) {
	n, their := t.n, i.Meeting.Giver()
	if i.Meeting.Mark(n.me.account.ID()) == i.Account {
		return p, nil, refuse(ErrSelf)
	}
	for id, c := range n.contacts {
		if i.Meeting.Mark(id) == i.Account {
			return n.person(c), nil, nil
		}
	}
	if uint32(wire.DayAt(t.date)) > i.Until+1 {
		return p, nil, refuse(ErrExpired)
	}
	q := n.requests[their]
	if q == nil {
		if q, err = t.request(i); err != nil {
			return p, nil, err
		}
	}
	if q.end == nil {
		q.end = &outcome{known: make(chan struct{})}
	}
	end = q.end
	if err := t.advance(q, contact.Ask{}); err != nil {
		return p, nil, err
	}
	p = n.shownRequest(q)
	return p, end, t.recordPerson(storedRequest, p)
}

// request begins the exchange with the giver of a link.
func (t *turn) request(i contact.Invite) (*request, error) {
	n := t.n
	used := 0
	for _, m := range n.meetings {
		if m.Kind == meetingUsed {
			used++
		}
	}
	if used >= usedMax {
		return nil, refuse(ErrRequests)
	}
	until := time.Unix(int64(i.Until+2)*24*60*60, 0)
	if latest := t.date.Add(contact.LinkLifeMax + 48*time.Hour); until.After(latest) {
		until = latest
	}
	stolen := func(m *meeting) bool { return m.Kind == meetingIntroduced && m.ID == i.Meeting.ID() }
	if err := t.dropMeetings(stolen); err != nil { // by a contact who has read the link
		return nil, err
	}
	m := newMeeting(meetingUsed, i.Meeting, contact.Second, t.date, until)
	m.Our, m.Their, m.Mark = i.Meeting.User(n.me.device), i.Meeting.Giver(), i.Account
	if i.Door != nil && n.slots != nil {
		m.Knock = &knock{Door: *i.Door}
		n.wakeBy(t.now)
	}
	q := &request{
		row:      store.Request{Handle: peer.Handle(m.ID), Time: t.now.UnixMilli()},
		exchange: contact.New(n.me.ours, m.Our, m.Their),
	}
	n.requests[m.Their] = q
	return q, t.addMeeting(m)
}

// shown says in a person what is known of somebody who is met by a secret.
func (n *Node) showMeeting(m *meeting, p *Person) {
	switch m.Kind {
	case meetingIntroduced:
		*p = n.introducedPerson(m)
		p.Direction = Out
	case meetingUsed:
		p.ID = m.ID.String()
		p.Name = "the giver of " + p.ID
	default:
		p.ID = m.ID.String()
	}
}

// met notes that there is a contact: nobody else becomes one by the same link.
func (t *turn) met(m *meeting, o *contact.Object) error {
	m.Done = true
	if m.Kind == meetingIntroduced {
		o.Introduced = &contact.Introducer{Account: m.By, Name: m.ByName}
	}
	return t.keepMeetings()
}

// declined tells our person that the other said no, or took back what we had accepted.
func (t *turn) declined(q *request, reason wire.Decline) error {
	n := t.n
	m := n.meetingOf(q.exchange.Our())
	if m == nil {
		t.notice(peer.ShowName(q.row.Name) + " declined to be a contact")
		return nil
	}
	profile := q.exchange.Their()
	t.then(func() {
		if o := n.open[profile]; o != nil {
			o.link.Close(link.ReasonBye)
		}
	})
	switch {
	case m.Kind == meetingIntroduced:
		t.notice(peer.ShowName(m.User) + " declined to be a contact")
	case m.Kind == meetingGiven:
		t.notice("who came by " + m.ID.String() + " took the request back")
	case reason == wire.DeclineUsed:
		t.ends(q, Person{}, ErrUsed)
		return t.raiseKept(keptNotice{Kind: noticeInvite, Invite: m.ID.String(), Text: m.ID.String() + ": " + ErrUsed.Error()})
	default:
		t.ends(q, Person{}, ErrDeclined)
		t.notice(m.ID.String() + ": " + ErrDeclined.Error())
	}
	return nil
}

// openLinkText is the newest link of ours that may still be used, empty if there is none.
func (n *Node) openLinkText(now time.Time) string {
	for _, m := range slices.Backward(n.meetings) {
		if m.open(now) {
			return n.invited(m, now).Link
		}
	}
	return ""
}

// Link returns the newest link of ours that may still be used, empty if there is none.
func (n *Node) Link(ctx context.Context) (text string, err error) {
	err = n.do(ctx, func(t *turn) error {
		text = n.openLinkText(t.date)
		return nil
	})
	return text, err
}
