package supernode

import (
	"context"

	"golang.org/x/time/rate"
)

// pace bounds what leaves, in bytes a second, over all links.
type pace struct{ limiter *rate.Limiter }

// newPace makes the pace of an operator's limit in kB/s; 0 is none.
func newPace(kilobytes int) pace {
	if kilobytes <= 0 {
		return pace{rate.NewLimiter(rate.Inf, 0)}
	}
	bytes := kilobytes * 1000
	return pace{rate.NewLimiter(rate.Limit(bytes), max(bytes, paceBurstMin))}
}

// wait waits until n bytes may leave.
func (p pace) wait(ctx context.Context, n int) error {
	for n > 0 {
		step := n
		if burst := p.limiter.Burst(); burst > 0 {
			step = min(n, burst)
		}
		if err := p.limiter.WaitN(ctx, step); err != nil {
			return err
		}
		n -= step
	}
	return nil
}
