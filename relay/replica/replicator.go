package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// Config is what a Replicator works with.
type Config struct {
	Us        peer.ID
	Community [32]byte
	Stock     Stock
	Dialer    Dialer
	Rand      io.Reader
	Log       *slog.Logger
	// Bandwidth is how many bytes a second are moved at most, over all links that we dial; 0: BandwidthDefault.
	Bandwidth int
}

// Replicator brings one community at this supernode level with the others that serve it.
type Replicator struct {
	Config
	pace *rate.Limiter

	mu     sync.Mutex // guards the following
	allies map[peer.ID]*ally
	wake   chan struct{} // closed when allies or their guests change
}

// ally is another supernode of the community.
type ally struct {
	status Ally
	guests int           // links that it has dialled
	named  bool          // by the descriptor
	seen   chan struct{} // one token: it has turned up, so dial it soon
}

// Ally says how it stands with another supernode.
type Ally struct {
	ID       peer.ID
	Linked   bool      // by a link of ours or of theirs
	Level    time.Time // when both held the same last, as far as they could; zero: not in this run
	Sent     int       // blobs brought to it, and
	Fetched  int       // from it, in this run
	Refused  int       // blobs that one of the two did not take
	Missing  int       // blobs that it said it has, and did not bring
	Complain string    // what is wrong with it, in words for the operator; empty: nothing
}

// New makes a replicator, which does nothing before Run.
func New(c Config) *Replicator {
	if c.Bandwidth <= 0 {
		c.Bandwidth = BandwidthDefault
	}
	return &Replicator{
		Config: c, pace: rate.NewLimiter(rate.Limit(c.Bandwidth), max(c.Bandwidth, wire.BatchSizeMax)),
		allies: make(map[peer.ID]*ally), wake: make(chan struct{}),
	}
}

// Allies says who the other supernodes of the community are now.
func (r *Replicator) Allies(ids []peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.allies {
		a.named = false
	}
	for _, id := range ids {
		if id != r.Us {
			r.allyLocked(id).named = true
		}
	}
	r.changedLocked()
}

// Arrived and Left say that another supernode's link has logged in here, and that it has ended.
func (r *Replicator) Arrived(id peer.ID) { r.count(id, 1) }

// Left undoes one Arrived.
func (r *Replicator) Left(id peer.ID) { r.count(id, -1) }

// Seen says that another supernode has turned up somewhere, and may be reached now.
func (r *Replicator) Seen(id peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.allyLocked(id).seen <- struct{}{}:
	default:
	}
}

func (r *Replicator) count(id peer.ID, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.allyLocked(id).guests += n
	r.changedLocked()
}

func (r *Replicator) allyLocked(id peer.ID) *ally {
	if r.allies[id] == nil {
		r.allies[id] = &ally{status: Ally{ID: id}, seen: make(chan struct{}, 1)}
	}
	return r.allies[id]
}

func (r *Replicator) changedLocked() {
	close(r.wake)
	r.wake = make(chan struct{})
}

// Status lists the other supernodes, in the order of their ids.
func (r *Replicator) Status() (all []Ally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.allies {
		if a.named {
			s := a.status
			s.Linked = s.Linked || a.guests > 0
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Ally) int { return a.ID.Compare(b.ID) })
	return all
}

// Run keeps links to the others until ctx ends, and returns its cause.
func (r *Replicator) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	running := make(map[peer.ID]bool)
	for {
		r.mu.Lock()
		wake := r.wake
		for id, a := range r.allies {
			if a.named && !running[id] {
				running[id] = true
				workers.Go(func() { r.keep(ctx, id) })
			}
		}
		r.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// keep keeps a link to one other supernode where one is wanted, until ctx ends.
func (r *Replicator) keep(ctx context.Context, id peer.ID) {
	pause := pauseMin
	for ctx.Err() == nil {
		if wanted, wake := r.wanted(id, false); !wanted {
			select {
			case <-wake:
			case <-ctx.Done():
			}
			continue
		}
		began := time.Now()
		err := r.call(ctx, id)
		if ctx.Err() != nil {
			return
		}
		r.complain(id, err)
		if time.Since(began) > pauseMax {
			pause = pauseMin // it went well for a while
		}
		jitter := time.Duration((0.8 + 0.4*rand.Float64()) * float64(pause))
		if sleep(ctx, pauseSeen) != nil {
			return
		}
		if r.rest(ctx, id, jitter-pauseSeen) {
			pause = pauseMin
			continue
		}
		pause = min(2*pause, pauseMax)
	}
}

// rest waits for d, or until the other supernode is seen, which it reports, or ctx ends.
func (r *Replicator) rest(ctx context.Context, id peer.ID, d time.Duration) (turnedUp bool) {
	r.mu.Lock()
	seen := r.allies[id].seen
	r.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-seen:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// wanted tells whether a link that we dial to id is of use, and what is closed when that may change. Where it has dialled us
// none is, but of two that cross that of the smaller id stays.
//
// spec: 12-replication#replication
func (r *Replicator) wanted(id peer.ID, linked bool) (yes bool, wake <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.allies[id]
	return a.named && (a.guests == 0 || linked && r.Us.Compare(id) < 0), r.wake
}

// call dials id and works over the link until it ends, or is of no use any more.
func (r *Replicator) call(ctx context.Context, id peer.ID) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conn, err := r.Dialer.Dial(ctx, id)
	if err != nil {
		return err
	}
	defer conn.Close()
	r.update(id, func(a *Ally) { a.Linked = true })
	defer r.update(id, func(a *Ally) { a.Linked = false })
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			wanted, wake := r.wanted(id, true)
			if !wanted {
				cancel(errUnwanted)
				return
			}
			select {
			case <-wake:
			case <-conn.Done():
				cancel(errEnded)
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	c := caller{
		stock: r.Stock, community: r.Community, conn: conn, pace: r.pace, note: func(e event) { r.note(id, e) },
		nonce: func() (n [16]byte, err error) { _, err = io.ReadFull(r.Rand, n[:]); return n, err },
	}
	err = c.run(ctx, r.Dialer.Ally(id, conn.Exporter()))
	cancel(nil)
	<-watched
	if cause := context.Cause(ctx); errors.Is(cause, errUnwanted) {
		return nil
	}
	return err
}

var (
	errUnwanted = errors.New("the other supernode has dialled us")
	errEnded    = errors.New("the link to the other supernode has ended")
)

func (r *Replicator) update(id peer.ID, change func(*Ally)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.allies[id].status)
}

func (r *Replicator) note(id peer.ID, e event) {
	r.update(id, func(a *Ally) {
		a.Sent, a.Fetched = a.Sent+e.sent, a.Fetched+e.fetched
		a.Refused, a.Missing = a.Refused+e.refused, a.Missing+e.missing
		if e.level {
			a.Level = time.Now()
		}
		if e.missing > 0 {
			a.Complain = fmt.Sprintf("said that it holds %d blobs that it did not bring", a.Missing)
		}
		if e.ahead {
			a.Complain = "says that days are over which have not come yet: its clock is wrong, or it keeps nothing and hides that"
		}
	})
}

// complain tells the operator of what no honest supernode does; that one is not reached is nothing to complain of.
func (r *Replicator) complain(id peer.ID, err error) {
	if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, errWrong) {
		return
	}
	r.update(id, func(a *Ally) { a.Complain = err.Error() })
	if r.Log != nil {
		r.Log.Warn("another supernode of the community breaks the protocol", "supernode", id, "error", err)
	}
}
