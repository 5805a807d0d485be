package reconcile

import (
	"errors"
	"fmt"
)

// ErrRounds says that the far end wanted more messages than a session has.
var ErrRounds = fmt.Errorf("reconciliation took more than %d messages", RoundsMax)

// Found is what one message showed. The far end is taken at its word: whether it has what it says is seen when it is asked for.
// Where differences are many and messages full, a session may show an id more than once.
type Found struct {
	TheyLack []ID // ids of ours that the far end does not have
	WeLack   []ID // ids that the far end says that it has, and we do not
}

// Session is one end of the reconciliation of two sets. Both ends know the same salt, which nobody knew when the ids were
// made. It keeps no more than the sums of its own set: what is unsettled is always on its way.
type Session struct {
	set    Set
	prints prints
	limit  int // of a message, in bytes
	rounds int
	done   bool
}

// New begins a session over set, which costs a hash for each id. Messages have at most limit bytes, between 4 KiB and
// MessageMax; both ends use the same limit.
func New(set Set, salt [32]byte, limit int) *Session {
	return &Session{set: set, prints: newPrints(set, salt), limit: min(max(limit, messageMin), MessageMax)}
}

// Done tells whether nothing is left to say.
func (s *Session) Done() bool { return s.done }

// Begin returns the first message, for the end that begins.
func (s *Session) Begin() []byte {
	w := writer{limit: s.limit}
	s.describe(&w, 0, s.set.Len(), bound{})
	return w.out
}

// Step takes a message of the far end, and returns what it showed and the message to send back. An empty message ends the
// session: who gets one sends nothing back. An error means that the far end does not follow the protocol, or has had its
// rounds; then the session is over.
//
// spec: 12-replication#reconciliation
func (s *Session) Step(message []byte) (reply []byte, found Found, err error) {
	defer func() { s.done = s.done || err != nil || len(reply) == 0 }()
	if s.done {
		return nil, Found{}, errors.New("the session is over")
	}
	if s.rounds++; s.rounds > RoundsMax {
		return nil, Found{}, ErrRounds
	}
	spans, err := parse(message, s.limit)
	if err != nil {
		return nil, Found{}, err
	}
	left := 0 // bytes that repeating what is still to come would take
	for i := range spans {
		left += spans[i].size + PrintSize
	}
	w := writer{limit: s.limit}
	low := 0
	for i := range spans {
		p := &spans[i]
		left -= p.size + PrintSize
		w.reserve = min(left, s.limit/2)
		high := search(s.set, low, p.end)
		goesOn, err := s.react(&w, &found, p, low, high)
		if err != nil {
			return nil, Found{}, err
		}
		if !goesOn {
			break
		}
		low = high
	}
	return w.out, found, nil
}

// react says something of the range of p, in which our ids from low to before high lie. goesOn is false when the message is
// full and the rest of all ids was described as a whole.
func (s *Session) react(w *writer, found *Found, p *span, low, high int) (goesOn bool, err error) {
	switch p.mode {
	case modeSkip:
		w.skip(p.end)
		return true, nil
	case modePrint:
		if s.prints.of(low, high) == p.print {
			w.skip(p.end)
			return true, nil
		}
		if w.room() >= describeMax {
			s.describe(w, low, high, p.end)
			return true, nil
		}
		return s.repeat(w, low, high, p.end), nil
	case modeList:
		return s.answer(w, found, p, low, high), nil
	}
	if p.of != high-low {
		return false, malformed("an answer to a list of %d ids, which had %d", p.of, high-low)
	}
	for i := range p.of {
		if p.lacks(i) {
			found.TheyLack = append(found.TheyLack, s.set.At(low+i))
		}
	}
	ours := low
	for _, id := range p.ids {
		for ours < high && compare(s.set.At(ours), id) < 0 {
			ours++
		}
		if ours < high && s.set.At(ours) == id {
			return false, malformed("an answer that names what was listed")
		}
		found.WeLack = append(found.WeLack, id)
	}
	w.skip(p.end)
	return true, nil
}

// describeMax is the most that describe appends in bytes: a list, or a split.
const describeMax = max(spanHeadMax+1+listMax*len(ID{}), fanOut*printSpanMax)

// describe lists our ids in a range, or splits them into parts of equal number.
func (s *Session) describe(w *writer, low, high int, end bound) {
	n := high - low
	if n <= listMax {
		w.add(span{end: end, mode: modeList, ids: s.take(low, high)})
		return
	}
	for part := range fanOut {
		i, j := low+part*n/fanOut, low+(part+1)*n/fanOut
		to := end
		if part < fanOut-1 {
			to = between(s.set.At(j-1), s.set.At(j))
		}
		w.add(span{end: to, mode: modePrint, print: s.prints.of(i, j)})
	}
}

// repeat says again what we have in a range that there is no room to split: by itself, or where there is no room for that,
// together with all that follows.
func (s *Session) repeat(w *writer, low, high int, end bound) (goesOn bool) {
	if w.free() < 2*printSpanMax {
		w.add(span{mode: modePrint, print: s.prints.of(low, s.set.Len())})
		return false
	}
	w.add(span{end: end, mode: modePrint, print: s.prints.of(low, high)})
	return true
}

// answer compares a list with our ids in its range, and says what either lacks. What does not fit is left to another list.
func (s *Session) answer(w *writer, found *Found, p *span, low, high int) (goesOn bool) {
	head := spanHeadMax + 4 + (len(p.ids)+7)/8 + 4
	room := w.room() - head - printSpanMax
	fits := room / len(ID{})
	if room < 0 || fits == 0 && low < high { // not even one, and there may be one
		return s.repeat(w, low, high, p.end)
	}
	out := span{end: p.end, mode: modeAnswer, lack: make([]byte, (len(p.ids)+7)/8)}
	ours, lacking := low, false
	for ours < high || out.of < len(p.ids) {
		order := -1 // of our next id against the next of the list
		switch {
		case ours == high:
			order = 1
		case out.of < len(p.ids):
			order = compare(s.set.At(ours), p.ids[out.of])
		}
		switch {
		case order < 0 && len(out.ids) == fits:
			out.end = bound(s.set.At(ours))
			s.finish(w, found, p, &out)
			return s.repeat(w, ours, high, p.end)
		case order < 0:
			out.ids = append(out.ids, s.set.At(ours))
			ours++
		case order > 0:
			out.lack[out.of/8] |= 1 << (out.of % 8)
			out.of++
			lacking = true
		default:
			ours++
			out.of++
		}
	}
	if lacking || len(out.ids) > 0 {
		s.finish(w, found, p, &out)
	} else {
		w.skip(p.end)
	}
	return true
}

// finish writes the answer to the first out.of ids of the list p.
func (s *Session) finish(w *writer, found *Found, p, out *span) {
	out.lack = out.lack[:(out.of+7)/8]
	for i := range out.of {
		if out.lacks(i) {
			found.WeLack = append(found.WeLack, p.ids[i])
		}
	}
	found.TheyLack = append(found.TheyLack, out.ids...)
	w.add(*out)
}

func (s *Session) take(low, high int) []ID {
	ids := make([]ID, 0, high-low)
	for i := low; i < high; i++ {
		ids = append(ids, s.set.At(i))
	}
	return ids
}

// writer writes a message.
type writer struct {
	out     []byte
	limit   int
	reserve int   // bytes to leave for what follows
	skipped bound // where a range ends that there is nothing to say of
	skips   bool  // there is such a range
}

// free is the room in the whole message, in bytes.
func (w *writer) free() int { return w.limit - len(w.out) - spanHeadMax }

// room is what of it may be spent now.
func (w *writer) room() int { return w.free() - w.reserve }

func (w *writer) skip(end bound) { w.skipped, w.skips = end, true }

func (w *writer) add(s span) {
	if w.skips {
		w.out = (&span{end: w.skipped, mode: modeSkip}).append(w.out)
		w.skips = false
	}
	w.out = s.append(w.out)
}
