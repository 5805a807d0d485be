package mesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/link"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// request is the exchange with one open profile. It is dialled for while the exchange
// waits for something that a link would bring, and the profile is in sight.
type request struct {
	row      store.Request
	exchange *contact.Exchange
	typed    *place    // an address that we were given for it; nil: it was nearby
	due      time.Time // of the next dial; zero: none planned
	dialing  bool
	failures int
	from     netip.Addr    // of who asked, in this run
	held     bool          // in memory only: too many ask
	shared   []byte        // what the two profiles share, once it was looked for; see same.go
	handed   chan struct{} // closed, and nil again, when a frame has left; nil: nobody waits
	end      *outcome      // of who used a link and waits for it; nil: nobody does
}

// profile is our open profile as exchanges name it.
func (n *Node) profile() contact.Profile { return contact.Profile(n.me.open.Public().Agree) }

func (n *Node) loadRequests(tx *store.Tx) error {
	rows, err := tx.Requests()
	if err != nil {
		return err
	}
	for _, row := range rows {
		x, err := contact.Load(n.me.ours, row.State)
		if err != nil {
			return fmt.Errorf("a contact request: %w", err)
		}
		q := &request{row: row, exchange: x}
		if x.Due() { // at once, where the profile is in sight: a turn may have failed
			q.due = n.now()
		}
		n.requests[x.Their()] = q
	}
	return nil
}

// exchange finds or begins the exchange between the profiles that a link has proven.
// phase is the one that it will be in; of those that wait in it there is a limit. One that
// the other side had with another profile of ours gives way: they have met us anew.
// spec: 05-contacts#profiles
func (t *turn) exchange(o *openLink, phase contact.Phase) (*request, error) {
	n := t.n
	if q := n.requests[o.profile]; q != nil {
		if q.exchange.Our() == o.our {
			return q, nil
		}
		if err := t.forgetRequest(q); err != nil {
			return nil, err
		}
	}
	if n.inPhase(phase) >= requestsMax {
		if phase != contact.PhaseIncoming {
			return nil, ErrRequests
		}
		if err := t.makeRoom(o.from()); err != nil {
			return nil, err
		}
	}
	q := &request{
		from:     o.from(),
		row:      store.Request{Handle: o.handle, Time: t.now.UnixMilli()},
		exchange: contact.New(n.me.ours, o.our, o.profile),
	}
	n.requests[o.profile] = q
	return q, nil
}

// inPhase counts the exchanges that stand there.
func (n *Node) inPhase(phase contact.Phase) int {
	count := 0
	for _, q := range n.requests {
		if q.exchange.Phase() == phase {
			count++
		}
	}
	return count
}

// forgetAbsent makes room for a request by forgetting the oldest of theirs whose asker
// is not here any more: who means it asks again. Otherwise it is ErrRequests.
func (t *turn) forgetAbsent() error {
	n := t.n
	var oldest *request
	for _, q := range n.requests {
		if q.exchange.Phase() == contact.PhaseIncoming && n.open[q.exchange.Their()] == nil && n.findNearby(q.row.Handle) == nil &&
			(oldest == nil || q.row.Time < oldest.row.Time) {
			oldest = q
		}
	}
	if oldest == nil {
		return ErrRequests
	}
	return t.forgetRequest(oldest)
}

// forgetRequest forgets the exchange, and the link that it was made with if we used one.
func (t *turn) forgetRequest(q *request) error {
	q.handedOver()
	delete(t.n.requests, q.exchange.Their())
	if q.exchange.Phase() == contact.PhaseOffered {
		if err := t.renew(); err != nil {
			return err
		}
	}
	if q.row.ID != 0 {
		if err := t.tx.DeleteRequest(q.row.ID); err != nil {
			return err
		}
	}
	return t.dropMeetings(func(m *meeting) bool { return m.Kind != meetingGiven && m.Our == q.exchange.Our() })
}

// confirmed ends the exchange of a contact who has just proven to have us as a contact too:
// its last frame was lost, and who shows no open profile cannot be asked for it.
// spec: 05-contacts#done
func (t *turn) confirmed(c *contactState) error {
	if q := t.n.requests[c.profile]; q != nil && q.exchange.Phase() == contact.PhaseCommitted {
		return t.forgetRequest(q)
	}
	return nil
}

// handedOver tells whoever asked that the request has left.
func (q *request) handedOver() {
	if q.handed != nil {
		close(q.handed)
		q.handed = nil
	}
}

// advance takes an exchange one event further, keeps it, and does what follows: after
// the commit, where it is to be seen outside.
// spec: 05-contacts#the-exchange
func (t *turn) advance(q *request, event contact.Event) error {
	before := q.exchange.Phase()
	actions, err := q.exchange.Step(t.date, event, t.n.rand)
	if err != nil {
		return refuse(err)
	}
	for _, action := range actions {
		if err := t.follow(q, action); err != nil {
			return err
		}
	}
	if before == contact.PhaseOffered {
		if err := t.cameToNothing(q); err != nil {
			return err
		}
	}
	return t.keepRequest(q)
}

// follow carries out one action of an exchange.
func (t *turn) follow(q *request, action contact.Action) error {
	switch a := action.(type) {
	case contact.Send:
		t.sendContact(q, a.Frame)
	case contact.Notify:
		q.row.Incoming, q.row.Name = true, a.Name
		if t.n.meetingOf(q.exchange.Our()) != nil {
			return nil // our person's yes was given with the link
		}
		return t.showRequest(q)
	case contact.Commit:
		if m := t.n.meetingOf(q.exchange.Our()); m != nil {
			if err := t.met(m, a.Object); err != nil {
				return err
			}
		}
		if err := t.befriend(q, a.Object); err != nil {
			return err
		}
		t.ends(q, t.n.person(t.n.contacts[a.Object.Their.Account.ID()]), nil)
	case contact.Refused:
		return t.declined(q, a.Reason)
	case contact.Settled: // the link for it has done its work
		n, profile := t.n, q.exchange.Their()
		t.then(func() {
			if o := n.open[profile]; o != nil {
				o.link.Close(link.ReasonBye)
			}
		})
	}
	return nil
}

// keepRequest writes the exchange down, or forgets it when nothing is left to answer.
func (t *turn) keepRequest(q *request) error {
	if q.exchange.Over(t.now) {
		return t.forgetRequest(q)
	}
	if q.exchange.Due() && t.n.open[q.exchange.Their()] == nil {
		if m := t.n.meetingOf(q.exchange.Our()); m != nil {
			t.retryMeeting(m.ID)
		} else {
			q.due = t.now
			t.n.wakeBy(t.now)
		}
	}
	if q.held = q.held && q.exchange.Phase() == contact.PhaseIncoming; q.held {
		return nil
	}
	state := q.exchange.Save()
	if bytes.Equal(state, q.row.State) {
		return nil // a far end that repeats itself does not wear the disk
	}
	q.row.State = state
	if q.row.ID == 0 && t.n.meetingOf(q.exchange.Our()) == nil {
		if err := t.tellAllSame(); err != nil {
			return err
		}
	}
	return t.tx.PutRequest(&q.row)
}

// redial plans the next dial of an exchange that needs one, later and later.
func (t *turn) redial(q *request) {
	if !q.exchange.Due() {
		return
	}
	q.due = t.now.Add(min(redialDelayMin<<min(q.failures, 16), redialDelayMax))
	q.failures++
	t.n.wakeBy(q.due)
}

// requester is the other side of a request. The profile is all that is known of it, or the
// link by which it was made.
func (n *Node) requester(q *request) Person {
	p := stranger(q.row.Handle, q.row.Name)
	p.Online, p.Direction = false, Out
	if m := n.meetingOf(q.exchange.Our()); m != nil {
		n.showMeeting(m, &p)
	}
	if q.row.Incoming {
		p.Direction = In
	}
	return p
}

// waiting reports whether a person has yet to answer. Of who comes by a link of ours nobody
// does: the answer was given with it.
func (n *Node) waiting(q *request) bool {
	if m := n.meetingOf(q.exchange.Our()); m != nil && m.Kind == meetingGiven {
		return false
	}
	switch q.exchange.Phase() {
	case contact.PhaseAsked, contact.PhaseIncoming, contact.PhaseOffered:
		return true
	}
	return false
}

func (n *Node) waitingRequests() int {
	count := len(n.undecided())
	for _, q := range n.requests {
		if n.waiting(q) {
			count++
		}
	}
	return count
}

// Requests lists who waits for an answer, ours or theirs, oldest first.
func (n *Node) Requests(ctx context.Context) ([]Person, error) {
	var people []Person
	err := n.do(ctx, func(*turn) error {
		var waiting []*request
		for _, q := range n.requests {
			if n.waiting(q) {
				waiting = append(waiting, q)
			}
		}
		slices.SortFunc(waiting, func(a, b *request) int { return int(a.row.Time - b.row.Time) })
		undecided := n.undecided()
		for _, q := range waiting {
			for len(undecided) > 0 && undecided[0].Made <= q.row.Time {
				people = append(people, n.introducedPerson(undecided[0]))
				undecided = undecided[1:]
			}
			people = append(people, n.shownRequest(q))
		}
		for _, m := range undecided {
			people = append(people, n.introducedPerson(m))
		}
		return nil
	})
	return people, err
}

// shownRequest is the person of a request, online when the profile is in sight.
func (n *Node) shownRequest(q *request) Person {
	p := n.requester(q)
	if m := n.meetingOf(q.exchange.Our()); m != nil {
		p.Online = n.placeOf(m) != nil
		if k := n.knocks[m.ID]; k != nil && k.why != "" {
			p.Waits = "until you meet on one network: " + k.why
		}
		return p
	}
	p.Online = n.findNearby(q.row.Handle) != nil
	if n.waitsElsewhere(q) {
		p.Waits = "until you are on the network again where it began"
	}
	return p
}

// Accept says yes to a request. It returns once the yes is durable; the exchange goes
// on by itself, now or when the other side is seen again. ErrNotFound and ErrAmbiguous.
func (n *Node) Accept(ctx context.Context, typed string) (Person, error) {
	return n.answer(ctx, typed, func(q *request) contact.Event {
		if n.waiting(q) && (q.exchange.Phase() == contact.PhaseIncoming || q.exchange.Phase() == contact.PhaseOffered) {
			return contact.Accept{}
		}
		return nil
	}, (*turn).acceptIntroduction)
}

// Decline says no to a request of theirs, also after a yes that has not made them a contact
// yet, or takes one of ours back. ErrNotFound and ErrAmbiguous.
func (n *Node) Decline(ctx context.Context, typed string) (Person, error) {
	return n.answer(ctx, typed, func(q *request) contact.Event {
		switch q.exchange.Phase() {
		case contact.PhaseIncoming, contact.PhaseOffered:
			if n.waiting(q) {
				return contact.Decline{}
			}
		case contact.PhaseAsked:
			return contact.Withdraw{}
		}
		return nil
	}, func(t *turn, m *meeting) error {
		return t.dropMeetings(func(o *meeting) bool { return o == m })
	})
}

// answer finds the one request that fits what was typed and for which event says
// something, and advances it, or decides about the one introduction that fits.
func (n *Node) answer(ctx context.Context, typed string, event func(*request) contact.Event, decide func(*turn, *meeting) error) (Person, error) {
	var p Person
	err := n.do(ctx, func(t *turn) error {
		var people []Person
		found := make(map[string]func() error)
		for _, q := range n.requests {
			if ev := event(q); ev != nil {
				shown := n.shownRequest(q)
				people, found[shown.ID] = append(people, shown), func() error { return t.advance(q, ev) }
			}
		}
		for _, m := range n.undecided() {
			shown := n.introducedPerson(m)
			if found[shown.ID] == nil { // else two introduce the same person
				people, found[shown.ID] = append(people, shown), func() error { return decide(t, m) }
			}
		}
		var err error
		if p, err = who(people, typed); err != nil {
			return refuse(err)
		}
		return found[p.ID]()
	})
	return p, err
}

// approachRequested plans a dial to a profile that was just seen, if a request with it
// waits for a link. One that seems to be there is of no use when the profile has just
// appeared: its node may have been killed.
func (t *turn) approachRequested(s *sighted, appeared bool) {
	n := t.n
	for _, q := range n.requests {
		if q.row.Handle != s.Open.Handle || !q.exchange.Due() || n.waitsElsewhere(q) {
			continue
		}
		if o := n.open[q.exchange.Their()]; o != nil {
			if !appeared {
				continue
			}
			o.link.Close(link.ReasonReplaced)
			delete(n.open, o.profile)
		}
		q.due, q.failures = t.now, 0
		n.wakeBy(t.now)
	}
}

// tickRequests dials for the requests whose time has come and forgets those that are
// over.
func (t *turn) tickRequests() error {
	n := t.n
	if err := t.saveHeld(); err != nil {
		return err
	}
	for _, q := range n.exchanges() {
		switch {
		case q.exchange.Over(t.now):
			if err := t.keepRequest(q); err != nil {
				return err
			}
		case q.due.IsZero() || q.dialing || n.moving != nil:
		case q.due.After(t.now):
			n.wakeBy(q.due)
		default:
			q.due = time.Time{}
			if at := n.whereDue(q); at != nil && n.open[q.exchange.Their()] == nil && q.exchange.Due() && !n.waitsElsewhere(q) {
				t.dialRequest(q, at)
			}
		}
	}
	return nil
}

// whereDue is where the profile of a request can be dialled.
func (n *Node) whereDue(q *request) []*place {
	if places := n.places(q.row.Handle); len(places) > 0 || q.typed == nil {
		return places
	}
	return []*place{q.typed}
}

// dialRequest opens a link for an exchange that waits for one; what is due is sent when
// it is proven.
func (t *turn) dialRequest(q *request, at []*place) {
	n, profile := t.n, q.exchange.Their()
	q.dialing = true
	n.beside(func(ctx context.Context) {
		l, err := n.dialOpen(ctx, at, (*[32]byte)(&profile), nil)
		n.post(func(t *turn) error {
			if q := n.requests[profile]; q != nil {
				q.dialing = false
				if err != nil {
					t.redial(q)
				}
			}
			if err != nil {
				return nil
			}
			return t.proven(l)
		})
	})
}

// contactFrame takes a frame of the exchange with the profile at the other end.
func (t *turn) contactFrame(o *openLink, f wire.Frame) error {
	if ask, asks := f.(wire.Ask); asks && !t.hearsAsk(o, ask) {
		return nil
	}
	if t.n.shutOut(o.profile) {
		t.drop("contact frame")
		return nil
	}
	m, err := t.admitted(o, f)
	if err != nil || o.meeting != nil && m == nil {
		return err
	}
	if q := t.n.requests[o.profile]; q == nil || q.exchange.Our() != o.our {
		_, offer := f.(wire.Offer) // it answers a request that was taken back
		if _, ask := f.(wire.Ask); !ask && (!offer || q != nil) {
			return nil // of an exchange that is over, or waits elsewhere
		}
	}
	q, err := t.exchangeBy(m, o)
	if errors.Is(err, ErrRequests) {
		t.dropAsk(o)
		return nil
	}
	if err != nil {
		return err
	}
	err = t.advance(q, contact.Received{From: o.profile, Frame: f})
	if m != nil && m.Kind == meetingGiven && err == nil && q.exchange.Phase() == contact.PhaseIncoming {
		err = t.advance(q, contact.Accept{})
	}
	if refusal := (refusal{}); errors.As(err, &refusal) {
		t.drop("contact frame")
		t.n.log.Debug("contact frame", "error", refusal.err)
		if q.row.ID == 0 {
			delete(t.n.requests, o.profile)
		}
		return nil
	}
	return err
}
