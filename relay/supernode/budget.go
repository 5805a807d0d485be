package supernode

import (
	"context"
	"slices"
	"sync"
	"time"
)

// budget bounds the bytes that requests hold in memory at one time, over all links and for each
// far end. Whoever waits for room is served before those that hold more; and for whoever holds
// less, a lease that is slow gives way, so that nobody keeps others out by doing nothing.
//
// spec: 08-custody#memory
type budget[K comparable] struct {
	most, mostEach int

	mu      sync.Mutex   // guards the following
	taken   int          // by all
	by      map[K]int    // by each that holds any
	leases  []*lease[K]  // in the order in which they were taken
	waiters []*waiter[K] // in the order in which they came
	pressed time.Time    // when a slow lease was last looked for
}

// lease is a part of a budget that somebody holds.
type lease[K comparable] struct {
	of      *budget[K]
	who     K
	n       int
	since   time.Time
	moved   int    // bytes that have arrived, or left
	giveWay func() // ends the request that holds it; called once at most, from any goroutine
	called  bool
}

// waiter is somebody for whom there was no room.
type waiter[K comparable] struct {
	lease   *lease[K]
	granted chan struct{} // closed when it has its lease
}

func newBudget[K comparable](most, mostEach int) *budget[K] {
	return &budget[K]{most: most, mostEach: mostEach, by: make(map[K]int)}
}

// take waits for room of n bytes until ctx ends, whose cause it returns then. Who waits must hold
// nothing, else two could wait for each other. giveWay ends what the lease is for: it is called when
// others wait and the lease is slow.
func (b *budget[K]) take(ctx context.Context, who K, n int, giveWay func()) (*lease[K], error) {
	w := &waiter[K]{lease: &lease[K]{of: b, who: who, n: n, giveWay: giveWay}, granted: make(chan struct{})}
	b.mu.Lock()
	b.waiters = append(b.waiters, w)
	b.grantLocked()
	b.mu.Unlock()
	for {
		b.press()
		pause := time.NewTimer(pressPeriod)
		select {
		case <-w.granted:
			pause.Stop()
			return w.lease, nil
		case <-ctx.Done():
			pause.Stop()
			return nil, b.leave(ctx, w)
		case <-pause.C:
		}
	}
}

// leave takes a waiter out whose time is up; what it was granted meanwhile is given back.
func (b *budget[K]) leave(ctx context.Context, w *waiter[K]) error {
	b.mu.Lock()
	at := slices.Index(b.waiters, w)
	if at >= 0 {
		b.waiters = slices.Delete(b.waiters, at, at+1)
	}
	b.mu.Unlock()
	if at < 0 {
		w.lease.give()
	}
	return context.Cause(ctx)
}

// grantLocked gives what there is to those that wait: first to who holds least.
func (b *budget[K]) grantLocked() {
	for {
		next := -1
		for i, w := range b.waiters {
			if l := w.lease; b.taken+l.n <= b.most && b.by[l.who]+l.n <= b.mostEach && (next < 0 || b.by[l.who] < b.by[b.waiters[next].lease.who]) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		w := b.waiters[next]
		b.waiters = slices.Delete(b.waiters, next, next+1)
		w.lease.since = time.Now()
		b.taken += w.lease.n
		b.by[w.lease.who] += w.lease.n
		b.leases = append(b.leases, w.lease)
		close(w.granted)
	}
}

// press has one lease give way, if one is slow, to whoever waits and holds least: the first of those
// who hold most, and would still hold as much then. However many wait, it looks only now and then.
func (b *budget[K]) press() {
	slow := b.slowest(time.Now())
	if slow != nil {
		slow.giveWay()
	}
}

func (b *budget[K]) slowest(now time.Time) (slow *lease[K]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiters) == 0 || now.Sub(b.pressed) < pressPause {
		return nil
	}
	b.pressed = now
	least := b.waiters[0].lease
	for _, w := range b.waiters {
		if b.by[w.lease.who] < b.by[least.who] {
			least = w.lease
		}
	}
	for _, l := range b.leases {
		if !l.called && b.by[l.who] >= b.by[least.who]+least.n && l.slow(now) && (slow == nil || b.by[l.who] > b.by[slow.who]) {
			slow = l
		}
	}
	if slow != nil {
		slow.called = true
	}
	return slow
}

// slow reports whether less has moved than at the rate that everybody is expected to have.
func (l *lease[K]) slow(now time.Time) bool {
	age := now.Sub(l.since)
	return age >= slowAfter && float64(l.moved) < slowRate*age.Seconds()
}

// move counts bytes that have arrived, or left.
func (l *lease[K]) move(n int) {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.moved += n
}

// stand says that nothing moves any more, because the holder of the lease has to wait for what it did before.
func (l *lease[K]) stand() {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.moved = 0
}

// give returns the lease.
func (l *lease[K]) give() {
	b := l.of
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leases = slices.DeleteFunc(b.leases, func(other *lease[K]) bool { return other == l })
	b.taken -= l.n
	if b.by[l.who] -= l.n; b.by[l.who] == 0 {
		delete(b.by, l.who)
	}
	b.grantLocked()
}
