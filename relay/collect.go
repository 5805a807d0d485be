package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/witness"
)

// collect reads the log, and what comes, for as long as the link lives.
//
// spec: 08-custody#range
func (s *station) collect(ctx context.Context, l *link.Link) {
	for ctx.Err() == nil && l.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.client.jittered(s.rest(time.Now()))):
		}
		read, wait := s.follow, retryMin
		if s.scans() {
			read = s.scan
		}
		err := read(ctx, l)
		var no *RefusedError
		switch {
		case ctx.Err() != nil || l.Err() != nil:
			return
		case err == nil:
			wait = s.client.pause
		case errors.As(err, &no):
			s.refused(no)
			wait = notNowMin
		case errors.Is(err, wire.ErrNewer):
			s.troubled(Word(wire.ReasonYouOld))
			wait = retryMax
		case errors.Is(err, errMuch):
			s.client.changed()
			continue
		case errors.Is(err, errAgain), errors.Is(err, wire.ErrMalformed):
			s.setback(time.Now())
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.client.jittered(wait)):
		}
	}
}

// errAgain says that the log has to be read from the beginning since it is not what it was.
var errAgain = errors.New("the log is not what it was")

// setback notes that a log made no sense, or has to be read from its beginning: before the next try comes a rest, longer each time,
// until a day goes by without.
//
// spec: 08-custody#limits
func (s *station) setback(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fallen = min(max(2*s.fallen, retryMin), setbackMax)
	if now.Sub(s.fell) > setbackForgotten {
		s.fallen = retryMin
	}
	s.fell = now
}

// rest is how long to leave the log alone after a setback, whatever has become of the link since.
func (s *station) rest(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.fell.Add(s.fallen).Sub(now), 0)
}

// stands is who takes what is collected, and how far that has come.
func (s *station) stands(ctx context.Context) (to Collector, cursor uint64, err error) {
	to = s.collector()
	cursor, err = to.Cursor(ctx, s.log)
	return to, cursor, err
}

func (s *station) collector() Collector {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.client.collector
}

// follow reads pages from where we stand, and gives them to the collector.
func (s *station) follow(ctx context.Context, l *link.Link) error {
	to, cursor, err := s.stands(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	r := newReader(s.state, cursor)
	s.mu.Unlock()
	asked := s.watch.asks()
	s.watch.do(func(on *witness.Watch) []witness.Breach { on.Resume(r.at.Cursor); return nil })
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.idles(false, nil)
	stream, err := ask(ctx, l, wire.RangeFrame{Since: r.at.Cursor, Follow: true, News: true})
	if err != nil {
		return err
	}
	defer stream.Reset()
	told, since := tally{since: time.Now()}, r.at.Cursor
	for {
		page, blobs, err := s.nextPage(ctx, stream, &told)
		if err != nil {
			return err
		}
		if page.End {
			stream.Await(time.Time{})
		} else {
			stream.Await(time.Now().Add(answerTimeout))
		}
		if r.barren(page) {
			return fmt.Errorf("%w: pages that do not move on", wire.ErrMalformed)
		}
		s.hold(page, blobs, r.at.Cursor, asked)
		s.mu.Lock()
		r.expect(s.state.Signed)
		s.mu.Unlock()
		if wrong := r.read(page, blobs); len(wrong) > 0 {
			for _, b := range wrong {
				s.breach(b)
			}
			if s.another(wrong) {
				return s.restart(ctx, to, wrong...)
			}
		}
		if !page.End && page.Cursors.Len()+page.Absent.Len() == 0 {
			continue // deletions, or nothing: the next page says as much, and costs no commit
		}
		if err := to.Collected(ctx, Page{Log: s.log, Since: min(since, page.From), Until: page.Until, Blobs: blobs, End: page.End}); err != nil {
			return err
		}
		since = page.Until
		size := 0
		for _, b := range blobs {
			size += len(b)
		}
		s.counted(size)
		if err := s.passed(r, page.End); err != nil {
			return err
		}
		if s.scans() {
			return errMuch
		}
		s.idles(page.End, cancel)
	}
}

// nextPage reads the next page of a stream of pages, and takes the papers that come before it.
func (s *station) nextPage(ctx context.Context, stream *link.CustodyStream, told *tally) (wire.Page, [][]byte, error) {
	for {
		f, err := stream.Receive(ctx)
		if err != nil {
			return wire.Page{}, nil, err
		}
		papers, is := f.(wire.Papers)
		if !is {
			return pageOf(ctx, stream, f)
		}
		if told.tooMany(time.Now()) {
			return wire.Page{}, nil, fmt.Errorf("%w: papers without end", wire.ErrMalformed)
		}
		if err := s.learn(papers); err != nil {
			return wire.Page{}, nil, err
		}
	}
}

// receivePage reads a page and its blobs.
func receivePage(ctx context.Context, stream *link.CustodyStream) (wire.Page, [][]byte, error) {
	f, err := stream.Receive(ctx)
	if err != nil {
		return wire.Page{}, nil, err
	}
	return pageOf(ctx, stream, f)
}

// pageOf reads the blobs of what is to be a page, which come at once once the page has.
func pageOf(ctx context.Context, stream *link.CustodyStream, f wire.Frame) (page wire.Page, blobs [][]byte, err error) {
	if page, err = answerOf[wire.Page](f); err != nil {
		return page, nil, err
	}
	stream.Await(time.Now().Add(answerTimeout))
	room := wire.BatchSizeMax
	for range page.Cursors.Len() {
		blob, err := stream.Blob(ctx, room)
		if err != nil {
			return page, nil, err
		}
		room -= len(blob)
		blobs = append(blobs, blob)
	}
	return page, blobs, nil
}

// passed remembers how far was read: on disk whenever a multiple of wire.CursorStep was passed, since
// nothing between two of them can be asked for.
func (s *station) passed(r *reader, end bool) error {
	s.mu.Lock()
	moved := s.state.Mark != r.mark
	if !moved {
		s.state.Head = r.at
	}
	s.mu.Unlock()
	if end {
		s.rouse() // a checkpoint may be due
	}
	if !moved {
		return nil
	}
	return s.change(func(state *stationState) { state.Mark, state.Head = r.mark, r.at })
}

// another reports whether what was found wrong with a page says that this is another log than we have read, of which we may not have seen
// what lies before: it is shorter, or has another chain at a place where it did not have this one when it was read from the beginning.
//
// spec: 08-custody#page
func (s *station) another(wrong []Breach) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(wrong, func(b Breach) bool {
		return b.Kind == BreachShort || !slices.Contains(s.state.Turns, point{b.Cursor, b.Shown})
	})
}

// restart begins to read a log again that is not the one that we have read: from 0, for the collector as well. What is wrong is remembered
// place by place: found there again, it is no reason to read again, or what lies behind it would never be.
func (s *station) restart(ctx context.Context, to Collector, wrong ...Breach) error {
	if err := to.Lost(ctx, s.log, nil); err != nil { // before it is forgotten here: else nobody would find it again
		return err
	}
	if err := s.change(func(state *stationState) {
		state.Mark, state.Head, state.Signed, state.Skipped = point{}, point{}, point{}, 0
		state.Listed, state.Round = nil, nil
		for _, b := range wrong {
			state.Turns = slices.DeleteFunc(slices.Clone(state.Turns), func(p point) bool { return p.Cursor == b.Cursor })
			state.Turns = append(state.Turns[max(0, len(state.Turns)+1-turnsKept):], point{b.Cursor, b.Shown})
		}
	}); err != nil {
		return err
	}
	s.watch.do(func(on *witness.Watch) []witness.Breach { on.Restart(); return nil })
	return errAgain
}

// reader follows the chain of a log along its pages.
//
// spec: 08-custody#page
type reader struct {
	at     point   // where it stands
	known  bool    // at.Chain is known; else the next page says it
	mark   point   // the last multiple of wire.CursorStep that was passed
	points []point // what the supernode has shown or signed before, ahead of at, ascending
	least  uint64  // the log is at least as long: it was when the reading began
	stuck  bool    // the last page neither moved on nor ended
}

// newReader stands where the log can be asked for: not behind the collector's cursor, and where the
// chain is known, if it is.
func newReader(state *stationState, cursor uint64) *reader {
	r := &reader{at: state.Mark, known: true, mark: state.Mark}
	switch since := cursor - cursor%wire.CursorStep; {
	case since < state.Mark.Cursor:
		r.at, r.known = point{Cursor: since}, since == 0
		r.points = append(r.points, state.Mark)
		r.mark = r.at
	case since > state.Mark.Cursor && cursor <= state.Skipped: // by scans, which say nothing of the chain
		r.at, r.known = point{Cursor: since}, false
		r.mark = r.at
	}
	r.expect(state.Head)
	r.expect(state.Signed)
	r.least = max(r.at.Cursor, state.Head.Cursor, state.Signed.Cursor)
	return r
}

// expect notes what the supernode has said of a place that is still to come.
func (r *reader) expect(p point) {
	if p.Cursor <= r.at.Cursor || slices.Contains(r.points, p) {
		return
	}
	r.points = append(r.points, p)
	slices.SortFunc(r.points, func(a, b point) int { return cmp.Compare(a.Cursor, b.Cursor) })
}

// barren reports whether a page is the second in a row that neither moves on nor ends. One may do so: it was the end when it was made.
func (r *reader) barren(page wire.Page) bool {
	before := r.stuck
	r.stuck = !page.End && page.Until <= r.at.Cursor
	return before && r.stuck
}

// entry is one blob of a page as the chain has it.
type entry struct {
	cursor uint64
	id     wire.BlobID
}

// read follows a page, and returns what is wrong with it. It goes on from there, whatever that is.
func (r *reader) read(page wire.Page, blobs [][]byte) (wrong []Breach) {
	if page.Until < r.at.Cursor || page.End && page.Until < r.least {
		return []Breach{{Kind: BreachShort, Cursor: r.least, Said: r.at.Chain, Shown: page.Chain}}
	}
	switch {
	case page.From < r.at.Cursor:
		wrong = append(wrong, Breach{Kind: BreachChain, Cursor: page.From, Said: r.at.Chain, Shown: page.Base})
	case page.From == r.at.Cursor && r.known && page.Base != r.at.Chain:
		wrong = append(wrong, Breach{Kind: BreachChain, Cursor: page.From, Said: r.at.Chain, Shown: page.Base})
	case page.From > r.at.Cursor: // what has expired in between has no ids any more
		r.forget(page.From)
	}
	if !r.known { // a place before the mark: what it is the supernode says
		if r.mark = (point{}); page.From == r.at.Cursor {
			r.mark = point{page.From, page.Base}
		}
		r.known = true
	}
	r.step(point{page.From, page.Base}, &wrong)
	for _, e := range entriesOf(page, blobs) {
		r.round(e.cursor)
		r.step(point{e.cursor, Link(r.at.Chain, e.id)}, &wrong)
	}
	if page.Chain != r.at.Chain {
		wrong = append(wrong, Breach{Kind: BreachChain, Cursor: page.Until, Said: page.Chain, Shown: r.at.Chain})
	}
	r.round(page.Until + 1)
	r.step(point{page.Until, page.Chain}, &wrong)
	return wrong
}

// entriesOf are the entries of a page in their order.
func entriesOf(page wire.Page, blobs [][]byte) []entry {
	all := make([]entry, 0, len(blobs)+page.Absent.Len())
	for i, blob := range blobs {
		all = append(all, entry{page.Cursors.At(i), wire.IDOf(blob)})
	}
	for cursor, id := range page.Absent.All() {
		all = append(all, entry{cursor, id})
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.cursor, b.cursor) })
	return all
}

// round remembers the chain at the last multiple of wire.CursorStep before the next entry, which is
// at cursor: it is the chain where the reader stands.
func (r *reader) round(cursor uint64) {
	if step := (cursor - 1) - (cursor-1)%wire.CursorStep; step > r.mark.Cursor && step >= r.at.Cursor {
		r.mark = point{step, r.at.Chain}
	}
}

// step moves on to a place, and compares it with what is known of it.
func (r *reader) step(to point, wrong *[]Breach) {
	for len(r.points) > 0 && r.points[0].Cursor <= to.Cursor {
		known, chain := r.points[0], r.at.Chain
		if known.Cursor == to.Cursor {
			chain = to.Chain
		}
		if known.Cursor >= r.at.Cursor && known.Chain != chain {
			*wrong = append(*wrong, Breach{Kind: BreachChain, Cursor: known.Cursor, Said: known.Chain, Shown: chain})
		}
		r.points = r.points[1:]
	}
	r.at = to
}

// forget gives up what is known of places before a cursor.
func (r *reader) forget(before uint64) {
	r.points = slices.DeleteFunc(r.points, func(p point) bool { return p.Cursor < before })
}
