package witness

import (
	"cmp"
	"fmt"
	"slices"

	"sottovoce/mesh/wire"
)

// Page is what a page of a log tells.
type Page struct {
	From    uint64
	Base    [32]byte
	Until   uint64
	Chain   [32]byte
	Entries []Entry // ascending, with cursors above From and not above Until
	End     bool    // the log had no more
	Since   uint64  // where it was asked for, or the one before it ended: what lies between and From was left out
	// Finished is the last expiry day that is over by the supernode's word; 0: it has given none.
	Finished uint16
	Asked    uint64 // Taken when it was asked for: what was signed for, or read, before then is before the end
}

// Entry is one blob at its place in the log.
type Entry struct {
	Cursor uint64
	ID     wire.BlobID
	Absent bool // it is named and not brought
	Bulky  bool // of class 3, as far as we know: pages never bring it
}

// Watch is what one member knows of one log. Its state is for Save and LoadWatch.
type Watch struct {
	log   Log
	s     state
	shown []Entry // the last that pages brought, at most shownMax: a page comes before the receipt of what is on it as often as not
}

type state struct {
	At     Point        `cbor:"1,keyasint"`            // how far the log was followed
	Points []Point      `cbor:"2,keyasint,omitempty"`  // before that, ascending, at multiples of pointStep
	Due    []due        `cbor:"5,keyasint,omitempty"`  // receipts whose places were not read yet
	Sure   []Kept       `cbor:"6,keyasint,omitempty"`  // what stands where receipts said, until it expires
	Taken  uint64       `cbor:"7,keyasint,omitempty"`  // receipts, checkpoints, and pages that went further, ever
	Blind  bool         `cbor:"8,keyasint,omitempty"`  // the chain at At is not known
	Belied bool         `cbor:"9,keyasint,omitempty"`  // Ours was contradicted, and that was found; it is told to others all the same
	Ours   *said        `cbor:"10,keyasint,omitempty"` // the last checkpoint that we were given
	Past   []Checkpoint `cbor:"11,keyasint,omitempty"` // those before it, ascending by day
	Told   []said       `cbor:"12,keyasint,omitempty"` // by others, not held against the log yet
	Recent []Point      `cbor:"13,keyasint,omitempty"` // the blobs up to At that were passed last, without a gap
	Number uint64       `cbor:"14,keyasint,omitempty"` // of the page that led to At: one that was asked for before may end before it
}

// said is a checkpoint, and its number among all that was signed: a page that was asked for before may end before it.
type said struct {
	_          struct{} `cbor:",toarray"`
	Checkpoint Checkpoint
	Number     uint64
}

// NewWatch begins to follow a log.
func NewWatch(l Log) *Watch { return &Watch{log: l} }

// LoadWatch reads what Save returned.
func LoadWatch(l Log, saved []byte) (*Watch, error) {
	w := NewWatch(l)
	if len(saved) > savedMax {
		return nil, fmt.Errorf("%w: %d bytes about a log", wire.ErrMalformed, len(saved))
	}
	if err := wire.Unmarshal(saved, &w.s); err != nil {
		return nil, err
	}
	for _, d := range w.s.Due {
		if len(d.Left) > 0 && int(slices.Max(d.Left)) >= len(d.Receipt.Kept) {
			return nil, fmt.Errorf("%w: a receipt of fewer blobs", wire.ErrMalformed)
		}
	}
	return w, nil
}

// Save returns the state in bytes.
func (w *Watch) Save() []byte {
	b, err := wire.Marshal(w.s)
	if err != nil {
		panic(fmt.Sprintf("witness: saving: %v", err))
	}
	return b
}

// Checkpoint is the last that we were given, to be told to other members; false: none.
func (w *Watch) Checkpoint() (Checkpoint, bool) {
	if w.s.Ours == nil {
		return Checkpoint{}, false
	}
	return w.s.Ours.Checkpoint, true
}

// Resume says that the log is read from a cursor on. Where that is ahead of what was kept, what lies between was read and not kept:
// receipts for places there are looked for again.
func (w *Watch) Resume(cursor uint64) {
	if cursor > w.s.At.Cursor {
		w.s.At, w.s.Blind, w.s.Recent = Point{Cursor: cursor}, true, nil
	}
}

// Restart says that the log is read from its beginning, as another one than was followed. What was signed for, and what others were
// told, is held against this one.
func (w *Watch) Restart() {
	w.s.At, w.s.Blind, w.s.Points, w.s.Recent, w.s.Sure, w.shown = Point{}, false, nil, nil, nil, nil
	w.s.Belied = w.s.Ours != nil
}

// At is how far the log was followed.
func (w *Watch) At() uint64 { return w.s.At.Cursor }

// Page follows the log by one page, in the order in which pages come; pages that were read before may come again. today is the day
// by our clock.
//
// spec: 12-replication#following
func (w *Watch) Page(p Page, today uint16) (found []Breach) {
	rewritten := false
	compare := func(at Point) {
		if known, is := w.chainAt(at.Cursor); is && known != at.Chain && !rewritten {
			rewritten = true
			found = append(found, Breach{Kind: Rewrite, Log: w.log, Seen: at})
		}
	}
	at := Point{Cursor: p.From, Chain: p.Base}
	if compare(at); p.From > w.s.At.Cursor || w.s.Blind { // what lies between is not known
		w.s.Recent = nil
	}
	w.recall(at)
	for _, e := range p.Entries {
		found = append(found, w.pass(at, e.Cursor)...) // the chain holds until the next blob
		at = Point{Cursor: e.Cursor, Chain: next(at.Chain, e.ID)}
		compare(at)
		w.recall(at)
		found = append(found, w.collect(e, p.Finished, today)...)
		w.show(e)
	}
	found = append(found, w.pass(at, p.Until+1)...)
	at.Cursor = p.Until
	if at.Chain != p.Chain {
		found = append(found, Breach{Kind: Broken, Log: w.log, Seen: Point{Cursor: p.Until, Chain: p.Chain}})
	}
	found = append(found, w.overdue(p, today)...)
	if p.End {
		found = append(found, w.beyond(p.Until, p.Asked)...)
	}
	if rewritten {
		w.s.Points, w.s.Recent, w.shown = nil, nil, nil
	}
	if p.End {
		if b := w.shrunk(at, p.Asked); b != nil {
			found = append(found, *b)
			w.s.At, w.s.Points, w.s.Recent, w.shown, w.s.Belied = at, nil, nil, nil, true // follow what there is
		}
	}
	if p.Until > w.s.At.Cursor {
		w.s.Taken++
		w.s.Number = w.s.Taken
	}
	if p.Until >= w.s.At.Cursor {
		w.s.At, w.s.Blind = at, false
	}
	return found
}

// shrunk tells whether a log that ends here was longer before the page was asked for, by what we read or by what was signed.
func (w *Watch) shrunk(end Point, asked uint64) *Breach {
	beyond := func(c said) bool { return c.Checkpoint.Cursor > end.Cursor && c.Number <= asked }
	var longer []Checkpoint
	if w.s.Ours != nil && !w.s.Belied && beyond(*w.s.Ours) {
		longer = []Checkpoint{w.s.Ours.Checkpoint}
	}
	w.s.Told = slices.DeleteFunc(w.s.Told, func(c said) bool {
		if beyond(c) {
			longer = append(longer, c.Checkpoint)
		}
		return beyond(c)
	})
	read := w.s.At.Cursor > end.Cursor && w.s.Number <= asked
	if !read && len(longer) == 0 {
		return nil
	}
	return &Breach{Kind: Rollback, Log: w.log, Checkpoints: longer[:min(1, len(longer))], Seen: end}
}

// chainAt is the chain at a cursor, if it is known.
func (w *Watch) chainAt(cursor uint64) ([32]byte, bool) {
	if cursor == 0 {
		return [32]byte{}, true
	}
	if cursor == w.s.At.Cursor {
		return w.s.At.Chain, !w.s.Blind
	}
	i, found := search(w.s.Points, cursor)
	if found {
		return w.s.Points[i].Chain, true
	}
	if i, found = search(w.s.Recent, cursor); found {
		return w.s.Recent[i].Chain, true
	}
	if i == 0 || cursor > w.s.At.Cursor {
		return [32]byte{}, false
	}
	return w.s.Recent[i-1].Chain, true // the chain holds until the next blob
}

func search(in []Point, cursor uint64) (int, bool) {
	return slices.BinarySearchFunc(in, cursor, func(p Point, c uint64) int { return cmp.Compare(p.Cursor, c) })
}

// recall remembers the chain at a place that was passed, if it joins what is remembered up to where we stand.
func (w *Watch) recall(at Point) {
	n := len(w.s.Recent)
	if n > 0 && at.Cursor <= w.s.Recent[n-1].Cursor || n == 0 && at.Cursor < w.s.At.Cursor {
		return
	}
	if len(w.s.Recent) >= recentMax {
		w.s.Recent = slices.Delete(w.s.Recent, 0, recentMax/4)
	}
	w.s.Recent = append(w.s.Recent, at)
}

// pass goes on from a point to before another cursor; the chain is the same at all cursors between. What others were told is
// held against it, and the chain at the last multiple of pointStep is remembered.
func (w *Watch) pass(from Point, high uint64) (found []Breach) {
	differs := func(s said) bool {
		c := s.Checkpoint
		if c.Cursor < from.Cursor || c.Cursor >= high {
			return false
		}
		if c.Chain != from.Chain {
			seen := Point{Cursor: c.Cursor, Chain: from.Chain}
			found = append(found, Breach{Kind: Split, Log: w.log, Checkpoints: []Checkpoint{c}, Seen: seen})
		}
		return true
	}
	if w.s.Ours != nil && !w.s.Belied && differs(*w.s.Ours) {
		w.s.Belied = len(found) > 0
	}
	w.s.Told = slices.DeleteFunc(w.s.Told, differs)
	step := (high - 1) / pointStep * pointStep
	if step < from.Cursor || step == 0 || len(w.s.Points) > 0 && w.s.Points[len(w.s.Points)-1].Cursor >= step {
		return found
	}
	if len(w.s.Points) >= pointsMax {
		w.s.Points = slices.Delete(w.s.Points, 0, pointsMax/4)
	}
	w.s.Points = append(w.s.Points, Point{Cursor: step, Chain: from.Chain})
	return found
}

// Taken is how many receipts, checkpoints and pages that went further were taken. What is asked for from now on has to know of all
// of them.
func (w *Watch) Taken() uint64 { return w.s.Taken }

// Given takes a checkpoint that the supernode has signed for us. One with another signature is dropped.
//
// spec: 12-replication#checkpoints
func (w *Watch) Given(c Checkpoint) (found []Breach) {
	if !w.log.Verify(c) {
		return nil
	}
	found = w.judge(c)
	if w.s.Ours != nil && c.Day <= w.s.Ours.Checkpoint.Day {
		return found
	}
	if w.s.Ours != nil {
		w.s.Past = append(w.s.Past[max(0, len(w.s.Past)+1-closesMax):], w.s.Ours.Checkpoint)
	}
	if len(found) > 0 {
		w.s.Past = nil // told once
	}
	w.s.Taken++
	w.s.Ours, w.s.Belied = &said{Checkpoint: c, Number: w.s.Taken}, len(found) > 0
	return found
}

// Told takes a checkpoint that another member was given, and told us. One with another signature is dropped; one for a place whose chain
// is not known waits until the log is read there for another reason.
//
// spec: 12-replication#exchange
func (w *Watch) Told(c Checkpoint) (found []Breach) {
	if !w.log.Verify(c) {
		return nil
	}
	found = w.judge(c)
	waits := slices.ContainsFunc(w.s.Told, func(s said) bool { return s.Checkpoint == c })
	if _, known := w.chainAt(c.Cursor); known || len(found) > 0 || waits {
		return found
	}
	if len(w.s.Told) >= toldMax {
		w.s.Told = slices.Delete(w.s.Told, 0, 1)
	}
	w.s.Taken++
	w.s.Told = append(w.s.Told, said{Checkpoint: c, Number: w.s.Taken})
	return found
}

// judge holds a verified checkpoint against what is known: first against others that are signed, which convinces anybody.
func (w *Watch) judge(c Checkpoint) []Breach {
	signed := slices.Clone(w.s.Past)
	for _, s := range w.s.Told {
		signed = append(signed, s.Checkpoint)
	}
	if w.s.Ours != nil {
		signed = append(signed, w.s.Ours.Checkpoint)
	}
	for _, other := range slices.Backward(signed) {
		if b := Compare(w.log, other, c); b != nil {
			return []Breach{*b}
		}
	}
	if known, is := w.chainAt(c.Cursor); is && known != c.Chain {
		return []Breach{{Kind: Split, Log: w.log, Checkpoints: []Checkpoint{c}, Seen: Point{Cursor: c.Cursor, Chain: known}}}
	}
	return nil
}
