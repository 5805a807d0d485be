package supernode

import (
	"context"
	"errors"
	"maps"

	"sottovoce/mesh/peer"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/token"
)

// issuers are a token key's for the days that are good.
type issuers struct {
	key  *token.Key
	at   peer.ID
	log  mailbox.Community
	days map[uint16]*token.Issuer
}

func newIssuers(key *token.Key, at peer.ID, log mailbox.Community) *issuers {
	return &issuers{key: key, at: at, log: log, days: make(map[uint16]*token.Issuer)}
}

// of returns the issuer of a day that is good today; token.ErrDay for others. It is not safe for
// concurrent use.
//
// spec: 11-tokens#days
func (s *issuers) of(day, today uint16) (*token.Issuer, error) {
	if !token.Good(day, today) {
		return nil, token.ErrDay
	}
	if issuer, found := s.days[day]; found {
		return issuer, nil
	}
	maps.DeleteFunc(s.days, func(old uint16, _ *token.Issuer) bool { return !token.Good(old, today) })
	issuer, err := s.key.At(token.Info{Supernode: s.at, Community: s.log, Day: day})
	if err != nil {
		return nil, err
	}
	s.days[day] = issuer
	return issuer, nil
}

// spendable names a token for the store, which forgets it when none of its day is good any more.
func spendable(t token.Token) mailbox.Token {
	return mailbox.Token{Day: t.Last(), ID: t.ID()}
}

// errNoTokens says that there are fewer tokens than something costs.
var errNoTokens = errors.New("too few tokens")

// pay checks the tokens of one item: as many as it costs, drawn here, of a day that is good, and not
// spent, which the commit says for good. With an error goes what it takes of the payer's patience.
//
// spec: 11-tokens#redeem
func (c *served) pay(ctx context.Context, tokens []token.Token, cost int) (paid []mailbox.Token, wasted price, err error) {
	if len(tokens) < cost {
		return nil, 0, errNoTokens
	}
	for _, t := range tokens[:cost] {
		m := spendable(t)
		switch err := c.redeem(ctx, t, m); {
		case errors.Is(err, token.ErrForged):
			return nil, priceForged, err
		case err != nil:
			return nil, priceSpent, err
		}
		paid = append(paid, m)
	}
	return paid, 0, nil
}

// redeem checks one token; at most as many at a time as there are processors.
func (c *served) redeem(ctx context.Context, t token.Token, m mailbox.Token) error {
	issuer, err := c.issuer(t.Day())
	if err != nil {
		return err
	}
	if c.store.Spent(c.id, m) {
		return mailbox.ErrSpent
	}
	select {
	case c.work <- struct{}{}:
		defer func() { <-c.work }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return issuer.Redeem(t)
}
