package session

import (
	"cmp"
	"slices"

	"sottovoce/mesh/wire"
)

// recent are the numbers opened last under a session, as ranges in the order of a
// receipt. A receipt that was lost with its link is given again from it; older ranges
// go first, for the peer begins a chain only after it heard of the one before.
//
// spec: 04-sessions#receipts
type recent []wire.Range

// add notes a number.
func (r *recent) add(chain, n uint32) {
	at, found := slices.BinarySearchFunc(*r, wire.Range{Chain: chain, First: n}, func(a, b wire.Range) int {
		return cmp.Or(cmp.Compare(a.Chain, b.Chain), cmp.Compare(a.First, b.First))
	})
	if found {
		return
	}
	next := slices.Clone(*r)
	if at > 0 && next[at-1].Chain == chain && n <= next[at-1].Last {
		return
	}
	next = slices.Insert(next, at, wire.Range{Chain: chain, First: n, Last: n})
	joined := next[:0]
	for _, g := range next {
		if k := len(joined) - 1; k >= 0 && joined[k].Chain == g.Chain && joined[k].Last+1 == g.First {
			joined[k].Last = g.Last
			continue
		}
		joined = append(joined, g)
	}
	*r = joined[max(0, len(joined)-recentMax):]
}

// Receipts names what was opened lately, for a peer that may not have heard of it: on
// a new link, and in the next content.
//
// spec: 04-sessions#receipts
func (p *Pair) Receipts() []wire.Receipt {
	var receipts []wire.Receipt
	for i := range p.s.Sessions {
		s := &p.s.Sessions[i]
		if r := (wire.Receipt{Session: s.id(), Start: !s.Ours, Ranges: s.Recent}); r.Check() == nil {
			receipts = append(receipts, r)
		}
	}
	return receipts
}
