package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sottovoce/mesh/reconcile"
	"sottovoce/mesh/wire"
)

// Guest is a link of another supernode that has logged in: it is told our stock, and its requests are answered. The supernode
// makes it once the log-in is verified, and ends it with the link.
type Guest struct {
	stock     Stock
	community [32]byte
	exporter  [32]byte
	today     func() uint32
	busy      chan struct{} // one request at a time
}

// NewGuest makes a guest of a link with this exporter. today is the supernode's day, for answers.
func NewGuest(stock Stock, community, exporter [32]byte, today func() uint32) *Guest {
	return &Guest{stock: stock, community: community, exporter: exporter, today: today, busy: make(chan struct{}, 1)}
}

// Watch tells the far end our stock on the stream of its log-in, now and whenever it changes, until ctx or the stream ends.
//
// spec: 12-replication#stock
func (g *Guest) Watch(ctx context.Context, s Stream) error {
	var told *wire.Stock
	for {
		moved, papers := g.stock.Moved() // before the look, so that nothing is missed
		if now := stockOf(g.stock); told == nil || !same(*told, now) {
			if err := s.Send(ctx, now); err != nil {
				return err
			}
			told = &now
		}
		select {
		case <-moved:
		case <-papers:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := sleep(ctx, settle); err != nil {
			return err
		}
	}
}

func same(a, b wire.Stock) bool {
	return a.Finished == b.Finished && a.Papers == b.Papers && string(a.Days) == string(b.Days)
}

// Takes reports whether a frame is a request that Answer carries out.
func Takes(f wire.Frame) bool {
	switch f.(type) {
	case wire.Papers, wire.Reconcile, wire.Deposit, wire.Get:
		return true
	}
	return false
}

// Answer carries out a request of the guest. An error that wraps wire.ErrMalformed is the far end's fault: the link should
// end. Requests of one link wait for each other.
//
// spec: 12-replication#replication
func (g *Guest) Answer(ctx context.Context, s Stream, f wire.Frame) error {
	select {
	case g.busy <- struct{}{}:
		defer func() { <-g.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	switch f := f.(type) {
	case wire.Papers:
		return g.papers(ctx, s, f)
	case wire.Reconcile:
		return g.reconcile(ctx, s, f)
	case wire.Deposit:
		return g.deposit(ctx, s, f)
	case wire.Get:
		return g.get(ctx, s, f)
	}
	return fmt.Errorf("%w: %T is no request of a supernode", wire.ErrMalformed, f)
}

// papers merges what comes and answers with what the far end lacks, until neither has anything.
//
// spec: 12-replication#papers
func (g *Guest) papers(ctx context.Context, s Stream, f wire.Papers) error {
	for range turnsMax {
		answer, err := g.stock.Merge(ctx, f.Papers)
		if err != nil {
			return err
		}
		if err := s.Send(ctx, wire.Papers{Papers: answer}); err != nil || len(answer) == 0 && len(f.Papers) == 0 {
			return err
		}
		if f, err = receive[wire.Papers](ctx, s); err != nil {
			return ended(err)
		}
	}
	return fmt.Errorf("%w: papers without end", wire.ErrMalformed)
}

// reconcile plays our part in a session that the far end has begun. Tombstones that it has are taken as they are named;
// blobs it brings and fetches by itself.
//
// spec: 12-replication#sets
func (g *Guest) reconcile(ctx context.Context, s Stream, f wire.Reconcile) error {
	if f.Day <= g.stock.Shelves().Finished {
		return s.Send(ctx, wire.Refused{Reason: wire.ReasonWrongDay, Day: g.today()})
	}
	set, err := setOf(ctx, g.stock, f.Day, f.Shelf)
	if errors.Is(err, errShelf) {
		return s.Send(ctx, wire.Refused{Reason: wire.ReasonWeOld, Day: g.today()})
	}
	if err != nil {
		return err
	}
	session := reconcile.New(set, saltOf(g.exporter, g.community, f), reconcile.MessageMax)
	for first := f; ; {
		reply, found, err := session.Step(f.Message)
		if err != nil {
			return err
		}
		if f.Shelf == wire.ShelfTombstones {
			if err := bury(ctx, g.stock, f.Day, found.WeLack); err != nil {
				return err
			}
		}
		if len(f.Message) == 0 {
			return nil
		}
		first.Message = reply
		if err := s.Send(ctx, first); err != nil || len(reply) == 0 {
			return err
		}
		if f, err = receive[wire.Reconcile](ctx, s); err != nil {
			return ended(err)
		}
		if f.Day != first.Day || f.Shelf != first.Shelf || f.Nonce != first.Nonce {
			return fmt.Errorf("%w: two reconciliations on one stream", wire.ErrMalformed)
		}
	}
}

// deposit keeps blobs that a guest brings. Nothing is signed: whoever left them has its receipt.
//
// spec: 12-replication#sets
func (g *Guest) deposit(ctx context.Context, s Stream, f wire.Deposit) error {
	if f.Community == nil || *f.Community != g.community || len(f.Tokens) > 0 {
		return fmt.Errorf("%w: deposit of a supernode for another community, or with tokens", wire.ErrMalformed)
	}
	blobs, err := receiveBlobs(ctx, s, int(f.Blobs))
	if err != nil {
		return err
	}
	reasons, err := g.stock.Keep(ctx, blobs)
	if err != nil {
		return err
	}
	answer := wire.Kept{Day: g.today()}
	for _, r := range reasons {
		answer.Results = answer.Results.Add(r, 0)
	}
	return s.Send(ctx, answer)
}

func (g *Guest) get(ctx context.Context, s Stream, f wire.Get) error {
	var ids []wire.ShortID
	for id := range f.IDs.All() {
		ids = append(ids, id)
	}
	blobs, err := g.stock.Get(ctx, ids, wire.BatchSizeMax)
	if err != nil {
		return err
	}
	var page wire.Page
	for range blobs {
		page.Cursors = page.Cursors.Add(0)
	}
	return s.Send(ctx, page, blobs...)
}

// refusedError says that the far end did not carry out what was asked.
type refusedError struct{ wire.Refused }

func (e refusedError) Error() string {
	return fmt.Sprintf("their supernode refuses: reason %d", e.Reason)
}

// receive reads a frame of one kind, with a deadline of its own.
func receive[F wire.Frame](ctx context.Context, s Stream) (f F, err error) {
	s.Await(time.Now().Add(answerTimeout))
	got, err := s.Receive(ctx)
	if err != nil {
		return f, err
	}
	if no, is := got.(wire.Refused); is {
		return f, refusedError{no}
	}
	f, is := got.(F)
	if !is {
		return f, fmt.Errorf("%w: %T in place of %T", wire.ErrMalformed, got, f)
	}
	return f, nil
}

// receiveBlobs reads n blobs of at most BatchSizeMax together.
func receiveBlobs(ctx context.Context, s Stream, n int) (blobs [][]byte, err error) {
	s.Await(time.Now().Add(answerTimeout))
	left := wire.BatchSizeMax
	for range n {
		blob, err := s.Blob(ctx, left)
		if err != nil {
			return nil, err
		}
		left -= len(blob)
		blobs = append(blobs, blob)
	}
	return blobs, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
