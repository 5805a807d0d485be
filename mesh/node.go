package mesh

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// Config is what a node is made of. All fields but Listen, Custodian, Slots, Visibility, Now, Knock and Epoch are required.
type Config struct {
	Store  *store.Store
	Finder Finder
	Conn   net.PacketConn // the first socket for links; the node closes it, unless New fails
	Rand   io.Reader      // safe for concurrent use
	Log    *slog.Logger
	// Custodian leaves blobs with supernodes and brings what they keep; nil: there are none.
	Custodian Custodian
	// Slots has supernodes answer links while we are away; nil: none does. It comes with a Custodian.
	Slots Slots
	// Listen opens another socket for links, on another port, after a change of network.
	// It is nil if the port was chosen by a person: then it is kept.
	Listen func() (net.PacketConn, error)
	// Fence is around Conn and what Listen opens; nil where there is none.
	Fence Fence
	// LocalOnly makes the node send nothing beyond its own networks, and remember that.
	LocalOnly bool
	// Visibility is who may see this node on the networks that it starts on, and from then on
	// is remembered for them; 0: what is remembered counts.
	Visibility Visibility
	// Vouched reports whether the system's clock is backed by one of the machine's own or
	// of the network.
	Vouched func() bool
	// Knock sends nonce to an endpoint in packets that link.Knock makes, from a port of their
	// own; nil: a contact that asks for that is told that there is no knock.
	Knock func(to peer.Endpoint, nonce [8]byte)
	// Now is the system's clock: time.Now if nil. A simulation has one that is set wrong.
	Now func() time.Time
	// Epoch is how long what is announced lives, on the average: an hour if 0, and less
	// only in tests that watch many.
	Epoch time.Duration
}

// Node is this device, running. Its methods are safe for concurrent use; they fail with
// ErrClosed once Run has returned.
type Node struct {
	store     *store.Store
	finder    Finder
	custodian Custodian // nil: none
	slots     Slots     // nil: none
	transport *link.Transport
	rand      io.Reader
	log       *slog.Logger
	local     netip.AddrPort // of the socket for new links; the loop's
	listen    func() (net.PacketConn, error)
	asked     Visibility // for the networks that the node starts on
	started   time.Time
	vouched   func() bool
	now       func() time.Time
	lasting   time.Duration // of an epoch, on the average
	knock     func(to peer.Endpoint, nonce [8]byte)
	looking   chan struct{} // holds the token of who looks

	inbox      chan command  // never closed
	stopped    chan struct{} // closed by loop
	running    sync.WaitGroup
	ctx        context.Context
	stop       context.CancelCauseFunc
	feed       feed
	keyring    keyring
	view       atomic.Pointer[view]
	pruned     atomic.Int64 // cursor up to which events were deleted
	unscrubbed atomic.Bool  // former keys are in the log of the database
	said       bell         // for index
	past       bell         // for prune

	// What the loop owns. The first group mirrors the store and is read again after a
	// turn that failed; the second is about this run only.
	me        self
	mark      clock.Mark
	contacts  map[identity.AccountID]*contactState
	devices   map[int64]*device
	removed   map[identity.AccountID]bool // contacts once; by whoWas
	networks  networks
	footing   footing
	requests  map[contact.Profile]*request
	tags      map[[16]byte]tagged
	notices   []keptNotice
	meetings  []*meeting // oldest first
	withdrawn []withdrawn
	recent    recent
	custody   custody
	starts    starts

	fence     Fence
	localOnly bool               // the fence is closed
	announced *peer.Announcement // nil: nothing
	settled   footing            // that is kept, and that announced is for
	moving    *moving            // to another; nil: there is no change

	ground    []peer.Network      // that we stand on
	nearby    map[string]*sighted // by instance
	watches   watches
	open      map[contact.Profile]*openLink
	sames     map[identity.AccountID][][]byte // what we share with the profiles that contacts were asked by; see same.go
	ways      map[string]*way                 // by instance
	leaving   map[string]departure            // by id of the person
	epoch     epoch
	labels    []string          // the instances we announced last, the newest at the end
	turns     [beaconGroups]int // of our beacons: the first of the next announcement
	agreed    bool              // somebody has announced an epoch that fits the clock
	clockDay  uint16            // of the clock when it was looked at last,
	clockSeen bool              // if it was
	twin      string            // the instance of another node of this home
	wake      time.Time         // when tick is due
	pause     time.Duration     // before the next try, after a turn that failed; else 0
	kept      time.Time         // when housekeep last ran
	busy      time.Time         // when the last turn with messages began
	asks      *asks
	tells     *rate.Limiter // announcements told
	tellAt    time.Time     // when links are told next; zero: nothing is new
	lastLink  uint64
	shelves   map[contact.MeetingID]time.Time // when the slot of a link is read next; none: when its supernode is reached
	knocks    map[contact.MeetingID]*atDoor
	noticed   map[string]time.Time // when each notice was last shown
	looks     map[lookKey]chan wire.View
	troubles  [troubles]string // what is wrong now
	opened    openedBlobs      // lately
	dropped   uint64           // blobs, frames and ops that were not taken
	complain  rate.Sometimes   // about those
	unsaved   rate.Sometimes   // about turns that failed

	comparisons map[identity.AccountID]*comparing // of emoji
}

// New reads the node's state and begins to accept links; Run makes it live.
func New(cfg Config) (*Node, error) {
	local, ok := cfg.Conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.New("links need a UDP socket")
	}
	n := &Node{
		store: cfg.Store, finder: cfg.Finder, custodian: cfg.Custodian, slots: cfg.Slots, rand: cfg.Rand, log: cfg.Log, local: local.AddrPort(), vouched: cfg.Vouched, now: cfg.Now,
		listen: cfg.Listen, asked: cfg.Visibility, knock: cfg.Knock, fence: cfg.Fence, looking: make(chan struct{}, 1), looks: make(map[lookKey]chan wire.View),
		inbox: make(chan command, inboxCommands), stopped: make(chan struct{}), said: newBell(), past: newBell(),
		nearby: make(map[string]*sighted), open: make(map[contact.Profile]*openLink), ways: make(map[string]*way), leaving: make(map[string]departure), sames: make(map[identity.AccountID][][]byte), noticed: make(map[string]time.Time),
		shelves: make(map[contact.MeetingID]time.Time), knocks: make(map[contact.MeetingID]*atDoor),
		custody: custody{numbers: make(map[peer.ID]int64), depots: make(map[int64]*depot)},
		asks:    newAsks(), tells: rate.NewLimiter(tellRate, tellBurst),

		comparisons: make(map[identity.AccountID]*comparing),
		complain:    rate.Sometimes{Interval: complaintPause}, unsaved: rate.Sometimes{Interval: unsavedPause},
	}
	if n.now == nil {
		n.now = time.Now
	}
	if n.fence == nil {
		n.fence = openField{}
	}
	if n.lasting = cfg.Epoch; n.lasting == 0 {
		n.lasting = epochLength
	}
	n.started = n.now()
	n.ctx, n.stop = context.WithCancelCause(context.Background())
	if cfg.LocalOnly {
		if err := n.store.Update(func(tx *store.Tx) error { return saveLocal(tx, true) }); err != nil {
			return nil, err
		}
	}
	err := n.store.View(func(tx *store.Tx) error {
		last, err := tx.LastCursor()
		if err != nil {
			return err
		}
		var pruned int64
		err = loadSetting(tx, settingPruned, &pruned)
		n.pruned.Store(pruned)
		n.feed.start(max(last, pruned)) // the last event may have been deleted
		return err
	})
	if err == nil {
		err = n.load()
	}
	if err != nil {
		return nil, err
	}
	n.transport, err = link.Open(cfg.Conn, link.Config{Rand: n.rand, Log: n.log, Keyring: &n.keyring})
	return n, err
}

// Run lives until ctx ends, then says goodbye and waits for all it started. It returns
// an error only if the node's own state could not be read any more.
func (n *Node) Run(ctx context.Context) error {
	release := context.AfterFunc(ctx, func() { n.stop(nil) })
	defer release()
	n.post((*turn).tellAccounts)
	n.post(func(t *turn) error { return applyKept(t.tx) })
	n.beside(n.accept)
	n.beside(n.index)
	n.beside(n.prune)
	n.runCustodian()
	n.said.ring() // for what was said before
	n.beside(func(ctx context.Context) {
		if err := n.finder.Run(ctx, n.sighting, n.stands); err != nil && ctx.Err() == nil {
			n.stop(fmt.Errorf("discovery: %w", err))
		}
	})
	n.loop(n.ctx)
	err := n.transport.Close()
	n.running.Wait()
	if cause := context.Cause(n.ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// beside runs f next to the loop; Run waits for it, and ctx ends with the node.
func (n *Node) beside(f func(ctx context.Context)) {
	n.running.Go(func() { f(n.ctx) })
}

// sighting hands the loop what discovery saw.
func (n *Node) sighting(s peer.Sighting) {
	n.post(func(t *turn) error { return t.saw(s) })
}

// wakeBy makes sure that tick runs at the given time or before.
func (n *Node) wakeBy(at time.Time) {
	if n.wake.IsZero() || at.Before(n.wake) {
		n.wake = at
	}
}

// tick does everything whose time has come and finds out when to wake next.
func (t *turn) tick() error {
	n := t.n
	if n.epoch.over(t.now) {
		n.rotate(t.now)
	}
	n.wake = n.epoch.ends
	if err := t.tickMoving(); err != nil {
		return err
	}
	if n.troubles[troubleDisk] != "" {
		if err := t.probeDisk(); err != nil {
			return err
		}
	}
	t.testWaiting()
	t.tickLeaving()
	t.dialDue()
	t.tellPeers()
	if err := t.tellKeys(); err != nil {
		return err
	}
	if err := t.tickComparisons(); err != nil {
		return err
	}
	if err := t.tickCustody(); err != nil {
		return err
	}
	for _, d := range n.inOrder() {
		if err := t.tickDevice(d); err != nil {
			return err
		}
	}
	keepAt := n.kept.Add(housekeeping)
	if !t.now.Before(keepAt) {
		if err := t.housekeep(); err != nil {
			return err
		}
		keepAt = t.now.Add(housekeeping)
	}
	n.wakeBy(keepAt)
	if err := t.tickMeetings(); err != nil {
		return err
	}
	return t.tickRequests()
}

// settingProbe is a setting that means nothing.
const settingProbe = "probe"

// probeDisk takes the notice about the disk back when something can be saved: something
// new, because a change that changes nothing needs no disk.
func (t *turn) probeDisk() error {
	t.then(func() {
		t.n.troubled(troubleDisk, "")
		t.n.log.Info("what could not be saved can be saved again")
	})
	return t.tx.SetSetting(settingProbe, strconv.AppendInt(nil, t.now.UnixNano(), 10))
}

// tickDevice does what is due for a device: its outbox's next step, and a far look for
// the keys of blobs that wait.
func (t *turn) tickDevice(d *device) error {
	t.tickPetition(d)
	if err := t.payDue(d); err != nil {
		return err
	}
	if v := d.route.live; v != nil && !v.greeted { // in a turn that failed
		return t.linked(d, v)
	}
	if v := d.route.live; v != nil && !v.held.IsZero() {
		if v.held.After(t.now) {
			t.n.wakeBy(v.held)
		} else if err := t.ready(d, v); err != nil {
			return err
		}
	}
	if v := d.route.live; v != nil && !v.typing.IsZero() {
		t.typing(d, v.typing)
	}
	if v := d.route.live; v != nil && !v.far.IsZero() {
		if v.far.After(t.now) {
			t.n.wakeBy(v.far)
		} else if err := t.lookFar(d, v); err != nil {
			return err
		}
	}
	if d.loaded == nil && (d.tick.IsZero() || d.tick.After(t.now)) {
		if !d.tick.IsZero() {
			t.n.wakeBy(d.tick)
		}
		return nil
	}
	return t.step(d, outbox.Tick{})
}

// housekeep forgets what has outlived every blob. The outboxes go first: what expires
// in them gives its ops their last state.
// spec: 04-sessions#expiry
func (t *turn) housekeep() error {
	n := t.n
	day := n.mark.Day
	if err := cmp.Or(t.raiseMark(), t.stepKeys()); err != nil {
		return err
	}
	past := n.mark.Past()
	for _, d := range n.inOrder() {
		if n.mark.Day != day { // what lasts until when is another matter now
			d.queue, d.queued = outbox.New(), 0
			if err := d.loadQueue(t.tx, t.now, n.mark); err != nil {
				return err
			}
		}
		if err := cmp.Or(t.startAnew(d), t.step(d, outbox.WindowOpen{})); err != nil {
			return err
		}
		before := d.pair.Save()
		for _, gone := range d.pair.Expire(past) {
			if err := t.tx.DeleteSkippedIn(d.row, gone); err != nil {
				return err
			}
		}
		if d.pair.FixedChanged() || !bytes.Equal(before, d.pair.Save()) {
			d.stale = true
			t.touch(d)
		}
		if v := d.route.live; v != nil && len(v.waiting) > 0 {
			v.far = t.now
			n.wakeBy(t.now)
		}
	}
	if err := t.dropNotices(func(keptNotice) bool { return false }); err != nil {
		return err
	}
	if _, err := t.tx.ExpireSkipped(int64(n.mark.Day)); err != nil {
		return err
	}
	if _, err := t.tx.ExpireOutBlobs(n.mark.Day); err != nil {
		return err
	}
	if err := t.expireCustody(); err != nil {
		return err
	}
	t.then(func() { n.kept = t.now })
	return nil
}

// settingClock is the setting that keeps the mark.
const settingClock = "clock"

// raiseMark takes the time that the node was up into account, and keeps the mark.
// spec: 09-storage#the-clocks-mark
func (t *turn) raiseMark() error {
	n := t.n
	since := n.kept
	if since.IsZero() {
		since = n.started
	}
	mark := n.mark.Raise(t.now, t.now.Sub(since), n.trusts(t.now))
	if mark == n.mark {
		return nil
	}
	n.mark = mark
	return saveMark(t.tx, mark)
}

// saveMark keeps the mark.
func saveMark(tx *store.Tx, mark clock.Mark) error {
	kept, err := wire.Marshal(mark)
	if err != nil {
		return err
	}
	return tx.SetSetting(settingClock, kept)
}

// loadMark reads the mark; a home that has none begins with today.
func loadMark(tx *store.Tx, now time.Time) (clock.Mark, error) {
	kept, err := tx.Setting(settingClock)
	if errors.Is(err, store.ErrNotFound) {
		return clock.At(now), nil
	}
	if err != nil {
		return clock.Mark{}, err
	}
	var mark clock.Mark
	if err := wire.Unmarshal(kept, &mark); err != nil {
		return clock.Mark{}, fmt.Errorf("the clock's mark: %w", err)
	}
	return mark, nil
}

// Status says what the node is doing.
func (n *Node) Status(ctx context.Context) (Status, error) {
	var s Status
	err := n.do(ctx, func(t *turn) error {
		s = Status{
			Me: n.myself(), Started: n.started, Listen: []string{n.local.String()}, Seen: n.seen(), Contacts: len(n.contacts),
			Requests: n.waitingRequests(), Nearby: len(n.people()), Dropped: n.dropped,
			LocalOnly: n.localOnly, Networks: n.ground, Port: n.local.Port(), Supernodes: n.supernodes(),
		}
		for _, c := range n.contacts {
			if n.person(c).Via == ViaLink {
				s.Links++
			}
		}
		_, s.Cursor = n.feed.now()
		var err error
		s.Notices = append(n.standingNotices(), n.droppedAsks()...)
		s.Queued, s.Held, err = t.tx.PendingCount(uint8(conversation.KindText), uint8(conversation.KindReaction))
		return err
	})
	return s, err
}
