package mesh

import (
	"cmp"
	"slices"

	"sottovoce/mesh/session"
	"sottovoce/mesh/wire"
)

// receipts names everything that was opened, in as few frames as it takes: one a
// session, with runs of numbers as ranges.
// spec: 00-encoding#receipt
func receipts(opened []session.Ref) []wire.Frame {
	slices.SortFunc(opened, func(a, b session.Ref) int {
		return cmp.Or(slices.Compare(a.Session[:], b.Session[:]), cmp.Compare(a.Chain, b.Chain), cmp.Compare(a.N, b.N))
	})
	var frames []wire.Frame
	var r wire.Receipt
	flush := func() {
		if r.Start || len(r.Ranges) > 0 {
			frames = append(frames, r)
		}
		r = wire.Receipt{Session: r.Session}
	}
	for _, o := range opened {
		if o.Session != r.Session {
			flush()
			r.Session = o.Session
		}
		if o.Start {
			r.Start = true
			continue
		}
		if last := len(r.Ranges) - 1; last >= 0 && r.Ranges[last].Chain == o.Chain && o.N <= r.Ranges[last].Last+1 {
			r.Ranges[last].Last = o.N
			continue
		}
		if len(r.Ranges) == wire.RangesMax {
			flush()
		}
		r.Ranges = append(r.Ranges, wire.Range{Chain: o.Chain, First: o.N, Last: o.N})
	}
	flush()
	return frames
}

// receiptsRoom is what receipts take of a content at the most, in bytes.
func receiptsRoom(receipts []wire.Receipt) int {
	size := 0
	for _, r := range receipts {
		size += 16 + 16*len(r.Ranges)
	}
	return size
}
