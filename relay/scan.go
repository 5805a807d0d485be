package relay

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
)

// counted notes what of the log is new to us today, fetched or not.
func (s *station) counted(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnDay()
	s.state.Bytes += uint64(bytes)
}

// turnDay begins to count anew on a new day. The lock is held.
func (s *station) turnDay() {
	today := s.client.today()
	if s.state.Day == today {
		return
	}
	before := uint64(0)
	if s.state.Day+1 == today {
		before = s.state.Bytes
	}
	s.state.Day, s.state.Before, s.state.Bytes = today, before, 0
}

// scans reports whether the log is too large a day to fetch all of it.
//
// spec: 08-custody#scan-and-get
func (s *station) scans() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnDay()
	return max(s.state.Before, s.state.Bytes) > s.client.much
}

// errMuch says that from now on tags are asked for first.
var errMuch = errors.New("the log has grown too much to fetch all of it")

// scan asks for the tags of what is new, and fetches what is ours with others among it.
//
// spec: 08-custody#scan-and-get
func (s *station) scan(ctx context.Context, l *link.Link) error {
	s.client.mu.Lock()
	to := s.client.collector
	s.client.mu.Unlock()
	cursor, err := to.Cursor(ctx, s.log)
	if err != nil {
		return err
	}
	stream, err := l.Request(ctx)
	if err != nil {
		return err
	}
	defer stream.Reset()
	_ = errors.Join(stream.Send(ctx, wire.Scan{Since: cursor - cursor%wire.CursorStep}), stream.End()) // what answers says why not
	for since := cursor; ; {
		stream.Await(time.Now().Add(answerTimeout))
		listing, err := receive[wire.Entries](ctx, stream)
		if err != nil {
			return err
		}
		if listing.End && listing.Until < cursor {
			s.breach(Breach{Kind: BreachShort, Cursor: cursor})
			return s.restart(ctx, to)
		}
		page := Page{Log: s.log, Since: since, Until: max(listing.Until, since), End: listing.End}
		if err := s.fill(ctx, l, to, listing, &page); err != nil {
			return err
		}
		if err := to.Collected(ctx, page); err != nil {
			return err
		}
		if since = page.Until; listing.End {
			s.rouse()
			return s.change(func(state *stationState) { state.Skipped = since })
		}
	}
}

// fill fetches what of a listing is ours, and notes the rest.
func (s *station) fill(ctx context.Context, l *link.Link, to Collector, listing wire.Entries, page *Page) error {
	entries := slices.Collect(listing.List.All())
	ours, err := to.Match(ctx, entries)
	if err != nil {
		return err
	}
	if len(ours) != len(entries) {
		return errors.New("the collector says nothing of some entries")
	}
	var wanted, others []wire.Entry
	size := 0
	for i, e := range entries {
		if size += e.Class.Size(); ours[i] {
			wanted = append(wanted, e)
		} else {
			others = append(others, e)
		}
	}
	s.counted(size)
	if page.Blobs, err = s.fetch(ctx, l, wanted, others); err != nil {
		return err
	}
	page.Scanned = others
	here := make(map[wire.ShortID]bool)
	for _, b := range page.Blobs {
		here[wire.IDOf(b).Short()] = true
	}
	for _, e := range wanted {
		if !here[e.ID] {
			page.Scanned = append(page.Scanned, e)
		}
	}
	return nil
}

// fetch gets what is wanted, hidden among others, which are the same whenever it is wanted again. Where
// nothing is wanted some of the others are fetched: that something was says nothing then.
//
// spec: 08-custody#scan-and-get
func (s *station) fetch(ctx context.Context, l *link.Link, wanted, others []wire.Entry) (blobs [][]byte, err error) {
	dice, err := diceOf(s.client.cfg.Rand)
	if err != nil {
		return nil, err
	}
	sizes := make(map[wire.ShortID]int)
	ours := make(map[wire.ShortID]bool)
	for _, e := range slices.Concat(wanted, others) {
		sizes[e.ID] = e.Class.Size()
	}
	asked := make(map[wire.ShortID]bool)
	err = s.change(func(state *stationState) {
		for _, e := range wanted {
			ours[e.ID], asked[e.ID] = true, true
			var beside [decoysEach]wire.ShortID
			if state.Decoys, beside = state.Decoys.beside(e.ID, others, dice); len(others) == 0 {
				continue
			}
			for _, id := range beside {
				asked[id] = true
			}
		}
		for range decoysEach + 1 {
			if len(wanted) == 0 && len(others) > 0 {
				asked[others[dice.IntN(len(others))].ID] = true
			}
		}
	})
	if err != nil {
		return nil, err
	}
	ids := make([]wire.ShortID, 0, len(asked))
	for id := range asked {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b wire.ShortID) int { return slices.Compare(a[:], b[:]) }) // an order that tells nothing
	for len(ids) > 0 {
		var ask wire.ShortIDs
		for size := 0; len(ids) > 0 && ask.Len() < wire.BatchBlobsMax; ids = ids[1:] {
			if size += max(sizes[ids[0]], wire.Class0.Size()); size > wire.BatchSizeMax && ask.Len() > 0 {
				break
			}
			ask = ask.Add(ids[0])
		}
		got, err := get(ctx, l, ask)
		if err != nil {
			return nil, err
		}
		for _, b := range got {
			if ours[wire.IDOf(b).Short()] {
				blobs = append(blobs, b)
			}
		}
	}
	return blobs, nil
}

// get asks for blobs by id.
func get(ctx context.Context, l *link.Link, ids wire.ShortIDs) ([][]byte, error) {
	stream, err := l.Request(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Reset()
	stream.Await(time.Now().Add(answerTimeout))
	_ = errors.Join(stream.Send(ctx, wire.Get{IDs: ids}), stream.End()) // what answers says why not
	_, blobs, err := receivePage(ctx, stream)
	return blobs, err
}

// diceOf are chances that nobody foresees.
func diceOf(random io.Reader) (*rand.Rand, error) {
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, err
	}
	return rand.New(rand.NewChaCha8(seed)), nil
}

// decoys remember what was fetched beside a blob: its short id and those of decoysEach others, the
// newest last.
type decoys []byte

const decoySize = (1 + decoysEach) * len(wire.ShortID{})

// beside returns what is fetched beside a blob: what was before, else some of others. Few others may
// be drawn twice; none is nothing to remember.
func (d decoys) beside(id wire.ShortID, others []wire.Entry, dice *rand.Rand) (left decoys, beside [decoysEach]wire.ShortID) {
	for at := 0; at < len(d); at += decoySize {
		if wire.ShortID(d[at:]) != id {
			continue
		}
		for i := range beside {
			beside[i] = wire.ShortID(d[at+(1+i)*len(id):])
		}
		return d, beside
	}
	if len(others) == 0 {
		return d, beside
	}
	if len(d) >= decoysMax*decoySize {
		d = d[decoySize:]
	}
	d = append(d[:len(d):len(d)], id[:]...)
	for i := range beside {
		beside[i] = others[dice.IntN(len(others))].ID
		d = append(d, beside[i][:]...)
	}
	return d, beside
}
