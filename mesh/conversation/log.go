package conversation

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sottovoce/mesh/peer"
)

// Errors of Admit: the op is refused and the log unchanged.
var (
	// ErrFork says that the author wrote two different ops at one place: its device
	// was cloned or its disk rolled back.
	ErrFork = errors.New("their device wrote two different messages at one place")
	// ErrForeign says that the op is not of the device that brought it, or of
	// another conversation.
	ErrForeign = errors.New("op does not belong to the device or conversation it came by")
	// ErrAuthors says that too many devices have written to the log.
	ErrAuthors = errors.New("too many devices in one conversation")
)

// Log is the head of one conversation: as much of it as is needed to write the next
// op and to judge an arriving one. It does not hold the ops.
//
// spec: 06-conversations#log
type Log struct {
	id       ID
	lamport  uint64 // the highest that counts
	forgot   uint64 // ops up to this lamport may have been here and deleted
	frontier []OpID // ops that no other op names, oldest arrival first, at most FrontierMax
	authors  []author
}

// author is the head of one device's ops, ordered by id in the log.
type author struct {
	id      peer.ID
	seq     uint64 // highest
	last    OpID   // at seq
	lamport uint64 // at seq, as it counts
	missing []gap  // ascending
}

// gap is a run of ops that are missing between two that are here.
type gap struct {
	first, last uint64
	before      OpID // the op at first-1; zero at the beginning
	after       OpID // what the op at last+1 names as the one before it
}

// NewLog returns the empty log of a conversation.
func NewLog(id ID) *Log { return &Log{id: id} }

// ID returns the conversation's id.
func (l *Log) ID() ID { return l.id }

// Next makes the next op of the device author. The log does not change: the op
// takes its place when it is admitted. It fails with ErrTooLong or ErrText.
//
// spec: 06-conversations#log
func (l *Log) Next(by peer.ID, now time.Time, body Body) (*Op, error) {
	op := Op{Conversation: l.id, Author: by, Seq: 1, Lamport: min(l.lamport+1, LamportMax)}
	if i, known := l.find(by); known {
		op.Seq, op.Prev = l.authors[i].seq+1, l.authors[i].last
	}
	for _, id := range l.frontier {
		if id != op.Prev {
			op.Frontier = append(op.Frontier, id)
		}
	}
	slices.SortFunc(op.Frontier, OpID.Compare)
	return newOp(op, now, body)
}

// Leap makes room for ops of the device author that the log has lost: its next one leaves
// out a random number of places. It draws 4 bytes from rand, and 32 for the name of an op
// before if none is known.
//
// spec: 06-conversations#log
func (l *Log) Leap(by peer.ID, rand io.Reader) error {
	var draw [4 + len(OpID{})]byte
	i, known := l.find(by)
	size := 4
	if !known {
		size = len(draw)
	}
	if _, err := io.ReadFull(rand, draw[:size]); err != nil {
		return fmt.Errorf("draw a place in the log: %w", err)
	}
	if !known {
		l.authors = slices.Insert(l.authors, i, author{id: by, last: OpID(draw[4:])})
	}
	a := &l.authors[i]
	a.seq = min(a.seq+leapMin+uint64(binary.BigEndian.Uint32(draw[:4])), SeqMax-leapMin)
	return nil
}

// Verdict says what an op is to the log.
type Verdict uint8

// The verdicts. Whatever it is, the op goes to the store, which knows every op: of
// Unsure ops it finds whether they are there already, and forks among them.
const (
	New       Verdict = 1 // it was not here
	Duplicate Verdict = 2 // it is here: the last of its author; or it was, and was forgotten
	Unsure    Verdict = 3 // something was here before at its place, or its gap was given up
)

// Admission is what Admit found out.
type Admission struct {
	Verdict Verdict
	Lamport uint64 // what counts for its place in the order; to be stored with it
	Late    bool   // it fills a gap, or may: later ops of its author are here already
	Missing uint64 // ops of the author that are missing now
}

// Admit takes an op that came from the session of the device from, or our own. The
// log advances unless the verdict is Duplicate or Unsure. Missing parents never
// hold an op back. It fails with ErrForeign, ErrFork or ErrAuthors.
//
// spec: 06-conversations#admission
func (l *Log) Admit(op *Op, from peer.ID) (Admission, error) {
	if op.Author != from || op.Conversation != l.id {
		return Admission{}, ErrForeign
	}
	i, known := l.find(op.Author)
	if !known {
		if len(l.authors) == authorsMax {
			return Admission{}, ErrAuthors
		}
		l.authors = slices.Insert(l.authors, i, author{id: op.Author})
	}
	a := &l.authors[i]
	adm := Admission{Lamport: min(op.Lamport, clampUp(l.lamport)), Late: op.Seq < a.seq}
	switch {
	case op.Seq > a.seq:
		if err := a.extend(op); err != nil {
			return Admission{}, err
		}
		adm.Lamport = max(adm.Lamport, min(a.lamport+1, LamportMax))
		l.dropFrontier(op, a.last)
		l.frontier = append(l.frontier, op.id)
		l.frontier = slices.Delete(l.frontier, 0, max(0, len(l.frontier)-FrontierMax))
		a.seq, a.last, a.lamport = op.Seq, op.id, adm.Lamport
		adm.Verdict = New
	case op.Seq == a.seq && op.id != a.last:
		return Admission{}, ErrFork
	case op.Seq == a.seq:
		adm.Verdict = Duplicate
	default:
		filled, err := a.fill(op)
		if err != nil {
			return Admission{}, err
		}
		switch {
		case filled:
			l.dropFrontier(op, op.Prev)
			adm.Verdict = New
		case adm.Lamport <= l.forgot:
			adm.Verdict = Duplicate
		default:
			adm.Verdict = Unsure
		}
	}
	if adm.Verdict == New {
		l.lamport = max(l.lamport, adm.Lamport)
	}
	adm.Missing = a.count()
	return adm, nil
}

// Forget says that ops up to a lamport were deleted here: they are not taken in again.
//
// spec: 06-conversations#admission
func (l *Log) Forget(lamport uint64) { l.forgot = max(l.forgot, min(lamport, l.lamport)) }

// clampUp is the highest lamport that an op may bring to a log that stands at now.
//
// spec: 06-conversations#lamport
func clampUp(now uint64) uint64 { return min(now+LamportJump, LamportMax) }

// extend notes the gap that op leaves after the last op, or checks that it follows.
func (a *author) extend(op *Op) error {
	if op.Seq == a.seq+1 {
		if op.Prev != a.last {
			return ErrFork
		}
		return nil
	}
	a.missing = append(a.missing, gap{first: a.seq + 1, last: op.Seq - 1, before: a.last, after: op.Prev})
	a.bound()
	return nil
}

// fill puts op into the gap that it belongs to; filled is false when there is none.
func (a *author) fill(op *Op) (filled bool, err error) {
	i := slices.IndexFunc(a.missing, func(g gap) bool { return g.first <= op.Seq && op.Seq <= g.last })
	if i < 0 {
		return false, nil
	}
	g := a.missing[i]
	if op.Seq == g.first && op.Prev != g.before || op.Seq == g.last && op.id != g.after {
		return false, ErrFork
	}
	var rest []gap
	if op.Seq > g.first {
		rest = append(rest, gap{first: g.first, last: op.Seq - 1, before: g.before, after: op.Prev})
	}
	if op.Seq < g.last {
		rest = append(rest, gap{first: op.Seq + 1, last: g.last, before: op.id, after: g.after})
	}
	a.missing = slices.Replace(a.missing, i, i+1, rest...)
	a.bound()
	return true, nil
}

// bound gives up the oldest gap when there are too many: what fills it later is
// still taken, the store being the judge.
func (a *author) bound() {
	a.missing = slices.Delete(a.missing, 0, max(0, len(a.missing)-rangesMax))
}

func (a *author) count() (n uint64) {
	for _, g := range a.missing {
		n += g.last - g.first + 1
	}
	return n
}

// dropFrontier takes out of the frontier what op names and what its author wrote
// before.
func (l *Log) dropFrontier(op *Op, before OpID) {
	l.frontier = slices.DeleteFunc(l.frontier, func(id OpID) bool {
		return id == op.Prev || id == before || slices.Contains(op.Frontier, id)
	})
}

// find returns where the author is, or would be.
func (l *Log) find(id peer.ID) (int, bool) {
	return slices.BinarySearchFunc(l.authors, id, func(a author, id peer.ID) int { return bytes.Compare(a.id[:], id[:]) })
}

// Missing returns how many ops are known to be missing in the conversation.
func (l *Log) Missing() (n uint64) {
	for i := range l.authors {
		n += l.authors[i].count()
	}
	return n
}

// Place is where an op stands in the order of display.
type Place struct {
	Lamport uint64 // of its Admission
	Author  peer.ID
	ID      OpID
}

// Less orders by lamport, then author, then id. An op is after everything that its
// author had seen.
//
// spec: 06-conversations#order
func (p Place) Less(q Place) bool {
	switch {
	case p.Lamport != q.Lamport:
		return p.Lamport < q.Lamport
	case p.Author != q.Author:
		return p.Author.Compare(q.Author) < 0
	}
	return p.ID.Compare(q.ID) < 0
}

// String says where the log stands, for logs and tests.
func (l *Log) String() string {
	return fmt.Sprintf("%d authors, lamport %d, %d missing", len(l.authors), l.lamport, l.Missing())
}
