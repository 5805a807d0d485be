package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
)

// ErrUnreached says that a supernode cannot be reached now.
var ErrUnreached = errors.New("that supernode cannot be reached now")

// ErrForeign says that we are no member where a blob is to be left.
var ErrForeign = errors.New("no community of ours collects there")

// Config is what a Client needs. All fields but Resolve are required.
type Config struct {
	Keep Keep
	// Listen opens a UDP socket on a port of its own: each link to a supernode has one, since by the
	// port two links would be one person.
	Listen func() (net.PacketConn, error)
	// Resolve looks the name of a host up; without it names are not dialled.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Rand    io.Reader // safe for concurrent use
	Now     func() time.Time
	Log     *slog.Logger
}

// Collector takes what a Client brings. Its methods are safe for concurrent use.
type Collector interface {
	// Cursor is how far a log was collected; 0 is its beginning.
	Cursor(ctx context.Context, from Log) (uint64, error)
	// Match says for each entry of a log whether its blob is wanted, where not all are fetched.
	Match(ctx context.Context, entries []wire.Entry) ([]bool, error)
	// Collected takes a page. Once it has returned, the page's Until is on disk as the log's cursor; an
	// error says that the page has to come again.
	Collected(ctx context.Context, p Page) error
	// Lost takes that a log does not hold, at these cursors, what was signed for; or, if there are none, that it is another log than
	// was collected: it is collected from its beginning. Once it has returned, that is on disk.
	Lost(ctx context.Context, from Log, at []uint64) error
	// Reached says at which supernodes can be deposited now. It replaces what was said last.
	Reached(at []Reached)
	// Changed says that what else the Client tells is different now: communities, supernodes, cards,
	// beacons, breaches.
	Changed()
}

// Reached is a supernode that can be deposited at, and which of our links leads there: another
// number says that it was reached anew.
type Reached struct {
	At   peer.ID
	Link uint64
}

// Page is a stretch of a log: behind Since and up to Until.
type Page struct {
	Log
	Since, Until uint64
	Blobs        [][]byte
	Scanned      []wire.Entry // what was not fetched
	End          bool         // there was nothing behind it
}

// Client deposits and collects at the supernodes of the communities that we are a member of. Its
// methods are safe for concurrent use.
//
// spec: 08-custody#links
type Client struct {
	cfg   Config
	much  uint64        // bytes a day from which on tags are asked for first
	pause time.Duration // between two scans
	meet  time.Duration // before a supernode is dialled that news have named, at most

	telling sync.Mutex // held while the collector is told who is reached; taken before mu
	listing sync.Mutex // held while a list of what is kept is saved, or one of the list is forgotten; taken before mu

	// mu guards the fields below; taken before that of a station. Nobody keeps anything while they hold
	// it: the node asks for places inside the transaction that the Keep would wait for.
	mu        sync.Mutex
	members   map[community.ID]*member
	sighted   map[peer.ID]link.Place
	collector Collector       // nil while Run does not run
	ctx       context.Context // Run's, for stations that begin later
	stations  sync.WaitGroup
	links     uint64    // numbers given out
	said      []Reached // what the collector was told last
	gifts     map[token.Contact]*gift
	guests    map[guestKey]*guest
	gone      []guestKey      // guests that gave way, and are on disk still
	lapsed    []token.Contact // gifts likewise

	errands chan struct{} // one token: gifts are due, or there are new guests
}

// member is one community that we belong to, or are about to.
type member struct {
	mu     sync.Mutex // guards papers and heard; whoever holds it takes no other lock
	papers *community.Membership
	heard  chan struct{} // closed, and made anew, when a visit has ended

	stations map[peer.ID]*station // guarded by Client.mu
}

// NewClient makes a Client of what was kept.
func NewClient(cfg Config) (*Client, error) {
	c := &Client{
		cfg: cfg, much: muchPerDay, pause: scanPeriod, meet: newcomerMax, members: make(map[community.ID]*member), sighted: make(map[peer.ID]link.Place),
		gifts: make(map[token.Contact]*gift), guests: make(map[guestKey]*guest), errands: make(chan struct{}, 1),
	}
	ids, err := c.loadIDs()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		b, err := cfg.Keep.Load(keyOf(id))
		if err != nil {
			return nil, err
		}
		papers, err := community.LoadMembership(b)
		if err != nil {
			return nil, err
		}
		if err := c.add(papers); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(c.loadGifts(), c.loadGuests()); err != nil {
		return nil, err
	}
	return c, nil
}

// loadIDs reads which communities there are.
func (c *Client) loadIDs() (ids []community.ID, err error) {
	b, err := c.cfg.Keep.Load(KeepMembership)
	if err != nil {
		return nil, err
	}
	if len(b)%len(community.ID{}) != 0 {
		return nil, fmt.Errorf("%w: list of communities", wire.ErrMalformed)
	}
	for chunk := range slices.Chunk(b, len(community.ID{})) {
		ids = append(ids, community.ID(chunk))
	}
	return ids, nil
}

// saveIDs writes which communities there are. No lock is held meanwhile that the node may wait for, which has its store then.
func (c *Client) saveIDs() error {
	c.listing.Lock()
	defer c.listing.Unlock()
	var b []byte
	c.mu.Lock()
	for _, id := range c.ids() {
		b = append(b, id[:]...)
	}
	c.mu.Unlock()
	return c.cfg.Keep.Save(KeepMembership, b)
}

// ids are the communities in the order of their ids. The lock is held.
func (c *Client) ids() []community.ID {
	ids := make([]community.ID, 0, len(c.members))
	for id := range c.members {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b community.ID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

// add takes a membership in, with a station for each supernode that is known.
func (c *Client) add(papers *community.Membership) error {
	m := &member{papers: papers, heard: make(chan struct{}), stations: make(map[peer.ID]*station)}
	c.mu.Lock()
	c.members[papers.Community()] = m
	c.mu.Unlock()
	return c.settle(m)
}

// settle gives each supernode of a community a station, and ends those of others.
func (c *Client) settle(m *member) error {
	m.mu.Lock()
	known := m.papers.Supernodes()
	id := m.papers.Community()
	m.mu.Unlock()
	states := make(map[peer.ID]*stationState)
	for _, k := range known {
		if c.settled(m, k.ID()) {
			continue
		}
		state, err := loadState(c.cfg.Keep, Log{At: k.ID(), Community: id})
		if err != nil {
			return err
		}
		states[k.ID()] = state
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members[id] != m {
		return nil
	}
	there := make(map[peer.ID]bool)
	told := len(m.stations) > 0 // of those that are new, as all who follow the log are in this moment
	for _, k := range known {
		at := k.ID()
		there[at] = true
		if s := m.stations[at]; s != nil {
			s.moved(k)
			continue
		}
		if states[at] == nil {
			continue // it went meanwhile: whoever had it go looks again
		}
		s := newStation(c, m, k, states[at])
		m.stations[at] = s
		if c.ctx != nil {
			if told {
				s.late = c.within(c.meet)
			}
			c.start(s)
		}
	}
	for at, s := range m.stations {
		if !there[at] {
			delete(m.stations, at)
			s.stop()
		}
	}
	return nil
}

// settled reports whether a supernode has a station.
func (c *Client) settled(m *member, at peer.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return m.stations[at] != nil
}

// start lets a station work. The lock is held.
func (c *Client) start(s *station) {
	ctx, cancel := context.WithCancel(c.ctx)
	s.cancel = cancel
	c.stations.Go(func() {
		defer cancel()
		s.run(ctx)
	})
}

// Run keeps a link to each supernode that can be reached, and collects from it, until ctx ends. It
// is called once.
func (c *Client) Run(ctx context.Context, to Collector) error {
	c.mu.Lock()
	c.collector, c.ctx = to, ctx
	for _, s := range c.all() {
		c.start(s)
	}
	c.stations.Go(func() { c.runErrands(ctx) })
	c.poke() // guests of before may be tried
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	c.ctx = nil // nothing begins any more
	c.mu.Unlock()
	c.stations.Wait()
	c.putBack()
	return context.Cause(ctx)
}

// putBack has on disk again, at an orderly end, the tokens that were taken off it and not used.
//
// spec: 11-tokens#wallet
func (c *Client) putBack() {
	c.mu.Lock()
	all := c.all()
	c.mu.Unlock()
	for _, s := range all {
		s.saving.Lock()
		s.mu.Lock()
		save := s.state.wallet.Settle()
		s.mu.Unlock()
		s.saving.Unlock()
		if !save {
			continue
		}
		if err := s.change(func(*stationState) {}); err != nil {
			c.cfg.Log.Warn("tokens that were not used are lost", "error", err)
		}
	}
}

// all are the stations, by community and id. The lock is held.
func (c *Client) all() (all []*station) {
	for _, id := range c.ids() {
		m := c.members[id]
		all = append(all, m.sorted()...)
	}
	return all
}

// Sighted says where on our networks a supernode announces itself: it is dialled there at once, if
// it is not reached.
func (c *Client) Sighted(at peer.ID, p link.Place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sighted[at] = p
	for _, s := range c.all() {
		if s.log.At == at {
			s.rouse()
		}
	}
}

// place is where a supernode was seen.
func (c *Client) place(at peer.ID) (link.Place, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.sighted[at]
	return p, ok
}

// number gives a link its number.
func (c *Client) number() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.links++
	return c.links
}

// told says to the collector which supernodes are reached now.
func (c *Client) told() {
	c.telling.Lock()
	defer c.telling.Unlock()
	var reached []Reached
	c.mu.Lock()
	to := c.collector
	for _, s := range c.all() {
		if n := s.reached(); n != 0 && !slices.ContainsFunc(reached, func(r Reached) bool { return r.At == s.log.At }) {
			reached = append(reached, Reached{At: s.log.At, Link: n})
		}
	}
	for _, g := range c.sortedGuests() {
		if n := g.open(); n != 0 && !slices.ContainsFunc(reached, func(r Reached) bool { return r.At == g.log.At }) {
			reached = append(reached, Reached{At: g.log.At, Link: n})
		}
	}
	news := !slices.Equal(reached, c.said)
	c.said = reached
	c.mu.Unlock()
	if to != nil && news {
		to.Reached(reached)
	}
}

// changed says to the collector that something else is different.
func (c *Client) changed() {
	c.mu.Lock()
	to := c.collector
	c.mu.Unlock()
	if to != nil {
		to.Changed()
	}
}

// today is our day.
func (c *Client) today() uint16 { return wire.DayAt(c.cfg.Now()) }

// nobody is the keyring of sockets to supernodes: it has no key, and so answers nobody.
type nobody struct{}

func (nobody) Statics() handshake.Statics { return handshake.Statics{} }
func (nobody) Keys() int                  { return 0 }
func (nobody) Find(handshake.Exporter, [handshake.HintSize]byte) (handshake.Pair, bool) {
	return handshake.Pair{}, false
}
