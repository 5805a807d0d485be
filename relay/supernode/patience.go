package supernode

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// block is what one customer of a network has: an IPv4 address, or the first 64 bits of an IPv6
// one. It is used to share what is scarce and never written down.
type block = netip.Prefix

// blockOf is the block of an address.
func blockOf(a netip.Addr) block {
	bits := 32
	if a = a.Unmap().WithZone(""); a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return block{} // no address: all those share one
	}
	return p
}

// price is what something costs of a block's patience: what is paid for by tokens costs little,
// what makes work for nothing much.
type price int

// The prices. spec: 08-custody#patience
const (
	priceRequest price = 1   // any request
	priceUnpaid  price = 1   // each 4 KiB of blobs without a token for them
	priceSpent   price = 1   // a token that was spent before
	priceForged  price = 16  // a token that was never drawn: the work of a redemption
	priceLogin   price = 16  // a log-in: a signature to verify
	pricePapers  price = 64  // papers: many signatures, where they are new
	priceJunk    price = 128 // what is no request at all
)

// patience slows down a block that makes work for nothing, so that all others find the supernode
// idle. Nobody is shut out: who has used it up waits.
type patience struct {
	mu     sync.Mutex // guards the following
	blocks map[block]*rate.Limiter
	rest   *rate.Limiter // of all for whom there is no place
	swept  time.Time     // when those that are full again were last looked for
}

func newPatience() *patience {
	return &patience{blocks: make(map[block]*rate.Limiter), rest: newTemper()}
}

func newTemper() *rate.Limiter { return rate.NewLimiter(patiencePerSecond, patienceBurst) }

// of finds the limiter of b. Those that are full again are forgotten when there are many.
func (p *patience) of(b block) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l, found := p.blocks[b]; found {
		return l
	}
	if now := time.Now(); len(p.blocks) >= blocksMax && now.Sub(p.swept) >= sweepPause {
		p.swept = now
		for other, l := range p.blocks {
			if l.TokensAt(now) >= patienceBurst {
				delete(p.blocks, other)
			}
		}
	}
	if len(p.blocks) >= blocksMax {
		return p.rest
	}
	l := newTemper()
	p.blocks[b] = l
	return l
}

// spend takes a price off the patience with b, and waits until there is as much.
func (p *patience) spend(ctx context.Context, b block, n price) error {
	return p.of(b).WaitN(ctx, int(n))
}
