package mesh

import (
	"cmp"
	"context"
	"io"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// View is what one contact's device says it sees of us, beside what we see of it. Of a device
// that is in sight and has no link there are Person, Failures and when it was heard.
type View struct {
	Person   Person
	Linked   bool
	Failures int           // dials in vain since it was seen or linked last
	At       peer.Endpoint // the far end of the link
	We4, We6 time.Duration // how long ago we heard it announce itself, by family; 0: not since then
	Answered bool          // in time; what follows is zero otherwise

	They4, They6 time.Duration // how long ago it heard us announce ourselves; 0: not since then
	Endpoint     peer.Endpoint // where our packets come from, as it sees that; zero: not said
	Full         bool          // it answered a question that fills a packet, too
	Knocked      bool          // it sent us a packet outside of the link, where we take such,
	Came         bool          // and that came
}

// inquiry is the question to one device.
type inquiry struct {
	row   int64
	live  *live  // nil: there is no link
	link  uint64 // its number
	nonce [8]byte
	came  chan struct{} // closed when the knock has come
	view  View
}

// lookKey tells whose answer to what a view is.
type lookKey struct {
	row   int64
	nonce [8]byte
}

// Look asks the contacts to whom there are links, looksMax devices at most, what they see of
// us, and tells of those in sight that have none. Announcements count that were heard since
// then, when our finder was told to announce anew; the contacts announce anew when they are
// asked. Where answers are lost it takes some seconds; a second caller waits for the first.
// spec: 03-links#look-and-view
func (n *Node) Look(ctx context.Context, then time.Time) ([]View, error) {
	select {
	case n.looking <- struct{}{}:
		defer func() { <-n.looking }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	asked, err := n.inquiries(ctx)
	if err != nil {
		return nil, err
	}
	listening, stop := context.WithCancel(ctx)
	var beside, knocks sync.WaitGroup
	knocks.Go(func() { n.hearKnocks(listening, asked) })
	for _, q := range asked {
		if q.live == nil {
			continue
		}
		beside.Go(func() { n.inquire(ctx, q, then) })
	}
	beside.Wait()
	stop()
	knocks.Wait()
	views := make([]View, len(asked))
	for i, q := range asked {
		views[i] = q.view
	}
	return views, context.Cause(ctx)
}

// inquiries chooses whom to ask, those linked last, and finds who is in sight without a link.
func (n *Node) inquiries(ctx context.Context) (asked []*inquiry, err error) {
	err = n.do(ctx, func(t *turn) error {
		asked = nil
		for _, d := range n.devices {
			v := d.route.live
			if v == nil && (d.contact.row.Blocked || !n.inSight(d)) {
				continue
			}
			q := &inquiry{row: d.row, live: v, came: make(chan struct{})}
			q.view = View{Person: n.person(d.contact), Failures: d.route.failures}
			if v != nil {
				q.link, q.view.Linked, q.view.At = v.id, true, v.link.Remote()
			}
			asked = append(asked, q)
		}
		slices.SortFunc(asked, func(a, b *inquiry) int {
			return cmp.Or(cmp.Compare(b.link, a.link), cmp.Compare(a.row, b.row))
		})
		asked = asked[:min(len(asked), looksMax)]
		for _, q := range asked {
			if _, err := io.ReadFull(n.rand, q.nonce[:]); err != nil {
				return err
			}
		}
		return nil
	})
	return asked, err
}

// inSight reports whether discovery shows a device now.
func (n *Node) inSight(d *device) bool {
	for _, s := range n.nearby {
		if s.device == d {
			return true
		}
	}
	return false
}

// Clocks is how far from ours the clocks of the nodes in sight are, as far as the epochs that
// they announce tell: within two hours. Nothing of it is proven.
func (n *Node) Clocks(ctx context.Context) (off []time.Duration, err error) {
	err = n.do(ctx, func(t *turn) error {
		off = nil
		for _, s := range n.nearby {
			said := time.Unix(int64(s.Epoch)*int64(epochLength/time.Second), 0)
			off = append(off, said.Sub(t.now.Truncate(epochLength)))
		}
		return nil
	})
	return off, err
}

// heardOf is how long ago a device was heard to announce itself, by IPv4 and by IPv6.
func (n *Node) heardOf(d *device) (ip4, ip6 time.Duration) {
	latest := func(a, b time.Duration) time.Duration {
		if a == 0 || b != 0 && b < a {
			return b
		}
		return a
	}
	for _, instance := range slices.Sorted(maps.Keys(n.nearby)) {
		if n.nearby[instance].device == d {
			a, b := n.finder.Heard(instance)
			ip4, ip6 = latest(ip4, a), latest(ip6, b)
		}
	}
	return ip4, ip6
}

// inquire asks one device what it sees, then whether a question that fills a packet comes
// through, and waits for its knock and its announcement.
func (n *Node) inquire(ctx context.Context, q *inquiry, then time.Time) {
	v, ok := n.askOnce(ctx, q, wire.Look{Nonce: q.nonce, Knock: true})
	if !ok {
		return
	}
	q.view.Answered, q.view.Knocked = true, v.Knocked && q.live.link.Current()
	q.view.They4, q.view.They6 = told(v.Heard4, then), told(v.Heard6, then)
	if address, ok := netip.AddrFromSlice(v.Address); ok {
		q.view.Endpoint = netip.AddrPortFrom(address.Unmap(), v.Port)
	}
	_, q.view.Full = n.askOnce(ctx, q, wire.Look{Nonce: q.nonce, Padding: make([]byte, wire.PaddingMax)})
	for end := time.Now().Add(hearWait); ; {
		select {
		case <-q.came:
			q.view.Came = true
		default:
		}
		heard := n.do(ctx, func(t *turn) error {
			if d := n.devices[q.row]; d != nil {
				ip4, ip6 := n.heardOf(d)
				q.view.We4, q.view.We6 = since(ip4, then), since(ip6, then)
			}
			return nil
		}) == nil && q.view.We4+q.view.We6 > 0
		if heard && (q.view.Came || !q.view.Knocked) || time.Now().After(end) || ctx.Err() != nil {
			return
		}
		time.Sleep(hearPoll)
	}
}

// told is how long ago something was that somebody says was heard so many milliseconds ago; 0
// if that was before then. The answer was under way meanwhile, so that only makes it later.
func told(milliseconds uint32, then time.Time) time.Duration {
	return since(time.Duration(milliseconds)*time.Millisecond, then)
}

// since is how long ago something was; 0 if that was before then.
func since(ago time.Duration, then time.Time) time.Duration {
	if ago < time.Since(then) {
		return ago
	}
	return 0
}

// askOnce sends a look and waits for the view, lookWait at most.
func (n *Node) askOnce(ctx context.Context, q *inquiry, f wire.Look) (wire.View, bool) {
	answer, key := make(chan wire.View, 1), lookKey{q.row, f.Nonce}
	err := n.do(ctx, func(t *turn) error {
		t.then(func() {
			n.looks[key] = answer
			q.live.post.put(parcel{frames: []wire.Frame{f}})
		})
		return nil
	})
	if err != nil {
		return wire.View{}, false
	}
	defer n.post(func(t *turn) error { delete(n.looks, key); return nil })
	select {
	case v := <-answer:
		return v, true
	case <-time.After(lookWait):
	case <-q.live.link.Done():
	case <-ctx.Done():
	}
	return wire.View{}, false
}

// theyView hands a view to who asked for it; others mean nothing.
func (t *turn) theyView(d *device, f wire.View) {
	select {
	case t.n.looks[lookKey{d.row, f.Nonce}] <- f:
	default:
	}
}

// hearKnocks takes note of the knocks that come until ctx ends.
func (n *Node) hearKnocks(ctx context.Context, asked []*inquiry) {
	waits := make(map[[8]byte]chan struct{}, len(asked))
	for _, q := range asked {
		waits[q.nonce] = q.came
	}
	for {
		nonce, err := n.transport.Knocked(ctx)
		if err != nil {
			return
		}
		if came := waits[nonce]; came != nil {
			delete(waits, nonce)
			close(came)
		}
	}
}

// theyLook answers a contact that asks what we see of it, a few times in a row only. If it
// asks for that too, we announce ourselves anew, and knock where its packets come from.
// spec: 03-links#look-and-view
func (t *turn) theyLook(d *device, v *live, f wire.Look) {
	r := d.route // not v: a new link is no new budget
	if r.looks == nil {
		r.looks = rate.NewLimiter(rate.Every(lookEvery), looksAtOnce)
	}
	if !r.looks.AllowN(t.now, 1) {
		return
	}
	n, at := t.n, v.link.Remote()
	ip4, ip6 := n.heardOf(d)
	answer := wire.View{
		Nonce: f.Nonce, Heard4: ago(ip4), Heard6: ago(ip6),
		Address: at.Addr().Unmap().AsSlice(), Port: at.Port(), Knocked: f.Knock && n.knock != nil,
	}
	t.then(func() {
		v.post.put(parcel{frames: []wire.Frame{answer}})
		if f.Knock {
			n.finder.Refresh()
		}
		if answer.Knocked {
			n.beside(func(context.Context) { n.knock(at, f.Nonce) })
		}
	})
}

// ago is in milliseconds, rounded up, so that just now is not never; what is too long ago is.
func ago(d time.Duration) uint32 {
	if ms := (d + time.Millisecond - 1) / time.Millisecond; ms <= wire.HeardMax {
		return uint32(ms)
	}
	return 0
}
