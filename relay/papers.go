package relay

import (
	"context"
	"errors"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
)

// keepPapers keeps what is known of the community, and has everybody who goes by it look again.
func (s *station) keepPapers() error {
	m := s.member
	m.mu.Lock()
	id, kept := m.papers.Community(), m.papers.Save()
	m.mu.Unlock()
	defer clear(kept)
	if err := s.client.cfg.Keep.Save(keyOf(id), kept); err != nil {
		return err
	}
	if err := s.client.settle(m); err != nil {
		return err
	}
	s.client.changed()
	return nil
}

// exchange exchanges papers with a supernode that has let us in, until both know the same. An older
// one that does not know how is left alone.
//
// spec: 10-communities#exchange-of-papers
func (s *station) exchange(ctx context.Context, l *link.Link) error {
	m := s.member
	for range turnsMax {
		m.mu.Lock()
		ours := m.papers.Offer(s.log.At)
		m.mu.Unlock()
		more, err := s.askPapers(ctx, l, wire.Papers{Papers: ours.Bytes()})
		if isRefused(err, wire.ReasonWeOld) {
			break
		}
		if err != nil {
			return errors.Join(err, s.keepPapers())
		}
		if !more {
			break
		}
	}
	return s.keepPapers()
}

// askPapers sends papers, and takes those that answer them. more says that both have more to say.
func (s *station) askPapers(ctx context.Context, l *link.Link, ask wire.Papers) (more bool, err error) {
	answer, err := request[wire.Papers](ctx, l, ask)
	if err != nil {
		return false, err
	}
	return s.merge(answer, (*community.Membership).Merge)
}

// merge takes the papers of a supernode. more says that both have more to say.
func (s *station) merge(answer wire.Papers, take func(*community.Membership, peer.ID, community.Papers) (bool, error)) (more bool, err error) {
	theirs, err := community.ParsePapers(answer.Papers)
	if err != nil {
		return false, err
	}
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	more, wrong := take(s.member.papers, s.log.At, theirs)
	if wrong != nil {
		s.client.cfg.Log.Debug("something in the papers of a supernode was left out", "err", wrong)
	}
	return more, nil
}

// plead shows a supernode that does not know us what we know: it may have lost its disk, or not have
// heard of our joining elsewhere.
//
// spec: 10-communities#exchange-of-papers
func (s *station) plead(ctx context.Context, l *link.Link) error {
	s.member.mu.Lock()
	all, of := s.member.papers.Plead(s.log.At), [32]byte(s.member.papers.Community())
	s.member.mu.Unlock()
	if len(all) == 0 {
		return errNothing
	}
	for _, p := range all {
		if _, err := request[wire.Papers](ctx, l, wire.Papers{Papers: p.Bytes(), Community: &of}); err != nil {
			return err
		}
	}
	return nil
}

// errNothing says that there is nothing to show.
var errNothing = errors.New("we know nothing of that community")

// news asks on a link without a name what is new in the community, where nobody tells it: who scans does not follow.
//
// spec: 10-communities#exchange-of-papers
func (s *station) news(ctx context.Context, l *link.Link) {
	answer, err := request[wire.Papers](ctx, l, wire.Papers{})
	if err == nil {
		err = s.learn(answer)
	}
	if err != nil {
		s.client.cfg.Log.Debug("what is new in a community is not known", "err", err)
	}
}

// learn takes what a supernode tells everybody of the community: another supernode, another address. If we know more than is told, we
// bring that along when we visit for another reason, the day's tokens: a visit because of what was told on one link would tell whose that is.
// Nor do we show here what we know.
//
// spec: 10-communities#exchange-of-papers
func (s *station) learn(told wire.Papers) error {
	before, alarms := s.knows()
	if _, err := s.merge(told, (*community.Membership).Heard); err != nil {
		return err
	}
	if now, raised := s.knows(); now == before && raised == alarms {
		return nil
	}
	if err := s.keepPapers(); err != nil {
		s.client.cfg.Log.Warn("what is new in a community cannot be kept", "err", err)
	}
	return nil
}

// tally counts the papers that are told on one stream.
type tally struct {
	since time.Time
	n     int
}

// tooMany counts one more, and reports whether they are more than any honest supernode tells.
func (t *tally) tooMany(now time.Time) bool {
	t.n++
	return t.n > newsBurst+int(now.Sub(t.since)/newsLeast)
}

// knows returns a mark of what is known of the community, and how many alarms there are.
func (s *station) knows() (mark wire.Hash, alarms int) {
	s.member.mu.Lock()
	defer s.member.mu.Unlock()
	return s.member.papers.Mark(), len(s.member.papers.Alarms())
}

// isRefused reports whether an error is a refusal for a reason.
func isRefused(err error, reason wire.Reason) bool {
	var no *RefusedError
	return errors.As(err, &no) && no.Reason == reason
}
