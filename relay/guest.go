package relay

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// guest is a log in which we deposit without being a member: one contact collects there, and has given
// us tokens. It is taken for reached until a deposit fails, since a link is made for each.
//
// spec: 08-custody#guests
type guest struct {
	client *Client
	guestKey
	keys identity.DeviceKeys

	named time.Time // when a card named it last; guarded by Client.mu, as is
	kept  bool      // whether it is on disk: it was deposited at

	working sync.Mutex // held while tokens are taken, kept and sent; taken before mu

	mu        sync.Mutex // guards the fields below
	addresses []string
	state     guestState
	given     *token.Given
	doubt     doubt         // what was offered and may be paid for already
	unsaved   bool          // tokens were taken that are on disk still
	number    uint64        // by which the node knows that it can be tried; 0: not now
	wait      time.Duration // until the next try, when one has failed
}

// guestKey names a log and who gave us tokens for it: those of two contacts are not mixed.
type guestKey struct {
	log   Log
	giver [giverSize]byte
}

// guestState is what is remembered of one.
type guestState struct {
	Given    []byte   `cbor:"1,keyasint,omitempty"`
	Receipts receipts `cbor:"2,keyasint,omitempty"`
	Ahead    int64    `cbor:"3,keyasint,omitempty"` // how many days the supernode's clock is before ours
	Sign     [32]byte `cbor:"4,keyasint"`
	Agree    [32]byte `cbor:"5,keyasint"`
}

const (
	keepGuests   = "guests"
	guestKeySize = 32 + 32 + giverSize
)

func (k guestKey) bytes() []byte { return slices.Concat(k.log.At[:], k.log.Community[:], k.giver[:]) }

func (k guestKey) key() string { return keepGuests + "/" + hex.EncodeToString(k.bytes()) }

// loadGuests reads those that were deposited at, and forgets those where nothing is left.
func (c *Client) loadGuests() error {
	b, err := c.cfg.Keep.Load(keepGuests)
	if err != nil {
		return err
	}
	if len(b)%guestKeySize != 0 || len(b)/guestKeySize > guestsMax {
		return fmt.Errorf("%w: list of guests", wire.ErrMalformed)
	}
	for chunk := range slices.Chunk(b, guestKeySize) {
		k := guestKey{log: Log{At: [32]byte(chunk), Community: [32]byte(chunk[32:])}, giver: [giverSize]byte(chunk[64:])}
		kept, err := c.cfg.Keep.Load(k.key())
		if err != nil {
			return err
		}
		if len(kept) == 0 {
			continue // it gave way
		}
		c.links++
		g := newGuest(c, k)
		if err := parseGuest(kept, g); err != nil {
			return err
		}
		if g.state.Receipts = g.state.Receipts.expire(g.today()); len(g.state.Receipts) == 0 && g.given.Idle(g.today()) {
			if err := c.cfg.Keep.Save(k.key(), nil); err != nil {
				return err
			}
			continue
		}
		g.named, g.kept = c.cfg.Now(), true
		c.guests[k] = g
	}
	return nil
}

func newGuest(c *Client, k guestKey) *guest {
	return &guest{client: c, guestKey: k, given: token.NewGiven(), doubt: make(doubt), number: c.links, wait: retryMin}
}

func parseGuest(b []byte, g *guest) (err error) {
	if len(b) > savedMax {
		return fmt.Errorf("%w: guest of %d bytes", wire.ErrMalformed, len(b))
	}
	if err := wire.Unmarshal(b, &g.state); err != nil {
		return err
	}
	if len(g.state.Receipts)%receiptSize != 0 {
		return fmt.Errorf("%w: receipts of a guest", wire.ErrMalformed)
	}
	g.keys = identity.DeviceKeys{Sign: g.state.Sign, Agree: g.state.Agree}
	if g.keys.ID() != g.log.At {
		return fmt.Errorf("%w: a guest's keys are of another supernode", wire.ErrMalformed)
	}
	g.given, err = token.LoadGiven(g.state.Given)
	return err
}

// met are the logs in which we can deposit as a guest for the giver of a card. What a card brings is
// taken in: it may be looked at again and again.
func (c *Client) met(card []byte) (all []*guest) {
	said, err := parseCard(card)
	if card == nil || err != nil || len(said.Giver) != giverSize {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	stations := c.all()
	for _, l := range said.Logs {
		k := guestKey{log: Log{At: l.at(), Community: l.Community}, giver: [giverSize]byte(said.Giver)}
		if slices.ContainsFunc(stations, func(s *station) bool { return s.log == k.log }) {
			continue // there we are at home
		}
		g := c.guests[k]
		if g == nil {
			if len(l.Tokens) == 0 || !c.room(k.giver) {
				continue
			}
			c.links++
			g = newGuest(c, k)
			g.keys = identity.DeviceKeys{Sign: l.Sign, Agree: l.Agree}
			c.guests[k] = g
			c.poke()
		}
		if g.named = c.cfg.Now(); g.meet(l) {
			all = append(all, g)
		}
	}
	return all
}

// room reports whether there may be one guest more by what a giver says. If there are too many, of the giver's or in all,
// one gives way that no card has named for a while, or one of a giver who has more of them: first such as were never
// deposited at, then who was named longest ago. A hostile contact may call itself another giver on each card.
// The lock is held.
func (c *Client) room(giver [giverSize]byte) bool {
	var out *guest
	of, now := make(map[[giverSize]byte]int), c.cfg.Now()
	for _, g := range c.guests {
		of[g.giver]++
	}
	full := of[giver] >= guestsOfGiver
	if !full && len(c.guests) < guestsMax {
		return true
	}
	for _, g := range c.guests {
		idle := guestIdle
		if g.kept {
			idle = guestKeptIdle
		}
		if g.giver != giver && full {
			continue
		}
		if crowd := !full && !g.kept && of[g.giver] > of[giver]+1; !crowd && now.Sub(g.named) < idle {
			continue
		}
		if out == nil || g.before(out) {
			out = g
		}
	}
	if out == nil {
		return false
	}
	delete(c.guests, out.guestKey)
	if out.kept {
		c.gone = append(c.gone, out.guestKey)
	}
	return true
}

// before is the order in which guests give way. The client's lock is held.
func (g *guest) before(o *guest) bool {
	if g.kept != o.kept {
		return o.kept
	}
	return cmp.Or(g.named.Compare(o.named), slices.Compare(g.bytes(), o.bytes())) < 0
}

// forget takes off the disk the guests and gifts that gave way.
func (c *Client) forget() error {
	c.listing.Lock()
	defer c.listing.Unlock()
	var keys []string
	c.mu.Lock()
	for _, k := range c.gone {
		if c.guests[k] == nil { // else it is back
			keys = append(keys, k.key())
		}
	}
	for _, to := range c.lapsed {
		if g := c.gifts[to]; g == nil || len(g.Logs) == 0 {
			keys = append(keys, giftKey(to))
		}
	}
	c.gone, c.lapsed = nil, nil
	c.mu.Unlock()
	var errs []error
	for _, key := range keys {
		errs = append(errs, c.cfg.Keep.Save(key, nil))
	}
	return errors.Join(errs...)
}

// meet takes what a card says of the log, and reports whether anything can be done there.
func (g *guest) meet(l mailboxLog) bool {
	tokens, err := token.Parse(l.Tokens, token.GiveMax)
	if err != nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.addresses = l.Addresses
	g.given.Accept(tokens, g.today())
	g.doubt.expire(g.today())
	return len(g.state.Receipts) > 0 || len(g.doubt) > 0 || g.given.Count(g.today()) > 0
}

// today is the supernode's day. The lock is held.
func (g *guest) today() uint16 {
	return uint16(min(max(int64(g.client.today())+g.state.Ahead, 0), 1<<16-1))
}

// open is the number by which the node knows that a deposit can be tried; 0: not now.
func (g *guest) open() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.number
}

// sortedGuests are all guests in one order. The client's lock is held.
func (c *Client) sortedGuests() []*guest {
	all := make([]*guest, 0, len(c.guests))
	for _, g := range c.guests {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *guest) int { return slices.Compare(a.bytes(), b.bytes()) })
	return all
}

// pay gives tokens to items, in their order, as far as there are any: those that they had, if they were offered before
// and there was no answer. They are off the disk before it returns.
//
// spec: 11-tokens#paying
func (g *guest) pay(_ context.Context, items []*item) error {
	g.mu.Lock()
	for _, t := range items {
		if t.tokens = g.doubt[t.id]; t.tokens == nil {
			t.tokens = g.given.Take(token.Cost(t.header.Class), g.today())
			g.unsaved = g.unsaved || t.tokens != nil
		}
	}
	g.doubt.add(items, g.today())
	save := g.unsaved // or were not, when they were taken
	g.mu.Unlock()
	if !save {
		return nil
	}
	return g.save()
}

// save keeps what is left. It fails with ErrForeign where we are no guest any more.
func (g *guest) save() error {
	g.mu.Lock()
	g.state.Given, g.state.Sign, g.state.Agree = g.given.Save(), g.keys.Sign, g.keys.Agree
	b, err := wire.Marshal(g.state)
	g.state.Given = nil
	g.mu.Unlock()
	if err != nil {
		return err
	}
	var all []byte
	g.client.listing.Lock()
	defer g.client.listing.Unlock()
	g.client.mu.Lock()
	if g.client.guests[g.guestKey] != g { // it gave way meanwhile, and goes from the disk
		g.client.mu.Unlock()
		return ErrForeign
	}
	g.kept = true
	for _, other := range g.client.sortedGuests() {
		if other.kept {
			all = append(all, other.bytes()...)
		}
	}
	g.client.mu.Unlock()
	if err := errors.Join(g.client.cfg.Keep.Save(g.key(), b), g.client.cfg.Keep.Save(keepGuests, all)); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unsaved = false // none were taken meanwhile: one call at a time
	return nil
}

// call makes a link for as long as f takes, for guests of one log. If there is something for the contacts of several, it goes over
// one link, so that a link or a request is not always one recipient's. One call at a time: nobody else takes the tokens meanwhile.
//
// spec: 08-custody#guests
func (c *Client) call(ctx context.Context, guests []*guest, f func(*counter) error) error {
	slices.SortFunc(guests, func(a, b *guest) int { return slices.Compare(a.bytes(), b.bytes()) }) // locks in one order
	var said [][]string
	for _, g := range guests {
		g.working.Lock()
		defer g.working.Unlock()
		g.mu.Lock()
		said = append(said, g.addresses)
		g.mu.Unlock()
	}
	log, keys := guests[0].log, guests[0].keys
	l, done, err := c.dial(ctx, log.At, inTurn(said), handshake.Supernode, &handshake.Pair{Their: keys.Agree})
	if err == nil {
		err = f(&counter{log: log, keys: keys, guest: &log.Community, link: func() *link.Link { return l }})
		l.Close(link.ReasonBye)
		done()
	}
	for _, g := range guests {
		g.tried(err)
	}
	return err
}

// inTurn is the first of each list, then the second of each, without doubles: nobody's addresses crowd those out that another
// contact tells.
func inTurn(lists [][]string) (all []string) {
	for k := 0; ; k++ {
		more := false
		for _, list := range lists {
			if k >= len(list) {
				continue
			}
			if more = true; !slices.Contains(all, list[k]) {
				all = append(all, list[k])
			}
		}
		if !more {
			return all
		}
	}
}

// tried notes what came of a try: after one that failed the node is told to leave it alone for a while.
func (g *guest) tried(err error) {
	c := g.client
	g.mu.Lock()
	if err == nil {
		g.wait = retryMin
		g.mu.Unlock()
		return
	}
	wait := c.jittered(g.wait)
	g.wait, g.number = min(2*g.wait, retryMax), 0
	g.mu.Unlock()
	c.mu.Lock()
	if ctx := c.ctx; ctx != nil {
		c.stations.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(wait):
				number := c.number()
				g.mu.Lock()
				g.number = number
				g.mu.Unlock()
				c.poke()
			}
		})
	}
	c.mu.Unlock()
	c.poke()
}

// broke reports whether there is nothing to offer for items: no token, and none of them was offered before.
func (g *guest) broke(items []*item) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.given.Count(g.today()) == 0 && !slices.ContainsFunc(items, func(t *item) bool {
		return t.blob == nil || g.doubt[t.id] != nil || g.state.Receipts.find(t.id.Short()) >= 0
	})
}

func (g *guest) held(id wire.ShortID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state.Receipts.find(id) >= 0
}

func (g *guest) refused(no *RefusedError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard(no.Day)
}

// answered takes the answers for items, and keeps what was signed for.
//
// spec: 08-custody#kept
func (g *guest) answered(items []*item, kept wire.Kept, _ []Kept) error {
	g.mu.Lock()
	g.heard(kept.Day)
	g.doubt.settle(items)
	receipts, news := g.state.Receipts.after(items, g.today())
	g.state.Receipts = receipts
	g.mu.Unlock()
	if !news {
		return nil
	}
	return g.save()
}

// heard notes the supernode's day; 0 says nothing. The lock is held.
func (g *guest) heard(day uint32) {
	if day != 0 {
		g.state.Ahead = int64(min(day, 1<<16-1)) - int64(g.client.today())
	}
}
