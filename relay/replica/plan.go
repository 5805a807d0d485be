package replica

import (
	"slices"

	"sottovoce/mesh/wire"
)

// level is what two ends held of a day, or of the papers, when they were brought level.
type level[T comparable] struct{ ours, theirs T }

// memory is what was brought level over one link.
type memory struct {
	days   map[uint16]level[wire.StockDay]
	papers *level[[8]byte]
}

func (m *memory) forget() { m.days, m.papers = make(map[uint16]level[wire.StockDay]), nil }

// work is what is to be done to bring two ends level.
type work struct {
	papers *level[[8]byte]        // nil: nothing
	days   []level[wire.StockDay] // ascending by day
	// doubted: what is said to be over at the far end is not believed; ahead: we know that it is not over.
	doubted, ahead bool
}

// plan compares two stocks with what was brought level before. Days that are over at either end are left out.
//
// spec: 12-replication#stock
func (m *memory) plan(ours, theirs wire.Stock) (w work) {
	if now := (level[[8]byte]{ours.Papers, theirs.Papers}); ours.Papers != theirs.Papers && (m.papers == nil || *m.papers != now) {
		w.papers = &now
	}
	days := make(map[uint16]level[wire.StockDay])
	for d := range ours.Days.All() {
		days[d.Day] = level[wire.StockDay]{d, wire.StockDay{Day: d.Day}}
	}
	for d := range theirs.Days.All() {
		l, found := days[d.Day]
		if !found {
			l.ours = wire.StockDay{Day: d.Day}
		}
		l.theirs = d
		days[d.Day] = l
	}
	finished := max(ours.Finished, theirs.Finished)
	for day, l := range days {
		if before, known := m.days[day]; day > finished && (!known || before != l) {
			w.days = append(w.days, l)
		}
	}
	slices.SortFunc(w.days, func(a, b level[wire.StockDay]) int { return int(a.ours.Day) - int(b.ours.Day) })
	return w
}

// settled remembers a day that was brought level, as far as it could be.
func (m *memory) settled(l level[wire.StockDay]) { m.days[l.ours.Day] = l }
