package relay

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
)

// Unmatched is a blob of a log that no key was known for when it came.
type Unmatched struct {
	Since uint64 // of the page that it came on
	ID    wire.ShortID
}

// Reread brings blobs that were on pages before, as far as the supernode has them still. Whole pages
// are read: who asks for blobs by id shows which are its own.
//
// spec: 06-conversations#collection
func (c *Client) Reread(ctx context.Context, from Log, wanted []Unmatched) (blobs [][]byte, err error) {
	c.mu.Lock()
	var s *station
	if m := c.members[from.Community]; m != nil {
		s = m.stations[from.At]
	}
	c.mu.Unlock()
	if s == nil {
		return nil, ErrForeign
	}
	s.mu.Lock()
	l := s.link
	s.mu.Unlock()
	if l == nil {
		return nil, ErrUnreached
	}
	pages := make(map[uint64]map[wire.ShortID]bool)
	for _, w := range wanted {
		since := w.Since - w.Since%wire.CursorStep
		if pages[since] == nil {
			pages[since] = make(map[wire.ShortID]bool)
		}
		pages[since][w.ID] = true
	}
	if s.scans() {
		return s.regain(ctx, l, wanted)
	}
	for _, since := range slices.Sorted(maps.Keys(pages)) {
		if blobs, err = reread(ctx, l, since, pages[since], blobs); err != nil {
			return nil, err
		}
	}
	return blobs, nil
}

// reread reads pages from since until all that is left was on them, and appends it.
func reread(ctx context.Context, l *link.Link, since uint64, left map[wire.ShortID]bool, blobs [][]byte) ([][]byte, error) {
	stream, err := l.Request(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Reset()
	_ = errors.Join(stream.Send(ctx, wire.RangeFrame{Since: since}), stream.End()) // what answers says why not
	for seen := 0; seen < rereadMax; {
		stream.Await(time.Now().Add(answerTimeout))
		page, more, err := receivePage(ctx, stream)
		if err != nil {
			return nil, err
		}
		for _, blob := range more {
			if left[wire.IDOf(blob).Short()] {
				blobs = append(blobs, blob)
			}
		}
		entries := entriesOf(page, more)
		for _, e := range entries {
			delete(left, e.id.Short())
		}
		seen += max(1, len(entries))
		if len(left) == 0 || page.End {
			break
		}
	}
	return blobs, nil
}

// regain fetches blobs again that were on pages too large to be read again, hidden among those that lie
// where they do.
//
// spec: 08-custody#scan-and-get
func (s *station) regain(ctx context.Context, l *link.Link, wanted []Unmatched) (blobs [][]byte, err error) {
	ours := make(map[wire.ShortID]bool)
	places := make(map[uint64]bool)
	for _, w := range wanted {
		ours[w.ID] = true
		places[w.Since-w.Since%wire.CursorStep] = true
	}
	for _, since := range slices.Sorted(maps.Keys(places)) {
		var of, others []wire.Entry
		for range rereadListings {
			listing, err := request[wire.Entries](ctx, l, wire.Scan{Since: since})
			if err != nil {
				return nil, err
			}
			for e := range listing.List.All() {
				if ours[e.ID] {
					of = append(of, e)
					delete(ours, e.ID)
				} else {
					others = append(others, e)
				}
			}
			if listing.End || len(ours) == 0 {
				break
			}
			since = listing.Until - listing.Until%wire.CursorStep
		}
		more, err := s.fetch(ctx, l, of, others)
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, more...)
	}
	return blobs, nil
}
