package mesh

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"sottovoce/mesh/session"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// collected opens what of a page is ours, notes the rest until it expires, and keeps how
// far the log was collected. A supernode may leave out, repeat, mix up and invent what it
// likes: what is opened is known by its key, and what is shown by its op.
//
// spec: 06-conversations#collection
func (t *turn) collected(p Page) error {
	log, err := t.logOf(p.Log, nil)
	if err != nil {
		return err
	}
	if p.Since > log.Cursor || p.Until < p.Since {
		return refuse(errGap)
	}
	t.n.busy = time.Now()
	waiting, err := t.unmatched()
	if err != nil {
		return err
	}
	if err := t.lookForOwn(p); err != nil {
		return err
	}
	rest := make([]store.Unmatched, 0, len(p.Blobs)+len(p.Scanned))
	foreign, err := t.tryAll(p.Blobs, nil)
	if err != nil {
		return err
	}
	for _, blob := range foreign {
		header, err := wire.ParseHeader(blob)
		if err != nil {
			return err
		}
		id := wire.IDOf(blob)
		rest = append(rest, store.Unmatched{Tag: header.Tag, ID: [8]byte(id[:]), ExpiryDay: header.ExpiryDay})
	}
	for _, e := range p.Scanned {
		rest = append(rest, store.Unmatched{Tag: e.Tag, ID: e.ID, ExpiryDay: e.ExpiryDay})
	}
	if err := cmp.Or(waiting.add(t, log, p.Since, rest), t.holdAgainst(log, p)); err != nil {
		return err
	}
	if cursor := p.Until; cursor > log.Cursor || p.Since == 0 && cursor != log.Cursor {
		log.Cursor = cursor
		if err := t.tx.PutLog(log); err != nil {
			return err
		}
	}
	t.caughtUp(log.ID, p.End)
	return t.matchAgain()
}

// caughtUp has looked for far ahead what is unmatched at the end of a catch-up: when more
// than the tag table holds has expired in a row, nothing else would find what follows.
//
// spec: 04-sessions#tags
func (t *turn) caughtUp(log int64, end bool) {
	w := &t.n.custody.waiting
	if !end {
		w.behind[log] = true
		return
	}
	behind, known := w.behind[log]
	w.behind[log] = false
	if known && !behind && t.now.Sub(w.looked) < farPause {
		return
	}
	t.lookFarSoon()
}

// wanted says which entries of a log may be ours.
func (t *turn) wanted(entries []Entry) ([]bool, error) {
	wanted := make([]bool, len(entries))
	for i, e := range entries {
		if t.n.opened.knows(e.Tag) {
			continue
		}
		d, _, _, err := t.find(nil, wire.Header{Tag: e.Tag, ExpiryDay: e.ExpiryDay})
		if err != nil {
			return nil, err
		}
		wanted[i] = d != nil
	}
	return wanted, nil
}

// starts are the tags that starts may have which come by supernode: of every contact, for
// the days that were asked for.
type starts struct {
	by   map[[16]byte]tagged
	days []uint16
	of   map[int64]startsOf // by row of the device

	stale []int64 // devices whose sessions have moved
}

// startsOf are those of one device, and what they were made with.
type startsOf struct {
	refs []session.Ref
	tags [][16]byte
}

// findStart looks for a start among those that any contact may have sent.
//
// spec: 04-sessions#start-tags
func (t *turn) findStart(h wire.Header) (*device, session.Ref) {
	n, day := t.n, h.ExpiryDay
	if n.starts.by == nil || len(n.starts.by) > startTagsMax {
		n.starts = starts{by: make(map[[16]byte]tagged), of: make(map[int64]startsOf), stale: slices.Collect(maps.Keys(n.devices))}
	}
	s := &n.starts
	if day < n.mark.Day || int(day) > int(n.mark.Day)+startDaysAhead {
		return nil, session.Ref{}
	}
	for _, row := range s.stale {
		s.renew(n.devices[row], row)
	}
	s.stale = nil
	if !slices.Contains(s.days, day) {
		s.days = append(s.days, day)
		for row, d := range n.devices {
			have := s.of[row]
			have.add(s, d, day)
			s.of[row] = have
		}
	}
	found, ok := s.by[h.Tag]
	if !ok {
		return nil, session.Ref{}
	}
	return n.devices[found.row], found.ref
}

// add adds the tags of a day.
func (o *startsOf) add(s *starts, d *device, day uint16) {
	for tag, ref := range d.pair.StartTags(day) {
		s.by[tag] = tagged{row: d.row, ref: ref}
		o.tags = append(o.tags, tag)
	}
}

// renew makes the tags of a device anew if other secrets key its starts now; d is nil when
// it is gone.
func (s *starts) renew(d *device, row int64) {
	have := s.of[row]
	var refs []session.Ref
	if d != nil {
		refs = d.pair.StartRefs()
		d.moved = false
	}
	if slices.Equal(refs, have.refs) {
		return
	}
	for _, tag := range have.tags {
		delete(s.by, tag)
	}
	have = startsOf{refs: refs}
	for _, day := range s.days {
		have.add(s, d, day)
	}
	s.of[row] = have
}

// tryAll opens blobs that came by supernode, and as long as some open also those that none did
// for, which it returns: what is behind its start, or far behind others, need not be read again.
// opened hears of each that a key was known for, unless it is nil.
func (t *turn) tryAll(blobs [][]byte, opened func(wire.Header, []byte) error) (left [][]byte, err error) {
	for todo := blobs; ; todo = left {
		left = nil
		for _, blob := range todo {
			h, known, err := t.tryKeys(blob)
			if err == nil && known && opened != nil {
				err = opened(h, blob)
			}
			if err != nil {
				return nil, err
			}
			if !known {
				left = append(left, blob)
			}
		}
		if len(left) == 0 || len(left) == len(todo) {
			return left, nil
		}
	}
}

// tryKeys opens a blob that came by supernode, if a key for it is known.
func (t *turn) tryKeys(blob []byte) (h wire.Header, known bool, err error) {
	if h, err = wire.ParseBlob(blob); err != nil || h.Class == wire.Class3 {
		t.drop("blob of a supernode")
		return h, true, nil
	}
	if t.n.opened.same(h.Tag, blob) {
		return h, true, nil
	}
	known, err = t.open(nil, blob)
	return h, known, err
}
