package supernode

import (
	"context"
	"sync"
)

// budget bounds the bytes that deposits hold in memory at one time, over all links and for each
// far end: who announces much and sends little can hold its own part only.
type budget[K comparable] struct {
	most, mostEach int

	mu    sync.Mutex    // guards the following
	taken int           // by all
	by    map[K]int     // by each that holds any
	freed chan struct{} // closed, and made anew, when something is given back
}

func newBudget[K comparable](most, mostEach int) *budget[K] {
	return &budget[K]{most: most, mostEach: mostEach, by: make(map[K]int), freed: make(chan struct{})}
}

// try takes n bytes for who if there is room now.
func (b *budget[K]) try(who K, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken+n > b.most || b.by[who]+n > b.mostEach {
		return false
	}
	b.taken += n
	b.by[who] += n
	return true
}

// take waits for room until ctx ends, whose cause it returns then. Who waits must hold nothing,
// else two could wait for each other.
func (b *budget[K]) take(ctx context.Context, who K, n int) error {
	for {
		b.mu.Lock()
		freed := b.freed
		b.mu.Unlock()
		if b.try(who, n) {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// give returns n bytes that who took.
func (b *budget[K]) give(who K, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken -= n
	if b.by[who] -= n; b.by[who] == 0 {
		delete(b.by, who)
	}
	close(b.freed)
	b.freed = make(chan struct{})
}
