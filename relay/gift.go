package relay

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// gift is what a contact was given last, to deposit where we collect. It stands on its mailbox card
// until there is a newer one.
//
// spec: 11-tokens#given-tokens
type gift struct {
	Giver [giverSize]byte `cbor:"1,keyasint"` // tells us from other givers, to this contact only
	Day   uint16          `cbor:"2,keyasint,omitempty"`
	Logs  []giftLog       `cbor:"3,keyasint,omitempty"`

	due   []Log     // where tokens are to be given now
	tried time.Time // when they were given last, or there were none
}

// good reports whether tokens of a gift may be good today, by our day.
func (g *gift) good(today uint16) bool {
	return len(g.Logs) > 0 && int(today) <= int(g.Day)+token.DaysBack+1 // the supernode's may be another
}

type giftLog struct {
	At        [32]byte `cbor:"1,keyasint"`
	Community [32]byte `cbor:"2,keyasint"`
	Tokens    []byte   `cbor:"3,keyasint"`
}

// of returns the tokens of a gift for a log; none where there is no gift.
func (g *gift) of(l Log) []byte {
	if g == nil {
		return nil
	}
	i := slices.IndexFunc(g.Logs, func(in giftLog) bool { return in.At == l.At && in.Community == l.Community })
	if i < 0 {
		return nil
	}
	return g.Logs[i].Tokens
}

const keepGifts = "gifts"

func giftKey(to token.Contact) string { return keepGifts + "/" + hex.EncodeToString(to[:]) }

// loadGifts reads what contacts were given.
func (c *Client) loadGifts() error {
	b, err := c.cfg.Keep.Load(keepGifts)
	if err != nil {
		return err
	}
	if len(b)%len(token.Contact{}) != 0 || len(b)/len(token.Contact{}) > giftsMax {
		return fmt.Errorf("%w: list of gifts", wire.ErrMalformed)
	}
	for chunk := range slices.Chunk(b, len(token.Contact{})) {
		to := token.Contact(chunk)
		kept, err := c.cfg.Keep.Load(giftKey(to))
		if err != nil {
			return err
		}
		if len(kept) == 0 {
			continue // it gave way
		}
		if c.gifts[to], err = parseGift(kept); err != nil {
			return err
		}
	}
	return nil
}

func parseGift(b []byte) (*gift, error) {
	g := &gift{}
	if len(b) > savedMax {
		return nil, fmt.Errorf("%w: gift of %d bytes", wire.ErrMalformed, len(b))
	}
	return g, wire.Unmarshal(b, g)
}

// giftLocked is what a contact was given last, and sees to it that it is given more when it is time,
// for the logs of communities that its own card does not name. Who is a member of all of them takes no place.
func (c *Client) giftLocked(to token.Contact, said mailboxCard) *gift {
	g := c.gifts[to]
	now := c.cfg.Now()
	if g != nil {
		g.due = nil
		if age := int(wire.DayAt(now)) - int(g.Day); age >= 0 && age < giftPeriod || !g.tried.IsZero() && now.Sub(g.tried) < giftPause {
			return g
		}
	}
	var due []Log
	for _, s := range c.all() {
		if !said.shares(s.log.Community) {
			due = append(due, s.log)
		}
	}
	if len(due) == 0 {
		return g
	}
	if g == nil {
		if !c.giftRoom() {
			return nil
		}
		g = &gift{}
		c.gifts[to] = g
	}
	g.due = due
	c.poke()
	return g
}

// giftRoom reports whether there may be one gift more. If there are too many, one gives way of which no token is good any
// more, or for which there was none: the one that was tried longest ago. The lock is held.
func (c *Client) giftRoom() bool {
	if len(c.gifts) < giftsMax {
		return true
	}
	var out token.Contact
	found := false
	for _, to := range sortedContacts(c.gifts) {
		g := c.gifts[to]
		if len(g.due) > 0 || g.good(c.today()) {
			continue
		}
		if !found || g.tried.Before(c.gifts[out].tried) {
			out, found = to, true
		}
	}
	if found {
		delete(c.gifts, out)
		c.lapsed = append(c.lapsed, out)
	}
	return found
}

// restocked has contacts looked at again for whom there were no tokens.
func (c *Client) restocked() {
	c.mu.Lock()
	waiting := false
	for _, g := range c.gifts {
		if len(g.Logs) == 0 && !g.tried.IsZero() {
			g.tried, waiting = time.Time{}, true
		}
	}
	c.mu.Unlock()
	if waiting {
		c.changed()
	}
}

// poke has the errands looked at.
func (c *Client) poke() {
	select {
	case c.errands <- struct{}{}:
	default:
	}
}

// runErrands gives contacts their tokens, and tells the node of new guests: neither may be done while
// it asks for a card or where to deposit.
func (c *Client) runErrands(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.errands:
		}
		if err := c.give(); err != nil {
			c.cfg.Log.Warn("a contact is not given tokens", "error", err)
		}
		if err := c.forget(); err != nil {
			c.cfg.Log.Warn("a place to deposit is not forgotten", "error", err)
		}
		c.told()
	}
}

// give takes tokens out of the wallets for all contacts that are due. The wallets are saved before
// anybody can see the gift.
func (c *Client) give() error {
	c.mu.Lock()
	due := make(map[token.Contact][]Log)
	for to, g := range c.gifts {
		if len(g.due) > 0 {
			due[to], g.due = g.due, nil
		}
	}
	stations := c.all()
	c.mu.Unlock()
	var errs []error
	given := false
	for _, to := range sortedContacts(due) {
		next := &gift{Day: c.today(), tried: c.cfg.Now()}
		for _, s := range stations {
			if !slices.Contains(due[to], s.log) {
				continue
			}
			tokens, err := s.give(to)
			if errs = append(errs, err); err == nil && len(tokens) > 0 {
				next.Logs = append(next.Logs, giftLog{At: s.log.At, Community: s.log.Community, Tokens: token.Append(nil, tokens)})
			}
		}
		handed, err := c.handOver(to, next)
		errs = append(errs, err)
		given = given || handed
	}
	if given {
		c.changed()
	}
	return errors.Join(errs...)
}

// give takes the tokens out of a station's wallet that a contact may be given today.
func (s *station) give(to token.Contact) ([]token.Token, error) {
	s.saving.Lock()
	s.mu.Lock()
	tokens := s.state.wallet.Give(to, s.theirDay())
	s.mu.Unlock()
	s.saving.Unlock()
	s.rouse() // for what it owes
	if len(tokens) == 0 {
		return nil, nil
	}
	return tokens, s.change(func(*stationState) {})
}

// handOver puts a gift in the place of the last one, and reports whether there was anything to give.
func (c *Client) handOver(to token.Contact, next *gift) (given bool, err error) {
	c.mu.Lock()
	if last := c.gifts[to]; last != nil { // else it gave way
		last.tried = next.tried
		next.Giver = last.Giver
	}
	c.mu.Unlock()
	if len(next.Logs) == 0 {
		return false, nil
	}
	if next.Giver == [giverSize]byte{} {
		if _, err := io.ReadFull(c.cfg.Rand, next.Giver[:]); err != nil {
			return false, err
		}
	}
	b, err := wire.Marshal(next)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	var all []byte
	for _, contact := range sortedContacts(c.gifts) {
		if contact == to || len(c.gifts[contact].Logs) > 0 {
			all = append(all, contact[:]...)
		}
	}
	c.mu.Unlock()
	if err := errors.Join(c.cfg.Keep.Save(keepGifts, all), c.cfg.Keep.Save(giftKey(to), b)); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gifts[to] = next
	return true, nil
}

func sortedContacts[V any](m map[token.Contact]V) []token.Contact {
	return slices.SortedFunc(maps.Keys(m), func(a, b token.Contact) int { return slices.Compare(a[:], b[:]) })
}
