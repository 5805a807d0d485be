package supernode

import (
	"context"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
)

// collect sends the pages of a log behind a cursor, and with follow whatever comes behind them. All
// who collect get the same; where somebody stands is known for as long as their stream is open.
//
// spec: 08-custody#range
func (v *visit) collect(ctx context.Context, s *link.CustodyStream, f wire.RangeFrame) error {
	if f.Follow {
		v.at.followers.Add(1)
		defer v.at.followers.Add(-1)
	}
	var ahead sync.WaitGroup // of pages that are read while the one before is sent
	defer ahead.Wait()
	c := v.home
	news := news{wanted: f.Follow && f.News}
	cursor := f.Since - f.Since%wire.CursorStep
	if cursor > c.store.Head(c.id).Cursor { // a log that lost its end begins there
		if err := c.current(ctx); err != nil {
			return err
		}
		cursor = min(cursor, c.store.Head(c.id).Cursor)
	}
	for {
		until, end, err := v.sendPage(ctx, s, cursor, &ahead)
		switch {
		case err != nil:
			return err
		case end && !f.Follow:
			return nil
		case until == cursor || end:
			more, err := v.await(ctx, s, until, &news)
			if err != nil || !more {
				return err
			}
		}
		cursor = until
	}
}

// current returns when nothing is missing here that was signed for before, by whatever process; who is told that the log ends would else take
// that for a breach.
//
// spec: 13-mailbox#commits-on-a-cluster
func (c *served) current(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := c.store.Current(waiting, c.id); err != nil {
		return refusal{wire.ReasonNotNow, "where the log ends cannot be known now"}
	}
	return nil
}

// await returns when there is more behind a cursor, or when the stream has ended and there is no more. Meanwhile it tells news.
func (v *visit) await(ctx context.Context, s *link.CustodyStream, cursor uint64, n *news) (more bool, err error) {
	c := v.home
	moved := c.store.Moved(c.id, cursor)
	for {
		if papers := n.due(c, time.Now()); papers != nil {
			if err := v.send(ctx, s, wire.Papers{Papers: papers}, nil, len(papers)); err != nil {
				return false, err
			}
		}
		changed, again := n.wait(c, time.Now())
		select {
		case <-moved:
			return true, nil
		case <-changed:
		case <-again:
		case <-s.Done():
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// sendPage sends the page behind a cursor, and says where it ends and whether the log does there.
// Meanwhile the next is read.
func (v *visit) sendPage(ctx context.Context, s *link.CustodyStream, from uint64, ahead *sync.WaitGroup) (until uint64, end bool, err error) {
	c := v.home
	page, err := c.pages.page(ctx, from)
	if err != nil {
		return 0, false, err
	}
	frame := page.frame
	if frame.Until >= c.store.Head(c.id).Cursor {
		if err := c.current(ctx); err != nil {
			return 0, false, err
		}
	}
	frame.End = frame.Until >= c.store.Head(c.id).Cursor
	frame.Finished = c.store.Finished() // now, not when the page was read: whatever has gone by its day is told of as over
	if !frame.End {
		ahead.Go(func() { _, _ = c.pages.page(ctx, frame.Until) }) // the pager keeps it
	}
	return frame.Until, frame.End, v.send(ctx, s, frame, page.blobs, page.size())
}

// send sends a frame and what follows it, which take so many bytes together, within the memory that answers may take and at the
// rate that the operator allows the community.
func (v *visit) send(ctx context.Context, s *link.CustodyStream, f wire.Frame, then []byte, size int) error {
	if err := v.home.out.wait(ctx, v.block, size); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	memory, err := v.at.out.take(waiting, v.block, size, s.Reset)
	if err != nil {
		return err
	}
	defer memory.give()
	memory.move(size) // as if it left at once: what the far end has read is not known
	return s.SendEncoded(ctx, f, then)
}

// room waits for memory for an answer of so many bytes, before those are read: who waits holds nothing.
//
// spec: 08-custody#memory
func (v *visit) room(ctx context.Context, s *link.CustodyStream, size int) (*lease[block], error) {
	waiting, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	memory, err := v.at.out.take(waiting, v.block, size, s.Reset)
	if err != nil {
		return nil, refusal{wire.ReasonNotNow, "too much is being sent at once"}
	}
	memory.move(size) // as in send
	return memory, nil
}

// scan sends the tags of a log behind a cursor.
//
// spec: 08-custody#scan-and-get
func (v *visit) scan(ctx context.Context, s *link.CustodyStream, f wire.Scan) error {
	c, cursor := v.home, f.Since-f.Since%wire.CursorStep
	if err := c.current(ctx); err != nil {
		return err
	}
	for {
		listing, err := c.store.Scan(ctx, c.id, cursor, wire.EntriesMax)
		if err != nil {
			return err
		}
		answer := wire.Entries{Until: listing.Until, End: listing.End}
		for _, e := range listing.Entries {
			answer.List = answer.List.Add(e)
		}
		if err := v.send(ctx, s, answer, nil, len(answer.List)); err != nil || listing.End {
			return err
		}
		cursor = listing.Until
	}
}

// get sends the blobs that are held of those that were asked for.
//
// spec: 08-custody#scan-and-get
func (v *visit) get(ctx context.Context, s *link.CustodyStream, f wire.Get) error {
	c, counted := v.home, f.IDs.Len()*wire.Class0.Size()
	if err := c.out.wait(ctx, v.block, counted); err != nil {
		return err
	}
	memory, err := v.room(ctx, s, wire.BatchSizeMax)
	if err != nil {
		return err
	}
	defer memory.give()
	if err := c.current(ctx); err != nil {
		return err
	}
	records, err := c.store.Get(ctx, c.id, slices.Collect(f.IDs.All()), wire.BatchSizeMax)
	if err != nil {
		return err
	}
	var answer wire.Page
	var blobs []byte
	for _, r := range records {
		answer.Cursors = answer.Cursors.Add(r.Cursor)
		blobs = wire.AppendBlob(blobs, r.Blob)
	}
	c.out.owe(len(blobs) - counted)
	return s.SendEncoded(ctx, answer, blobs)
}

// noDay refuses the close of a day. Everybody who asks a supernode that has just begun gets it: no limit is reached by that, and the
// operator need not know.
var noDay = refusal{wire.ReasonNotNow, "the day is not known here yet"}

// attest signs for where the log stood when the last day was over: the same for everybody who asks. The day is the mark's, which never
// falls: a clock that was years ahead once would make every later close look like that of an older log.
//
// spec: 08-custody#checkpoint
func (v *visit) attest(ctx context.Context, s *link.CustodyStream) error {
	c, today := v.home, v.at.markDay()
	if today == 0 {
		return noDay
	}
	at, err := c.store.CloseDay(ctx, c.id, today-1)
	if err != nil {
		return err
	}
	day := uint32(at.Day)
	signature := c.at.sign(c.log().Checkpoint(at.Cursor, at.Chain, day))
	return s.Send(ctx, wire.Checkpoint{Cursor: at.Cursor, Chain: at.Chain, Day: day, Signature: signature})
}

// deadline is when a request with so many bytes has to be whole, counted from its beginning.
//
// spec: 08-custody#streams
func deadline(begun time.Time, bytes int) time.Time {
	return begun.Add(requestTimeout + time.Duration(bytes)*perBytes/(64<<10))
}
