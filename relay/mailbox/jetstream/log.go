package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"sottovoce/relay/mailbox"
)

// log is what is kept for one community. Only its committer changes it, but for what is found to be lost.
type log struct {
	store     *Store
	community mailbox.Community
	journal   *journal

	requests chan *request
	asks     chan chan error // who wants to know that nothing is missing here
	tasks    chan func()
	woken    chan struct{} // of one place
	ended    chan struct{} // closed by the committer

	// The committer's own.
	loaded bool
	outage bool // the last commit was given up

	mu    sync.RWMutex // guards the following
	index *index
	moved chan struct{} // closed and replaced when the head moves
}

func newLog(s *Store, c mailbox.Community) *log {
	return &log{
		store: s, community: c, journal: newJournal(s.server, c),
		requests: make(chan *request), asks: make(chan chan error), tasks: make(chan func()), woken: make(chan struct{}, 1), ended: make(chan struct{}),
		index: newIndex(), moved: make(chan struct{}),
	}
}

// run is the committer: it takes what waits, makes one commit of it, and answers.
func (l *log) run(ctx context.Context) {
	defer close(l.ended)
	poll := time.NewTicker(pollPeriod)
	defer poll.Stop()
	for {
		select {
		case <-l.store.stop:
			return
		case r := <-l.requests:
			l.commit(ctx, l.gather(r))
		case ask := <-l.asks:
			l.tell(l.waiting(ask), l.refresh(ctx))
		case do := <-l.tasks:
			do()
		case <-l.woken:
			_ = l.refresh(ctx) // who needs to know asks, and is told
		case <-poll.C:
			_ = l.refresh(ctx)
		}
	}
}

// gather takes the requests that wait beside the first, as many as one commit holds.
func (l *log) gather(first *request) []*request {
	batch := []*request{first}
	for size, tokens := first.size, first.tokens; size < commitBytes && tokens < commitTokens && len(batch) < commitRequests; {
		select {
		case r := <-l.requests:
			batch = append(batch, r)
			size, tokens = size+r.size, tokens+r.tokens
		default:
			return batch
		}
	}
	return batch
}

// waiting takes those who ask beside the first.
func (l *log) waiting(first chan error) []chan error {
	all := []chan error{first}
	for {
		select {
		case ask := <-l.asks:
			all = append(all, ask)
		default:
			return all
		}
	}
}

func (l *log) tell(all []chan error, err error) {
	for _, ask := range all {
		ask <- err
	}
}

// commit makes one commit of the requests, which are answered when it returns.
func (l *log) commit(ctx context.Context, batch []*request) {
	err := l.write(ctx, func(p *plan) {
		for _, r := range batch {
			p.take(r)
		}
	})
	for _, r := range batch {
		r.fail(err)
		close(r.done)
	}
}

// fail gives the error to what the commit would have brought; only of a full store is it known what became of the rest.
func (r *request) fail(err error) {
	switch {
	case errors.Is(err, mailbox.ErrFull):
		for i := range r.results {
			if r.results[i].New {
				r.results[i] = mailbox.Result{Err: mailbox.ErrFull}
			}
		}
	case err != nil:
		r.err = err
	}
}

// write makes a commit of what fill plans, as often as the log has moved meanwhile. Where nobody answers it is tried again, always at the same place of
// the stream: so it is there once or not at all, whatever became of the tries before.
//
// spec: 13-mailbox#commits-on-a-cluster
func (l *log) write(ctx context.Context, fill func(p *plan)) error {
	patience := commitTime
	if l.outage {
		patience = outageTime
	}
	l.outage = false
	end := time.Now().Add(patience)
	if err := l.load(ctx); err != nil {
		l.outage = true
		return err
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	for {
		p := l.plan(nonce, fill)
		if p.empty() {
			if moved, _, err := l.catchUp(ctx, nonce, p.doubtful); err != nil || !moved {
				return err
			}
			continue
		}
		done, err := l.publish(ctx, p, end)
		if done || err != nil {
			return err
		}
	}
}

// plan makes a plan by what is known here.
func (l *log) plan(nonce [16]byte, fill func(p *plan)) *plan {
	room := l.store.room()
	l.mu.RLock()
	defer l.mu.RUnlock()
	p := newPlan(l.index, l.store.Finished(), room, nonce)
	fill(p)
	p.seal()
	return p
}

// publish brings a plan onto the servers; false if another one was there first.
func (l *log) publish(ctx context.Context, p *plan, end time.Time) (done bool, err error) {
	after, b := l.index.seq, p.commit.append(nil)
	for {
		seq, err := l.journal.append(ctx, after, p.bodies, b)
		var other errMoved
		switch {
		case err == nil:
			l.kept(p, seq)
			return true, nil
		case errors.Is(err, mailbox.ErrFull):
			return false, err
		case errors.As(err, &other):
			moved, ours, err := l.catchUp(ctx, p.nonce, true)
			if err == nil && !moved {
				moved, ours, err = l.elsewhere(ctx, p.nonce, other.last)
			}
			if moved || ours {
				return ours, nil
			}
			if err != nil && !errors.Is(err, errSilent) {
				return false, err
			}
		}
		rest := retryPause
		if errors.As(err, &other) || errors.Is(err, errOvertaken) {
			rest = movedPause
		}
		if time.Now().After(end) || l.store.closing() || !pause(ctx, rest) {
			l.outage = true
			return false, fmt.Errorf("nothing can be kept now: %w", err)
		}
	}
}

// kept shows a commit that is on the servers, and wakes the other processes.
func (l *log) kept(p *plan, seq uint64) {
	for i, b := range p.bodies {
		l.store.cache.put(cached{l.community, seq - uint64(len(p.bodies)) + uint64(i)}, b.blobs)
	}
	if err := l.apply(p.commit, seq); err != nil {
		panic("jetstream: a commit does not follow from what it was planned on: " + err.Error())
	}
	_ = l.journal.conn.Publish(l.journal.wake(), nil) // they look by themselves, too
}

// apply takes a commit into the index, and wakes those who wait.
func (l *log) apply(c *commit, seq uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.index.head
	if err := l.index.apply(c, seq, l.store.Finished()); err != nil {
		return err
	}
	if l.index.head != before {
		close(l.moved)
		l.moved = make(chan struct{})
	}
	return nil
}

// elsewhere looks at what the stream is said to end with, where nothing of the log stands behind what is known here: it may be on its way still, it may
// be something foreign, or the log has lost its end and is read anew. It gives no cursor again that it knows of.
func (l *log) elsewhere(ctx context.Context, nonce [16]byte, said uint64) (moved, ours bool, err error) {
	last, err := l.journal.last(ctx, l.journal.stream)
	if err != nil || last < said { // what is said is planned only
		return false, false, err
	}
	if moved, ours, err = l.catchUp(ctx, nonce, true); err != nil || moved {
		return moved, ours, err
	}
	l.mu.Lock()
	if last >= l.index.seq {
		moved = last > l.index.seq
		l.index.seq = last
		l.mu.Unlock()
		return moved, false, nil
	}
	fresh := newIndex()
	fresh.nextUp = l.index.nextUp
	l.index = fresh
	l.mu.Unlock()
	l.store.log.Error("the servers have lost what they had confirmed: the log of a community is shorter than it was; members see that",
		"community", fmt.Sprintf("%x", l.community[:4]), "messages", last)
	l.store.cache.clear()
	l.loaded = false
	return true, false, l.load(ctx)
}

// load reads the log from its beginning, once.
func (l *log) load(ctx context.Context) error {
	for !l.loaded {
		_, err := l.journal.last(ctx, l.journal.stream)
		if errors.Is(err, errNoStream) {
			l.loaded = true
			return nil
		}
		if err != nil {
			return err
		}
		l.journal.exists = true
		for n := 1; n > 0; {
			n, err = l.journal.ahead(ctx, l.index.seq+1, func(m message) error { return l.take(m, nil) })
			if errors.Is(err, errSilent) {
				break // no server hands out many at once, as where the stream is new: the one that leads is asked for each
			}
			if err != nil {
				return err
			}
		}
		l.loaded = true
		_, _, err = l.catchUp(ctx, [16]byte{}, true)
		l.loaded = err == nil
		if err != nil {
			return err
		}
	}
	return nil
}

// take applies a message of the log.
func (l *log) take(m message, seen func(*commit)) error {
	c, err := parseCommit(m.data)
	if err == nil {
		err = l.apply(c, m.seq)
	}
	if err != nil {
		return fmt.Errorf("the log of community %x, message %d: %w", l.community[:4], m.seq, err)
	}
	if seen != nil {
		seen(c)
	}
	return nil
}

// refresh has all that other processes have written up to now.
func (l *log) refresh(ctx context.Context) error {
	if err := l.load(ctx); err != nil {
		return err
	}
	_, _, err := l.catchUp(ctx, [16]byte{}, true)
	return err
}

// catchUp reads what stands behind what is known here, up to the end by the word of the server that leads; with wanted false it does
// nothing. ours says that the commit with the nonce was among it.
func (l *log) catchUp(ctx context.Context, nonce [16]byte, wanted bool) (moved, ours bool, err error) {
	see := func(c *commit) { moved, ours = true, ours || c.nonce == nonce }
	for n := 0; wanted; n++ {
		m, err := l.journal.next(ctx, l.index.seq+1)
		if errors.Is(err, errNone) {
			return moved, ours, nil
		}
		if err == nil {
			err = l.take(m, see)
		}
		if err == nil && n%4 == 3 { // there is much
			if _, late := l.journal.ahead(ctx, l.index.seq+1, func(m message) error { return l.take(m, see) }); late != nil && !errors.Is(late, errSilent) {
				err = late
			}
		}
		if err != nil {
			return moved, ours, err
		}
	}
	return moved, ours, nil
}

// expire gives up what is known and kept of the days up to one.
func (l *log) expire(ctx context.Context, day uint16) error {
	l.forget(day)
	if err := l.refresh(ctx); err != nil || !l.journal.exists {
		return err
	}
	days, err := l.journal.days(ctx)
	if err != nil {
		return err
	}
	for _, of := range days {
		if of <= day {
			if err := l.journal.purge(ctx, l.journal.stream, l.journal.day(of), 0); err != nil {
				return err
			}
		}
	}
	if before := l.index.needed(day); before > 0 {
		return l.journal.purge(ctx, l.journal.stream, l.journal.log(), before)
	}
	return nil
}

// forget takes the days up to one out of the index.
func (l *log) forget(day uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index.forget(day)
}

// do has the committer do something, and waits for it.
func (l *log) do(ctx context.Context, what func() error) error {
	done := make(chan error, 1)
	select {
	case l.tasks <- func() { done <- what() }:
		return <-done
	case <-l.store.stop:
		return mailbox.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
