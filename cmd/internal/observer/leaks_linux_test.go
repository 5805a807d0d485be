package observer

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"sottovoce/mesh/wire"
)

// plantBit has one bit of every tag say something of whom a blob is for.
func plantBit(o *observation) {
	for _, a := range o.arrivals {
		a.blob[5] = a.blob[5]&^1 | byte(o.number(a.to)&1)
	}
}

// plantText has blobs end in a text that is not sealed.
func plantText(o *observation) {
	for _, a := range o.arrivals {
		copy(a.blob[len(a.blob)-60:], "Ciao "+a.to)
	}
}

// plantGap has the datagrams of a deposit wait for each other as long as its recipient's link would take.
func plantGap(o *observation) {
	for _, a := range o.arrivals {
		if o.number(a.to)%2 == 0 {
			a.gaps = append(slices.Clone(a.gaps), 37*time.Millisecond)
		}
	}
}

// plantPersona has memory hold the persona of whoever collected a blob behind the blob's id.
func plantPersona(o *observation, personas []string) {
	o.memory = slices.Clone(o.memory)
	for _, a := range o.arrivals {
		for _, at := range o.places[a.id.Short()] {
			copy(o.memory[min(at+32, len(o.memory)):], personas[o.number(a.to)][:16])
		}
	}
}

// plantAway has writers offer again, whenever their way comes back, what the last round has brought for two who are away.
func plantAway(o *observation) {
	for i, heap := range o.asked {
		first := slices.IndexFunc(o.arrivals, func(a *arrival) bool { return a.request == i })
		if first < 0 || len(heap.IDs) < 2 || o.number(o.arrivals[first].from) >= writers {
			continue
		}
		again := request{At: heap.At}
		for _, a := range o.arrivals[:first] {
			if away := o.number(a.to) - writers; a.from == o.arrivals[first].from && heap.At.Sub(a.at) < shelfRound && (away == 1 || away == 2) {
				again.IDs, again.Held = append(again.IDs, a.id), append(again.Held, true)
				a.offers = append(a.offers, len(o.asked))
			}
		}
		o.asked = append(o.asked, again)
	}
}

// plantSorted has what is offered again sorted by recipient.
func plantSorted(o *observation) {
	plantAway(o)
	to := make(map[wire.BlobID]string)
	for _, a := range o.arrivals {
		to[a.id] = a.to
	}
	for i, r := range o.asked {
		if slices.Contains(r.Held, false) {
			continue
		}
		o.asked[i].IDs = slices.Clone(r.IDs)
		slices.SortStableFunc(o.asked[i].IDs, func(a, b wire.BlobID) int { return cmp.Compare(to[a], to[b]) })
	}
}

// plantQueues has each recipient's blobs go two by two.
func plantQueues(o *observation) {
	for i := 1; i < len(o.arrivals); i++ {
		before := o.arrivals[i-1]
		for j := i; j < min(i+20, len(o.arrivals)); j++ {
			if a := o.arrivals[j]; a.from == before.from && a.to == before.to && a.round == before.round {
				o.arrivals = slices.Insert(slices.Delete(o.arrivals, j, j+1), i, a)
				i++
				break
			}
		}
	}
}

// plantRequest has whoever collected something of its own ask for more half a second later.
func plantRequest(o *observation) {
	asked := make(map[string][]datagram)
	for i, a := range o.arrivals {
		if i%4 == 0 && o.by[a.to].bytes(1, a.at.Add(-time.Nanosecond), a.at.Add(pushed)) > len(a.blob) {
			asked[a.to] = append(asked[a.to], datagram{At: a.at.Add(500 * time.Millisecond), Payload: make([]byte, 60)})
		}
	}
	for name, all := range asked {
		o.by[name].all = append(o.by[name].all, all...)
	}
	for _, f := range o.by {
		f.sorted()
	}
}

// sortedKeys are a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
