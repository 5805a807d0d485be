package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
)

// station is one supernode of one community.
//
//	waiting ──▶ visiting (log-in, draws) ──▶ linked: deposits, collection, checkpoints
//	   ▲                │                        │ a visit now and then, on a link of its own
//	   └────────────────┴──────── lost ──────────┘
type station struct {
	client *Client
	member *member
	log    Log
	keys   identity.DeviceKeys
	watch  *watch
	roused chan struct{}      // one token: look again
	cancel context.CancelFunc // guarded by Client.mu; nil before it runs
	late   time.Duration      // how long it waits before it dials first

	saving sync.Mutex // held while the state is changed and saved; taken before mu. Guards gone
	gone   bool       // we have left: nothing is kept any more

	mu       sync.Mutex // guards the fields below
	known    community.Known
	state    *stationState
	link     *link.Link    // nil: not reached
	number   uint64        // the link's
	lacking  int           // tokens that deposits wait for
	doubt    doubt         // what was offered and may be paid for already
	unsaved  bool          // tokens were taken that are on disk still
	drawn    chan struct{} // closed, and made anew, when a visit has ended
	entered  uint16        // our day when it let us in last; 0: not in this run
	trouble  string        // why it is not reached, or what is wrong; for people
	dry      uint16        // its day of which it gives us no more tokens; 0: none
	finished uint16        // the last day that is over by its word; 0: it has given none in this run
	odd      uint16        // our day when it said another day to us than to all; 0: it has not since it said one to all
	last     time.Time     // when it was reached last
	fell     time.Time     // when its log made no sense last, or had to be read from its beginning
	fallen   time.Duration // how long we waited then
	pleaded  time.Time     // when it was asked for a checkpoint last
	idle     func()        // ends the request that follows the log, all of which has come; nil: there is none
}

func newStation(c *Client, m *member, k community.Known, state *stationState) *station {
	log, keys := Log{At: k.ID(), Community: m.papers.Community()}, identity.DeviceKeys{Sign: k.Sign, Agree: k.Agree}
	return &station{
		client: c, member: m, log: log, keys: keys, watch: loadWatch(c.cfg.Keep, log, keys), known: k, state: state,
		roused: make(chan struct{}, 1), drawn: make(chan struct{}), doubt: make(doubt),
	}
}

// moved takes what is known of the supernode now.
func (s *station) moved(k community.Known) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = k
}

// stop ends the station for good. The client's lock is held.
func (s *station) stop() {
	if s.cancel != nil {
		s.cancel()
	}
}

// rouse has the station look again what is to be done.
func (s *station) rouse() {
	select {
	case s.roused <- struct{}{}:
	default:
	}
}

// reached is the number of the link; 0 if there is none.
func (s *station) reached() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link == nil {
		return 0
	}
	return s.number
}

// troubled notes what is wrong; "" is nothing.
func (s *station) troubled(word string) {
	s.mu.Lock()
	same := s.trouble == word
	s.trouble = word
	s.mu.Unlock()
	if !same {
		s.client.changed()
	}
}

// run tries to reach the supernode, and again when it was lost, ever more rarely.
func (s *station) run(ctx context.Context) {
	if s.late > 0 && !s.joining() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.late):
		}
	}
	wait := retryMin
	for ctx.Err() == nil {
		begun := time.Now()
		err := s.attend(ctx)
		if ctx.Err() != nil {
			return
		}
		s.troubled(troubleOf(err))
		if time.Since(begun) > steadyAfter {
			wait = retryMin
		}
		select {
		case <-ctx.Done():
			return
		case <-s.roused:
		case <-time.After(s.client.jittered(wait)):
		}
		wait = min(2*wait, retryMax)
	}
}

// jittered is d, somewhat longer or shorter: many who lost one supernode do not come back at once.
func (c *Client) jittered(d time.Duration) time.Duration {
	spread := d / retryJitter
	return d - spread + c.within(2*spread)
}

// within is some time up to d.
func (c *Client) within(d time.Duration) time.Duration {
	var b [8]byte
	_, _ = c.cfg.Rand.Read(b[:])
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(d+1))
}

// troubleOf is an error in words for people.
func troubleOf(err error) string {
	var no *RefusedError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &no):
		return Word(no.Reason)
	case errors.Is(err, wire.ErrNewer):
		return Word(wire.ReasonYouOld)
	case errors.Is(err, errOwnDay):
		return errOwnDay.Error()
	case errors.Is(err, community.ErrOwnKeys):
		return BreachKeys.String()
	case errors.Is(err, community.ErrNoMember):
		return Word(wire.ReasonNoMember)
	case errors.Is(err, link.ErrRefused):
		return "something else answers at its address"
	}
	return "not reached"
}

// attend keeps a member link until it is lost, logging in first where that is needed.
func (s *station) attend(ctx context.Context) error {
	key, ok := s.memberKey()
	if !ok || s.joining() {
		if err := s.visit(ctx); err != nil {
			return err
		}
		if key, ok = s.memberKey(); !ok {
			return community.ErrNoMember
		}
	}
	l, done, err := s.dial(ctx, handshake.Member, &handshake.Pair{Their: s.keys.Agree, Member: true, Key: key})
	if errors.Is(err, link.ErrRefused) {
		// The key of the week is another one by now, or something else answers. A log-in tells.
		s.distrust()
		if err := s.visit(ctx); err != nil {
			return err
		}
		if key, ok = s.memberKey(); !ok {
			return community.ErrNoMember
		}
		l, done, err = s.dial(ctx, handshake.Member, &handshake.Pair{Their: s.keys.Agree, Member: true, Key: key})
	}
	if err != nil {
		return err
	}
	defer done()
	return s.serve(ctx, l)
}

// memberKey is the key of the link in mode member, if there is one.
func (s *station) memberKey() (handshake.LinkKey, bool) {
	m := s.member
	m.mu.Lock()
	defer m.mu.Unlock()
	key, ok := m.papers.Key(s.log.At, uint32(s.client.today()))
	if !ok {
		return handshake.LinkKey{}, false
	}
	secret := key.Secret.LinkSecret()
	defer secret.Erase()
	return handshake.NewLinkKey(secret[:]), true
}

// joining reports whether a join link that has not done its work yet names the supernode.
func (s *station) joining() bool {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	return s.member.papers.JoiningAt(s.log.At)
}

func (s *station) distrust() {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	s.member.papers.Distrust(s.log.At)
}

// dial makes a link over a socket of its own; done closes both.
func (s *station) dial(ctx context.Context, mode handshake.Mode, pair *handshake.Pair) (l *link.Link, done func(), err error) {
	s.mu.Lock()
	known := s.known.Addresses
	s.mu.Unlock()
	return s.client.dial(ctx, s.log.At, known, mode, pair)
}

// dial makes a link to a supernode over a socket of its own; done closes both.
//
// spec: 08-custody#links
func (c *Client) dial(ctx context.Context, at peer.ID, known []string, mode handshake.Mode, pair *handshake.Pair) (l *link.Link, done func(), err error) {
	to := link.Target{Mode: mode, Pair: pair}
	if p, ok := c.place(at); ok {
		to.Endpoints, to.Fingerprint = p.Endpoints, p.Fingerprint
		to.Others = append(to.Others, link.Place{Endpoints: p.Endpoints})
	}
	if typed := c.addresses(ctx, known); len(typed) > 0 {
		to.Others = append(to.Others, link.Place{Endpoints: typed})
	}
	conn, err := c.cfg.Listen()
	if err != nil {
		return nil, nil, err
	}
	t, err := link.Open(conn, link.Config{Rand: c.cfg.Rand, Log: c.cfg.Log, Keyring: nobody{}})
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	done = func() { _ = t.Close() }
	if l, err = t.Dial(ctx, to); err != nil {
		done()
		return nil, nil, err
	}
	return l, done, nil
}

// addresses are those of a supernode's card, with the names of hosts looked up.
func (c *Client) addresses(ctx context.Context, known []string) (all []peer.Endpoint) {
	for _, a := range known {
		if ap, err := netip.ParseAddrPort(a); err == nil {
			all = append(all, ap)
			continue
		}
		host, digits, err := net.SplitHostPort(a)
		port, bad := strconv.ParseUint(digits, 10, 16)
		if err != nil || bad != nil || c.cfg.Resolve == nil {
			continue
		}
		found, _ := c.cfg.Resolve(ctx, host) // a name that leads nowhere is one address less
		for _, ip := range found[:min(len(found), namedMax)] {
			all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
		}
	}
	return all
}

// serve works on a member link until it ends.
func (s *station) serve(ctx context.Context, l *link.Link) error {
	ctx, cancel := context.WithCancel(ctx)
	var owned sync.WaitGroup
	defer owned.Wait()
	defer cancel()
	number := s.client.number()
	s.mu.Lock()
	s.link, s.number, s.last = l, number, s.client.cfg.Now()
	s.mu.Unlock()
	defer s.client.told()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.link, s.last = nil, s.client.cfg.Now()
	}()
	s.troubled("")
	s.client.told()
	owned.Go(func() { s.collect(ctx, l) })
	owned.Go(func() { s.errands(ctx, l) })
	select {
	case <-l.Done():
		return l.Err()
	case <-ctx.Done():
		l.Close(link.ReasonBye)
		return context.Cause(ctx)
	}
}

// errands visits the supernode for keys and tokens, and asks for checkpoints, when it is time.
func (s *station) errands(ctx context.Context, l *link.Link) {
	var due, ask time.Time // of the visit, zero: none is; when we ask what is new
	for ctx.Err() == nil {
		now := time.Now()
		if !now.Before(ask) {
			if s.scans() { // who follows is told
				s.news(ctx, l)
			}
			ask = now.Add(s.client.jittered(newsPeriod))
		}
		urgent, wanted := s.wanted()
		switch {
		case urgent, wanted && !due.IsZero() && !now.Before(due):
			s.troubled(troubleOf(s.visit(ctx)))
			due = time.Time{}
			if _, still := s.wanted(); still { // it did not work: not at once again
				due = time.Now().Add(s.client.jittered(retryMax))
			}
		case wanted && due.IsZero():
			delay, err := token.Delay(s.client.cfg.Rand)
			if err != nil {
				return
			}
			due = now.Add(delay)
		}
		s.attest(ctx, l)
		s.retell()
		s.judge(ctx, l)
		wait := min(checkPeriod, time.Until(ask))
		if !due.IsZero() {
			wait = min(wait, time.Until(due))
		}
		select {
		case <-ctx.Done():
		case <-s.roused:
		case <-time.After(max(wait, time.Second)):
		}
	}
}

// wanted says whether a visit is due, and whether somebody waits for it.
func (s *station) wanted() (urgent, wanted bool) {
	s.member.mu.Lock()
	stale, joining := s.member.papers.Stale(s.log.At, uint32(s.client.today())), s.member.papers.JoiningAt(s.log.At)
	s.member.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	n, now := s.state.wallet.Wanted(s.theirDay(), s.lacking)
	if s.barren() {
		n = 0
	}
	stale = stale && s.entered != s.client.today() // one whose clock nobody believes turns no week
	return n > 0 && now || joining, n > 0 || joining || stale
}

// barren reports whether a visit would bring no tokens: the day's are drawn, or the supernode marks those that it gives, or would by the day.
// The lock is held.
//
// spec: 11-tokens#when-to-draw
func (s *station) barren() bool {
	return s.dry != 0 && s.dry == s.theirDay() || s.odd != 0 && s.odd == s.client.today() || s.state.marks(s.known.Token)
}

// theirDay is the day by the supernode's clock. The lock is held.
func (s *station) theirDay() uint16 {
	return uint16(min(max(int64(s.client.today())+s.state.Ahead, 0), 1<<16-1))
}

// heard notes the supernode's day, as it says it on links without a name.
func (s *station) heard(day uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ahead := int64(min(day, 1<<16-1)) - int64(s.client.today())
	if ahead != s.state.Ahead {
		s.odd = 0
	}
	s.state.Ahead, s.state.Dated = ahead, true
}

// errOwnDay says that a supernode says another day to us than to all, or that our clock was set back since it said one: the tokens that we
// drew for it might be known by it.
var errOwnDay = errors.New("its day is not that of this device: look at both clocks; no tokens are drawn there, since it could know by a day of our own who deposits")

// near reports whether two days are the same, one more or less.
func near(a, b int64) bool { return -1 <= a-b && a-b <= 1 }

// agree takes the day of a grant, a day more or less than ours, or than what the supernode has said on links without a name: as its day, or
// by which was the last that is over. Before it has said any there, there is nothing to compare with.
//
// spec: 11-tokens#draw
func (s *station) agree(day uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	today := int64(s.client.today())
	ahead := min(int64(day), 1<<16-1) - today
	switch {
	case near(ahead, 0) || !s.state.Dated || s.finished != 0 && near(int64(day), int64(s.finished)+1):
		s.state.Ahead = ahead
	case !near(ahead, s.state.Ahead):
		s.odd = s.client.today()
		return errOwnDay
	}
	return nil
}

// change changes what is kept of the supernode, on disk before it returns.
func (s *station) change(f func(*stationState)) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	if s.gone {
		return errors.New("we have left that community")
	}
	s.mu.Lock()
	f(s.state)
	b := *s.state
	s.mu.Unlock()
	if err := b.save(s.client.cfg.Keep, s.log); err != nil {
		return fmt.Errorf("keeping what a supernode has signed: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsaved = false // none were taken meanwhile
	return nil
}
