package mesh

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"sottovoce/mesh/session"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// unmatched finds the blobs of logs that no key was known for, by how their tags begin. It
// mirrors the store, and is read when it is asked for first.
//
// spec: 06-conversations#collection
type unmatched struct {
	loaded bool
	in     map[waitingTag]waitingBlob   // the first under each tag
	more   map[waitingTag][]waitingBlob // and those after it: anybody may leave junk under a tag that was seen
	count  int                          // of blobs
	last   map[int64]store.Stretch      // the newest of each log
	days   map[uint16]int               // on which they expire; what has expired is not taken out before the next reading
	oldest []int64                      // stretches, the oldest first

	fresh  [][16]byte     // tags that are in the table since it was last compared
	behind map[int64]bool // whether a log is in the midst of a catch-up; one that is not there begins one
	looked time.Time      // when it was last looked far ahead
	far    []int64        // devices for which that is still to be done
	again  time.Time      // when fresh tags are compared; zero: not

	wanted map[Log][]Unmatched // what is read again in the next slot; nil: nothing
	slot   time.Time           // when that is
}

// waitingTag is a tag of a log. Two that begin alike cost a look.
type waitingTag struct {
	log    int64
	prefix uint64
}

// waitingBlob is a blob under it.
type waitingBlob struct {
	row int64   // of the stretch
	id  [8]byte // how its id begins
}

func prefixOf(tag [16]byte) uint64 { return binary.BigEndian.Uint64(tag[:]) }

// under lists what waits under a tag.
func (w *unmatched) under(tag waitingTag) []waitingBlob {
	first, found := w.in[tag]
	if !found {
		return nil
	}
	return append([]waitingBlob{first}, w.more[tag]...)
}

// waits reports whether a blob waits under a tag.
func (w *unmatched) waits(tag waitingTag, id [8]byte) bool {
	first, found := w.in[tag]
	return found && (first.id == id || slices.ContainsFunc(w.more[tag], func(b waitingBlob) bool { return b.id == id }))
}

// put takes a blob in that does not wait yet.
func (w *unmatched) put(tag waitingTag, b waitingBlob) {
	if _, found := w.in[tag]; found {
		w.more[tag] = append(w.more[tag], b)
	} else {
		w.in[tag] = b
	}
	w.count++
}

// take takes a blob out.
func (w *unmatched) take(tag waitingTag, id [8]byte) {
	if !w.waits(tag, id) {
		return
	}
	rest := slices.DeleteFunc(w.under(tag), func(b waitingBlob) bool { return b.id == id })
	delete(w.in, tag)
	delete(w.more, tag)
	w.count -= 1 + len(rest)
	for _, b := range rest {
		w.put(tag, b)
	}
}

// unmatched returns the index, read from the store if need be.
func (t *turn) unmatched() (*unmatched, error) {
	w := &t.n.custody.waiting
	if w.loaded {
		return w, nil
	}
	*w = unmatched{
		loaded: true, in: make(map[waitingTag]waitingBlob), more: make(map[waitingTag][]waitingBlob), last: make(map[int64]store.Stretch), days: make(map[uint16]int),
		behind: make(map[int64]bool), looked: w.looked, far: w.far,
	}
	for tag := range t.n.tags {
		w.fresh = append(w.fresh, tag)
	}
	err := t.tx.Stretches(w.index)
	return w, err
}

// index takes a stretch in.
func (w *unmatched) index(s store.Stretch) {
	for _, u := range s.Entries {
		w.put(waitingTag{s.Log, prefixOf(u.Tag)}, waitingBlob{s.ID, u.ID})
		w.days[u.ExpiryDay]++
	}
	if w.last[s.Log].ID != s.ID {
		w.oldest = append(w.oldest, s.ID)
	}
	w.last[s.Log] = s
}

// add notes blobs of a page. What is noted of a log already, or has expired, or will not
// for longer than blobs live, is not. A stretch is of pages that a supernode is asked for
// with the same cursor: what it names is read again from there, and lies no further on than
// they did.
func (w *unmatched) add(t *turn, log *store.Log, since uint64, rest []store.Unmatched) error {
	today := t.n.mark.Day
	for len(rest) > 0 {
		s, some := store.Stretch{Log: log.ID, Since: since}, store.StretchMax
		if last := w.last[log.ID]; last.ID != 0 && last.Since/wire.CursorStep == since/wire.CursorStep && len(last.Entries) < store.StretchMax {
			s, some = last, store.StretchMax-len(last.Entries)
			s.Entries = slices.Clone(s.Entries)
		}
		before := len(s.Entries)
		for ; some > 0 && len(rest) > 0; rest = rest[1:] {
			u := rest[0]
			if u.ExpiryDay < today || int(u.ExpiryDay) > int(today)+startDaysAhead {
				continue
			}
			same := func(other store.Unmatched) bool { return other.Tag == u.Tag && other.ID == u.ID }
			if w.waits(waitingTag{log.ID, prefixOf(u.Tag)}, u.ID) || slices.ContainsFunc(s.Entries[before:], same) {
				continue
			}
			w.days[u.ExpiryDay]++
			s.Entries = append(s.Entries, u)
			some--
		}
		if len(s.Entries) == before {
			continue
		}
		fresh := s.ID == 0
		if err := t.tx.PutStretch(&s); err != nil {
			return err
		}
		if fresh {
			w.oldest = append(w.oldest, s.ID)
		}
		for _, u := range s.Entries[before:] {
			w.put(waitingTag{log.ID, prefixOf(u.Tag)}, waitingBlob{s.ID, u.ID})
		}
		w.last[log.ID] = s
	}
	return w.shrink(t)
}

// forgetWaiting forgets what waits in a log.
func (t *turn) forgetWaiting(log int64) error {
	t.n.custody.waiting = unmatched{} // read again without what is gone
	t.lookFarSoon()
	return t.tx.DropUnmatched(log)
}

// shrink lets the oldest go when there are too many.
func (w *unmatched) shrink(t *turn) error {
	for w.count > unmatchedKept && len(w.oldest) > 1 {
		id := w.oldest[0]
		w.oldest = w.oldest[1:]
		s, err := t.tx.Stretch(id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.drop(t, s, func(store.Unmatched) bool { return true }); err != nil {
			return err
		}
	}
	return nil
}

// drop takes those out of a stretch that fit.
func (w *unmatched) drop(t *turn, s store.Stretch, fits func(store.Unmatched) bool) error {
	kept := s.Entries[:0:0]
	for _, u := range s.Entries {
		if !fits(u) {
			kept = append(kept, u)
			continue
		}
		w.take(waitingTag{s.Log, prefixOf(u.Tag)}, u.ID)
	}
	if len(kept) == len(s.Entries) {
		return nil
	}
	s.Entries = kept
	if err := t.tx.PutStretch(&s); err != nil {
		return err
	}
	switch {
	case w.last[s.Log].ID != s.ID:
	case len(kept) == 0:
		delete(w.last, s.Log)
	default:
		w.last[s.Log] = s
	}
	return nil
}

// forget takes out a blob that a key was known for, of whichever log. What else waits under
// its tag stays: of two, one is junk.
func (w *unmatched) forget(t *turn, tag [16]byte, id [8]byte) error {
	for _, log := range t.n.custody.logs {
		for _, b := range w.under(waitingTag{log.ID, prefixOf(tag)}) {
			if b.id != id {
				continue
			}
			s, err := t.tx.Stretch(b.row)
			if err != nil {
				return err
			}
			if err := w.drop(t, s, func(u store.Unmatched) bool { return u.Tag == tag && u.ID == id }); err != nil {
				return err
			}
		}
	}
	return nil
}

// find adds what waits under a tag to what is to be read again.
func (w *unmatched) find(t *turn, tag [16]byte, wanted map[Log][]Unmatched) error {
	for log, row := range t.n.custody.logs {
		for _, b := range w.under(waitingTag{row.ID, prefixOf(tag)}) {
			s, err := t.tx.Stretch(b.row)
			if err != nil {
				return err
			}
			for _, u := range s.Entries {
				if u.Tag == tag && u.ID == b.id {
					wanted[log] = append(wanted[log], Unmatched{Since: s.Since, ID: u.ID})
				}
			}
		}
	}
	return nil
}

// matchAgain compares tags that are new in the table with what waits, and has what fits read
// again.
//
// spec: 04-sessions#tags
func (t *turn) matchAgain() error {
	n := t.n
	if n.custodian == nil {
		return nil
	}
	w, err := t.unmatched()
	if err != nil {
		return err
	}
	w.again = time.Time{}
	if len(w.in) == 0 {
		w.fresh = nil
		return nil
	}
	n.retag()
	wanted := make(map[Log][]Unmatched)
	for _, tag := range w.fresh {
		if err := w.find(t, tag, wanted); err != nil {
			return err
		}
	}
	w.fresh = nil
	t.rereadSoon(wanted)
	return nil
}

// rereadSoon has blobs read again in the slot of receipts: at once would show who collected
// what made the reader look.
//
// spec: 06-conversations#answers-by-supernode
func (t *turn) rereadSoon(wanted map[Log][]Unmatched) {
	w := &t.n.custody.waiting
	for from, some := range wanted {
		if w.wanted == nil {
			w.wanted, w.slot = make(map[Log][]Unmatched), slotAfter(t.now)
		}
		for _, u := range some {
			if !slices.Contains(w.wanted[from], u) {
				w.wanted[from] = append(w.wanted[from], u)
			}
		}
		t.n.wakeBy(w.slot)
	}
}

// rereadDue does so when the slot has come.
func (t *turn) rereadDue() error {
	w := &t.n.custody.waiting
	switch {
	case w.wanted == nil:
	case w.slot.After(t.now):
		t.n.wakeBy(w.slot)
	default:
		t.reread(w.wanted)
		w.wanted = nil
	}
	return nil
}

// reread has blobs read again after the commit, and opens them.
func (t *turn) reread(wanted map[Log][]Unmatched) {
	n := t.n
	for _, from := range slices.SortedFunc(maps.Keys(wanted), Log.compare) {
		ids := wanted[from]
		slices.SortFunc(ids, func(a, b Unmatched) int {
			return cmp.Or(cmp.Compare(a.Since, b.Since), bytes.Compare(a.ID[:], b.ID[:]))
		})
		t.then(func() {
			n.beside(func(ctx context.Context) {
				ctx, cancel := context.WithTimeout(ctx, rereadMax)
				defer cancel()
				blobs, err := n.custodian.Reread(ctx, from, ids)
				if err != nil {
					n.log.Debug("what waits for its key could not be read again; it is tried at the next far look", "error", err)
					return
				}
				for some := range slices.Chunk(blobs, rereadPage) {
					_ = n.await(ctx, command{run: func(t *turn) error { return t.cameAgain(some) }, done: make(chan error, 1), patient: true})
				}
			})
		})
	}
}

// cameAgain opens blobs that were on pages before.
func (t *turn) cameAgain(blobs [][]byte) error {
	w, err := t.unmatched()
	if err != nil {
		return err
	}
	if _, err := t.tryAll(blobs, func(h wire.Header, blob []byte) error {
		id := wire.IDOf(blob)
		return w.forget(t, h.Tag, [8]byte(id[:]))
	}); err != nil {
		return err
	}
	return t.matchAgain()
}

// lookFarSoon has what is unmatched looked for far ahead, device by device.
func (t *turn) lookFarSoon() {
	if t.n.custodian == nil {
		return
	}
	w := &t.n.custody.waiting
	w.looked = t.now
	w.far = slices.Sorted(maps.Keys(t.n.devices))
	t.n.wakeBy(t.now)
}

// lookFarAhead goes on with that.
//
// spec: 04-sessions#tags
func (t *turn) lookFarAhead() error {
	n := t.n
	if n.custodian == nil || len(n.custody.waiting.far) == 0 {
		return nil
	}
	w, err := t.unmatched()
	if err != nil {
		return err
	}
	if len(w.in) == 0 {
		w.far = nil
		return nil
	}
	wanted := make(map[Log][]Unmatched)
	for range min(len(w.far), farDevices) {
		d := n.devices[w.far[0]]
		w.far = w.far[1:]
		if d == nil || !d.active || d.contact.row.Blocked {
			continue
		}
		if err := w.lookFor(t, d, wanted); err != nil {
			return err
		}
	}
	t.rereadSoon(wanted)
	if len(w.far) > 0 {
		n.wakeBy(t.now)
	}
	return nil
}

// lookFor looks for everything of one device: what is far ahead, what is near, and starts.
func (w *unmatched) lookFor(t *turn, d *device, wanted map[Log][]Unmatched) error {
	d.far = nil
	waits := func(tag [16]byte) bool {
		for _, log := range t.n.custody.logs {
			if _, found := w.in[waitingTag{log.ID, prefixOf(tag)}]; found {
				return true
			}
		}
		return false
	}
	for tag, ref := range d.pair.FarTags() {
		if !waits(tag) {
			continue
		}
		d.far = append(d.far, farTag{tag, ref})
		d.stale = true
		if err := w.find(t, tag, wanted); err != nil {
			return err
		}
	}
	near := []func(yield func([16]byte, session.Ref) bool){d.pair.Tags()}
	for day := range w.days {
		near = append(near, d.pair.StartTags(day))
	}
	for _, tags := range near {
		for tag := range tags {
			if !waits(tag) {
				continue
			}
			if err := w.find(t, tag, wanted); err != nil {
				return err
			}
		}
	}
	return nil
}

// note remembers which of a device's tags are new in the table.
func (w *unmatched) note(n *Node, d *device, tags []farTag) {
	if len(w.in) == 0 {
		return
	}
	for _, f := range tags {
		if n.tags[f.tag].row != d.row {
			w.fresh = append(w.fresh, f.tag)
		}
	}
}

// movedOn has new tags compared with what waits, soon: a window has moved.
func (t *turn) movedOn() {
	w := &t.n.custody.waiting
	if len(w.in) > 0 && w.again.IsZero() {
		w.again = t.now.Add(matchPause)
		t.n.wakeBy(w.again)
	}
}

// farTag is one that is in the table although it lies beyond it, because a blob waits for it.
type farTag struct {
	tag [16]byte
	ref session.Ref
}
