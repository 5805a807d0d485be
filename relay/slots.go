package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// Why no supernode can keep a slot for us, at the moment.
var (
	ErrNoSupernode = errors.New("no supernode of a community of yours is reached now")
	ErrNoAddress   = errors.New("your supernode has told no address by which others find it; its operator gives it one with --advertise")
	ErrPoor        = errors.New("there are no tokens to give away today")
)

// labelSlot names what the tokens of a slot are remembered under. spec: 08-custody#labels
const labelSlot = "sv1 slot"

// Door is how somebody who is no member finds a supernode: the key that it proves, and where it is dialled.
//
// spec: 05-contacts#contact-links
type Door struct {
	Key       [32]byte
	Addresses []string
}

// Stand is a supernode that can keep a slot for us now.
type Stand struct {
	Log  Log
	Door Door
	Card []byte // our mailbox card, for that log only, with tokens for whoever comes
}

// Stand returns a supernode that is reached, that others can reach by its addresses, and at which we have tokens to give to
// who comes. It fails with ErrNoSupernode, ErrNoAddress or ErrPoor.
//
// spec: 08-custody#slots
func (c *Client) Stand(ctx context.Context) (Stand, error) {
	c.mu.Lock()
	all := c.all()
	c.mu.Unlock()
	why := ErrNoSupernode
	for _, s := range all {
		s.mu.Lock()
		known, linked := s.known, s.link != nil
		s.mu.Unlock()
		switch {
		case !linked || known.Token == [32]byte{}:
			continue
		case len(known.Addresses) == 0:
			why = ErrNoAddress
			continue
		}
		card, err := s.standCard(ctx)
		if err != nil {
			why = err
			continue
		}
		return Stand{Log: s.log, Door: Door{Key: s.keys.Agree, Addresses: known.Addresses}, Card: card}, nil
	}
	return Stand{}, why
}

// standCard makes a mailbox card for somebody of whom nothing is known yet, and takes the tokens on it out of the wallet.
func (s *station) standCard(ctx context.Context) ([]byte, error) {
	var to token.Contact
	if _, err := io.ReadFull(s.client.cfg.Rand, to[:]); err != nil {
		return nil, fmt.Errorf("drawing a giver: %v", err)
	}
	s.mu.Lock()
	drawn, known := s.drawn, s.known
	s.mu.Unlock()
	tokens, err := s.give(to)
	if err == nil && len(tokens) == 0 {
		select {
		case <-drawn:
			tokens, err = s.give(to)
		case <-ctx.Done():
		}
	}
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, ErrPoor
	}
	return wire.Marshal(mailboxCard{
		Logs: []mailboxLog{{
			Community: s.log.Community, Sign: known.Sign, Agree: known.Agree, Addresses: known.Addresses, Tokens: token.Append(nil, tokens),
		}},
		Giver: to[:giverSize],
	})
}

// OpenSlot has a supernode of ours keep a slot, which costs tokens. The same slot again costs nothing. It fails with
// ErrUnreached, or a RefusedError.
//
// spec: 08-custody#slots
func (c *Client) OpenSlot(ctx context.Context, at Log, slot wire.Slot) error {
	s := c.stationOf(at)
	if s == nil {
		return ErrUnreached
	}
	paid := &item{by: s, blob: slot.Bundle, id: wire.BlobID(wire.HashOf(labelSlot, slot.ID[:])), header: wire.Header{Class: wire.Class2}, answer: new(Custody)}
	if err := s.pay(ctx, []*item{paid}); err != nil {
		return err
	}
	slot.Tokens = token.Append(nil, paid.tokens)
	defer clear(slot.Tokens)
	l := s.linked()
	if l == nil {
		return ErrUnreached
	}
	_, err := askSlot(ctx, l, slot)
	no, refused := errors.AsType[*RefusedError](err)
	if err == nil || refused && no.Reason == wire.ReasonToken { // else they are not spent, and offered again
		s.mu.Lock()
		s.doubt.settle([]*item{paid})
		s.mu.Unlock()
	}
	return err
}

// ReadSlot returns the answers in a slot of ours, in the order in which they came; or gives the slot up.
//
// spec: 08-custody#slots
func (c *Client) ReadSlot(ctx context.Context, at Log, id wire.SlotID, secret [16]byte, withdraw bool) ([][]byte, error) {
	s := c.stationOf(at)
	if s == nil {
		return nil, ErrUnreached
	}
	l := s.linked()
	if l == nil {
		return nil, ErrUnreached
	}
	said, err := request[wire.Answers](ctx, l, wire.Answers{ID: id, Secret: &secret, Withdraw: withdraw})
	if err == nil && (said.ID != id || said.Secret != nil) {
		err = errAnswer
	}
	if err != nil {
		return nil, err
	}
	return slices.Collect(slices.Chunk(said.Sealed, wire.SlotSize)), nil
}

// FetchSlot returns what is in somebody's slot: over a link of its own, in mode supernode, without a log-in.
//
// spec: 08-custody#slots
func (c *Client) FetchSlot(ctx context.Context, door Door, id wire.SlotID) (bundle []byte, err error) {
	err = c.knock(ctx, door, func(ctx context.Context, l *link.Link) error {
		slot, err := request[wire.Slot](ctx, l, wire.Fetch{ID: id})
		if err == nil && slot.ID != id {
			err = errAnswer
		}
		bundle = slot.Bundle
		return err
	})
	return bundle, err
}

// AnswerSlot leaves an answer in somebody's slot, and returns its place among the answers: 1 if it was the first, the same for
// the same answer.
//
// spec: 08-custody#slots
func (c *Client) AnswerSlot(ctx context.Context, door Door, id wire.SlotID, sealed []byte) (place uint64, err error) {
	err = c.knock(ctx, door, func(ctx context.Context, l *link.Link) error {
		place, err = askSlot(ctx, l, wire.Answer{ID: id, Sealed: sealed})
		return err
	})
	return place, err
}

// knock makes a link to a supernode of which nothing but its door is known.
func (c *Client) knock(ctx context.Context, door Door, f func(context.Context, *link.Link) error) error {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	l, done, err := c.dial(ctx, c.behind(door), door.Addresses, handshake.Supernode, &handshake.Pair{Their: door.Key})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreached, err)
	}
	defer done()
	defer l.Close(link.ReasonBye)
	return f(ctx, l)
}

// behind is the id of the supernode behind a door, if it is one of ours: that may be in sight.
func (c *Client) behind(door Door) (at peer.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.all() {
		if s.keys.Agree == door.Key {
			return s.log.At
		}
	}
	return at
}

// askSlot asks for something to be put into a slot, and returns its place there.
func askSlot(ctx context.Context, l *link.Link, ask wire.Frame) (place uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTimeout)
	defer cancel()
	kept, err := (&counter{link: func() *link.Link { return l }}).exchange(ctx, ask, nil, wire.SlotSize)
	if err != nil {
		return 0, err
	}
	for reason, at := range kept.Results.All() {
		if reason != 0 || at == 0 || kept.Results.Len() != 1 {
			return 0, errAnswer
		}
		place = at
	}
	return place, nil
}

// stationOf is what we have of a log; nil: we are no member there.
func (c *Client) stationOf(at Log) *station {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.all() {
		if s.log == at {
			return s
		}
	}
	return nil
}
