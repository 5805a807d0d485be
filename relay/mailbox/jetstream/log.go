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
	outage bool   // the last commit was given up
	broken uint64 // the message that the log does not go on with, however often it is read
	over   uint16 // the last day that was given up from here
	// foreign is the last message of the stream, where that seems to be none of the log's.
	foreign uint64
	turns   turns
	// The servers may have lost what they had: by what they say, or since they were out of sight when they had been found again so often.
	doubted bool
	found   uint64

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
		requests, turn := l.requests, (<-chan time.Time)(nil)
		if rest := l.turns.rest(time.Now()); rest > 0 {
			requests, turn = nil, time.After(rest)
		}
		select {
		case <-l.store.stop:
			return
		case <-turn:
		case r := <-requests:
			l.commit(ctx, l.gather(r))
		case ask := <-l.asks:
			l.tell(l.waiting(ask), l.refresh(ctx))
		case do := <-l.tasks:
			do()
		case <-l.woken:
			l.turns.wanted()
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
	nonce := newNonce()
	for {
		p := l.plan(nonce, fill)
		if p.empty() {
			moved, err := l.sure(ctx)
			if err == nil && !moved {
				moved, _, err = l.catchUp(ctx, nonce, p.doubtful)
			}
			if err != nil || !moved {
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

// newNonce draws what a commit is known again by.
func newNonce() (nonce [16]byte) {
	_, _ = rand.Read(nonce[:]) // never fails
	return nonce
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
	at, b, begun := l.place(), p.commit.append(nil), time.Now()
	for {
		seq := uint64(0)
		moved, err := l.sure(ctx)
		if err == nil && !moved {
			seq, err = l.journal.append(ctx, at, p.bodies, b)
		}
		var other errMoved
		switch {
		case moved, errors.Is(err, errBranch):
			return false, err
		case err == nil:
			l.kept(p, seq)
			if len(l.woken) > 0 {
				l.turns.wanted()
			}
			l.turns.wrote(time.Now(), time.Since(begun))
			return true, nil
		case errors.Is(err, mailbox.ErrFull):
			return false, err
		case errors.As(err, &other), errors.Is(err, errOvertaken):
			l.wakeOthers() // whoever was first lets this one write next
			moved, ours, err := l.overtaken(ctx, p.nonce, other.last)
			if moved || ours {
				return ours, nil
			}
			if err != nil && !errors.Is(err, errSilent) && !errors.As(err, &other) {
				return false, err
			}
			l.doubted = true // by what is known here that was the place
		}
		if time.Now().After(end) || l.store.closing() || !pause(ctx, retryPause) {
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
	l.wakeOthers()
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

// expire gives up what is known and kept of the days up to one. Before, an empty commit: who was stopped since it has planned on what is kept of
// them has to plan anew.
//
// spec: 13-mailbox#expiry-on-a-cluster
func (l *log) expire(ctx context.Context, day uint16) error {
	l.forget(day)
	if err := l.refresh(ctx); err != nil || !l.journal.exists || day <= l.over {
		return err
	}
	fence := func() error { return l.write(ctx, func(p *plan) { p.fence = true }) }
	fenced := fence()
	if fenced != nil && !errors.Is(fenced, mailbox.ErrFull) {
		return fenced
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
	if before := l.needed(); before > 0 {
		if err := l.journal.purge(ctx, l.journal.stream, l.journal.log(), before); err != nil {
			return err
		}
	}
	if fenced != nil { // there is room now
		fenced = fence()
	}
	if fenced == nil {
		l.over = day
	}
	return fenced
}

// needed is the index's.
func (l *log) needed() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.index.needed()
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
