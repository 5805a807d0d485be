package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

// Ledger is what was receipted: which blob at which place of the log.
type Ledger struct {
	mu      sync.Mutex // guards the following
	cursors map[wire.BlobID]uint64
	ids     map[uint64]wire.BlobID
	tagged  map[[16]byte][]uint64 // where something was receipted, by tag
	moved   chan struct{}         // closed, and made anew, with each receipt
}

// NewLedger makes an empty one.
func NewLedger() *Ledger {
	return &Ledger{
		cursors: make(map[wire.BlobID]uint64), ids: make(map[uint64]wire.BlobID), tagged: make(map[[16]byte][]uint64), moved: make(chan struct{}),
	}
}

// Write takes a receipt. It fails when that contradicts an earlier one.
func (g *Ledger) Write(blobs [][]byte, cursors []uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, blob := range blobs {
		id := wire.IDOf(blob)
		h, err := wire.ParseHeader(blob)
		if err != nil {
			return err
		}
		if before, found := g.cursors[id]; found && before != cursors[i] {
			return fmt.Errorf("blob %x was receipted at %d, and is at %d", id[:4], before, cursors[i])
		} else if !found {
			g.tagged[h.Tag] = append(g.tagged[h.Tag], cursors[i])
		}
		if before, found := g.ids[cursors[i]]; found && before != id {
			return fmt.Errorf("at %d blob %x was receipted, and %x is", cursors[i], before[:4], id[:4])
		}
		g.cursors[id], g.ids[cursors[i]] = cursors[i], id
	}
	close(g.moved)
	g.moved = make(chan struct{})
	return nil
}

// Len is how many blobs are receipted.
func (g *Ledger) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.cursors)
}

// Reach waits until n blobs are receipted.
func (g *Ledger) Reach(ctx context.Context, n int) error {
	for {
		g.mu.Lock()
		have, moved := len(g.cursors), g.moved
		g.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d blobs are receipted: %w", have, n, context.Cause(ctx))
		}
	}
}

// Lacks says what was receipted that was not shown, or shown elsewhere.
func (g *Ledger) Lacks(shown map[wire.BlobID]uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, cursor := range g.cursors {
		if at, found := shown[id]; !found || at != cursor {
			return fmt.Errorf("blob %x was receipted at %d; shown: %v, at %d", id[:4], cursor, found, at)
		}
	}
	return nil
}

// Of are the blobs that were receipted for a member, in the order of the log.
func (g *Ledger) Of(m *Member) (ids []wire.BlobID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, cursor := range slices.Sorted(slices.Values(g.tagged[m.tag])) {
		ids = append(ids, g.ids[cursor])
	}
	return ids
}

// tried is how long a depositor rests after a failure.
const tried = 100 * time.Millisecond

// Leave deposits batches of blobs at the fronts by turns, for as long as each takes: what fails is left again as it was, with the
// same tokens, at the next front.
func (m *Member) Leave(ctx context.Context, g *Ledger, batches iter.Seq[[][]byte], fronts ...*Front) error {
	var l *link.Link
	hang := func() {}
	defer func() { hang() }()
	turn := 0
	for batch := range batches {
		tokens := m.Take(len(batch))
		for {
			err := error(nil)
			if l == nil {
				dialing, cancel := context.WithTimeout(ctx, dialTime)
				l, hang, err = m.Member(dialing, fronts[turn%len(fronts)])
				cancel()
			}
			var cursors []uint64
			if err == nil {
				cursors, err = m.Deposit(ctx, l, batch, tokens)
			} else {
				hang = func() {}
			}
			if err == nil {
				if err := g.Write(batch, cursors); err != nil {
					return err
				}
				break
			}
			hang()
			l, hang = nil, func() {}
			turn++
			select {
			case <-time.After(tried):
			case <-ctx.Done():
				return errors.Join(context.Cause(ctx), err)
			}
		}
	}
	return nil
}

// Trickle is a batch for members after the other, with a little rest in between, until enough is closed or the member has no tokens left.
func (m *Member) Trickle(enough <-chan struct{}, to []*Member) iter.Seq[[][]byte] {
	return func(yield func([][]byte) bool) {
		for !isClosed(enough) && len(m.tokens) >= trickleBlobs && yield(Blobs(trickleBlobs, Some(to))) {
			time.Sleep(trickleRest)
		}
	}
}

// Some are the members in another order, so that the first of them are others each time.
func Some(of []*Member) []*Member {
	some := slices.Clone(of)
	rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return some
}

// trickleBlobs is how many blobs are left at once where they are left for as long as something takes, and trickleRest after how long the next.
const trickleBlobs, trickleRest = 4, 100 * time.Millisecond

// isClosed reports whether a channel is closed on which nothing is sent.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

const (
	// batchBlobs is how many blobs a deposit has.
	batchBlobs = 32
	// dialTime is how long a link may take to be made.
	dialTime = 5 * time.Second
)

// Reader is a member who follows a log, whatever becomes of the supernode, and sees whether everything is shown once and in one order.
type Reader struct {
	*Member
	at     uint64 // how far it was read
	Shown  map[wire.BlobID]uint64
	chains map[uint64][32]byte
}

// NewReader makes one who has read nothing.
func NewReader(m *Member) *Reader {
	return &Reader{Member: m, Shown: make(map[wire.BlobID]uint64), chains: make(map[uint64][32]byte)}
}

// errShown says that a log shows something that it must not.
var errShown = errors.New("what is shown is wrong")

// Follow reads at the fronts, by turns when one fails, until enough is closed, and then to the end of the log.
func (r *Reader) Follow(ctx context.Context, enough <-chan struct{}, fronts ...*Front) error {
	following, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		select {
		case <-enough:
		case <-following.Done():
		}
	}()
	for turn := 0; ; turn++ {
		until, ends := following, false
		if following.Err() != nil {
			until, ends = ctx, true
		}
		err := r.follow(until, !ends, fronts[turn%len(fronts)])
		switch {
		case errors.Is(err, errShown), err == nil && ends:
			return err
		case ctx.Err() != nil:
			return fmt.Errorf("read up to %d: %w: %w", r.at, context.Cause(ctx), err)
		}
		if following.Err() == nil {
			time.Sleep(tried)
		}
	}
}

// follow reads at one front from where the reader stands: for ever, or to the end of the log.
func (r *Reader) follow(ctx context.Context, forever bool, at *Front) error {
	dialing, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	l, hang, err := r.Member.Member(dialing, at)
	if err != nil {
		return err
	}
	defer hang()
	s, err := ask(ctx, l, wire.RangeFrame{Since: r.at - r.at%wire.CursorStep, Follow: forever})
	if err != nil {
		return err
	}
	defer s.Reset()
	for {
		p, err := receivePage(ctx, s)
		if err != nil {
			return err
		}
		if err := r.read(p); err != nil {
			return fmt.Errorf("%w: %w", errShown, err)
		}
		if p.End && !forever {
			return nil
		}
	}
}

// read takes a page.
func (r *Reader) read(p Page) error {
	if before, known := r.chains[p.From]; known && before != p.Base {
		return fmt.Errorf("the chain at %d is another than before", p.From)
	}
	type entry struct {
		cursor uint64
		id     wire.BlobID
	}
	var all []entry
	for i, blob := range p.Blobs {
		all = append(all, entry{p.Cursors.At(i), wire.IDOf(blob)})
	}
	for cursor, id := range p.Absent.All() {
		all = append(all, entry{cursor, id})
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.cursor, b.cursor) })
	chain := p.Base
	for _, e := range all {
		chain = relay.Link(chain, e.id)
		if before, shown := r.Shown[e.id]; shown && before != e.cursor {
			return fmt.Errorf("blob %x is shown at %d and at %d", e.id[:4], before, e.cursor)
		} else if !shown && e.cursor <= r.at {
			return fmt.Errorf("blob %x is shown at %d behind the back of who has read up to %d", e.id[:4], e.cursor, r.at)
		}
		r.Shown[e.id] = e.cursor
		r.chains[e.cursor] = chain
	}
	if chain != p.Chain {
		return fmt.Errorf("the chain up to %d does not fit what is shown", p.Until)
	}
	r.at = max(r.at, p.Until)
	r.chains[p.Until] = p.Chain
	return nil
}
