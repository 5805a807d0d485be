package relay

import (
	"context"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/witness"
)

// attest has the supernode sign for where its log stood when the last day was over, once a day, and holds it against what we were shown.
//
// spec: 12-replication#checkpoints
func (s *station) attest(ctx context.Context, l *link.Link) {
	now := s.client.cfg.Now()
	if !s.owesClose(now) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	said, err := request[wire.Checkpoint](ctx, l, wire.Attest{})
	c := witness.Checkpoint{Cursor: said.Cursor, Chain: said.Chain, Day: said.Day, Signature: said.Signature}
	of := witness.Log{Supernode: s.keys, Community: s.log.Community}
	if err == nil && !of.Verify(c) {
		s.troubled(Word(wire.ReasonYouOld))
	}
	if err != nil || !of.Verify(c) {
		s.silent(now)
		return
	}
	before := s.watch.last()
	s.watch.do(func(on *witness.Watch) []witness.Breach { return on.Given(c) })
	if before != nil && c.Day <= before.Day {
		s.silent(now)
		return
	}
	s.client.changed() // our cards tell of it
	err = s.change(func(state *stationState) {
		state.Signed, state.Attested = point{c.Cursor, c.Chain}, unix(now)
		state.Silent, state.Counted = 0, 0
	})
	if err != nil {
		s.client.cfg.Log.Warn("a checkpoint is not kept", "error", err)
	}
	s.catchUp(c.Cursor)
}

func unix(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

// owesClose reports whether the close of a day is to be asked for now, and notes that it is: a day has gone by, or it has turned, since the
// last; not more than once in attestRetry.
func (s *station) owesClose(now time.Time) bool {
	last, today := s.watch.last(), s.client.today()
	s.mu.Lock()
	defer s.mu.Unlock()
	if passed := now.Sub(s.pleaded); passed >= 0 && passed < attestRetry {
		return false
	}
	at := s.state.Attested
	if last != nil && last.Day+1 >= uint32(today) && at <= unix(now) && unix(now)-at < uint64(attestPeriod/time.Second) {
		return false
	}
	s.pleaded = now
	return true
}

// silent notes that the supernode was asked for the close of a day and gave no new one: once a day, on silentDays of which that is told.
func (s *station) silent(now time.Time) {
	s.mu.Lock()
	last := max(s.state.Counted, s.state.Attested)
	again := last <= unix(now) && last != 0 && unix(now)-last < uint64(attestPeriod/time.Second)
	s.mu.Unlock()
	if again {
		return
	}
	err := s.change(func(state *stationState) {
		state.Silent, state.Counted = min(state.Silent+1, silentDays), unix(now)
	})
	if err != nil {
		s.client.cfg.Log.Warn("it is not kept that a supernode signs nothing", "error", err)
	}
	s.client.changed()
}

// idles notes whether all of the log has come, and how to end the request that waits for more: at once where more was signed for
// since it was made.
func (s *station) idles(all bool, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle = nil; !all {
		return
	}
	if s.idle = end; s.state.Head.Cursor < s.state.Signed.Cursor {
		end()
	}
}

// catchUp asks for the log anew where it was signed for beyond what came, while all was said to have come: who is shown less than others
// finds out by the answer.
func (s *station) catchUp(signed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle != nil && s.state.Head.Cursor < signed {
		s.idle()
	}
}

// doubtWord says that the supernode may not be in order, which nothing proves; "" while nothing is doubtful. The lock is held.
func (s *station) doubtWord() string {
	if s.state.Silent < silentDays {
		return ""
	}
	return "it has not signed for days for what it shows: it may show others something else, or its clock stands still"
}
