package relay

import (
	"fmt"
	"slices"
	"time"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
	"sottovoce/relay/witness"
)

// mailboxCard says where its giver collects.
//
// spec: 08-custody#mailbox-cards
type mailboxCard struct {
	Logs  []mailboxLog `cbor:"1,keyasint,omitempty"` // at most mailboxLogsMax
	Giver []byte       `cbor:"2,keyasint,omitempty"` // giverSize bytes, where there are tokens: the same for this contact, others for others
}

type mailboxLog struct {
	Community [32]byte `cbor:"1,keyasint"`
	Sign      [32]byte `cbor:"2,keyasint"`
	Agree     [32]byte `cbor:"3,keyasint"`
	Addresses []string `cbor:"4,keyasint,omitempty"`
	Tokens    []byte   `cbor:"5,keyasint,omitempty"` // for deposits in this log, at most token.GiveMax
	// Last is the checkpoint that the giver was given last, for those who are members too.
	Last *witness.Checkpoint `cbor:"6,keyasint,omitempty"`
	// Card is of the supernode's card that the giver holds, for them too.
	Card *community.Gist `cbor:"7,keyasint,omitempty"`
}

func (l mailboxLog) at() peer.ID {
	return community.Supernode{Sign: l.Sign, Agree: l.Agree}.ID()
}

// shares reports whether who gave the card collects from a community: from all of its supernodes, those as well that were added since.
func (m mailboxCard) shares(community [32]byte) bool {
	return slices.ContainsFunc(m.Logs, func(l mailboxLog) bool { return l.Community == community })
}

// of is what the giver says of a log; nothing where it does not collect.
func (m mailboxCard) of(log Log) mailboxLog {
	for _, l := range m.Logs {
		if l.Community == log.Community && l.at() == log.At {
			return l
		}
	}
	return mailboxLog{}
}

// mailboxLogsMax and mailboxSizeMax bound a mailbox card; giverSize is that of what tells givers apart.
const (
	mailboxLogsMax = 16
	mailboxSizeMax = 16 << 10
	// mailboxTokensMax bounds the tokens of all logs on a card of ours, in bytes: those of eight.
	mailboxTokensMax = 8 * token.GiveMax * token.Size
	giverSize        = 16
)

func parseCard(b []byte) (card mailboxCard, err error) {
	if len(b) > mailboxSizeMax {
		return card, fmt.Errorf("%w: mailbox card of %d bytes", wire.ErrMalformed, len(b))
	}
	if err := wire.Unmarshal(b, &card); err != nil {
		return card, err
	}
	if len(card.Logs) > mailboxLogsMax {
		return card, fmt.Errorf("%w: mailbox card with %d logs", wire.ErrMalformed, len(card.Logs))
	}
	tokens := 0
	for _, l := range card.Logs {
		if err := community.CheckAddresses(l.Addresses); err != nil {
			return card, fmt.Errorf("%w: mailbox card: %v", wire.ErrMalformed, err)
		}
		if _, err := token.Parse(l.Tokens, token.GiveMax); err != nil {
			return card, fmt.Errorf("mailbox card: %w", err)
		}
		tokens += len(l.Tokens)
	}
	if len(card.Giver) != giverSize && (tokens > 0 || len(card.Giver) > 0) {
		return card, fmt.Errorf("%w: mailbox card with a giver of %d bytes", wire.ErrMalformed, len(card.Giver))
	}
	return card, nil
}

// Mailbox returns the card that tells a contact where we collect, with tokens for where it is no member
// itself, as far as its own card says; nil: nowhere.
//
// spec: 08-custody#mailbox-cards
func (c *Client) Mailbox(to [32]byte, theirs []byte) []byte {
	said, err := parseCard(theirs)
	if err != nil {
		said = mailboxCard{} // none, or not sound: it is a member nowhere
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var card mailboxCard
	gift, given := c.giftLocked(to, said), 0
	for _, s := range c.all() {
		s.mu.Lock()
		k, told := s.known, s.state.Told
		s.mu.Unlock()
		if k.Token == [32]byte{} || len(card.Logs) == mailboxLogsMax { // we were not let in yet
			continue
		}
		var tokens []byte
		var last *witness.Checkpoint
		var gist *community.Gist
		if tokens = gift.of(s.log); said.shares(s.log.Community) {
			tokens, last = nil, s.watch.last()
			if told != nil {
				gist = &told.Gist
			}
		}
		if told != nil {
			k.Addresses = told.Addresses
		}
		if given += len(tokens); given > mailboxTokensMax {
			tokens = nil
		}
		if len(tokens) > 0 {
			card.Giver = gift.Giver[:]
		}
		card.Logs = append(card.Logs, mailboxLog{Community: s.log.Community, Sign: k.Sign, Agree: k.Agree, Addresses: k.Addresses, Tokens: tokens, Last: last, Card: gist})
	}
	if len(card.Logs) == 0 {
		return nil
	}
	return card.fitting()
}

// fitting is the card in bytes. One that would be too large, of many logs with long addresses, says less: of the last log with the most
// addresses the last one is left out first, then tokens, and the only address of each last.
//
// spec: 08-custody#mailbox-cards
func (m mailboxCard) fitting() []byte {
	for {
		b, err := wire.Marshal(m)
		if err != nil {
			panic("relay: writing a mailbox card: " + err.Error())
		}
		if len(b) <= mailboxSizeMax {
			return b
		}
		most, paid := 0, -1
		for i, l := range m.Logs {
			if len(l.Addresses) >= len(m.Logs[most].Addresses) {
				most = i
			}
			if len(l.Tokens) > 0 {
				paid = i
			}
		}
		if n := len(m.Logs[most].Addresses); n > 1 || paid < 0 {
			m.Logs[most].Addresses = m.Logs[most].Addresses[:n-1]
		} else {
			m.Logs[paid].Tokens = nil
		}
	}
}

// Where lists the logs in which Deposit leaves what is for the giver of a card, one for each supernode, those first that are
// reached; card nil: our own.
func (c *Client) Where(card []byte) (in []Log) {
	stations := c.serving(card)
	slices.SortStableFunc(stations, func(a, b *station) int {
		switch near, far := a.reached() != 0, b.reached() != 0; {
		case near && !far:
			return -1
		case far && !near:
			return 1
		}
		return 0
	})
	add := func(l Log) {
		if !slices.ContainsFunc(in, func(other Log) bool { return other.At == l.At }) {
			in = append(in, l)
		}
	}
	for _, s := range stations {
		add(s.log)
	}
	for _, g := range c.met(card) {
		add(g.log)
	}
	return in
}

// serving are the stations whose logs the giver of a card collects.
func (c *Client) serving(card []byte) (all []*station) {
	var said mailboxCard
	if card != nil {
		var err error
		if said, err = parseCard(card); err != nil {
			return nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.all() {
		if card == nil || said.shares(s.log.Community) {
			all = append(all, s)
		}
		told := said.of(s.log)
		if told.Last != nil && s.watch.told(*told.Last) {
			s.rouse()
		}
		if told.Card != nil {
			s.member.told(s.log.At, *told.Card)
		}
	}
	return all
}

// told takes what a contact says of a supernode's card. It is compared when that shows its papers next.
//
// spec: 10-communities#gists
func (m *member) told(at peer.ID, g community.Gist) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.papers.Told(at, g)
}

// retell takes what contacts are told of the supernode's card, once a day: what followed a new card, or a log-in, would show
// whose this link is.
//
// spec: 10-communities#gists
func (s *station) retell() {
	told := cardTold{At: uint64(max(s.client.cfg.Now().Unix(), 0))}
	s.mu.Lock()
	before := s.state.Told
	told.Addresses = s.known.Addresses
	s.mu.Unlock()
	var seen bool
	s.member.mu.Lock()
	told.Gist, seen = s.member.papers.Gist(s.log.At)
	s.member.mu.Unlock()
	if !seen || before != nil && told.At >= before.At && told.At-before.At < uint64(attestPeriod/time.Second) {
		return
	}
	if err := s.change(func(state *stationState) { state.Told = &told }); err != nil {
		s.client.cfg.Log.Warn("what contacts are told of a supernode is not kept", "error", err)
	}
	if before == nil || before.Gist != told.Gist || !slices.Equal(before.Addresses, told.Addresses) {
		s.client.changed()
	}
}

// stationFor is where a blob for the giver of a card is left at a supernode; nil: nowhere.
func (c *Client) stationFor(at peer.ID, card []byte) *station {
	var first *station
	for _, s := range c.serving(card) {
		if s.log.At == at && (first == nil || first.reached() == 0) {
			first = s
		}
	}
	return first
}
