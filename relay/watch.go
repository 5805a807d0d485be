package relay

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/witness"
)

// watch holds what a supernode has signed, for us and for contacts, against the log that it shows us.
//
// spec: 12-replication#following
type watch struct {
	keep Keep
	key  string

	mu      sync.Mutex // guards the following
	on      *witness.Watch
	found   []witness.Breach // not told yet
	telling []witness.Breach // is being told: until that is done it may be lost
	heard   map[witness.Checkpoint]struct{}
	at      uint64    // how far the log was followed when it was kept last
	saved   time.Time // when that was

	owing sync.Mutex // held while what is owed is kept; taken before mu. Guards owed
	owed  bool       // there is something under keyOwed
}

// keyOwed is where receipts are kept for places that were passed, until all that is known is.
func (w *watch) keyOwed() string { return w.key + "/owed" }

// loadWatch reads what was kept of a log; what cannot be read is begun anew, as a place in a log that is not known is.
func loadWatch(keep Keep, l Log, keys identity.DeviceKeys) *watch {
	w := &watch{keep: keep, key: l.key() + "/watch", heard: make(map[witness.Checkpoint]struct{})}
	of := witness.Log{Supernode: keys, Community: l.Community}
	if b, err := keep.Load(w.key); err == nil && len(b) > 0 {
		w.on, _ = witness.LoadWatch(of, b)
	}
	if w.on == nil {
		w.on = witness.NewWatch(of)
	}
	if b, err := keep.Load(w.keyOwed()); err == nil && len(b) > 0 {
		w.owed = w.on.Owe(b) == nil
	}
	return w
}

// do changes what is known, and keeps what it finds until somebody tells it.
func (w *watch) do(f func(on *witness.Watch) []witness.Breach) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = append(w.found, f(w.on)...)
}

// take returns what was found since, and whether what is known is to be kept once that was told: now and then. What is lost of it is
// looked for again.
func (w *watch) take(now time.Time) (found []witness.Breach, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found, w.found, w.telling = w.found, nil, w.found
	return found, len(found) > 0 || w.on.At() >= w.at+watchStep || now.Sub(w.saved).Abs() >= watchPeriod
}

// putBack has what was found told again.
func (w *watch) putBack(found []witness.Breach) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found, w.telling = append(found, w.found...), nil
}

// said says that what was found has been told.
func (w *watch) said() { w.putBack(nil) }

// save keeps what is known on disk, unless something was found that nobody was told of: a receipt counts for nothing there any more.
func (w *watch) save(now time.Time) error {
	w.owing.Lock()
	defer w.owing.Unlock()
	w.mu.Lock()
	if len(w.found)+len(w.telling) > 0 {
		w.mu.Unlock()
		return nil
	}
	w.at, w.saved = w.on.At(), now
	b := w.on.Save()
	w.mu.Unlock() // who keeps it may be waiting for somebody who asks us
	if err := w.keep.Save(w.key, b); err != nil {
		return err
	}
	return w.keepOwed(nil)
}

// owe keeps the receipts for places that were passed on disk: no page brings them, and what was signed for there would count as seen after a
// crash.
func (w *watch) owe() error {
	w.owing.Lock()
	defer w.owing.Unlock()
	w.mu.Lock()
	b := w.on.Owed(slices.Concat(w.telling, w.found))
	w.mu.Unlock()
	return w.keepOwed(b)
}

// keepOwed keeps what Owed returned. The lock of what is owed is held.
func (w *watch) keepOwed(b []byte) error {
	if len(b) == 0 && !w.owed {
		return nil
	}
	if err := w.keep.Save(w.keyOwed(), b); err != nil {
		return err
	}
	w.owed = len(b) > 0
	return nil
}

// asks is how much there is that was signed, or read: what is asked for now has to know of it.
func (w *watch) asks() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.on.Taken()
}

// ask says where to read the log again.
func (w *watch) ask() (since uint64, wanted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.on.Ask()
}

// page takes a page that was asked for when so much was signed, or comes behind one that ended at since.
func (w *watch) page(page wire.Page, blobs [][]byte, since, asked uint64, today uint16) {
	p := witness.Page{
		From: page.From, Base: page.Base, Until: page.Until, Chain: page.Chain, End: page.End, Asked: asked, Since: since, Finished: page.Finished,
	}
	absent := make(map[uint64]bool)
	for cursor := range page.Absent.All() {
		absent[cursor] = true
	}
	for _, e := range entriesOf(page, blobs) {
		p.Entries = append(p.Entries, witness.Entry{Cursor: e.cursor, ID: e.id, Absent: absent[e.cursor]})
	}
	w.do(func(on *witness.Watch) []witness.Breach { return on.Page(p, today) })
}

// signed takes a receipt that was verified. What of it was passed already is on disk before it returns.
func (w *watch) signed(all []Kept, signature [64]byte) error {
	r := witness.Receipt{Signature: signature}
	for _, k := range all {
		r.Kept = append(r.Kept, witness.Kept{ID: k.ID, ExpiryDay: k.ExpiryDay, Cursor: k.Cursor})
	}
	w.do(func(on *witness.Watch) []witness.Breach { on.Receipt(r); return nil })
	if _, wanted := w.ask(); !wanted {
		return nil
	}
	return w.owe()
}

// last is the checkpoint to tell to contacts; nil: none yet.
func (w *watch) last() *witness.Checkpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, had := w.on.Checkpoint()
	if !had {
		return nil
	}
	return &c
}

// told takes a checkpoint that a contact was given. It reports whether there is something to tell. Nothing is read for it: that would
// show who was told.
func (w *watch) told(c witness.Checkpoint) (news bool) {
	w.mu.Lock()
	_, again := w.heard[c]
	if !again {
		if len(w.heard) >= heardMax {
			clear(w.heard)
		}
		w.heard[c] = struct{}{}
	}
	w.mu.Unlock()
	if again {
		return false
	}
	w.do(func(on *witness.Watch) []witness.Breach {
		found := on.Told(c)
		news = len(found) > 0
		return found
	})
	return news
}

// judge tells what was found, after it has read again what that takes.
func (s *station) judge(ctx context.Context, l *link.Link) {
	for range rereadPagesMax {
		since, wanted := s.watch.ask()
		if !wanted || s.readAgain(ctx, l, since) != nil {
			break
		}
	}
	now := s.client.cfg.Now()
	found, due := s.watch.take(now)
	if err := s.accuse(ctx, found); err != nil {
		s.watch.putBack(found) // else it would count as held for good
		if ctx.Err() == nil {
			s.client.cfg.Log.Warn("what a supernode does not hold counts as held for now", "error", err)
		}
		return
	}
	s.watch.said()
	if !due {
		return
	}
	if err := s.watch.save(now); err != nil {
		s.client.cfg.Log.Warn("what a supernode has signed is not kept", "error", err)
	}
}

// accuse tells our person what was found, and the collector what is not held.
func (s *station) accuse(ctx context.Context, found []witness.Breach) error {
	var missing []uint64
	for _, b := range found {
		kind, said := BreachLost, [32]byte(b.Item.ID)
		switch b.Kind {
		case witness.Split, witness.Rollback:
			if len(b.Checkpoints) == 0 { // the reader of pages tells
				continue
			}
			kind, said = BreachSplit, b.Checkpoints[0].Chain
		case witness.Lost, witness.Dropped:
			missing = append(missing, b.Item.Cursor)
		case witness.Early:
			missing = append(missing, b.Item.Cursor)
			s.early(b.Item.ExpiryDay)
			continue
		default: // as above
			continue
		}
		s.breach(Breach{Kind: kind, Cursor: max(b.Seen.Cursor, b.Item.Cursor), Said: said, Shown: b.Seen.Chain, Evidence: b.Evidence()})
	}
	if len(missing) == 0 {
		return nil
	}
	return s.collector().Lost(ctx, s.log, missing)
}

// hold holds a page, and what it says of days, against what we know.
func (s *station) hold(page wire.Page, blobs [][]byte, since, asked uint64) {
	s.watch.page(page, blobs, since, asked, s.client.today())
	s.mu.Lock()
	s.finished = page.Finished // which brings no log-in about: it would show whose link this is
	s.mu.Unlock()
	s.early(page.Finished)
}

// early takes that a day is over at the supernode. If it is not over by our clock, one of the two clocks is wrong.
//
// spec: 12-replication#clocks-that-differ
func (s *station) early(day uint16) {
	s.mu.Lock()
	news := day > s.client.today() && day > s.state.Early
	s.mu.Unlock()
	if !news {
		return
	}
	if err := s.change(func(state *stationState) { state.Early = day }); err != nil {
		s.client.cfg.Log.Warn("it is not kept that a supernode has another day", "error", err)
	}
	s.client.changed()
}

// readAgain reads the log once more from a place on, until nothing is wanted from there any more.
func (s *station) readAgain(ctx context.Context, l *link.Link, since uint64) error {
	asked := s.watch.asks()
	stream, err := l.Request(ctx)
	if err != nil {
		return err
	}
	defer stream.Reset()
	if err := errors.Join(stream.Send(ctx, wire.RangeFrame{Since: since}), stream.End()); err != nil {
		return err
	}
	for seen, at := 0, since; seen < rereadMax; {
		stream.Await(time.Now().Add(answerTimeout))
		page, blobs, err := receivePage(ctx, stream)
		if err != nil {
			return err
		}
		s.hold(page, blobs, at, asked)
		if from, wanted := s.watch.ask(); page.End || !wanted || from != since {
			return nil
		}
		at = page.Until
		seen += max(1, len(blobs)+page.Absent.Len())
	}
	return nil
}
