package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
)

// Community is one that we belong to, as people see it.
type Community struct {
	ID         community.ID
	Name       string // hostile until shown by peer.ShowName; empty before we were let in
	Persona    community.Persona
	Joined     bool
	Trouble    error    // why we are not let in; nil: nothing
	Alarms     []string // what was found wrong with its papers
	Supernodes []Supernode
}

// Supernode is one of a community, as people see it.
type Supernode struct {
	ID        peer.ID
	Addresses []string
	Reached   bool
	Last      time.Time // when it was reached last in this run; zero: it was not
	Trouble   string    // "" while all is well
	Doubt     string    // what may be wrong with it, and nothing proves; "": nothing
	Scans     bool      // only what is ours is fetched, with others: the log is too large
	Breaches  []Breach
	Tokens    int // that pay for deposits there
}

// Join takes a join link, and waits until a supernode has let us in or ctx ends: then it goes on by
// itself, for as long as Run runs. A link of a community that we belong to is taken as well, unless
// one of the supernodes that it names is reached and all are known. errors.Is tells community.ErrLink and its like, ErrUnreached, and
// wire.ErrNewer.
//
// spec: 08-custody#join
func (c *Client) Join(ctx context.Context, text string) (Community, error) {
	l, err := community.ParseLink(text)
	if err != nil {
		return Community{}, err
	}
	if l.Expired(c.cfg.Now()) {
		return Community{}, community.ErrLinkExpired
	}
	m, err := c.enlist(l)
	if err != nil {
		return Community{}, err
	}
	for {
		m.mu.Lock()
		joining, refusal, heard := m.papers.Joining(), m.papers.Refusal(), m.heard
		m.mu.Unlock()
		switch {
		case refusal != nil:
			return Community{}, refusal
		case !joining:
			return c.shown(m), nil
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return c.shown(m), fmt.Errorf("%w: we join as soon as it can", ErrUnreached)
		}
	}
}

// enlist begins a membership, or takes another link for one that there is.
func (c *Client) enlist(l *community.Link) (*member, error) {
	c.mu.Lock()
	m := c.members[l.Community()]
	c.mu.Unlock()
	if m != nil {
		return m, c.reenlist(m, l)
	}
	papers, err := community.NewMembership(l, c.cfg.Rand)
	if err != nil {
		return nil, err
	}
	if err := c.cfg.Keep.Save(keyOf(l.Community()), papers.Save()); err != nil {
		return nil, err
	}
	if err := c.add(papers); err != nil {
		return nil, err
	}
	c.mu.Lock()
	m = c.members[l.Community()]
	c.mu.Unlock()
	return m, c.saveIDs()
}

// reenlist takes another link for a community, if there is anything left to do by it: who is a member
// may have lost all supernodes, and be given the link of a new one.
func (c *Client) reenlist(m *member, l *community.Link) error {
	reached := c.reaches(m, l)
	m.mu.Lock()
	if reached && !m.papers.Joining() && m.papers.Refusal() == nil && m.papers.Knows(l) {
		m.mu.Unlock()
		return nil
	}
	err := m.papers.Rejoin(l, c.cfg.Rand)
	kept := m.papers.Save()
	m.mu.Unlock()
	defer clear(kept)
	if err != nil {
		return err
	}
	if err := c.cfg.Keep.Save(keyOf(l.Community()), kept); err != nil {
		return err
	}
	if err := c.settle(m); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range m.stations {
		s.rouse()
	}
	return nil
}

// reaches reports whether a supernode that a link names is reached now.
func (c *Client) reaches(m *member, l *community.Link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(l.Stops, func(stop community.Stop) bool {
		s := m.stations[stop.ID()]
		return s != nil && s.reached() != 0
	})
}

// reported takes what came of a visit, and wakes who waits to join.
func (m *member) reported(at peer.ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var no *RefusedError
	if errors.As(err, &no) {
		switch no.Reason {
		case wire.ReasonLink:
			m.papers.Refused(at, community.ErrLinkUsed)
		case wire.ReasonNoMember:
			m.papers.Refused(at, community.ErrNoMember)
		}
	}
	close(m.heard)
	m.heard = make(chan struct{})
}

// Leave forgets a community, its keys and its tokens.
func (c *Client) Leave(id community.ID) error {
	c.mu.Lock()
	m := c.members[id]
	if m == nil {
		c.mu.Unlock()
		return errors.New("we are no member of that community")
	}
	delete(c.members, id)
	stations := m.sorted()
	for _, s := range stations {
		s.stop()
	}
	c.mu.Unlock()
	errs := []error{c.saveIDs(), c.cfg.Keep.Save(keyOf(id), nil)}
	for _, s := range stations {
		errs = append(errs, s.forget())
	}
	m.mu.Lock()
	m.papers.Erase()
	m.mu.Unlock()
	c.told()
	c.changed()
	return errors.Join(errs...)
}

// forget erases what is kept of the supernode; nothing is kept of it any more.
func (s *station) forget() error {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.gone = true
	s.mu.Lock()
	s.state.wallet.Erase()
	s.mu.Unlock()
	return errors.Join(s.client.cfg.Keep.Save(s.watch.key, nil), s.client.cfg.Keep.Save(s.watch.keyOwed(), nil), s.client.cfg.Keep.Save(s.log.key(), nil))
}

// Communities lists those that we belong to, by their ids.
func (c *Client) Communities() []Community {
	c.mu.Lock()
	var members []*member
	for _, id := range c.ids() {
		members = append(members, c.members[id])
	}
	c.mu.Unlock()
	var all []Community
	for _, m := range members {
		all = append(all, c.shown(m))
	}
	return all
}

// shown is a community as people see it.
func (c *Client) shown(m *member) Community {
	m.mu.Lock()
	shown := Community{
		ID: m.papers.Community(), Name: m.papers.Name(), Persona: m.papers.Persona(), Joined: m.papers.Joined(), Trouble: m.papers.Refusal(),
	}
	for _, a := range m.papers.Alarms() {
		shown.Alarms = append(shown.Alarms, a.String())
	}
	m.mu.Unlock()
	c.mu.Lock()
	stations := m.sorted()
	c.mu.Unlock()
	for _, s := range stations {
		shown.Supernodes = append(shown.Supernodes, s.shown())
	}
	return shown
}

// sorted are the stations by id. The client's lock is held.
func (m *member) sorted() []*station {
	all := make([]*station, 0, len(m.stations))
	for _, s := range m.stations {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *station) int { return a.log.At.Compare(b.log.At) })
	return all
}

func (s *station) shown() Supernode {
	scans := s.scans()
	s.mu.Lock()
	defer s.mu.Unlock()
	return Supernode{
		ID: s.log.At, Addresses: slices.Clone(s.known.Addresses), Reached: s.link != nil, Last: s.last,
		Trouble: s.trouble, Doubt: s.doubtWord(), Scans: scans, Breaches: slices.Clone(s.state.Breaches), Tokens: s.state.wallet.Count(s.theirDay()),
	}
}

// Beacon is what a supernode is recognised by on a day.
type Beacon struct {
	At  peer.ID
	Key identity.DiscoveryKey
}

// Beacons are what supernodes of ours announce on a day, by their ids.
//
// spec: 10-communities#beacons
func (c *Client) Beacons(day uint32) (all []Beacon) {
	c.mu.Lock()
	var members []*member
	for _, id := range c.ids() {
		members = append(members, c.members[id])
	}
	c.mu.Unlock()
	for _, m := range members {
		m.mu.Lock()
		for _, b := range m.papers.Beacons(day) {
			all = append(all, Beacon{At: b.Supernode, Key: b.Key})
		}
		m.mu.Unlock()
	}
	slices.SortStableFunc(all, func(a, b Beacon) int { return a.At.Compare(b.At) })
	return all
}
