package supernode

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/wire"
)

// pace bounds what one community moves in one direction, over all links, in bytes a second. Of one far end one request waits at a
// time, so that those that want much keep nobody else out.
//
// spec: 08-custody#bandwidth
type pace struct {
	limiter *rate.Limiter
	moved   atomic.Uint64 // bytes, in this run

	mu    sync.Mutex // guards turns
	turns map[block]*turn
}

// turn is that of the requests of one block.
type turn struct {
	taken chan struct{} // has room for one
	of    int           // requests that have it or wait for it
}

func newPace() *pace {
	return &pace{limiter: rate.NewLimiter(rate.Inf, paceBurstMin), turns: make(map[block]*turn)}
}

// limit sets how many bytes a second there are; 0: any number.
func (p *pace) limit(bytes int64) {
	if bytes <= 0 {
		p.limiter.SetLimit(rate.Inf)
		return
	}
	p.limiter.SetLimit(rate.Limit(bytes))
	p.limiter.SetBurst(max(int(bytes), paceBurstMin))
}

// wait waits until n bytes may be moved for somebody; 0: until nothing is owed. Where that would take longer than paceMax they are
// refused, at once if it is known.
func (p *pace) wait(ctx context.Context, who block, n int) error {
	if p.limiter.Limit() != rate.Inf {
		soon, cancel := context.WithTimeout(ctx, paceMax)
		defer cancel()
		if err := p.inTurn(soon, who, n); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return refusal{wire.ReasonNotNow, "this community moves as much as its operator allows"}
		}
	}
	p.moved.Add(uint64(n))
	return nil
}

// inTurn waits behind the other requests of the same block, and then for n bytes.
func (p *pace) inTurn(ctx context.Context, who block, n int) error {
	p.mu.Lock()
	t := p.turns[who]
	if t == nil {
		t = &turn{taken: make(chan struct{}, 1)}
		p.turns[who] = t
	}
	t.of++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if t.of--; t.of == 0 {
			delete(p.turns, who)
		}
	}()
	select {
	case t.taken <- struct{}{}:
		defer func() { <-t.taken }()
		return p.limiter.WaitN(ctx, min(n, paceBurstMin))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// owe counts n bytes more that are on their way already: others wait for them.
func (p *pace) owe(n int) {
	if n > 0 {
		_ = p.limiter.ReserveN(time.Now(), min(n, paceBurstMin))
		p.moved.Add(uint64(n))
	}
}
