package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/reconcile"
	"sottovoce/mesh/wire"
)

// caller brings us level with another supernode over a link that we dialled.
type caller struct {
	stock     Stock
	community [32]byte
	conn      Conn
	nonce     func() ([16]byte, error)
	pace      *rate.Limiter // bytes that are moved
	note      func(event)

	memory memory

	mu     sync.Mutex // guards the following
	theirs *wire.Stock
}

// event is what a caller tells of its work.
type event struct {
	sent, fetched int  // blobs, since the last
	refused       int  // blobs that the far end does not take, or we do not
	missing       int  // blobs that it said it has, and did not bring
	level         bool // nothing is left to do for now
	ahead         bool // it says that days are over which have not come yet
}

// errWrong says that the far end does what no honest one does.
var errWrong = errors.New("the other supernode breaks the protocol")

// run logs in, and then brings both level whenever either changes, until the link or ctx ends.
//
// spec: 12-replication#replication
func (c *caller) run(ctx context.Context, login wire.Ally) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch, err := c.conn.Open(ctx)
	if err != nil {
		return err
	}
	defer watch.Close()
	if err := watch.Send(ctx, login); err != nil {
		return err
	}
	first, err := receive[wire.Stock](ctx, watch)
	if err != nil {
		return err
	}
	c.theirs = &first
	news := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() { ended <- c.watch(ctx, watch, news) }()
	err = c.bring(ctx, news)
	cancel()
	if lost := <-ended; err == nil || errors.Is(err, context.Canceled) {
		err = lost
	}
	return err
}

// watch takes the stocks that the far end tells, until the stream ends.
func (c *caller) watch(ctx context.Context, s Stream, news chan<- struct{}) error {
	defer close(news)
	s.Await(time.Time{}) // it is silent for as long as nothing changes
	for {
		f, err := s.Receive(ctx)
		if err != nil {
			return err
		}
		stock, is := f.(wire.Stock)
		if !is {
			return fmt.Errorf("%w: %T among stocks", wire.ErrMalformed, f)
		}
		c.mu.Lock()
		c.theirs = &stock
		c.mu.Unlock()
		select {
		case news <- struct{}{}:
		default:
		}
	}
}

// bring works whenever there is something to do.
func (c *caller) bring(ctx context.Context, news <-chan struct{}) error {
	again := time.NewTicker(afresh)
	defer again.Stop()
	c.memory.forget()
	for {
		moved, papers := c.stock.Moved() // before the look, so that nothing is missed
		c.mu.Lock()
		theirs := *c.theirs
		c.mu.Unlock()
		if err := c.level(ctx, c.plan(theirs)); err != nil {
			return err
		}
		select {
		case _, more := <-news:
			if !more {
				return context.Canceled
			}
		case <-moved:
		case <-papers:
		case <-again.C:
			c.memory.forget()
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := sleep(ctx, settle); err != nil {
			return err
		}
	}
}

// plan is what is to be done to bring us level with who tells this stock. That days are over there is believed up to our own day,
// and not at all while our clock is not: whoever says that all are would never be brought anything.
//
// spec: 12-replication#stock
func (c *caller) plan(theirs wire.Stock) work {
	today := c.stock.Shelves().Today
	doubted := theirs.Finished > today
	if doubted {
		theirs.Finished = 0
	}
	w := c.memory.plan(stockOf(c.stock), theirs)
	w.ahead, w.doubted = doubted && today > 0, doubted
	return w
}

// level does the work of a plan.
func (c *caller) level(ctx context.Context, w work) error {
	if w.ahead {
		c.note(event{ahead: true})
	}
	if w.papers != nil {
		if err := c.papers(ctx); err != nil {
			return err
		}
		c.memory.papers = w.papers
	}
	level := true
	for _, day := range w.days {
		for _, shelf := range []wire.Shelf{wire.ShelfTombstones, wire.ShelfBlobs} {
			err := c.shelf(ctx, day.ours.Day, shelf)
			var no refusedError
			switch {
			case errors.As(err, &no) && (no.Reason == wire.ReasonWrongDay || no.Reason == wire.ReasonWeOld): // over, or unknown there
				level = level && !w.doubted
			case err != nil:
				return err
			}
		}
		c.memory.settled(day)
	}
	c.note(event{level: level})
	return nil
}

// papers exchanges papers until neither end has anything that the other lacks.
//
// spec: 12-replication#papers
func (c *caller) papers(ctx context.Context) error {
	s, err := c.conn.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	ours := c.stock.Offer()
	for range turnsMax {
		if err := s.Send(ctx, wire.Papers{Papers: ours}); err != nil {
			return err
		}
		f, err := receive[wire.Papers](ctx, s)
		if err != nil {
			return err
		}
		if len(f.Papers) == 0 && len(ours) == 0 {
			return nil
		}
		if ours, err = c.stock.Merge(ctx, f.Papers); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: papers without end", errWrong)
}

// shelf brings one shelf of a day level, in as many sessions as it takes: each moves a bounded part.
func (c *caller) shelf(ctx context.Context, day uint16, shelf wire.Shelf) error {
	for range sessionsMax {
		they, we, whole, err := c.session(ctx, day, shelf)
		if err != nil {
			return err
		}
		if shelf == wire.ShelfBlobs {
			if err := c.push(ctx, they); err != nil {
				return err
			}
			if err := c.fetch(ctx, day, we); err != nil {
				return err
			}
		}
		if whole {
			return nil
		}
	}
	return nil
}

// session reconciles a shelf of a day. whole is false when there was more than is moved at once.
//
// spec: 12-replication#sets
func (c *caller) session(ctx context.Context, day uint16, shelf wire.Shelf) (they, we reconcile.Sorted, whole bool, err error) {
	set, err := setOf(ctx, c.stock, day, shelf)
	if err != nil {
		return nil, nil, false, err
	}
	s, err := c.conn.Open(ctx)
	if err != nil {
		return nil, nil, false, err
	}
	defer s.Close()
	f := wire.Reconcile{Day: day, Shelf: shelf}
	if f.Nonce, err = c.nonce(); err != nil {
		return nil, nil, false, err
	}
	session := reconcile.New(set, saltOf(c.conn.Exporter(), c.community, f), reconcile.MessageMax)
	f.Message = session.Begin()
	for {
		if err := s.Send(ctx, f); err != nil {
			return nil, nil, false, err
		}
		if len(f.Message) == 0 {
			break
		}
		answer, err := receive[wire.Reconcile](ctx, s)
		if err != nil {
			return nil, nil, false, err
		}
		reply, found, err := session.Step(answer.Message)
		if err != nil {
			return nil, nil, false, err
		}
		they, we = append(they, found.TheyLack...), append(we, found.WeLack...)
		if shelf == wire.ShelfTombstones {
			if err := bury(ctx, c.stock, day, found.WeLack); err != nil {
				return nil, nil, false, err
			}
			they, we = nil, nil
		}
		if len(answer.Message) == 0 {
			whole = true
			break
		}
		if f.Message = reply; len(reply) == 0 {
			whole = true
		}
		if max(len(they), len(we)) > collectedMax {
			f.Message, whole = nil, false
		}
	}
	return reconcile.SortedOf(they), reconcile.SortedOf(we), whole, nil
}

// push deposits blobs of ours that the far end lacks.
func (c *caller) push(ctx context.Context, ids reconcile.Sorted) error {
	for len(ids) > 0 {
		n := min(len(ids), askMax)
		blobs, err := c.stock.Get(ctx, short(ids[:n]), pushMax)
		if err != nil {
			return err
		}
		blobs = slices.DeleteFunc(blobs, func(b []byte) bool { return !ids.Has(wire.IDOf(b)) })
		if len(blobs) == 0 { // deleted in the meantime
			ids = ids[n:]
			continue
		}
		if ids, err = c.deposit(ctx, ids, blobs); err != nil {
			return err
		}
	}
	return nil
}

// deposit sends blobs, and returns the ids that are left.
func (c *caller) deposit(ctx context.Context, ids reconcile.Sorted, blobs [][]byte) (reconcile.Sorted, error) {
	if err := c.spend(ctx, blobs); err != nil {
		return nil, err
	}
	s, err := c.conn.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.Send(ctx, wire.Deposit{Blobs: uint16(len(blobs)), Community: &c.community}, blobs...); err != nil {
		return nil, err
	}
	kept, err := receive[wire.Kept](ctx, s)
	if err != nil {
		return nil, err
	}
	if kept.Results.Len() != len(blobs) {
		return nil, fmt.Errorf("%w: %d results for %d blobs", errWrong, kept.Results.Len(), len(blobs))
	}
	var e event
	for reason := range kept.Results.All() {
		if reason == 0 {
			e.sent++
			continue
		}
		e.refused++
		if reason == wire.ReasonDiskFull || reason == wire.ReasonQuota {
			ids = nil // the rest would be refused too
		}
	}
	c.note(e)
	return without(ids, blobs), nil
}

// fetch brings blobs that the far end says it has, and we lack.
func (c *caller) fetch(ctx context.Context, day uint16, ids reconcile.Sorted) error {
	for len(ids) > 0 {
		n := min(len(ids), askMax)
		blobs, err := c.get(ctx, short(ids[:n]))
		if err != nil {
			return err
		}
		wanted := blobs[:0]
		for _, b := range blobs {
			id := wire.IDOf(b)
			h, err := wire.ParseBlob(b)
			if err != nil {
				return err
			}
			if h.ExpiryDay != day || !hasShort(ids[:n], id.Short()) {
				return fmt.Errorf("%w: a blob that was not asked for", errWrong)
			}
			if ids.Has(id) { // another may begin like it
				wanted = append(wanted, b)
			}
		}
		if len(wanted) == 0 {
			c.note(event{missing: n})
			ids = ids[n:]
			continue
		}
		full, err := c.keep(ctx, wanted)
		if err != nil || full {
			return err
		}
		ids = without(ids, wanted)
		if err := c.spend(ctx, wanted); err != nil {
			return err
		}
	}
	return nil
}

func (c *caller) get(ctx context.Context, ids []wire.ShortID) ([][]byte, error) {
	s, err := c.conn.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var f wire.Get
	for _, id := range ids {
		f.IDs = f.IDs.Add(id)
	}
	if err := s.Send(ctx, f); err != nil {
		return nil, err
	}
	page, err := receive[wire.Page](ctx, s)
	if err != nil {
		return nil, err
	}
	return receiveBlobs(ctx, s, page.Cursors.Len())
}

// keep takes what was fetched. full says that there is no room for more.
func (c *caller) keep(ctx context.Context, blobs [][]byte) (full bool, err error) {
	reasons, err := c.stock.Keep(ctx, blobs)
	if err != nil {
		return false, err
	}
	var e event
	for _, r := range reasons {
		if r == 0 {
			e.fetched++
			continue
		}
		e.refused++
		full = full || r == wire.ReasonDiskFull || r == wire.ReasonQuota
	}
	c.note(e)
	return full, nil
}

// spend waits until so much may be moved.
func (c *caller) spend(ctx context.Context, blobs [][]byte) error {
	n := 0
	for _, b := range blobs {
		n += len(b)
	}
	return c.pace.WaitN(ctx, min(n, c.pace.Burst()))
}

func short(ids []reconcile.ID) []wire.ShortID {
	all := make([]wire.ShortID, len(ids))
	for i, id := range ids {
		all[i] = wire.BlobID(id).Short()
	}
	return all
}

// hasShort tells whether one of the ids, which ascend, begins so.
func hasShort(ids reconcile.Sorted, begin wire.ShortID) bool {
	var least reconcile.ID
	copy(least[:], begin[:])
	at, found := slices.BinarySearchFunc(ids, least, func(a, b reconcile.ID) int { return slices.Compare(a[:], b[:]) })
	return found || at < len(ids) && wire.BlobID(ids[at]).Short() == begin
}

// without returns the ids but those of the blobs.
func without(ids reconcile.Sorted, blobs [][]byte) reconcile.Sorted {
	gone := make(map[reconcile.ID]bool, len(blobs))
	for _, b := range blobs {
		gone[wire.IDOf(b)] = true
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id reconcile.ID) bool { return gone[id] })
}

// ended is nil for the end of a stream where it may end.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
