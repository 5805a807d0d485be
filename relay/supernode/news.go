package supernode

import (
	"time"

	"sottovoce/mesh/wire"
)

// news are the papers of a community on the stream of one member who follows its log: the same for all, at once and whenever its
// descriptor or a card has changed, newsBurst times in a row and then not more often than every newsPause.
//
// spec: 10-communities#exchange-of-papers
type news struct {
	wanted bool
	told   wire.Hash // what was known when they were told last
	paid   time.Time // until when newsPause has passed for each telling; it may run ahead of the clock by newsBurst of them
}

// ahead is how far what was told runs ahead of the clock.
func (n *news) ahead(now time.Time) time.Duration { return max(n.paid.Sub(now), 0) }

// rests is how long nothing may be told.
func (n *news) rests(now time.Time) time.Duration { return n.ahead(now) - (newsBurst-1)*newsPause }

// due returns papers that are to be told now; nil: none.
func (n *news) due(c *served, now time.Time) []byte {
	if !n.wanted || n.rests(now) > 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.where == n.told {
		return nil
	}
	n.told, n.paid = c.where, now.Add(n.ahead(now)+newsPause)
	return c.offerLocked()
}

// wait returns what is closed when the papers change, and what says that those that have changed already may be told.
func (n *news) wait(c *served, now time.Time) (changed <-chan struct{}, again <-chan time.Time) {
	if !n.wanted {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.where != n.told {
		again = time.After(n.rests(now))
	}
	return c.changed, again
}
