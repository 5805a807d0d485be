package relay

import (
	"errors"
	"slices"
	"time"

	"sottovoce/mesh/wire"
)

// ScanAlways has the client ask for tags first as soon as it has fetched anything, and often. It is
// called before Run.
func (c *Client) ScanAlways() { c.much, c.pause = 0, 20*time.Millisecond }

// MeetAtOnce has the client dial at once whom news name. It is called before Run.
func (c *Client) MeetAtOnce() { c.meet = 0 }

// Plead has the client ask for the close of a day now if one is due, as it does when an hour has gone by.
func (c *Client) Plead() {
	for _, s := range c.known() {
		s.mu.Lock()
		s.pleaded = time.Time{}
		s.mu.Unlock()
		s.rouse()
	}
}

// Silent is on how many days supernodes were asked for a close and gave none, together.
func (c *Client) Silent() (days int) {
	for _, s := range c.known() {
		s.mu.Lock()
		days += int(s.state.Silent)
		s.mu.Unlock()
	}
	return days
}

func (c *Client) known() []*station {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all()
}

// TellsCard reports whether a mailbox card tells of the card of a supernode.
func TellsCard(b []byte) bool {
	card, err := parseCard(b)
	return err == nil && slices.ContainsFunc(card.Logs, func(l mailboxLog) bool { return l.Card != nil })
}

// Retell has the client look at once whether it is time to take what contacts are told of the cards of supernodes.
func (c *Client) Retell() {
	for _, s := range c.known() {
		s.retell()
	}
}

// HearOlder has the client told, as on a link without a name, that supernodes know less than it does.
func (c *Client) HearOlder() error {
	var errs []error
	for _, s := range c.known() {
		s.member.mu.Lock()
		p := s.member.papers.Offer(s.log.At)
		s.member.mu.Unlock()
		p.Heads, p.Roster = nil, wire.Hash{1}
		errs = append(errs, s.learn(wire.Papers{Papers: p.Bytes()}))
	}
	return errors.Join(errs...)
}

// Wants reports whether the client has a reason to log in anywhere.
func (c *Client) Wants() bool {
	return slices.ContainsFunc(c.known(), func(s *station) bool { _, wanted := s.wanted(); return wanted })
}
