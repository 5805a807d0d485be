package relay

import (
	"context"
	"errors"
	"io"
	"maps"
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
	to, cursor, err := s.stands(ctx)
	if err != nil {
		return err
	}
	stream, err := ask(ctx, l, wire.Scan{Since: cursor - cursor%wire.CursorStep})
	if err != nil {
		return err
	}
	defer stream.Reset()
	s.mu.Lock()
	doubtful := 0 // of how many of the first it is not known whether they were there before
	if s.state.Skipped != cursor {
		doubtful = int(cursor % wire.CursorStep)
	}
	s.mu.Unlock()
	for since := cursor; ; doubtful = 0 {
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
		if err := s.fill(ctx, l, to, listing, doubtful, &page); err != nil {
			return err
		}
		if err := to.Collected(ctx, page); err != nil {
			return err
		}
		since = page.Until
		if err := s.skipped(since); err != nil {
			return err
		}
		if listing.End {
			s.rouse()
			return nil
		}
	}
}

// skipped remembers how far was scanned.
func (s *station) skipped(cursor uint64) error {
	s.mu.Lock()
	same := s.state.Skipped == cursor && len(s.state.Round) == 0
	s.mu.Unlock()
	if same {
		return nil
	}
	return s.change(func(state *stationState) {
		state.Skipped, state.Listed, state.Round = cursor, state.Listed.behind(state.Round), nil
	})
}

// fill fetches what of a listing is ours, and notes the rest, of what was not listed before. Of the first, doubtful ones all
// are fetched.
func (s *station) fill(ctx context.Context, l *link.Link, to Collector, listing wire.Entries, doubtful int, page *Page) error {
	s.mu.Lock()
	before := s.state.Listed
	s.mu.Unlock()
	if doubtful > 0 {
		before = nil
	}
	fresh, doubtful := before.without(slices.Collect(listing.List.All()), doubtful)
	if len(fresh) == 0 {
		return nil
	}
	ours, err := to.Match(ctx, fresh)
	if err != nil {
		return err
	}
	if len(ours) != len(fresh) {
		return errors.New("the collector says nothing of some entries")
	}
	asked, err := s.choose(before, fresh, ours, doubtful)
	if err != nil {
		return err
	}
	size := 0
	var all []wire.Entry
	wanted := make(map[wire.ShortID]bool)
	for i, e := range fresh {
		size += e.Class.Size()
		if asked[i] {
			all, wanted[e.ID] = append(all, e), ours[i]
		}
	}
	s.counted(size)
	if page.Blobs, err = getAll(ctx, l, all, wanted); err != nil {
		return err
	}
	here := make(map[wire.ShortID]bool)
	for _, blob := range page.Blobs {
		here[wire.IDOf(blob).Short()] = true
	}
	for _, e := range fresh {
		if !here[e.ID] {
			page.Scanned = append(page.Scanned, e)
		}
	}
	return nil
}

// choose says which of the entries that were not listed before are fetched, on disk before it returns: if the link is lost the
// same are fetched of them again, or what is ours would be all that is fetched each time. Of the first, doubtful ones all are.
// Who would be wanted by now and was not then has to wait: it is read again as what waits for its key is.
//
// spec: 08-custody#scan-and-get
func (s *station) choose(before listed, fresh []wire.Entry, ours []bool, doubtful int) (asked []bool, err error) {
	dice, err := diceOf(s.client.cfg.Rand)
	if err != nil {
		return nil, err
	}
	whole := int(s.client.much / uint64(24*time.Hour/scanPeriod))
	err = s.change(func(state *stationState) {
		asked = make([]bool, len(fresh))
		chosen := state.Round.chosen()
		var places []int
		var rest []wire.Entry
		var wanted []bool
		for i, e := range fresh {
			fetched, known := chosen[e.ID]
			if asked[i] = fetched || !known && i < doubtful; !known && i >= doubtful {
				places, rest, wanted = append(places, i), append(rest, e), append(wanted, ours[i])
			}
		}
		for k, fetched := range pick(rest, wanted, whole, dice) {
			asked[places[k]] = fetched
		}
		state.Listed, state.Round = before, state.Round.with(fresh, asked)
	})
	return asked, err
}

// pick says which of new entries are fetched: all if they are few, whole bytes at most. Else, of each class, all if there are
// fewer than scanFew, or a quarter with what is ours among it, or all where more than one of four would be ours.
//
// spec: 08-custody#scan-and-get
func pick(fresh []wire.Entry, ours []bool, whole int, dice *rand.Rand) []bool {
	asked := make([]bool, len(fresh))
	size := 0
	of := make(map[wire.Class][]int)
	for i, e := range fresh {
		size += e.Class.Size()
		of[e.Class] = append(of[e.Class], i)
	}
	for _, class := range slices.Sorted(maps.Keys(of)) {
		places := of[class]
		dice.Shuffle(len(places), func(a, b int) { places[a], places[b] = places[b], places[a] })
		slices.SortStableFunc(places, func(a, b int) int {
			switch {
			case ours[a] == ours[b]:
				return 0
			case ours[a]:
				return -1
			}
			return 1
		})
		n := max(decoysEach+1, (len(places)+decoysEach)/(decoysEach+1))
		if most := n / (decoysEach + 1); size <= whole || len(places) < scanFew || ours[places[most]] {
			n = len(places)
		}
		for _, i := range places[:n] {
			asked[i] = true
		}
	}
	return asked
}

// fetch gets again what is wanted, hidden among others, which are the same whenever it is wanted again.
//
// spec: 08-custody#scan-and-get
func (s *station) fetch(ctx context.Context, l *link.Link, wanted, others []wire.Entry) (blobs [][]byte, err error) {
	dice, err := diceOf(s.client.cfg.Rand)
	if err != nil {
		return nil, err
	}
	all, ours := slices.Clone(wanted), make(map[wire.ShortID]bool)
	err = s.change(func(state *stationState) {
		left := slices.Clone(others)
		for _, e := range wanted {
			var beside []wire.Entry
			state.Decoys, beside, left = state.Decoys.beside(e.ID, left, dice)
			all, ours[e.ID] = append(all, beside...), true
		}
	})
	if err != nil {
		return nil, err
	}
	return getAll(ctx, l, all, ours)
}

// getAll asks for blobs, in an order that tells nothing, with as many requests as it takes, and returns those that are ours.
func getAll(ctx context.Context, l *link.Link, entries []wire.Entry, ours map[wire.ShortID]bool) (blobs [][]byte, err error) {
	slices.SortFunc(entries, func(a, b wire.Entry) int { return slices.Compare(a.ID[:], b.ID[:]) })
	for len(entries) > 0 {
		var ask wire.ShortIDs
		for size := 0; len(entries) > 0 && ask.Len() < wire.BatchBlobsMax; entries = entries[1:] {
			if size += entries[0].Class.Size(); size > wire.BatchSizeMax && ask.Len() > 0 {
				break
			}
			ask = ask.Add(entries[0].ID)
		}
		some, err := get(ctx, l, ask)
		if err != nil {
			return nil, err
		}
		for _, b := range some {
			if ours[wire.IDOf(b).Short()] {
				blobs = append(blobs, b)
			}
		}
	}
	return blobs, nil
}

// get asks for blobs by id.
func get(ctx context.Context, l *link.Link, ids wire.ShortIDs) ([][]byte, error) {
	stream, err := ask(ctx, l, wire.Get{IDs: ids})
	if err != nil {
		return nil, err
	}
	defer stream.Reset()
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

// listed are short ids of the entries that were listed last, in the order of the log: those that the next scan may list again.
type listed []byte

const listedMax = wire.CursorStep - 1

// without are the entries that are not among the listed, and how many of them are among the first so many.
func (d listed) without(entries []wire.Entry, first int) (fresh []wire.Entry, left int) {
	known := make(map[wire.ShortID]bool)
	for id := range slices.Chunk(d, len(wire.ShortID{})) {
		known[wire.ShortID(id)] = true
	}
	for i, e := range entries {
		if known[e.ID] {
			continue
		}
		known[e.ID] = true // a list that names one twice gets it once
		fresh = append(fresh, e)
		if i < first {
			left++
		}
	}
	return fresh, left
}

// behind are the last listed once those of a round are taken.
func (d listed) behind(r round) listed {
	d = slices.Clone(d)
	for one := range slices.Chunk(r, roundSize) {
		d = append(d, one[:len(wire.ShortID{})]...)
	}
	return d[max(0, len(d)-listedMax*len(wire.ShortID{})):]
}

// round are the entries of a listing that is not taken yet, in the order of the log: first 8 of the id ‖ whether it is fetched(1).
// What was listed before the listing was broken off, and is not there this time, comes first.
type round []byte

const roundSize = len(wire.ShortID{}) + 1

// chosen says of the entries of a round whether they are fetched.
func (r round) chosen() map[wire.ShortID]bool {
	of := make(map[wire.ShortID]bool)
	for one := range slices.Chunk(r, roundSize) {
		of[wire.ShortID(one)] = one[len(wire.ShortID{})] != 0
	}
	return of
}

// with is the round once these entries were listed.
func (r round) with(entries []wire.Entry, asked []bool) (next round) {
	here := make(map[wire.ShortID]bool)
	for _, e := range entries {
		here[e.ID] = true
	}
	for one := range slices.Chunk(r, roundSize) {
		if !here[wire.ShortID(one)] {
			next = append(next, one...)
		}
	}
	for i, e := range entries {
		next = append(next, e.ID[:]...)
		if asked[i] {
			next = append(next, 1)
		} else {
			next = append(next, 0)
		}
	}
	return next[max(0, len(next)-wire.EntriesMax*roundSize):]
}

// decoys remember what was fetched beside a blob: its short id and those of decoysEach others, the
// newest last.
type decoys []byte

const decoySize = (1 + decoysEach) * len(wire.ShortID{})

// beside returns what is fetched beside a blob: what was before, as far as it is there still, else some of others; and the
// others that are left. Where there are too few others, fewer are fetched, and not remembered.
func (d decoys) beside(id wire.ShortID, others []wire.Entry, dice *rand.Rand) (kept decoys, beside, left []wire.Entry) {
	for known := range slices.Chunk(d, decoySize) {
		if wire.ShortID(known) != id {
			continue
		}
		left = slices.DeleteFunc(others, func(e wire.Entry) bool {
			was := false
			for one := range slices.Chunk(known[len(id):], len(id)) {
				was = was || wire.ShortID(one) == e.ID
			}
			if was {
				beside = append(beside, e)
			}
			return was
		})
		return d, beside, left
	}
	dice.Shuffle(len(others), func(a, b int) { others[a], others[b] = others[b], others[a] })
	n := min(decoysEach, len(others))
	if beside, left = others[:n], others[n:]; n < decoysEach {
		return d, beside, left
	}
	if len(d) >= decoysMax*decoySize {
		d = d[decoySize:]
	}
	d = append(d[:len(d):len(d)], id[:]...)
	for _, e := range beside {
		d = append(d, e.ID[:]...)
	}
	return d, beside, left
}
