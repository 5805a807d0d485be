package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sottovoce/mesh/handshake"
	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
)

// RefusedError is what a supernode says instead of an answer.
type RefusedError struct {
	Reason wire.Reason
	Day    uint32 // the supernode's; 0: it was not said
}

func (e *RefusedError) Error() string { return "refused: " + Word(e.Reason) }

// errAnswer says that a supernode answers with something else than what was asked for.
var errAnswer = fmt.Errorf("%w: not the answer to what was asked", wire.ErrMalformed)

// visit logs in, or joins, on a link of its own in mode supernode, and draws the tokens that are
// wanted. Who waits for tokens is woken afterwards, whatever came of it.
//
// spec: 08-custody#log-in
func (s *station) visit(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	defer func() {
		s.mu.Lock()
		close(s.drawn)
		s.drawn, s.lacking = make(chan struct{}), 0 // who still lacks says so again
		s.mu.Unlock()
		s.member.reported(s.log.At, err)
	}()
	l, done, err := s.dial(ctx, handshake.Supernode, &handshake.Pair{Their: s.keys.Agree})
	if err != nil {
		return err
	}
	defer done()
	grant, err := s.enter(ctx, l)
	if isRefused(err, wire.ReasonNoMember) && s.plead(ctx, l) == nil {
		grant, err = s.enter(ctx, l)
	}
	if err != nil {
		return err
	}
	differs, err := s.granted(grant)
	if errors.Is(err, community.ErrOwnKeys) { // it may have been set back, and draws others when it sees its later card
		if err := s.exchange(ctx, l); err != nil {
			return err
		}
		if grant, err = s.enter(ctx, l); err != nil {
			return err
		}
		differs, err = s.granted(grant)
	}
	if errors.Is(err, community.ErrOwnKeys) {
		s.breach(Breach{Kind: BreachKeys, Cursor: uint64(grant.Week)})
	}
	if err != nil {
		return err
	}
	err = s.draw(ctx, l, grant)
	if differs {
		err = errors.Join(err, s.exchange(ctx, l))
	}
	l.Close(link.ReasonBye)
	return err
}

// enter asks to be let in.
func (s *station) enter(ctx context.Context, l *link.Link) (wire.Grant, error) {
	day := uint32(s.client.today())
	place := community.Place{Exporter: l.Proof().Exporter, Supernode: s.log.At, Community: community.ID(s.log.Community), Day: day}
	s.member.mu.Lock()
	papers := s.member.papers
	persona, signature := papers.Persona(), papers.Login(place)
	proof, joining := papers.Proof(place)
	s.member.mu.Unlock()
	var ask wire.Frame = wire.Login{Community: s.log.Community, Persona: persona, Signature: signature, Day: day}
	if joining {
		ask = wire.Join{Community: s.log.Community, Persona: persona, Signature: signature, Day: day, Proof: proof}
	}
	return request[wire.Grant](ctx, l, ask)
}

// granted takes what the supernode has told us, and keeps it. differs says that papers are to be
// exchanged.
func (s *station) granted(g wire.Grant) (differs bool, err error) {
	m := s.member
	m.mu.Lock()
	differs, err = m.papers.Granted(s.log.At, community.Grant{
		Papers: g.Papers, Week: g.Week, Key: g.PSK, Next: g.Next, Day: g.Day, Tokens: g.Allowance,
	}, uint32(s.client.today()))
	m.mu.Unlock()
	if err == nil {
		s.mu.Lock()
		s.entered = s.client.today()
		s.mu.Unlock()
	}
	return differs, errors.Join(err, s.keepPapers())
}

// draw draws what is wanted, as far as the supernode gives it.
//
// spec: 11-tokens#draw
func (s *station) draw(ctx context.Context, l *link.Link, g wire.Grant) error {
	if err := s.agree(g.Day); err != nil {
		return err
	}
	s.mu.Lock()
	n, _ := s.state.wallet.Wanted(uint16(g.Day), s.lacking)
	public := token.PublicKey(s.known.Token)
	marks := s.state.marks(public)
	if g.Allowance == 0 {
		s.dry = uint16(g.Day)
	}
	s.mu.Unlock()
	if n = min(n, int(g.Allowance)); n == 0 || marks {
		return nil
	}
	info := token.Info{Supernode: s.log.At, Community: s.log.Community, Day: uint16(g.Day)}
	d, err := token.NewDraw(s.client.cfg.Rand, public, info, n)
	if err != nil {
		return err
	}
	defer d.Erase()
	drawn, err := request[wire.Drawn](ctx, l, wire.Draw{Day: g.Day, Blinded: d.Request()})
	if err != nil {
		return err
	}
	if len(drawn.Proof) != token.ProofSize {
		return errAnswer
	}
	tokens, err := d.Finish(drawn.Evaluated, [token.ProofSize]byte(drawn.Proof))
	if errors.Is(err, token.ErrProof) {
		s.breach(Breach{Kind: BreachMark, Said: public})
	}
	if err != nil {
		return err
	}
	if err := s.change(func(state *stationState) {
		if state.wallet.Add(tokens, uint16(g.Day)); n == int(g.Allowance) {
			s.dry = uint16(g.Day)
		}
	}); err != nil {
		return err
	}
	s.client.restocked()
	return nil
}

// begin opens a stream for a request. A supernode that lets none be opened is not waited for.
func begin(ctx context.Context, l *link.Link) (*link.CustodyStream, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return l.Request(ctx)
}

// ask sends a request on a stream of its own; the caller receives what answers it, and resets the stream. Whether all was sent
// is not said: who refuses may do so before, and nothing comes else.
func ask(ctx context.Context, l *link.Link, f wire.Frame) (*link.CustodyStream, error) {
	s, err := begin(ctx, l)
	if err != nil {
		return nil, err
	}
	s.Await(time.Now().Add(answerTimeout))
	_ = errors.Join(s.Send(ctx, f), s.End())
	return s, nil
}

// request sends a frame on a stream of its own and returns the one frame that answers it.
func request[F wire.Frame](ctx context.Context, l *link.Link, f wire.Frame) (answer F, err error) {
	s, err := ask(ctx, l, f)
	if err != nil {
		return answer, err
	}
	defer s.Reset()
	return receive[F](ctx, s)
}

// receive returns the next frame of a stream, if it is of the kind that is expected.
func receive[F wire.Frame](ctx context.Context, s *link.CustodyStream) (answer F, err error) {
	f, err := s.Receive(ctx)
	if err != nil {
		return answer, err
	}
	return answerOf[F](f)
}

// answerOf is a frame that has come, if it is of the kind that is expected.
func answerOf[F wire.Frame](f wire.Frame) (answer F, err error) {
	switch f := f.(type) {
	case F:
		return f, nil
	case wire.Refused:
		return answer, &RefusedError{Reason: f.Reason, Day: f.Day}
	case wire.Unknown:
		return answer, wire.ErrNewer
	}
	return answer, errAnswer
}
