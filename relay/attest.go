package relay

import (
	"context"
	"strings"
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
// Where our clock was set back, days are counted from there; one that is plainly wrong counts none.
//
// spec: 12-replication#clocks-that-differ
func (s *station) silent(now time.Time) {
	s.mu.Lock()
	last := max(s.state.Counted, s.state.Attested)
	s.mu.Unlock()
	back := last > unix(now)
	if wire.DayAt(now) < plausibleFrom || !back && last != 0 && unix(now)-last < uint64(attestPeriod/time.Second) {
		return
	}
	err := s.change(func(state *stationState) {
		if !back {
			state.Silent = min(state.Silent+1, silentDays)
		}
		state.Attested, state.Counted = min(state.Attested, unix(now)), unix(now)
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

// silentWord says what it may be that no day is signed for. Where the last one that was is the last that is over by its word, its day does not go
// on, as that of one that runs for some hours a day and has no clock.
func (s *station) silentWord() string {
	if last := s.watch.last(); last != nil && s.finished != 0 && uint32(s.finished) <= last.Day {
		return "its day does not go on, and so it signs for nothing that is new: nobody vouches for its clock, or it hides behind that"
	}
	return "it has not signed for days for what it shows: it may show others something else, or its clock stands still"
}

// doubtWord says that the supernode may not be in order, which nothing proves; "" while nothing is doubtful. The lock is held.
func (s *station) doubtWord() string {
	var words []string
	if s.state.Silent >= silentDays {
		words = append(words, s.silentWord())
	}
	if s.state.Early > s.client.today() {
		words = append(words, "days are over there that are not over by the clock of this device, and it gives up messages by them: one of the two clocks is wrong")
	}
	return strings.Join(words, "; ")
}
