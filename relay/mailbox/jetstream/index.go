package jetstream

import (
	"cmp"
	"errors"
	"hash/maphash"
	"maps"
	"slices"
	"sort"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// index is what a process knows of one log: everything but the blobs. It is changed by whole commits only, in the order of the
// stream, so that all processes know the same.
type index struct {
	seq     uint64   // of the last message of the log
	nonce   [16]byte // of that
	head    mailbox.Head
	nextUp  uint64 // the next cursor to give
	closed  mailbox.DayClose
	records []entry // by cursor

	byID      map[wire.ShortID]int // place in records of the last that begins so, from 1 on
	forbidden map[forbids]uint64   // deletion commitments shown, with the cursor of the tombstone
	spent     map[uint16]map[uint64]struct{}
	days      map[uint16]*mailbox.Day
	commits   []span
	lost      int
	withdrawn uint64 // rises with each deletion, and when days are forgotten
	bytes     int64
}

// span is how long a message of the log is needed: until the last day that it tells of is over.
type span struct {
	seq  uint64
	last uint16
}

// entry is a record and where its blob lies.
type entry struct {
	record
	message uint64 // sequence of the message of blobs
	earlier int    // place of the one before it whose id begins so, from 1 on; 0: none
	gone    bool   // it was deleted
	lost    bool   // the servers do not have it
}

// isHeld reports whether the entry is a blob that can be had.
func (e *entry) isHeld() bool { return e.kind == kindBlob && !e.gone && !e.lost }

// isShown reports whether pages and listings bring the blob.
func (e *entry) isShown() bool { return e.isHeld() && e.class != wire.Class3 }

func newIndex() *index {
	return &index{
		nextUp: 1, byID: map[wire.ShortID]int{}, forbidden: map[forbids]uint64{},
		spent: map[uint16]map[uint64]struct{}{}, days: map[uint16]*mailbox.Day{},
	}
}

// tokenSeed keys the hashes of tokens in this process: nobody can choose two that are the same.
var tokenSeed = maphash.MakeSeed()

func hashOf(t mailbox.Token) uint64 { return maphash.Bytes(tokenSeed, t.ID[:]) }

func (x *index) isSpent(t mailbox.Token) bool {
	_, found := x.spent[t.Day][hashOf(t)]
	return found
}

// errBranch says that a commit does not follow from what stands before it.
var errBranch = errors.New("a message of the log does not follow the one before it")

// apply takes the commit that stands at a sequence of the stream; finished are the days that nothing is known of any more.
func (x *index) apply(c *commit, seq uint64, finished uint16) error {
	if seq <= x.seq || uint64(c.bodies) >= seq || x.seq != 0 && (c.before.Chain != x.head.Chain || c.before.Cursor < x.head.Cursor) {
		return errBranch
	}
	until := span{seq: seq}
	for i := range c.records {
		r := &c.records[i]
		if until.last = max(until.last, r.day); r.day > finished {
			x.add(entry{record: *r, message: seq - uint64(c.bodies) + uint64(r.body)})
		}
	}
	for _, t := range c.spent {
		if until.last = max(until.last, t.Day); t.Day <= finished {
			continue
		}
		if x.spent[t.Day] == nil {
			x.spent[t.Day] = map[uint64]struct{}{}
		}
		x.spent[t.Day][hashOf(t)] = struct{}{}
		x.bytes += tokenRecord
	}
	x.commits = append(x.commits, until)
	x.seq, x.nonce, x.head, x.closed = seq, c.nonce, c.head(), c.closed
	x.nextUp = max(x.nextUp, x.head.Cursor+1)
	return nil
}

// day counts what is kept of a day.
func (x *index) day(of uint16) *mailbox.Day {
	if x.days[of] == nil {
		x.days[of] = &mailbox.Day{Day: of}
	}
	return x.days[of]
}

func (x *index) add(e entry) {
	day := x.day(e.day)
	size := int64(tombRecord)
	if e.kind == kindTombstone {
		x.withdrawn++
		under := forbids{e.under, e.day}
		if x.forbidden[under] == 0 {
			x.forbidden[under] = e.cursor
			day.Tombstones++
		}
		if deleted := x.at(e.of); deleted != nil && deleted.id == e.id {
			if deleted.isHeld() {
				day.Blobs--
			}
			deleted.gone = true
		}
	} else {
		size = int64(e.size) + blobRecord
		day.Blobs++
		short := wire.ShortID(e.id[:8])
		e.earlier = x.byID[short]
		x.byID[short] = len(x.records) + 1
	}
	day.Bytes += size
	x.bytes += size
	x.records = append(x.records, e)
}

// at is the record with a cursor; nil if there is none.
func (x *index) at(cursor uint64) *entry {
	if i := x.behind(cursor); i > 0 && x.records[i-1].cursor == cursor {
		return &x.records[i-1]
	}
	return nil
}

// behind is the place of the first record behind a cursor.
func (x *index) behind(cursor uint64) int {
	return sort.Search(len(x.records), func(i int) bool { return x.records[i].cursor > cursor })
}

// find calls found with the blobs whose ids begin so, gone and lost ones too, the latest first.
func (x *index) find(id wire.ShortID, found func(e *entry)) {
	for at := x.byID[id]; at > 0; at = x.records[at-1].earlier {
		found(&x.records[at-1])
	}
}

func (x *index) holds(id wire.BlobID) (cursor uint64, held bool) {
	x.find(wire.ShortID(id[:8]), func(e *entry) {
		if e.isHeld() && e.id == id {
			cursor, held = e.cursor, true
		}
	})
	return cursor, held
}

// held finds the blobs that tombstones would delete, with one walk over all.
func (x *index) held(removals []mailbox.Removal) map[forbids][]mailbox.Absence {
	if len(removals) == 0 {
		return nil
	}
	wanted := map[forbids]bool{}
	for _, r := range removals {
		wanted[forbids{wire.CommitTo(r.D), r.Day}] = true
	}
	found := map[forbids][]mailbox.Absence{}
	for i := range x.records {
		e := &x.records[i]
		if under := (forbids{e.under, e.day}); e.kind == kindBlob && !e.gone && wanted[under] {
			found[under] = append(found[under], mailbox.Absence{Cursor: e.cursor, ID: e.id})
		}
	}
	return found
}

// lose marks a blob that the servers do not have, so that nobody is told that it is held and it can be brought again.
//
// spec: 13-mailbox#what-the-disk-loses
func (x *index) lose(cursor uint64) {
	if e := x.at(cursor); e != nil && e.isHeld() {
		e.lost = true
		x.day(e.day).Blobs--
		x.lost++
	}
}

// forget takes the days up to one out of the index.
func (x *index) forget(finished uint16) {
	over := 0
	for over < len(x.commits)-1 && x.commits[over].last <= finished {
		over++
	}
	x.commits = slices.Delete(x.commits, 0, over)
	if !x.knows(finished) {
		return
	}
	x.records = slices.DeleteFunc(x.records, func(e entry) bool { return e.day <= finished })
	clear(x.byID)
	x.withdrawn++
	x.lost = 0
	for i := range x.records {
		if e := &x.records[i]; e.kind == kindBlob {
			short := wire.ShortID(e.id[:8])
			e.earlier = x.byID[short]
			x.byID[short] = i + 1
			if e.lost {
				x.lost++
			}
		}
	}
	maps.DeleteFunc(x.forbidden, func(of forbids, _ uint64) bool { return of.day <= finished })
	for day, set := range x.spent {
		if day <= finished {
			x.bytes -= int64(len(set)) * tokenRecord
			delete(x.spent, day)
		}
	}
	for day, d := range x.days {
		if day <= finished {
			x.bytes -= d.Bytes
			delete(x.days, day)
		}
	}
}

// needed is the first message of the log that tells of a day which is not forgotten, or the last of all, which says where the log stands; 0: there is none.
func (x *index) needed() uint64 {
	if len(x.commits) == 0 {
		return 0
	}
	return x.commits[0].seq
}

// knows reports whether anything is known of a day or one before it.
func (x *index) knows(finished uint16) bool {
	for day := range x.days {
		if day <= finished {
			return true
		}
	}
	for day := range x.spent {
		if day <= finished {
			return true
		}
	}
	return false
}

// chainAt is the chain at a cursor; false where what lies there is not known any more.
func (x *index) chainAt(cursor uint64) (mailbox.Chain, bool) {
	if cursor >= x.head.Cursor {
		return x.head.Chain, cursor == x.head.Cursor
	}
	next := x.behind(cursor)
	chain, known := mailbox.Chain{}, cursor == 0
	if next > 0 {
		chain, known = x.records[next-1].after(), true
	}
	following := x.head.Chain
	if next < len(x.records) {
		following = x.records[next].before
	}
	return chain, known && chain == following
}

// close is where the log stands for the end of a day: the last multiple of closeStep of a day that brought as much.
//
// spec: 13-mailbox#close-of-the-day
func (x *index) close(day uint16) mailbox.DayClose {
	at := x.head
	if x.closed.Day != 0 && at.Cursor >= x.closed.Cursor+closeStep { // a close that is not known may have been signed beyond
		step := at.Cursor - at.Cursor%closeStep
		if chain, known := x.chainAt(step); known {
			at = mailbox.Head{Cursor: step, Chain: chain}
		}
	}
	return mailbox.DayClose{Day: day, Head: at}
}

// stats are the days of which there is something, ascending.
func (x *index) stats() (all []mailbox.Day, blobs int) {
	for _, d := range x.days {
		all = append(all, *d)
		blobs += d.Blobs
	}
	slices.SortFunc(all, func(a, b mailbox.Day) int { return cmp.Compare(a.Day, b.Day) })
	return all, blobs
}
