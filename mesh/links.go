package mesh

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/outbox"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// route is the way to one device in this run: where it was last seen, whether a dial
// is under way or planned, and the link when there is one.
//
//	unseen ──sighting──▶ planned ──due──▶ dialling ──proven──▶ live
//	                        ▲                 │                  │
//	                        └──── back-off ───┴────── lost ◀─────┘
type route struct {
	seen     *place
	told     []*place  // by other contacts, the latest first
	round    int       // dials to remembered endpoints that are left of this round
	sought   bool      // there was such a round since it was linked
	due      time.Time // zero: no dial planned
	dialing  bool
	doubted  bool // its link may be dead: it is heard at another port
	failures int
	refused  int           // dials in which somebody answered and did not know our key
	looks    *rate.Limiter // of their questions what we see; nil before the first
	live     *live
	petition *live // of a device that may have lost its keys; only receipts are sent on it
}

// place is where a device can be dialled.
type place struct {
	instance    string // that was announced; empty for an address that was not
	epoch       uint32 // that was announced
	endpoints   []peer.Endpoint
	fingerprint *peer.Fingerprint // nil: whoever answers, if it proves the right keys
	ends        time.Time         // when it is not believed any more; of what was told only
}

// place is where a sighting leads.
func (s *sighted) place() *place {
	return &place{instance: s.Instance, epoch: s.Epoch, endpoints: s.Endpoints, fingerprint: &s.Fingerprint}
}

// live is a proven link to a contact's device and what is waiting on it.
type live struct {
	id       uint64 // of this run
	link     *link.Link
	since    time.Time
	from     []netip.Prefix // addresses of ours that it may come from; none: it leads beyond our networks
	post     *postbox
	waiting  [][]byte         // blobs whose key is not known yet; the sender offers them again on another link
	far      time.Time        // when to look far ahead for those; zero: not
	stood    session.Standing // what they had receipted when it came up
	greeted  bool             // it begins with our receipts; not yet when that turn failed
	heardOut bool             // they have said what they have of us: their first padding came
	named    [][8]byte        // sessions that receipts have named on it
	held     time.Time        // until when nothing is sent before they have said what they have; zero: not
	told     time.Time        // when we said last that we are typing; zero: we are not
	way      Way              // how it came about
	heard    time.Time        // when they said something of the kind
	shared   map[string]bool  // instances that we told, or were told, on it
	toldAt   time.Time        // when we told of some last
	hearsay  time.Time        // when they did
	same     time.Time        // before which we do not say again what is the same
	looked   int              // blobs of a petition that were looked at
	typing   time.Time        // until when they count as typing; zero: they are not
}

// approach plans a dial to a device that was just seen.
func (t *turn) approach(d *device, at *place) {
	d.route.seen = at
	if len(at.endpoints) > 0 {
		t.pursue(d, at.endpoints[0].Port())
	}
}

// pursue plans a dial to a device that is said to be somewhere. A link that lives is left
// alone, unless it leads to another port: the device may have been killed and started anew,
// and then only a new link shows that the old one is dead.
// spec: 03-links#two-ends
func (t *turn) pursue(d *device, port uint16) {
	r := d.route
	if r.live != nil && (r.doubted || r.live.link.Remote().Port() == port) {
		return
	}
	if r.dialing || d.contact.row.Blocked || !d.active || d.pair.Behind() {
		return
	}
	r.doubted = r.live != nil
	r.failures = 0
	t.plan(d)
}

// plan has a device dialled. Of two nodes that see each other one gives the other a head
// start, so that mostly one dial is made.
// spec: 03-links#two-ends
func (t *turn) plan(d *device) {
	d.route.due = t.now
	if t.n.second(d) {
		d.route.due = t.now.Add(dialDelaySecond)
	}
	if s := d.route.seen; s != nil && !t.n.timely(s.epoch, t.now) {
		d.route.due = t.now.Add(doubtDelay)
	}
	t.n.wakeBy(d.route.due)
}

// second reports whether the other end goes first: by what both announce now, which is
// drawn anew each epoch. Always the same end would show, day after day, which of a pair
// somebody is.
func (n *Node) second(d *device) bool {
	if s := d.route.seen; s != nil && s.fingerprint != nil {
		ours := n.transport.Fingerprint()
		return bytes.Compare(ours[:], s.fingerprint[:]) > 0
	}
	return n.me.device.ID().Compare(d.id) > 0
}

// dialDue starts the dials whose time has come.
func (t *turn) dialDue() {
	n := t.n
	if n.moving != nil { // from the next network, over the socket for that
		return
	}
	dialing := 0
	for _, d := range n.devices {
		if d.route.dialing {
			dialing++
		}
	}
	for _, d := range n.inOrder() {
		r := d.route
		if r.due.IsZero() {
			continue
		}
		if r.due.After(t.now) {
			n.wakeBy(r.due)
			continue
		}
		if r.seen == nil && dialing >= seekingMax { // those that are in sight go first
			r.due = t.now.Add(seekPause)
			n.wakeBy(r.due)
			continue
		}
		r.due = time.Time{}
		if (r.live == nil || r.doubted) && !r.dialing && !d.contact.row.Blocked && d.active {
			t.dial(d)
			dialing++
		}
	}
}

// dial opens a link in mode contact, beside the loop.
func (t *turn) dial(d *device) {
	n, row := t.n, d.row
	places := n.whereabouts(d, t.now)
	if len(places) == 0 {
		d.route.doubted = false
		return
	}
	d.route.dialing = true
	d.route.round = max(0, d.route.round-1)
	target := link.Target{
		Endpoints:   places[0].Endpoints,
		Fingerprint: places[0].Fingerprint,
		Others:      places[1:],
		Mode:        handshake.Contact,
		Pair:        d.dialPair(),
	}
	switch beside := d.crossed(); {
	case d.route.refused >= refusedMax:
		d.route.refused = 0
		target.Pair = d.oldestPair()
	case beside != nil && d.route.refused%2 == 1:
		target.Pair = beside.dialPair()
	}
	n.beside(func(ctx context.Context) {
		l, err := n.transport.Dial(ctx, target)
		n.post(func(t *turn) error {
			if d := t.n.devices[row]; d != nil {
				d.route.dialing = false
				if errors.Is(err, link.ErrRefused) {
					d.route.refused++
				}
				if err != nil {
					if err := t.dialFailed(d); err != nil {
						return err
					}
				}
			}
			if err != nil {
				return nil
			}
			return t.proven(l)
		})
	})
}

// dialFailed plans the next attempt as long as there is somewhere to dial.
func (t *turn) dialFailed(d *device) error {
	r := d.route
	if r.live != nil && !r.doubted || d.pair.Behind() {
		return nil
	}
	if len(t.n.whereabouts(d, t.now)) == 0 {
		r.doubted = false
		if r.live == nil && r.sought {
			r.sought = false
			return t.ledNowhere(d)
		}
		return nil
	}
	delay := min(redialDelayMin<<min(r.failures, 16), redialDelayMax)
	r.failures++
	r.due = t.now.Add(delay)
	t.n.wakeBy(r.due)
	return nil
}

// accept takes proven links until the transport closes.
func (n *Node) accept(ctx context.Context) {
	for {
		l, err := n.transport.Accept(ctx)
		if err != nil {
			return
		}
		n.post(func(t *turn) error { return t.proven(l) })
	}
}

// proven takes a link whose far end has proven itself.
func (t *turn) proven(l *link.Link) error {
	switch l.Proof().Mode {
	case handshake.Contact:
		return t.contactLink(l)
	case handshake.PairUp:
		return t.meetBySecret(l)
	}
	return t.meet(l)
}

// contactLink makes l the link to the device it proved, or closes it when the one
// there is wins.
// spec: 03-links#two-ends
func (t *turn) contactLink(l *link.Link) error {
	n := t.n
	d := n.devices[int64(l.Proof().Pair&^recoveryBit)]
	if d == nil || d.contact.row.Blocked || !d.active {
		l.Close(link.ReasonBye)
		return nil
	}
	if l.Proof().Pair&recoveryBit != 0 {
		t.petition(d, l)
		return nil
	}
	if err := t.confirmed(d.contact); err != nil {
		return err
	}
	if d.contact.talk == nil {
		if !t.adopts(d.contact, l) {
			l.Close(link.ReasonReplaced)
			return nil
		}
		if err := t.beginAnew(d.contact); err != nil {
			return err
		}
	}
	if old := d.route.live; old != nil {
		if old.link == l { // in a turn that failed
			return t.linked(d, old)
		}
		if keepsOld(n.me.device.ID().Compare(d.id) < 0, old.link, old.since, l, t.now) {
			l.Close(link.ReasonReplaced)
			return nil
		}
		old.link.Close(link.ReasonReplaced)
		if err := t.unlink(d, old); err != nil {
			return err
		}
	}
	n.lastLink++
	r := d.route
	r.refused = 0
	r.live = &live{id: n.lastLink, link: l, since: t.now, from: n.nearEnds(l), post: newPostbox(), held: t.now.Add(heldMax), stood: d.pair.Standing(), way: r.way(l)}
	r.due, r.round, r.sought, r.doubted = time.Time{}, 0, false, false
	n.serve(d.row, r.live)
	return t.linked(d, r.live)
}

// linked sets everything going that waited for a link. A device that there is no
// session with yet gets one from the end that dialled.
func (t *turn) linked(d *device, v *live) error {
	t.changed(d.contact)
	if err := t.reached(d); err != nil {
		return err
	}
	if err := t.remember(d, v.link.Remote()); err != nil {
		return err
	}
	t.n.tellSoon(t.now)
	t.greet(d, v)
	if err := t.tellSame(d, v); err != nil {
		return err
	}
	if err := t.compareLinked(d, v); err != nil {
		return err
	}
	if d.pair.Behind() {
		return t.behind(d)
	}
	if _, begun := d.pair.Sending(); begun && !v.heardOut {
		v.held = t.now.Add(heldMax)
		t.n.wakeBy(v.held)
		return nil
	}
	return t.ready(d, v)
}

// ready lets a link be sent on. A far end begins with what it has of us: until then it may turn
// out that we are an older copy, and would seal what is sealed.
//
// spec: 04-sessions#copies
func (t *turn) ready(d *device, v *live) error {
	v.held = time.Time{}
	if !d.open() {
		return nil
	}
	if t.n.custody.tell = true; t.n.custodian != nil || t.n.lacksOurKey(d.contact) {
		t.n.wakeBy(t.now) // tick tells it
	}
	if err := t.step(d, outbox.RouteUp{Link: v.id}); err != nil {
		return err
	}
	if !v.link.Dialed() {
		return nil
	}
	blobs, err := t.start(d)
	if err != nil || blobs == nil {
		return err
	}
	return t.step(d, outbox.Sealed{Blobs: blobs})
}

// unlink takes the device's link away.
func (t *turn) unlink(d *device, v *live) error {
	d.route.live, d.route.doubted = nil, false
	t.changed(d.contact)
	if err := t.compareUnlinked(d); err != nil {
		return err
	}
	if err := t.reached(d); err != nil {
		return err
	}
	return t.step(d, outbox.RouteDown{Link: v.id})
}

// reached notes that there is, or just was, a link to the device.
func (t *turn) reached(d *device) error {
	d.seen = t.now.UnixMilli()
	return t.tx.SetPairSeen(d.row, d.seen)
}

// changed tells the faces that a contact came, went or has another name.
func (t *turn) changed(c *contactState) {
	t.viewStale = true
	if c.row.Blocked {
		return
	}
	t.then(func() {
		p := t.n.person(c)
		t.n.publish(Event{Kind: EventPerson, Time: t.now, Person: &p})
	})
}

// keepsOld decides between two links to one far end: of simultaneous dials from both
// ends the one of the smaller id stays, otherwise the newer replaces the older. Where they
// lead to two ports the older one's node is gone.
// spec: 03-links#two-ends
func keepsOld(oursSmaller bool, old *link.Link, since time.Time, fresh *link.Link, now time.Time) bool {
	return old.Dialed() != fresh.Dialed() && old.Remote().Port() == fresh.Remote().Port() && now.Sub(since) <= simultaneousMax && old.Dialed() == oursSmaller
}

// serve runs a link's two directions beside the loop until it ends.
func (n *Node) serve(row int64, v *live) {
	n.beside(func(ctx context.Context) { v.post.run(ctx, v.link) })
	n.beside(func(ctx context.Context) {
		err := v.link.Run(ctx, &receiver{n: n, row: row, live: v})
		v.post.close()
		n.post(func(t *turn) error {
			if d := t.n.devices[row]; d != nil {
				return t.lost(d, v, err)
			}
			return nil
		})
	})
}

// lost forgets a link that ended and plans the next while the device is in sight.
func (t *turn) lost(d *device, v *live, err error) error {
	if closed := (*link.CloseError)(nil); errors.As(err, &closed) && closed.Theirs && closed.Reason == link.ReasonBehind {
		if err := t.copied(d); err != nil {
			return err
		}
	}
	if d.route.petition == v {
		d.route.petition = nil
	}
	if d.route.live != v {
		return nil
	}
	t.n.log.Debug("link ended", "error", err)
	if t.now.Sub(v.since) >= stableMin {
		d.route.failures = 0 // else two that take the link from each other do it ever more slowly
	}
	if unlinked := t.unlink(d, v); unlinked != nil || errors.Is(err, link.ErrBye) {
		return unlinked
	}
	if len(t.n.whereKnown(d, t.now)) > 0 { // gone without a word
		d.route.round, d.route.sought = knownTries, true
	}
	return t.dialFailed(d)
}

// receiver hands what arrives on a link to the loop, in order, and waits until it is
// done: a far end that floods waits for itself.
type receiver struct {
	n    *Node
	row  int64
	live *live
	deaf bool // of Frame alone: the link ends, and no frame of it counts any more
}

// Frame takes a control frame.
func (r *receiver) Frame(f wire.Frame) {
	if r.deaf {
		return
	}
	v, held := r.live, false
	err := r.turn(func(t *turn, d *device) error {
		if _, padding := f.(wire.Unknown); padding {
			v.heardOut = true
		}
		if d.route.live != v {
			return nil // a petition's
		}
		held = held || !v.held.IsZero() // in a turn that failed, too
		return t.frame(d, v, f)
	})
	if err != nil && held { // it may have said that we are an older copy; a new link, which either end dials, says it again
		r.deaf = true
		v.link.Close(link.ReasonBusy)
	}
}

// Blobs takes a batch of blobs.
func (r *receiver) Blobs(blobs [][]byte) {
	_ = r.turn(func(t *turn, d *device) error {
		if d.route.live != r.live {
			return t.petitioned(d, blobs)
		}
		return t.receive(d, r.live, blobs)
	})
}

// turn runs f in the loop while the link it came from is still the device's.
func (r *receiver) turn(f func(*turn, *device) error) error {
	run := func(t *turn) error {
		d := t.n.devices[r.row]
		if d == nil || d.route.live != r.live && d.route.petition != r.live {
			return nil
		}
		return f(t, d)
	}
	err := r.n.await(context.Background(), command{run: run, done: make(chan error, 1), patient: true})
	if err != nil {
		r.n.log.Debug("not taken in; it will come again", "error", err)
	}
	return err
}
