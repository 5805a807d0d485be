package mailbox

import (
	"bytes"
	"slices"

	"sottovoce/mesh/wire"
)

// prepared is a deposit whose blob was looked at in the caller's goroutine.
type prepared struct {
	Deposit
	header wire.Header
	id     wire.BlobID
	err    error
}

func prepare(deposits []Deposit) []prepared {
	all := make([]prepared, len(deposits))
	for i, d := range deposits {
		p := prepared{Deposit: d}
		if p.header, p.err = wire.ParseBlob(d.Blob); p.err == nil {
			p.id = wire.IDOf(d.Blob)
		}
		all[i] = p
	}
	return all
}

// planned is one record that a commit will write.
type planned struct {
	frame  frame
	body   []byte
	day    uint16   // expiry day
	commit [16]byte // deletion commitment
}

// forbids names the blobs that a tombstone deletes.
type forbids struct {
	commit [16]byte
	day    uint16
}

// plan is what one commit will do to one log. Until it is published nobody sees it.
type plan struct {
	log      *log
	finished uint16
	room     *int64 // what all plans of a commit may still take of the disk; negative: no limit

	first   uint64 // cursor of the first record
	chain   Chain
	records []planned
	blobs   map[wire.BlobID]uint64
	commits map[forbids][]int // the planned blobs that are committed so, as places in records
	tombs   map[forbids]uint64
	spent   map[Token]bool
	broken  []place

	payments map[uint16][][]byte // bodies of the frames of spent tokens, by day
}

// place is where a blob stands in the index.
type place struct {
	segment  *segment
	position int
}

func newPlan(l *log, finished uint16, room *int64) *plan {
	return &plan{
		log: l, finished: finished, room: room, first: l.nextUp, chain: l.head.Chain,
		blobs: map[wire.BlobID]uint64{}, commits: map[forbids][]int{}, tombs: map[forbids]uint64{}, spent: map[Token]bool{},
	}
}

func (p *plan) deposit(d *prepared) Result {
	switch {
	case d.err != nil:
		return Result{Err: d.err}
	case d.header.ExpiryDay <= p.finished:
		return Result{Err: ErrDay}
	}
	if cursor, found := p.blobs[d.id]; found {
		return Result{Cursor: cursor}
	}
	under := forbids{d.header.DelCommit, d.header.ExpiryDay}
	if s := p.log.segments[under.day]; s != nil {
		position, broken, held := s.holds(d.id)
		if broken >= 0 {
			p.broken = append(p.broken, place{s, broken})
		}
		if held {
			return Result{Cursor: s.cursor(position)}
		}
		if _, found := s.forbidden[under.commit]; found {
			return Result{Err: ErrDeleted}
		}
	}
	if _, found := p.tombs[under]; found {
		return Result{Err: ErrDeleted}
	}
	if d.HeldOnly {
		return Result{Err: ErrUnpaid}
	}
	if err := p.pay(d.Paid, int64(frameHeader+len(d.Blob)+sideEntry), under.day); err != nil {
		return Result{Err: err}
	}
	p.commits[under] = append(p.commits[under], len(p.records))
	r := p.add(planned{frame: frame{kind: kindBlob, id: d.id}, body: d.Blob, day: under.day, commit: under.commit})
	p.blobs[d.id] = r.frame.cursor
	p.chain = r.frame.after()
	return Result{Cursor: r.frame.cursor, New: true}
}

// add gives a record its cursor.
func (p *plan) add(r planned) planned {
	r.frame.cursor = p.first + uint64(len(p.records))
	r.frame.size = len(r.body)
	r.frame.before = p.chain
	p.records = append(p.records, r)
	return r
}

// pay spends tokens for something that takes so many bytes in the file of a day, or leaves all as it is.
func (p *plan) pay(paid []Token, size int64, day uint16) error {
	for i, t := range paid {
		switch {
		case t.Day <= p.finished:
			return ErrDay
		case p.spent[t], p.log.isSpent(t), slices.Contains(paid[:i], t):
			return ErrSpent
		}
	}
	size += int64(len(paid)) * (tokenSize + frameHeader)
	if *p.room >= 0 && *p.room < size || p.log.sizeOf(day)+commitBytes+size > segmentMax {
		return ErrFull
	}
	if *p.room >= 0 {
		*p.room -= size
	}
	for _, t := range paid {
		p.spent[t] = true
	}
	return nil
}

// remove takes the tombstones of one request.
func (p *plan) remove(removals []Removal) []Result {
	found := p.held(removals)
	results := make([]Result, len(removals))
	for i, r := range removals {
		results[i] = p.removeOne(r, found[forbids{wire.CommitTo(r.D), r.Day}])
	}
	return results
}

// held finds the blobs on the disk that tombstones would delete, with one walk over each segment.
func (p *plan) held(removals []Removal) map[forbids][]Absence {
	marks := map[uint16]map[uint32]forbids{}
	for _, r := range removals {
		if marks[r.Day] == nil {
			marks[r.Day] = map[uint32]forbids{}
		}
		under := forbids{wire.CommitTo(r.D), r.Day}
		marks[r.Day][markOf(under.commit)] = under
	}
	found := map[forbids][]Absence{}
	for day, wanted := range marks {
		s := p.log.segments[day]
		if s == nil {
			continue
		}
		s.marked(wanted, func(position int, under forbids) {
			f, body, err := s.frame(position)
			if err != nil { // nobody can tell any more what it is committed to: a mark is enough
				p.broken = append(p.broken, place{s, position})
				found[under] = append(found[under], Absence{s.cursor(position), s.idOf(position)})
				return
			}
			if h, err := wire.ParseHeader(body); err == nil {
				under := forbids{h.DelCommit, day}
				found[under] = append(found[under], Absence{s.cursor(position), f.id})
			}
		})
	}
	return found
}

func (p *plan) removeOne(r Removal, held []Absence) Result {
	if r.Day <= p.finished {
		return Result{Err: ErrDay}
	}
	under := forbids{wire.CommitTo(r.D), r.Day}
	if cursor, found := p.tombs[under]; found {
		return Result{Cursor: cursor}
	}
	if s := p.log.segments[r.Day]; s != nil {
		if cursor, found := s.forbidden[under.commit]; found {
			return Result{Cursor: cursor}
		}
	}
	for _, i := range p.commits[under] {
		held = append(held, Absence{p.records[i].frame.cursor, p.records[i].frame.id})
	}
	paid := r.Paid
	switch {
	case len(held) > 0:
		paid = nil
	case r.HeldOnly:
		return Result{Err: ErrUnpaid}
	default:
		held = []Absence{{}} // one record, for what may come
	}
	if err := p.pay(paid, int64(len(held))*(frameHeader+tombstoneBody+sideEntry), r.Day); err != nil {
		return Result{Err: err}
	}
	for _, blob := range held {
		body := appendTombstone(nil, r.Tombstone, blob.Cursor)
		made := p.add(planned{frame: frame{kind: kindTombstone, id: blob.ID}, body: body, day: r.Day, commit: under.commit})
		if _, found := p.tombs[under]; !found {
			p.tombs[under] = made.frame.cursor
		}
	}
	return Result{Cursor: p.tombs[under], New: true}
}

// packSpent makes the bodies of the frames of the tokens that the plan spends, by day. Their order says nothing of what they
// paid for.
func (p *plan) packSpent() map[uint16][][]byte {
	byDay := map[uint16][][]byte{}
	all := make([]Token, 0, len(p.spent))
	for t := range p.spent {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b Token) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	for _, t := range all {
		bodies := byDay[t.Day]
		if n := len(bodies); n == 0 || len(bodies[n-1])+tokenSize > bodyMax {
			bodies = append(bodies, nil)
		}
		bodies[len(bodies)-1] = append(bodies[len(bodies)-1], t.ID[:]...)
		byDay[t.Day] = bodies
	}
	return byDay
}

// isSpent tells whether a token was spent in an earlier commit.
func (l *log) isSpent(t Token) bool {
	s := l.spent[t.Day]
	return s != nil && s.set.has(t.ID)
}

func (l *log) sizeOf(day uint16) int64 {
	if s := l.segments[day]; s != nil {
		return s.size
	}
	return 0
}
