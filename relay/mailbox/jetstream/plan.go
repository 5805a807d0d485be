package jetstream

import (
	"bytes"
	"errors"
	"slices"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// request is a call of Append or Delete that waits for its commit.
type request struct {
	deposits []prepared
	removals []mailbox.Removal
	size     int // bytes of blobs
	tokens   int

	results []mailbox.Result
	err     error
	done    chan struct{} // closed by the log's committer
}

// prepared is a deposit whose blob was looked at in the caller's goroutine.
type prepared struct {
	mailbox.Deposit
	header wire.Header
	id     wire.BlobID
	err    error
}

func newRequest(deposits []mailbox.Deposit, removals []mailbox.Removal) *request {
	r := &request{deposits: make([]prepared, len(deposits)), removals: removals, done: make(chan struct{})}
	for i, d := range deposits {
		p := prepared{Deposit: d}
		if p.header, p.err = wire.ParseBlob(d.Blob); p.err == nil {
			p.id = wire.IDOf(d.Blob)
		}
		r.deposits[i] = p
		r.size += len(d.Blob)
		r.tokens += len(d.Paid)
	}
	for _, removal := range removals {
		r.tokens += len(removal.Paid)
	}
	return r
}

// forbids names the blobs that a tombstone deletes.
type forbids struct {
	under [16]byte
	day   uint16
}

// plan is what one commit will do to a log. Until it is published nobody sees it.
type plan struct {
	*commit
	index    *index
	finished uint16
	room     int64 // what may still be taken; negative: no limit

	blobs  map[wire.BlobID]uint64
	tombs  map[forbids]uint64
	spent  map[mailbox.Token]bool
	bodies []body
	// deletions is how many of the records are tombstones.
	deletions int
	// doubtful says that something is decided by what another process may have changed since the log was looked at.
	doubtful bool
	// fence says that there is something to write although nothing changes.
	fence bool
}

// body is one message of blobs, of one expiry day.
type body struct {
	day   uint16
	blobs []byte
}

func newPlan(x *index, finished uint16, room int64, nonce [16]byte) *plan {
	return &plan{
		commit: &commit{nonce: nonce, before: mailbox.Head{Cursor: x.nextUp - 1, Chain: x.head.Chain}, closed: x.closed},
		index:  x, finished: finished, room: room,
		blobs: map[wire.BlobID]uint64{}, tombs: map[forbids]uint64{}, spent: map[mailbox.Token]bool{},
	}
}

// empty says that there is nothing to write.
func (p *plan) empty() bool { return len(p.records) == 0 && p.closed == p.index.closed && !p.fence }

// take decides what becomes of a request.
func (p *plan) take(r *request) {
	r.results, r.err = r.results[:0], nil
	for i := range r.deposits {
		r.results = append(r.results, p.deposit(&r.deposits[i]))
	}
	found := p.index.held(r.removals)
	for _, removal := range r.removals {
		r.results = append(r.results, p.remove(removal, found[forbids{wire.CommitTo(removal.D), removal.Day}]))
	}
}

// refuse gives the error of an item by what is known here, which may be late.
func (p *plan) refuse(err error) mailbox.Result {
	p.doubtful = true
	return mailbox.Result{Err: err}
}

func (p *plan) deposit(d *prepared) mailbox.Result {
	switch {
	case d.err != nil:
		return mailbox.Result{Err: d.err}
	case d.header.ExpiryDay <= p.finished:
		return mailbox.Result{Err: mailbox.ErrDay}
	}
	if cursor, found := p.blobs[d.id]; found {
		return mailbox.Result{Cursor: cursor}
	}
	if cursor, held := p.index.holds(d.id); held {
		p.doubtful = true // it may be deleted
		return mailbox.Result{Cursor: cursor}
	}
	under := forbids{d.header.DelCommit, d.header.ExpiryDay}
	if _, found := p.tombs[under]; found || p.index.forbidden[under] != 0 {
		return p.refuse(mailbox.ErrDeleted)
	}
	if d.HeldOnly {
		return p.refuse(mailbox.ErrUnpaid)
	}
	if err := p.pay(d.Paid, int64(len(d.Blob)+blobRecord)); err != nil {
		return p.refuse(err)
	}
	r := record{kind: kindBlob, class: d.header.Class, day: under.day, id: d.id, tag: d.header.Tag, under: under.under, size: uint32(len(d.Blob))}
	r.body, r.offset = p.place(under.day, d.Blob)
	p.blobs[d.id] = p.add(r)
	return mailbox.Result{Cursor: p.blobs[d.id], New: true}
}

// place finds room for a blob in a message of its day.
func (p *plan) place(day uint16, blob []byte) (message uint16, offset uint32) {
	at := slices.IndexFunc(p.bodies, func(b body) bool { return b.day == day && len(b.blobs)+len(blob) <= bodyBytes })
	if at < 0 {
		at = len(p.bodies)
		p.bodies = append(p.bodies, body{day: day, blobs: make([]byte, 0, max(len(blob), bodyBytes/4))})
	}
	b := &p.bodies[at]
	offset = uint32(len(b.blobs))
	b.blobs = append(b.blobs, blob...)
	return uint16(at), offset
}

// add gives a record its cursor.
func (p *plan) add(r record) uint64 {
	at := p.head()
	r.cursor, r.before = at.Cursor+1, at.Chain
	p.records = append(p.records, r)
	return r.cursor
}

// pay spends tokens for something that takes so many bytes, or leaves all as it is.
func (p *plan) pay(paid []mailbox.Token, size int64) error {
	for i, t := range paid {
		switch {
		case t.Day <= p.finished:
			return mailbox.ErrDay
		case p.spent[t], p.index.isSpent(t), slices.Contains(paid[:i], t):
			return mailbox.ErrSpent
		}
	}
	if size += int64(len(paid)) * tokenRecord; p.room >= 0 && p.room < size {
		return mailbox.ErrFull
	}
	if p.room >= 0 {
		p.room -= size
	}
	for _, t := range paid {
		p.spent[t] = true
	}
	return nil
}

// remove takes a tombstone; held are the blobs that it deletes of what is kept already.
func (p *plan) remove(r mailbox.Removal, held []mailbox.Absence) mailbox.Result {
	if r.Day <= p.finished {
		return mailbox.Result{Err: mailbox.ErrDay}
	}
	under := forbids{wire.CommitTo(r.D), r.Day}
	if cursor, found := p.tombs[under]; found {
		return mailbox.Result{Cursor: cursor}
	}
	for i := range p.records {
		if c := &p.records[i]; c.kind == kindBlob && c.under == under.under && c.day == r.Day {
			held = append(held, mailbox.Absence{Cursor: c.cursor, ID: c.id})
		}
	}
	paid, left := r.Paid, tombsMost-p.deletions
	switch cursor := p.index.forbidden[under]; {
	case len(held) == 0 && cursor != 0:
		return mailbox.Result{Cursor: cursor}
	case left == 0:
		return mailbox.Result{Err: errMuch}
	case len(held) > 0:
		paid = nil
	case r.HeldOnly:
		return p.refuse(mailbox.ErrUnpaid)
	default:
		held = []mailbox.Absence{{}} // one record, for what may come
	}
	if err := p.pay(paid, int64(len(held))*tombRecord); err != nil {
		return p.refuse(err)
	}
	for _, blob := range held[:min(len(held), left)] {
		p.deletions++
		cursor := p.add(record{kind: kindTombstone, day: r.Day, id: blob.ID, tag: r.D, under: under.under, of: blob.Cursor})
		if _, found := p.tombs[under]; !found {
			p.tombs[under] = cursor
		}
	}
	if len(held) > left {
		return mailbox.Result{Err: errMuch}
	}
	return mailbox.Result{Cursor: p.tombs[under], New: true}
}

// errMuch says that a commit had no room for all that is to be deleted: the rest goes when it is asked for again.
var errMuch = errors.New("too much is being deleted at once; again")

// seal makes the commit whole: its tokens in an order that says nothing of what they paid for.
func (p *plan) seal() {
	p.commit.bodies = uint16(len(p.bodies))
	p.commit.spent = p.commit.spent[:0]
	for t := range p.spent {
		p.commit.spent = append(p.commit.spent, t)
	}
	slices.SortFunc(p.commit.spent, func(a, b mailbox.Token) int { return bytes.Compare(a.ID[:], b.ID[:]) })
}
