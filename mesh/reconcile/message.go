package reconcile

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"sottovoce/mesh/wire"
)

// mode is what a message says of a range.
type mode uint8

const (
	modeSkip   mode = 0 // nothing more
	modePrint  mode = 1 // the fingerprint of what the sender has there
	modeList   mode = 2 // all ids that the sender has there
	modeAnswer mode = 3 // to a list: which of its ids the sender lacks, and the ids that the list lacks
)

// span is what a message says of one range, which begins where the one before ended.
type span struct {
	end   bound
	mode  mode
	print print // modePrint
	ids   []ID  // modeList, modeAnswer: ascending, inside the range
	of    int   // modeAnswer: how many ids the list had
	lack  []byte
	size  int // in bytes, as it was received
}

// lacks tells whether the sender of the answer lacks the i-th id of the list.
func (s *span) lacks(i int) bool { return s.lack[i/8]&(1<<(i%8)) != 0 }

// append appends s to b:
//
//	length of the bound's prefix(1) ‖ prefix ‖ mode(1) ‖ what the mode brings
//
// spec: 12-replication#messages
func (s *span) append(b []byte) []byte {
	prefix := s.end.prefix()
	b = append(b, byte(len(prefix)))
	b = append(b, prefix...)
	b = append(b, byte(s.mode))
	switch s.mode {
	case modePrint:
		return append(b, s.print[:]...)
	case modeAnswer:
		b = binary.AppendUvarint(b, uint64(s.of))
		b = append(b, s.lack...)
	}
	if s.mode == modeList || s.mode == modeAnswer {
		b = binary.AppendUvarint(b, uint64(len(s.ids)))
		for i := range s.ids {
			b = append(b, s.ids[i][:]...)
		}
	}
	return b
}

// parse reads a message. Its ranges ascend, no two that say nothing follow each other, and none stands at the end; so a set of
// facts has one message.
//
// spec: 12-replication#messages
func parse(message []byte, limit int) (spans []span, err error) {
	if len(message) > limit {
		return nil, malformed("message of %d bytes, the limit is %d", len(message), limit)
	}
	r := reader{in: message}
	var start bound // the zero bound is before every id here
	for len(r.in) > 0 {
		if len(spans) > 0 && start.last() {
			return nil, malformed("a range behind the last")
		}
		s, err := r.span(start)
		if err != nil {
			return nil, err
		}
		if s.mode == modeSkip && len(spans) > 0 && spans[len(spans)-1].mode == modeSkip {
			return nil, malformed("two ranges in a row that say nothing")
		}
		spans, start = append(spans, s), s.end
	}
	if len(spans) > 0 && spans[len(spans)-1].mode == modeSkip {
		return nil, malformed("a range at the end that says nothing")
	}
	return spans, nil
}

// reader takes a message apart.
type reader struct{ in []byte }

func (r *reader) span(start bound) (s span, err error) {
	before := len(r.in)
	if s.end, err = r.bound(start); err != nil {
		return s, err
	}
	m, err := r.bytes(1)
	if err != nil {
		return s, err
	}
	switch s.mode = mode(m[0]); s.mode {
	case modeSkip:
	case modePrint:
		p, err := r.bytes(PrintSize)
		if err != nil {
			return s, err
		}
		s.print = print(p)
	case modeList:
		if s.ids, err = r.ids(start, s.end); err != nil {
			return s, err
		}
	case modeAnswer:
		if err := r.answer(&s, start); err != nil {
			return s, err
		}
	default:
		return s, malformed("mode %d", s.mode)
	}
	s.size = before - len(r.in)
	return s, nil
}

func (r *reader) bound(start bound) (end bound, err error) {
	n, err := r.bytes(1)
	if err != nil {
		return end, err
	}
	if int(n[0]) > len(end) {
		return end, malformed("a bound of %d bytes", n[0])
	}
	prefix, err := r.bytes(int(n[0]))
	if err != nil {
		return end, err
	}
	copy(end[:], prefix)
	switch {
	case len(prefix) > 0 && prefix[len(prefix)-1] == 0:
		return end, malformed("a bound that ends in zeros")
	case len(prefix) > 0 && bytes.Compare(end[:], start[:]) <= 0:
		return end, malformed("ranges out of order")
	}
	return end, nil
}

// answer reads what an answer brings.
func (r *reader) answer(s *span, start bound) (err error) {
	if s.of, err = r.count(8 * len(r.in)); err != nil {
		return err
	}
	if s.lack, err = r.bytes((s.of + 7) / 8); err != nil {
		return err
	}
	if spare := s.of % 8; spare > 0 && s.lack[len(s.lack)-1]>>spare != 0 {
		return malformed("an answer to more than was listed")
	}
	s.ids, err = r.ids(start, s.end)
	return err
}

// ids reads a number and as many ids, which ascend and lie in the range.
func (r *reader) ids(start, end bound) ([]ID, error) {
	n, err := r.count(len(r.in) / len(ID{}))
	if err != nil {
		return nil, err
	}
	ids := make([]ID, n)
	for i := range ids {
		b, err := r.bytes(len(ids[i]))
		if err != nil {
			return nil, err
		}
		ids[i] = ID(b)
		if compare(ids[i], ID(start)) < 0 || !end.after(ids[i]) || i > 0 && compare(ids[i-1], ids[i]) >= 0 {
			return nil, malformed("ids out of order or out of their range")
		}
	}
	return ids, nil
}

// count reads a uvarint in its shortest form, of at most most.
func (r *reader) count(most int) (int, error) {
	n, size := binary.Uvarint(r.in)
	if size <= 0 || size > 1 && r.in[size-1] == 0 || n > uint64(most) {
		return 0, malformed("a number that is cut short, too long, or larger than what follows")
	}
	r.in = r.in[size:]
	return int(n), nil
}

func (r *reader) bytes(n int) ([]byte, error) {
	if len(r.in) < n {
		return nil, malformed("cut short")
	}
	b := r.in[:n]
	r.in = r.in[n:]
	return b, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: reconciliation: %s", wire.ErrMalformed, fmt.Sprintf(format, args...))
}
