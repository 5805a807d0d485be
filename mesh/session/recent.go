package session

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"sottovoce/mesh/wire"
)

// recent are numbers that were opened under a session, as ranges in the order of a
// receipt. A receipt that was lost with its link is given again from it.
//
// spec: 04-sessions#receipts
type recent []wire.Range

// opened notes a number of theirs. What was opened before their chain before the current
// one began, the peer was told by the message that this chain answers to.
func (s *session) opened(ref Ref) {
	current, live, _ := s.Ratchet.Windows()
	if live && current.Chain != s.RecentIn {
		s.Earlier, s.Recent, s.RecentIn = s.Recent, nil, current.Chain
	}
	s.Recent.add(ref.Chain, ref.N)
	if k := len(s.Recent) + len(s.Earlier) - recentMax; k > 0 {
		s.Earlier = s.Earlier[min(k, len(s.Earlier)):]
	}
}

// add notes a number. More ranges than an honest peer makes cost the lowest.
func (r *recent) add(chain, n uint32) {
	at, found := slices.BinarySearchFunc(*r, wire.Range{Chain: chain, First: n}, compareRanges)
	if found {
		return
	}
	next := slices.Clone(*r)
	if at > 0 && next[at-1].Chain == chain && n <= next[at-1].Last {
		return
	}
	*r = join(slices.Insert(next, at, wire.Range{Chain: chain, First: n, Last: n}))
	*r = (*r)[max(0, len(*r)-recentMax):]
}

// remove takes a number out.
func (r *recent) remove(chain, n uint32) {
	var rest recent
	for _, g := range *r {
		if g.Chain != chain || n < g.First || g.Last < n {
			rest = append(rest, g)
			continue
		}
		if g.First < n {
			rest = append(rest, wire.Range{Chain: chain, First: g.First, Last: n - 1})
		}
		if n < g.Last {
			rest = append(rest, wire.Range{Chain: chain, First: n + 1, Last: g.Last})
		}
	}
	*r = rest
}

func compareRanges(a, b wire.Range) int {
	return cmp.Or(cmp.Compare(a.Chain, b.Chain), cmp.Compare(a.First, b.First))
}

// join makes one range of those that touch; it changes sorted.
func join(sorted []wire.Range) []wire.Range {
	joined := sorted[:0]
	for _, g := range sorted {
		if k := len(joined) - 1; k >= 0 && joined[k].Chain == g.Chain && joined[k].Last+1 >= g.First {
			joined[k].Last = max(joined[k].Last, g.Last)
			continue
		}
		joined = append(joined, g)
	}
	return joined
}

// Receipts names what the peer may not have heard of, at most 16 receipts with 1,024
// ranges in all: for a new link, and for every content. What is newest comes first.
//
// spec: 04-sessions#receipts
func (p *Pair) Receipts() []wire.Receipt {
	var receipts []wire.Receipt
	for i := range p.s.Sessions {
		s := &p.s.Sessions[i]
		ranges := join(slices.SortedFunc(slices.Values(slices.Concat(s.Earlier, s.Recent)), compareRanges))
		if len(ranges) == 0 && !s.Ours {
			receipts = append(receipts, wire.Receipt{Session: s.id(), Start: true})
		}
		for len(ranges) > 0 {
			k := max(0, len(ranges)-wire.RangesMax)
			receipts = append(receipts, wire.Receipt{Session: s.id(), Start: !s.Ours, Ranges: ranges[k:]})
			ranges = ranges[:k]
		}
	}
	return receipts[:min(len(receipts), receiptsMax)]
}

// MarshalCBOR makes the ranges one byte string of differences: three small numbers each,
// so that a thousand fit into 4 KiB.
func (r recent) MarshalCBOR() ([]byte, error) {
	var b []byte
	var last wire.Range
	for _, g := range r {
		if g.Chain != last.Chain {
			last.Last = 0
		}
		b = binary.AppendUvarint(b, uint64(g.Chain-last.Chain))
		b = binary.AppendUvarint(b, uint64(g.First-last.Last))
		b = binary.AppendUvarint(b, uint64(g.Last-g.First))
		last = g
	}
	return wire.Marshal(b)
}

// UnmarshalCBOR is the inverse of MarshalCBOR.
func (r *recent) UnmarshalCBOR(raw []byte) error {
	var b []byte
	if err := wire.Unmarshal(raw, &b); err != nil {
		return err
	}
	*r = nil
	var g wire.Range
	for len(b) > 0 {
		var field [3]uint64
		for i := range field {
			v, n := binary.Uvarint(b)
			if n <= 0 || v >= 1<<32 || len(*r) >= recentMax {
				return fmt.Errorf("%w: ranges of opened numbers", wire.ErrMalformed)
			}
			field[i], b = v, b[n:]
		}
		if field[0] != 0 {
			g.Last = 0
		}
		chain, first := uint64(g.Chain)+field[0], uint64(g.Last)+field[1]
		if chain >= 1<<32 || first+field[2] >= 1<<32 {
			return fmt.Errorf("%w: ranges of opened numbers", wire.ErrMalformed)
		}
		g = wire.Range{Chain: uint32(chain), First: uint32(first), Last: uint32(first + field[2])}
		*r = append(*r, g)
	}
	return nil
}
