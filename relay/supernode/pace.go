package supernode

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"sottovoce/mesh/wire"
)

// pace bounds what one community moves in one direction, over all links, in bytes a second.
//
// spec: 08-custody#bandwidth
type pace struct {
	limiter *rate.Limiter
	moved   atomic.Uint64 // bytes, in this run
}

func newPace() *pace { return &pace{limiter: rate.NewLimiter(rate.Inf, paceBurstMin)} }

// limit sets how many bytes a second there are; 0: any number.
func (p *pace) limit(bytes int64) {
	if bytes <= 0 {
		p.limiter.SetLimit(rate.Inf)
		return
	}
	p.limiter.SetLimit(rate.Limit(bytes))
	p.limiter.SetBurst(max(int(bytes), paceBurstMin))
}

// wait waits until n bytes may be moved. Where that would take longer than paceMax they are refused, at once.
func (p *pace) wait(ctx context.Context, n int) error {
	soon, cancel := context.WithTimeout(ctx, paceMax)
	defer cancel()
	if p.limiter.Limit() != rate.Inf {
		if err := p.limiter.WaitN(soon, min(n, paceBurstMin)); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return refusal{wire.ReasonNotNow, "this community moves as much as its operator allows"}
		}
	}
	p.moved.Add(uint64(n))
	return nil
}

// owe counts n bytes more that are on their way already: others wait for them.
func (p *pace) owe(n int) {
	if n > 0 {
		_ = p.limiter.ReserveN(time.Now(), min(n, paceBurstMin))
		p.moved.Add(uint64(n))
	}
}
