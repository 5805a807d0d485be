package supernode

import (
	"context"
	"errors"
	"time"

	"sottovoce/mesh/link"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
)

// admit is how somebody was let in.
type admit struct {
	grant     community.Grant
	supernode bool
}

// login lets a persona in on this link.
//
// spec: 08-custody#log-in
func (v *visit) login(ctx context.Context, s *link.CustodyStream, f wire.Login) error {
	return v.enter(ctx, s, f.Community, f.Persona, f.Day, func(h *community.House, at community.Place, now time.Time) (admit, bool, error) {
		grant, supernode, err := h.Login(at, f.Persona, f.Signature, now)
		return admit{grant, supernode}, false, err
	})
}

// join makes a persona a member, and lets it in.
//
// spec: 08-custody#join
func (v *visit) join(ctx context.Context, s *link.CustodyStream, f wire.Join) error {
	return v.enter(ctx, s, f.Community, f.Persona, f.Day, func(h *community.House, at community.Place, now time.Time) (admit, bool, error) {
		grant, supernode, err := h.Join(at, f.Persona, f.Signature, f.Proof, now)
		return admit{grant, supernode}, true, err
	})
}

// enter asks a community's house whether a persona may come in, and answers with what members know.
func (v *visit) enter(ctx context.Context, s *link.CustodyStream, id, persona [32]byte, day uint32,
	ask func(h *community.House, at community.Place, now time.Time) (admit, bool, error),
) error {
	if err := v.at.patience.spend(ctx, v.block, priceLogin); err != nil {
		return err
	}
	place := community.Place{Exporter: v.link.Proof().Exporter, Supernode: v.at.ID(), Community: id, Day: day}
	c := v.at.serving(id)
	if c == nil {
		community.VerifyLogin(persona, place, [64]byte{}) // the time that it takes tells nothing
		return refusal{wire.ReasonCommunity, "this supernode does not serve that community"}
	}
	var in admit
	err := c.change(func(h *community.House, now time.Time) (changed bool, err error) {
		in, changed, err = ask(h, place, now)
		return changed, err
	})
	if err != nil {
		return refusalOf(err)
	}
	v.at.heard(member{c.id, persona}, uint16(min(day, 1<<16-1)))
	if err := v.loggedIn(c, persona); err != nil {
		return err
	}
	return s.Send(ctx, wire.Grant{
		Papers: in.grant.Papers, Week: in.grant.Week, PSK: in.grant.Key, Next: in.grant.Next, Day: in.grant.Day, Allowance: c.left(persona, uint16(in.grant.Day)),
	})
}

// loggedIn keeps who is here until the link ends, or they are shut out.
//
// spec: 10-communities#revocation
func (v *visit) loggedIn(c *served, persona community.Persona) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := c.receive(v, persona); err != nil {
		return err
	}
	switch v.in {
	case nil:
		v.at.loggedIn.Add(1)
	case c:
	default:
		v.in.goodbye(v)
	}
	v.in, v.persona = c, persona
	return nil
}

// who is logged in; nil if nobody is.
func (v *visit) who() (*served, community.Persona) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.in, v.persona
}

// refusalOf is what somebody is told who is not let in.
//
// spec: 08-custody#refusals
func refusalOf(err error) error {
	for _, known := range []struct {
		err    error
		reason wire.Reason
	}{
		{community.ErrSignature, wire.ReasonNoMember},
		{community.ErrNoMember, wire.ReasonNoMember},
		{community.ErrRevoked, wire.ReasonNoMember},
		{community.ErrLinkUnknown, wire.ReasonLink},
		{community.ErrLinkUsed, wire.ReasonLink},
		{community.ErrLinkExpired, wire.ReasonLink},
		{community.ErrNotYet, wire.ReasonCommunity},
		{community.ErrClosed, wire.ReasonNotNow},
		{community.ErrFull, wire.ReasonQuota},
	} {
		if errors.Is(err, known.err) {
			return refusal{known.reason, known.err.Error()}
		}
	}
	return refusal{wire.ReasonNotNow, "this supernode cannot write to its disk now"}
}

// draw gives tokens to the persona that has logged in: evaluated, not seen.
//
// spec: 08-custody#draw
func (v *visit) draw(ctx context.Context, s *link.CustodyStream, f wire.Draw) error {
	c, persona := v.who()
	if c == nil {
		return refusal{wire.ReasonNoMember, "log in first"}
	}
	today := v.at.today()
	if f.Day != uint32(today) {
		return refusal{wire.ReasonWrongDay, "tokens are drawn on their day"}
	}
	issuer, err := c.issuer(today)
	if err != nil {
		return err
	}
	if err := c.count(persona, today, len(f.Blinded)/token.ElementSize); err != nil {
		return err
	}
	select {
	case c.work <- struct{}{}:
		defer func() { <-c.work }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	evaluated, proof, err := issuer.Evaluate(v.at.cfg.Rand, f.Blinded)
	if err != nil {
		return err
	}
	return s.Send(ctx, wire.Drawn{Evaluated: evaluated, Proof: proof[:]})
}

// papers takes what a member knows of its community, and answers with what it lacks. Who was refused
// may show what it knows as well, a few times: it may have joined where this supernode has not heard
// of it. It is answered by nothing, whatever that was. On a link of a member, who has no name there,
// nothing is shown, and the same is answered to all.
//
// spec: 10-communities#exchange-of-papers
func (v *visit) papers(ctx context.Context, s *link.CustodyStream, f wire.Papers) error {
	if v.home != nil {
		if len(f.Papers) != 0 || f.Community != nil {
			return errJunk
		}
		memory, err := v.room(ctx, s, community.PapersSizeMax)
		if err != nil {
			return err
		}
		defer memory.give()
		return s.Send(ctx, wire.Papers{Papers: v.home.offer()})
	}
	if err := v.at.patience.spend(ctx, v.block, pricePapers); err != nil {
		return err
	}
	c, persona := v.who()
	switch pleads := c == nil; {
	case pleads == (f.Community == nil):
		return errJunk
	case pleads:
		if c = v.at.serving(*f.Community); c == nil || !v.mayPlead() {
			return s.Send(ctx, wire.Papers{})
		}
		_, err := c.exchange(f.Papers, false, nil)
		if err != nil && !errors.Is(err, wire.ErrMalformed) {
			return err
		}
		return s.Send(ctx, wire.Papers{})
	}
	answer, err := c.exchange(f.Papers, false, &persona)
	if err != nil {
		return err
	}
	return s.Send(ctx, wire.Papers{Papers: answer.Bytes()})
}

// offer are the papers that everybody may see who is a member.
func (c *served) offer() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offerLocked()
}

// offerLocked makes them once for all: to find what the last entries of a roster are takes a look at each. Nobody changes them. The lock
// is held.
func (c *served) offerLocked() []byte {
	if c.offered == nil {
		c.offered = c.house.Offer().Bytes()
	}
	return c.offered
}

// mayPlead counts what somebody shows who is not logged in.
func (v *visit) mayPlead() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pleas++
	return v.pleas <= community.PleadMax
}

// exchange takes papers of a member, or of another supernode, and returns what whoever sent them lacks; nothing if that is nothing.
// It refuses a persona that was shut out; nil: none has logged in.
func (c *served) exchange(b []byte, bySupernode bool, by *community.Persona) (lacking community.Papers, err error) {
	theirs, err := community.ParsePapers(b)
	if err != nil {
		return community.Papers{}, err
	}
	c.verify(&theirs)
	return lacking, c.change(func(h *community.House, now time.Time) (bool, error) {
		if by != nil && !h.Admits(*by) {
			return false, errShutOut
		}
		var changed bool
		lacking, changed, err = h.Exchange(theirs, bySupernode, now, c.at.cfg.Rand)
		return changed, err
	})
}

// verify verifies what is new in papers without the lock: all who deposit need that, and anybody may show papers.
//
// spec: 10-communities#exchange-of-papers
func (c *served) verify(theirs *community.Papers) {
	c.mu.Lock()
	unknown := c.house.Unknown(*theirs)
	c.mu.Unlock()
	theirs.Verify(community.ID(c.id), unknown)
}
