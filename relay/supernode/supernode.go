package supernode

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
)

// Config is what a supernode needs beside its data directory. Rand and Log are required.
type Config struct {
	Rand    io.Reader
	Log     *slog.Logger
	Limits  Limits
	Conn    net.PacketConn // for links; the supernode's to close. Required by Run
	Finder  Finder         // announces it on its networks; nil: it does not
	Vouched func() bool    // whether a battery or the network vouches for the clock; nil: nobody does
	// Shared opens the store of a cluster, where the files of the supernode are then, too: any number of processes are one supernode
	// there, each with a directory of its own. limit is in bytes of blobs; 0: none. nil: all is in the directory.
	Shared func(limit int64) (Shared, error)
	// Store puts another store before that of the data directory; nil: does not. It is how tests make a supernode lie.
	Store func(mailbox.Store) mailbox.Store
}

// Limits are what an operator allows. The zero value is what a Raspberry Pi can do.
type Limits struct {
	Disk int64 // bytes of blobs of all communities; 0: 2 GiB
	// The others hold for each community of which nothing else is said by Limit. Days: 0 is 58, which is the most.
	Days      int
	Bandwidth int64
	Tokens    int
}

// Quota is what an operator allows one community. Where a field is 0 nothing is said of it.
type Quota struct {
	Disk      int64 // bytes of blobs; nothing said: what is fair
	Days      int   // that a blob may ask to be kept
	Bandwidth int64 // bytes a second that come, and that leave; nothing said: any number
	Tokens    int   // that a member may draw for a day; nothing said: as many as the community's policy says
}

func (l Limits) withDefaults() Limits {
	if l.Disk <= 0 {
		l.Disk = diskDefault
	}
	if l.Days <= 0 || l.Days > wire.ExpiryDaysMax {
		l.Days = wire.ExpiryDaysMax
	}
	return l
}

// Supernode is a data directory that this process holds, and serves while Run runs. Its methods may
// be called from any goroutine.
type Supernode struct {
	directory *directory
	device    *identity.Device
	store     mailbox.Store
	disk      *disk
	cfg       Config
	log       *slog.Logger

	crowd    *crowd[*visit]
	patience *patience
	in, out  *budget[block]
	work     chan struct{}

	keyring   atomic.Pointer[keyring]
	sightings sightings // of other supernodes

	overdue bool // the loop's: what has expired could not all be given up

	mu          sync.Mutex         // guards the following
	communities []*served          // in the order of their ids; grows only
	keys        [][]handshake.Pair // of each community
	days        *days[member]
	started     time.Time
	refusals    map[wire.Reason]uint64

	followers atomic.Int64
	loggedIn  atomic.Int64
	keptCount atomic.Uint64
}

// member is a persona in one of the communities.
type member struct {
	community mailbox.Community
	persona   community.Persona
}

// Open takes hold of a data directory that Found or Enter made. It serves nobody until Run, and
// fails with ErrNone, ErrInUse or ErrNewer.
//
// spec: 08-custody#data-directory
func Open(path string, cfg Config) (*Supernode, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	d, err := openDirectory(path, false, cfg)
	if err != nil {
		return nil, err
	}
	s, err := open(d, cfg)
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return s, nil
}

func open(d *directory, cfg Config) (*Supernode, error) {
	device, err := d.device(cfg.Rand)
	if err != nil {
		return nil, err
	}
	mark, err := d.mark()
	if err != nil {
		return nil, err
	}
	store, err := d.mailbox(cfg.Limits.Disk)
	if err != nil {
		return nil, fmt.Errorf("opening the mailbox: %w", err)
	}
	s := &Supernode{
		directory: d, device: device, store: store, disk: &disk{limit: cfg.Limits.Disk}, cfg: cfg, log: cfg.Log,
		crowd: newCrowd[*visit](linksMax), patience: newPatience(),
		in: newBudget[block](bytesIn, bytesIn/8), out: newBudget[block](bytesOut, bytesOut/8),
		work: make(chan struct{}, runtime.GOMAXPROCS(0)), days: newDays[member](mark), refusals: make(map[wire.Reason]uint64),
	}
	s.disk.stats = s.stats
	s.keyring.Store(&keyring{})
	s.sightings.at = make(map[peer.ID][]sighted)
	folders, err := d.folders()
	for _, f := range folders {
		exists := false
		if err == nil {
			exists, err = f.exists()
		}
		if err == nil && exists {
			err = s.serve(f)
		}
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return s, nil
}

// Close lets go of the directory. Run must have returned.
func (s *Supernode) Close() error {
	err := errors.Join(s.store.Close(), s.directory.close())
	s.device.Erase()
	return err
}

// ID names the supernode.
func (s *Supernode) ID() peer.ID { return s.device.ID() }

// Run serves until ctx ends.
func (s *Supernode) Run(ctx context.Context) error {
	if s.cfg.Conn == nil {
		return errors.New("a supernode that runs needs a socket")
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		s.log.Warn("could not read the addresses of this machine", "error", err)
	}
	transport, err := link.Open(s.cfg.Conn, link.Config{
		Rand: s.cfg.Rand, Log: s.log, Keyring: s, Supernode: true, Reset: s.resetKey(portOf(s.cfg.Conn.LocalAddr()), addresses),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.started = time.Now()
	s.mu.Unlock()
	var parts sync.WaitGroup
	s.tick(ctx, 0)
	parts.Go(func() { s.turn(ctx) })
	parts.Go(func() { s.accept(ctx, transport) })
	for _, c := range s.all() {
		parts.Go(func() { _ = c.replicator.Run(ctx) })
	}
	if s.cfg.Finder != nil {
		parts.Go(func() {
			if err := s.announcer(transport).run(ctx); err != nil {
				s.log.Error("announcing has ended: members find this supernode by its address only", "error", err)
			}
		})
	}
	<-ctx.Done()
	err = transport.Close()
	parts.Wait()
	return err
}

// accept serves every link that comes.
func (s *Supernode) accept(ctx context.Context, transport *link.Transport) {
	var visits sync.WaitGroup
	defer visits.Wait()
	for {
		l, err := transport.Accept(ctx)
		if err != nil {
			return
		}
		v, ok := s.visitor(l)
		if !ok {
			l.Close(link.ReasonBusy)
			continue
		}
		visits.Go(func() {
			defer s.left(v)
			v.run(ctx)
		})
	}
}

// visitor lets a link in, for which another may have to go.
func (s *Supernode) visitor(l *link.Link) (*visit, bool) {
	v := &visit{at: s, link: l, block: blockOf(l.Remote().Addr()), asked: time.Now()}
	if proof := l.Proof(); proof.Mode == handshake.Member {
		v.home = s.numbered(int(proof.Pair >> 32))
		if !v.home.welcome(v) {
			return nil, false
		}
	}
	gone, evicted, ok := s.crowd.enter(v.block, v)
	if evicted {
		gone.link.Close(link.ReasonBusy)
	}
	if !ok && v.home != nil {
		v.home.goodbye(v)
	}
	return v, ok
}

// left forgets a link that has ended.
func (s *Supernode) left(v *visit) {
	s.crowd.leave(v.block, v)
	if v.home != nil {
		v.home.goodbye(v)
	}
	if c, _ := v.who(); c != nil {
		c.goodbye(v)
		s.loggedIn.Add(-1)
	}
}

// numbered is the community of that number; handshakes name no others.
func (s *Supernode) numbered(n int) *served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.communities[n]
}

// serving is the community of that id; nil if it is not served.
func (s *Supernode) serving(id [32]byte) *served {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.communities {
		if c.id == id {
			return c
		}
	}
	return nil
}

// turn looks at the clock now and then, until ctx ends.
func (s *Supernode) turn(ctx context.Context) {
	ticker := time.NewTicker(turnPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.tick(ctx, turnPeriod)
		case <-s.directory.changed():
			s.reload()
		case <-ctx.Done():
			return
		}
	}
}

// tick does what the time has come for: it keeps the clock's mark, gives up what has expired, and
// turns to the keys of another week.
//
// spec: 08-custody#the-day
func (s *Supernode) tick(ctx context.Context, up time.Duration) {
	vouched := s.cfg.Vouched != nil && s.cfg.Vouched() && s.seconded(ctx)
	now := time.Now()
	s.mu.Lock()
	risen := s.days.raise(now, up, vouched)
	mark := s.days.mark
	last, over := s.days.finished(now)
	week, believed := s.days.safe(now)
	s.mu.Unlock()
	if risen {
		if err := s.directory.saveMark(mark); err != nil {
			s.log.Error("could not keep the day", "error", err)
		}
	}
	s.reload()
	if over && (last > s.store.Finished() || s.overdue) {
		err := s.store.Expire(ctx, last)
		if s.overdue = err != nil; s.overdue {
			s.log.Error("could not give up what has expired", "error", err)
		}
		for _, c := range s.all() {
			c.pages.forget()
		}
	}
	if over {
		for _, c := range s.all() {
			if err := c.shelf.expire(last); err != nil {
				s.log.Error("could not give up slots that have expired", "error", err)
			}
		}
	}
	for _, c := range s.all() {
		if mark.Day > 0 { // at midnight, whoever asks first; where it fails who asks is told
			_, _ = c.store.CloseDay(ctx, c.id, mark.Day-1)
		}
		if err := c.turn(week, believed); err != nil {
			s.log.Error("could not turn to the keys of this week", "error", err)
		}
	}
}

// seconded reports whether the servers of a cluster, if there is one, have the day that it is here, one more or less: one machine whose clock is wrong
// would else give up what all of them have signed for.
//
// spec: 08-custody#the-day
func (s *Supernode) seconded(ctx context.Context) bool {
	if s.directory.store == nil {
		return true
	}
	asking, cancel := context.WithTimeout(ctx, filesTime)
	defer cancel()
	theirs, err := s.directory.store.Date(asking)
	if err != nil {
		s.log.Warn("what day it is for the servers of the store is not known: nothing expires by the clock of this machine", "error", err)
		return false
	}
	if off := int(wire.DayAt(theirs)) - int(wire.DayAt(time.Now())); off < -1 || off > 1 {
		s.log.Error("this machine and the servers of the store have different days: set their clocks; nothing expires by the clock of this machine until they agree",
			"here", time.Now().UTC().Format(time.DateOnly), "there", theirs.UTC().Format(time.DateOnly))
		return false
	}
	return true
}

func (s *Supernode) all() []*served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.communities[:len(s.communities):len(s.communities)]
}

// date is the time as far as it is agreed on, today its day, and window the expiry days that are
// taken then, where blobs are kept for so many days.
func (s *Supernode) date() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.days.mark.Date(time.Now())
}

// markDay is the day of the clock's mark.
func (s *Supernode) markDay() uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.days.mark.Day
}

// believedDay is today by a clock that is believed; 0 where it is not.
func (s *Supernode) believedDay() uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	date, believed := s.days.safe(time.Now())
	if !believed {
		return 0
	}
	return wire.DayAt(date)
}

func (s *Supernode) today() uint16 { return wire.DayAt(s.date()) }

func (s *Supernode) window(days int) window {
	today := s.today()
	return window{today: today, first: max(today, s.store.Finished()+1), last: today + uint16(days)}
}

// heard takes the day of somebody who has logged in.
func (s *Supernode) heard(who member, day uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.days.heard(who, day, time.Now())
}

// refused counts n things that were refused.
func (s *Supernode) refused(reason wire.Reason, n uint64) {
	if reason == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[reason] += n
}

// sign signs a statement of the supernode's.
func (s *Supernode) sign(statement []byte) [64]byte {
	return [64]byte(ed25519.Sign(s.device.SignKey(), statement))
}

// announcer shows this supernode.
func (s *Supernode) announcer(transport *link.Transport) *announcer {
	return &announcer{
		finder: s.cfg.Finder, rand: s.cfg.Rand, port: portOf(s.cfg.Conn.LocalAddr()), date: s.date, beacons: s.beacons, seen: s.heardOf,
		rotate: func() (peer.Fingerprint, error) {
			err := transport.Rotate()
			return transport.Fingerprint(), err
		},
		failed: func(msg string, err error) { s.log.Error(msg, "error", err) },
	}
}

// beacons are what members know this supernode by on a day.
func (s *Supernode) beacons(day uint32) (all []beacon, err error) {
	for _, c := range s.all() {
		key, err := c.beacon(day)
		if err != nil {
			return nil, err
		}
		all = append(all, beacon{key: key, us: s.device.ID()})
	}
	return all, nil
}

func portOf(a net.Addr) uint16 {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.AddrPort().Port()
	}
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return 0
	}
	return at.Port()
}
