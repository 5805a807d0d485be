package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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
	outage bool   // the last commit was given up
	broken uint64 // the message that the log does not go on with, however often it is read

	doubted atomic.Bool // the servers may have lost what they had, and have not been asked since

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
			l.poll(ctx)
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
	if last < l.index.seq {
		return true, false, l.reread(ctx, nil)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	moved = last > l.index.seq
	l.index.seq = last
	return moved, false, nil
}

// load reads the log from its beginning, once.
func (l *log) load(ctx context.Context) error {
	if l.loaded {
		return nil
	}
	switch _, err := l.journal.last(ctx, l.journal.stream); {
	case errors.Is(err, errNoStream):
		l.loaded = true
		return nil
	case err != nil:
		return err
	}
	l.journal.exists = true
	err := l.reread(ctx, nil)
	l.loaded = err == nil
	return err
}

// reread puts the log as the servers have it into the place of what is known here: at the start, where they have lost its end, and where others have
// written and removed more than was followed here. Cursors that are known here are not given again. seen is told of each commit.
//
// spec: 13-mailbox#what-the-servers-lose
func (l *log) reread(ctx context.Context, seen func(*commit)) error {
	known, fresh, first := l.index.seq, newIndex(), uint64(0)
	fresh.nextUp = l.index.nextUp
	take := func(m message) error {
		c, err := parseCommit(m.data)
		if err == nil {
			err = fresh.apply(c, m.seq, l.store.Finished())
		}
		if err != nil {
			return l.wrong(m, err)
		}
		if seen != nil {
			seen(c)
		}
		if first == 0 {
			first = m.seq
		}
		return nil
	}
	for n := 1; n > 0; {
		var err error
		n, err = l.journal.ahead(ctx, fresh.seq+1, take)
		if errors.Is(err, errSilent) {
			break // no server hands out many at once, as where the stream is new: the one that leads is asked for each
		}
		if err != nil {
			return err
		}
	}
	for {
		m, err := l.journal.next(ctx, fresh.seq+1)
		if errors.Is(err, errNone) {
			break
		}
		if err == nil {
			err = take(m)
		}
		if err != nil {
			return err
		}
	}
	if known != 0 && first <= known {
		l.store.log.Error("the servers have lost what they had confirmed: the log of a community is another one than it was; members see that",
			"community", fmt.Sprintf("%x", l.community[:4]), "messages", fresh.seq)
	}
	l.replace(fresh)
	return nil
}

// replace shows another index of the log.
func (l *log) replace(fresh *index) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh.forget(l.store.Finished()) // which may have risen meanwhile
	fresh.withdrawn += l.index.withdrawn + 1
	if l.index.head != fresh.head {
		close(l.moved)
		l.moved = make(chan struct{})
	}
	l.index = fresh
	l.store.cache.clear()
}

// wrong says which message of the log is not as it must be.
func (l *log) wrong(m message, err error) error {
	return fmt.Errorf("the log of community %x, message %d: %w", l.community[:4], m.seq, err)
}

// take applies a message of the log.
func (l *log) take(m message, seen func(*commit)) error {
	c, err := parseCommit(m.data)
	if err == nil {
		err = l.apply(c, m.seq)
	}
	if err != nil {
		return l.wrong(m, err)
	}
	seen(c)
	return nil
}

// refresh has all that other processes have written up to now.
func (l *log) refresh(ctx context.Context) error {
	if err := l.load(ctx); err != nil {
		return err
	}
	if l.doubted.Swap(false) {
		if err := l.check(ctx); err != nil {
			l.doubted.Store(true)
			return err
		}
	}
	_, _, err := l.catchUp(ctx, [16]byte{}, true)
	return err
}

// poll looks at the log where nobody has asked. A process that only reads would else show for ever, and sign for, what the servers have lost.
func (l *log) poll(ctx context.Context) {
	last, err := l.journal.last(ctx, l.journal.stream)
	if errors.Is(err, errNoStream) || err == nil && last < l.index.seq {
		l.doubted.Store(true) // a server that has no leader answers as well, by what it has
	}
	_ = l.refresh(ctx)
}

// check finds out from the server that leads whether it still has the last message of the log that is known here, and reads all anew if not.
func (l *log) check(ctx context.Context) error {
	if len(l.index.commits) == 0 {
		return nil
	}
	b, err := l.journal.get(ctx, l.index.commits[len(l.index.commits)-1].seq)
	if err != nil && !errors.Is(err, errNone) && !errors.Is(err, errNoStream) {
		return err
	}
	if c, err := parseCommit(b); err == nil && c.nonce == l.index.nonce {
		return nil
	}
	return l.reread(ctx, nil)
}

// catchUp reads what stands behind what is known here, up to the end by the word of the server that leads; with wanted false it does
// nothing. ours says that the commit with the nonce was among it. Where what comes does not follow from what is known here, all is read anew.
func (l *log) catchUp(ctx context.Context, nonce [16]byte, wanted bool) (moved, ours bool, err error) {
	moved, ours, err = l.follow(ctx, nonce, wanted)
	if !errors.Is(err, errBranch) {
		return moved, ours, err
	}
	m, next := l.journal.next(ctx, l.index.seq+1)
	if next != nil || m.seq == l.broken {
		return moved, ours, err
	}
	if err := l.reread(ctx, func(c *commit) { ours = ours || c.nonce == nonce }); err != nil {
		if !errors.Is(err, errSilent) {
			l.broken = m.seq // all is not read each time because of what can never follow
		}
		return moved, ours, err
	}
	return true, ours, nil
}

// follow reads what stands behind what is known here.
func (l *log) follow(ctx context.Context, nonce [16]byte, wanted bool) (moved, ours bool, err error) {
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
