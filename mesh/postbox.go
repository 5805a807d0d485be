package mesh

import (
	"context"
	"slices"
	"sync"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
)

// parcel is what one turn sends on a link.
type parcel struct {
	frames []wire.Frame
	blobs  [][]byte
	sent   func() // once QUIC has taken all of it; may be nil
}

// postbox holds what is to leave on one link, so that the loop never waits for a
// network. It is bounded by its users: the outbox keeps a limited number of bytes in
// flight, and a turn adds at most a few receipts.
type postbox struct {
	wake chan struct{} // holds one token; closed by close

	mu      sync.Mutex // guards the fields below
	parcels []parcel
	greeted bool // what is first of all was put; before that nothing leaves
	closed  bool
}

func newPostbox() *postbox { return &postbox{wake: make(chan struct{}, 1)} }

// put adds a parcel; after close it does nothing.
func (p *postbox) put(next parcel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.insert(len(p.parcels), next)
}

// greet puts what is first of all on a link, before what waits already, or puts it once more; after close it does nothing.
//
// spec: 04-sessions#copies
func (p *postbox) greet(greeting parcel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := len(p.parcels)
	if !p.greeted {
		at, p.greeted = 0, true
	}
	p.insert(at, greeting)
}

// insert puts a parcel before the one at a place, and has run look into the box. The caller holds mu.
func (p *postbox) insert(at int, next parcel) {
	if p.closed {
		return
	}
	if p.parcels = slices.Insert(p.parcels, at, next); !p.greeted {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// close ends run.
func (p *postbox) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.wake)
	}
}

// take empties the box.
func (p *postbox) take() []parcel {
	p.mu.Lock()
	defer p.mu.Unlock()
	parcels := p.parcels
	p.parcels = nil
	return parcels
}

// run sends what is put until the box closes, ctx ends or the link fails; a failed
// link is closed, and its reader reports it.
func (p *postbox) run(ctx context.Context, l *link.Link) {
	for {
		select {
		case _, open := <-p.wake:
			if !open {
				return
			}
		case <-ctx.Done():
			return
		}
		for _, next := range p.take() {
			if err := next.send(ctx, l); err != nil {
				l.Close(link.ReasonBye)
				return
			}
		}
	}
}

func (p parcel) send(ctx context.Context, l *link.Link) error {
	if len(p.frames) > 0 {
		if err := l.Send(ctx, p.frames...); err != nil {
			return err
		}
	}
	if err := l.SendBlobs(ctx, p.blobs); err != nil {
		return err
	}
	if p.sent != nil {
		p.sent()
	}
	return nil
}
