package identity

import (
	"bytes"
	"fmt"
	"slices"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// opSet is a set of positions in the list of ops.
type opSet [AccountOpsMax / 64]uint64

func (s *opSet) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *opSet) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }
func (s *opSet) addAll(o opSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// graph is the list of ops of an account, each with its past.
type graph struct {
	ops  []*op
	past []opSet // of each op, without itself
}

// newGraph parses ops, which must be in canonical order, and verifies them.
func newGraph(raws [][]byte) (*graph, error) {
	ops, at, err := parseOps(raws)
	if err != nil {
		return nil, err
	}
	for i, o := range canonical(ops, at) {
		if o != ops[i] {
			return nil, fmt.Errorf("%w: op %d is not in its canonical place", wire.ErrMalformed, i)
		}
	}
	g := &graph{ops: ops, past: make([]opSet, len(ops))}
	for i, o := range ops {
		for _, p := range o.Parents {
			g.past[i].addAll(g.past[at[p]])
			g.past[i].add(at[p])
		}
	}
	for i := range ops {
		if err := g.verify(i); err != nil {
			return nil, fmt.Errorf("op %d: %w", i, err)
		}
	}
	return g, nil
}

// parseOps parses each op and checks that one begins the account and that all
// belong to it, once each.
func parseOps(raws [][]byte) (ops []*op, at map[wire.Hash]int, err error) {
	if len(raws) == 0 || len(raws) > AccountOpsMax {
		return nil, nil, fmt.Errorf("%w: %d ops, the limit is %d", wire.ErrMalformed, len(raws), AccountOpsMax)
	}
	at = make(map[wire.Hash]int, len(raws))
	var first *op
	for i, raw := range raws {
		o, err := parseOp(raw)
		if err != nil {
			return nil, nil, fmt.Errorf("op %d: %w", i, err)
		}
		if _, twice := at[o.id]; twice {
			return nil, nil, fmt.Errorf("%w: op %d stands there twice", wire.ErrMalformed, i)
		}
		if o.Kind == setRoot {
			if first != nil {
				return nil, nil, fmt.Errorf("%w: op %d sets a second root", wire.ErrMalformed, i)
			}
			first = o
		}
		at[o.id] = i
		ops = append(ops, o)
	}
	if first == nil {
		return nil, nil, fmt.Errorf("%w: no op sets a root", wire.ErrMalformed)
	}
	for i, o := range ops {
		if o != first && *o.Account != AccountID(first.id) {
			return nil, nil, fmt.Errorf("%w: op %d belongs to another account", wire.ErrMalformed, i)
		}
		for _, p := range o.Parents {
			if _, known := at[p]; !known {
				return nil, nil, fmt.Errorf("%w: op %d has an unknown parent", wire.ErrMalformed, i)
			}
		}
	}
	return ops, at, nil
}

// canonical returns ops in topological order, of those that may come next always
// the one with the smallest id. A hash cannot name its own future, so there are
// no circles.
func canonical(ops []*op, at map[wire.Hash]int) []*op {
	waits := make([]int, len(ops))
	children := make([][]int, len(ops))
	var ready []int
	for i, o := range ops {
		waits[i] = len(o.Parents)
		if waits[i] == 0 {
			ready = append(ready, i)
		}
		for _, p := range o.Parents {
			children[at[p]] = append(children[at[p]], i)
		}
	}
	sorted := make([]*op, 0, len(ops))
	for len(ready) > 0 {
		slices.SortFunc(ready, func(a, b int) int { return bytes.Compare(ops[a].id[:], ops[b].id[:]) })
		next := ready[0]
		ready = ready[1:]
		sorted = append(sorted, ops[next])
		for _, c := range children[next] {
			if waits[c]--; waits[c] == 0 {
				ready = append(ready, c)
			}
		}
	}
	return sorted
}

// sortOps brings ops into canonical order.
func sortOps(raws [][]byte) ([][]byte, error) {
	ops, at, err := parseOps(raws)
	if err != nil {
		return nil, err
	}
	var sorted [][]byte
	for _, o := range canonical(ops, at) {
		sorted = append(sorted, o.raw)
	}
	return sorted, nil
}

// verify checks the signatures of op i against the root in force in its past,
// and that all successions before it in the list are in the past of a succession.
func (g *graph) verify(i int) error {
	o := g.ops[i]
	root := *g.ops[0].Root
	for j, s := range g.ops[:i] {
		if s.Kind != succession {
			continue
		}
		if g.past[i].has(j) {
			root = *s.Root
		} else if o.Kind == succession {
			return fmt.Errorf("%w: %w", wire.ErrMalformed, ErrForked)
		}
	}
	return o.verify(root)
}

// settled reports whether op i stands before or after every succession, not
// beside one.
func (g *graph) settled(i int) bool {
	for j, s := range g.ops {
		if s.Kind == succession && j != i && !g.past[i].has(j) && !g.past[j].has(i) {
			return false
		}
	}
	return true
}

// account draws the consequences of verified ops.
//
// spec: 01-identity#what-counts
func (g *graph) account() *Account {
	a := &Account{id: AccountID(g.ops[0].id), root: *g.ops[0].Root, known: make(map[wire.Hash]bool)}
	named := make(map[wire.Hash]bool)
	listed := make(map[peer.ID]bool) // revoked, or active already
	for _, o := range g.ops {
		a.known[o.id] = true
		a.ops = append(a.ops, o.raw)
		for _, p := range o.Parents {
			named[p] = true
		}
		switch o.Kind {
		case revokeDevice:
			listed[*o.Revoked] = true
		case succession:
			a.root = *o.Root
		}
	}
	for i, o := range g.ops {
		if !named[o.id] {
			a.heads = append(a.heads, o.id)
		}
		if o.Kind == addDevice && !listed[o.Device.ID()] && g.settled(i) {
			listed[o.Device.ID()] = true
			a.devices = append(a.devices, *o.Device)
		}
	}
	slices.SortFunc(a.heads, func(x, y wire.Hash) int { return bytes.Compare(x[:], y[:]) })
	return a
}
