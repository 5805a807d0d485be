package conversation

import (
	"fmt"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// savedLog is the form in which a log is kept: map {1: id, 2: lamport, 3: frontier,
// 4: authors, ? 5: forgotten}.
type savedLog struct {
	ID       ID            `cbor:"1,keyasint"`
	Lamport  uint64        `cbor:"2,keyasint"`
	Frontier []OpID        `cbor:"3,keyasint"`
	Authors  []savedAuthor `cbor:"4,keyasint"`
	Forgot   uint64        `cbor:"5,keyasint,omitempty"`
}

type savedAuthor struct {
	_       struct{} `cbor:",toarray"`
	ID      peer.ID
	Seq     uint64
	Last    OpID
	Lamport uint64
	Missing []savedGap
}

type savedGap struct {
	_           struct{} `cbor:",toarray"`
	First, Last uint64
	Before      OpID
	After       OpID
}

// Save returns the log as bytes, canonical CBOR of at most 1 MiB; two devices make
// it about 300 bytes.
func (l *Log) Save() []byte {
	s := savedLog{ID: l.id, Lamport: l.lamport, Frontier: l.frontier, Forgot: l.forgot}
	for _, a := range l.authors {
		sa := savedAuthor{ID: a.id, Seq: a.seq, Last: a.last, Lamport: a.lamport}
		for _, g := range a.missing {
			sa.Missing = append(sa.Missing, savedGap{First: g.first, Last: g.last, Before: g.before, After: g.after})
		}
		s.Authors = append(s.Authors, sa)
	}
	b, err := wire.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("conversation: saving a log: %v", err))
	}
	return b
}

// LoadLog reads what Save wrote, and refuses what it could not have written.
func LoadLog(b []byte) (*Log, error) {
	if len(b) > savedMax {
		return nil, fmt.Errorf("%w: saved log of %d bytes", wire.ErrMalformed, len(b))
	}
	var s savedLog
	if err := wire.Unmarshal(b, &s); err != nil {
		return nil, err
	}
	l := &Log{id: s.ID, lamport: s.Lamport, frontier: s.Frontier, forgot: s.Forgot}
	for _, sa := range s.Authors {
		a := author{id: sa.ID, seq: sa.Seq, last: sa.Last, lamport: sa.Lamport}
		for _, g := range sa.Missing {
			a.missing = append(a.missing, gap{first: g.First, last: g.Last, before: g.Before, after: g.After})
		}
		l.authors = append(l.authors, a)
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("%w: saved log: %v", wire.ErrMalformed, err)
	}
	return l, nil
}

// check holds what was loaded against what Admit keeps true.
func (l *Log) check() error {
	if l.lamport > LamportMax || l.forgot > l.lamport || len(l.frontier) > FrontierMax || len(l.authors) > authorsMax {
		return fmt.Errorf("lamport %d, %d frontier ops, %d authors", l.lamport, len(l.frontier), len(l.authors))
	}
	for i := range l.authors {
		a := &l.authors[i]
		if i > 0 && l.authors[i-1].id.Compare(a.id) >= 0 {
			return fmt.Errorf("author %d is out of order", i)
		}
		if a.seq < 1 || a.seq > SeqMax || a.lamport > l.lamport || len(a.missing) > rangesMax {
			return fmt.Errorf("author %d: seq %d, lamport %d, %d gaps", i, a.seq, a.lamport, len(a.missing))
		}
		next := uint64(1)
		for _, g := range a.missing {
			if g.first < next || g.last < g.first || g.last >= a.seq {
				return fmt.Errorf("author %d: gap from %d to %d", i, g.first, g.last)
			}
			next = g.last + 2
		}
	}
	return nil
}
