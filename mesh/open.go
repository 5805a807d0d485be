package mesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// openLink is a link in mode open or pair, on which one contact exchange goes on.
type openLink struct {
	link    *link.Link
	our     contact.Profile    // as the far end knows us
	profile contact.Profile    // the far end
	meeting *contact.MeetingID // nil: both are open profiles
	handle  peer.Handle
	since   time.Time
	frames  chan wire.Frame // to the writer; never closed
}

// dialOpen opens a link in mode open to the first of several places that proves the key,
// or the handle, that is wanted; to whoever answers if both are nil.
func (n *Node) dialOpen(ctx context.Context, at []*place, key *[32]byte, handle *peer.Handle) (*link.Link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		link *link.Link
		err  error
	}
	answers := make(chan answer, len(at))
	for _, p := range at {
		go func() {
			l, err := n.transport.Dial(ctx, link.Target{Endpoints: p.endpoints, Fingerprint: p.fingerprint, Mode: handshake.Open, OpenKey: key})
			if err == nil && handle != nil && handleOf(l.Proof()) != *handle {
				l.Close(link.ReasonBye)
				l, err = nil, errors.New("somebody else answers there")
			}
			answers <- answer{l, err}
		}()
	}
	var first *link.Link
	failures := []error{errors.New("nowhere to be seen")}
	for range at {
		switch a := <-answers; {
		case a.err != nil:
			failures = append(failures, a.err)
		case first != nil:
			a.link.Close(link.ReasonBye)
		default:
			first = a.link
			cancel()
		}
	}
	if first == nil {
		return nil, errors.Join(failures...)
	}
	return first, nil
}

// handleOf is the handle of the keys that a link in mode open has proven.
func handleOf(p handshake.Proof) peer.Handle {
	return identity.OpenKeys{Sign: p.Sign, Agree: p.Their}.Handle()
}

// meet takes a proven link in mode open and goes on with the exchange that it is for.
func (t *turn) meet(l *link.Link) error {
	proof := l.Proof()
	o := &openLink{
		link: l, our: contact.Profile(proof.Our), profile: contact.Profile(proof.Their), frames: make(chan wire.Frame, openFramesMax), since: t.now,
		handle: handleOf(proof),
	}
	if !t.join(o) {
		return nil
	}
	return t.resume(o)
}

// join makes o the link to the profile at its far end, and reports whether it is, unless
// the one there is wins.
func (t *turn) join(o *openLink) bool {
	n, old := t.n, t.n.open[o.profile]
	if old != nil && old.link == o.link { // it came in a turn that failed
		return true
	}
	if old != nil && keepsOld(bytes.Compare(o.our[:], o.profile[:]) < 0, old.link, old.since, o.link, t.now) {
		o.link.Close(link.ReasonReplaced)
		return false
	}
	if old != nil {
		old.link.Close(link.ReasonReplaced)
	} else if len(n.open) >= openLinksMax {
		n.closeOldest()
	}
	n.open[o.profile] = o
	n.converse(o)
	return true
}

// resume goes on with the exchange that a link is for.
func (t *turn) resume(o *openLink) error {
	q := t.n.requests[o.profile]
	if q == nil || q.exchange.Our() != o.our {
		return nil
	}
	return t.advance(q, contact.LinkUp{})
}

// closeOldest makes room for a link in mode open, of one of the address that has the most.
// An exchange that it cuts short goes on with the next link.
func (n *Node) closeOldest() {
	open := make(map[netip.Addr]int)
	for _, o := range n.open {
		open[o.from()]++
	}
	var oldest *openLink
	for _, o := range n.open {
		if oldest == nil || open[o.from()] > open[oldest.from()] || open[o.from()] == open[oldest.from()] && o.since.Before(oldest.since) {
			oldest = o
		}
	}
	oldest.link.Close(link.ReasonBusy)
	delete(n.open, oldest.profile)
}

// converse runs the link and its contact stream until either ends.
func (n *Node) converse(o *openLink) {
	n.beside(func(ctx context.Context) {
		err := o.link.Run(ctx, silent{})
		n.log.Debug("open link ended", "error", err)
		n.post(func(t *turn) error {
			if n.open[o.profile] == o {
				delete(n.open, o.profile)
			}
			if o.meeting != nil {
				t.retryMeeting(*o.meeting)
				return nil
			}
			if q := n.requests[o.profile]; q != nil && n.open[o.profile] == nil && q.due.IsZero() && !q.dialing {
				t.redial(q)
			}
			return nil
		})
	})
	n.beside(func(ctx context.Context) {
		defer o.link.Close(link.ReasonBye)
		stream, err := o.link.Contact(ctx)
		if err != nil {
			return
		}
		if err := stream.Begin(ctx); err != nil {
			return
		}
		n.beside(func(ctx context.Context) { n.write(ctx, o, stream) })
		for range theirFramesMax {
			f, err := stream.Receive(ctx)
			if err == nil {
				err = n.do(ctx, func(t *turn) error { return t.contactFrame(o, f) })
			}
			if err != nil {
				return // what was not taken in comes again on the next link
			}
		}
	})
}

// silent is the receiver of links in mode open, whose control streams say nothing.
type silent struct{}

func (silent) Frame(wire.Frame) {}
func (silent) Blobs([][]byte)   {}

// write sends frames until the link ends.
func (n *Node) write(ctx context.Context, o *openLink, stream *link.ContactStream) {
	for {
		select {
		case f := <-o.frames:
			if err := stream.Send(ctx, f); err != nil {
				o.link.Close(link.ReasonBye)
				return
			}
			n.post(func(*turn) error {
				if q := n.requests[o.profile]; q != nil {
					q.handedOver()
				}
				return nil
			})
		case <-o.link.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// sendContact sends a frame of an exchange after the commit, on the link there is: on
// a later one it is sent again.
func (t *turn) sendContact(q *request, f wire.Frame) {
	n, our, profile := t.n, q.exchange.Our(), q.exchange.Their()
	t.then(func() {
		if o := n.open[profile]; o != nil && o.our == our {
			select {
			case o.frames <- f:
			default: // full: the far end does not read, and gets it on another link
			}
		}
	})
}

// Add asks somebody nearby, whoever answers at host:port, or the giver of a contact link to be
// a contact. It returns once the request is durable here and handed over there; for a link with
// the contact, or Waiting where there is no answer yet. A contact is returned as it stands. It
// fails with ErrNotFound, ErrAmbiguous, ErrSelf, ErrRequests or ErrUnreached, whose text says
// whether the request is kept, and for links with ErrLink, ErrExpired, ErrUsed, ErrDeclined and
// wire.ErrNewer.
func (n *Node) Add(ctx context.Context, typed string) (Person, error) {
	if contact.IsLink(typed) {
		return n.addByLink(ctx, typed)
	}
	at, err := n.target(ctx, typed)
	if err != nil || at.person.Contact {
		return at.person, err
	}
	ctx, cancel := context.WithTimeout(ctx, handOverMax)
	defer cancel()
	l, err := n.dialOpen(ctx, at.places, nil, at.handle)
	switch {
	case errors.Is(err, link.ErrSelf):
		return Person{}, ErrSelf
	case err != nil:
		return Person{}, fmt.Errorf("%w: %s does not answer", ErrUnreached, typed)
	}
	var p Person
	var handed <-chan struct{}
	err = n.do(ctx, func(t *turn) error {
		var err error
		p, handed, err = t.ask(l, at)
		return err
	})
	if err != nil || p.Contact {
		l.Close(link.ReasonBye)
		return p, err
	}
	select {
	case <-handed:
		return p, nil
	case <-ctx.Done():
		return p, fmt.Errorf("%w: the request is kept and goes out when they are seen again", ErrUnreached)
	}
}

// ask makes our request on a link that was opened for it. handed is closed when it has
// left. Somebody who turns out to be a contact is returned as one.
func (t *turn) ask(l *link.Link, at address) (p Person, handed <-chan struct{}, err error) {
	n := t.n
	proof := l.Proof()
	for _, c := range n.contacts {
		if c.profile == contact.Profile(proof.Their) {
			return n.person(c), nil, nil
		}
	}
	if err := t.meet(l); err != nil {
		return p, nil, err
	}
	q, err := t.exchange(n.open[contact.Profile(proof.Their)], contact.PhaseAsked)
	if err != nil {
		return p, nil, refuse(err)
	}
	if q.row.Name == "" {
		q.row.Name = at.person.Name
	}
	if at.handle == nil {
		q.typed = at.places[0]
	}
	if q.handed == nil {
		q.handed = make(chan struct{})
	}
	handed = q.handed
	if err := t.advance(q, contact.Ask{}); err != nil {
		return p, nil, err
	}
	p = n.shownRequest(q)
	if p.Direction == Out {
		err = t.recordPerson(storedRequest, p)
	}
	return p, handed, err
}

// address is where a typed WHO leads: a contact as it stands, or where to dial.
type address struct {
	person Person
	places []*place
	handle *peer.Handle // nil: whoever answers
}

// target finds what was typed among the people nearby and the contacts, or takes it
// for host:port.
func (n *Node) target(ctx context.Context, typed string) (address, error) {
	var at address
	err := n.do(ctx, func(t *turn) error {
		if err := t.arrive(); err != nil { // who asks somebody is where they are going
			return err
		}
		people := n.people()
		for _, c := range n.contacts {
			people = appendNew(people, n.person(c))
		}
		p, err := who(people, typed)
		if errors.Is(err, ErrNotFound) {
			if endpoint, ok := parseEndpoint(typed); ok {
				if err := n.reachable(endpoint); err != nil {
					return refuse(err)
				}
				at = address{person: Person{Name: typed}, places: []*place{{endpoints: []peer.Endpoint{endpoint}}}}
				return nil
			}
		}
		if err != nil {
			return refuse(err)
		}
		at.person = p
		if p.Contact {
			return nil
		}
		handle, err := peer.ParseHandle(p.ID)
		if err != nil {
			return err
		}
		at.places, at.handle = n.places(handle), &handle
		return nil
	})
	return at, err
}

// appendNew appends p unless somebody with its id is there.
func appendNew(people []Person, p Person) []Person {
	for _, known := range people {
		if known.ID == p.ID {
			return people
		}
	}
	return append(people, p)
}

// parseEndpoint reads an IP address and a port. Names are not looked up: there may be
// nobody to ask.
func parseEndpoint(typed string) (peer.Endpoint, bool) {
	endpoint, err := netip.ParseAddrPort(strings.TrimSpace(typed))
	return endpoint, err == nil && endpoint.Port() != 0
}
