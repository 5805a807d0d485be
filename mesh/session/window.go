package session

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"sottovoce/mesh/wire"
)

// window is what a sender knows about the numbers of one session that it has
// sealed: which are not receipted, and how far it is past the highest receipt.
//
// spec: 04-sessions#the-senders-limit
type window struct {
	Runs       runs   `cbor:"1,keyasint"`           // sealed, not receipted, oldest first
	Sealed     uint32 `cbor:"2,keyasint,omitempty"` // numbers sealed, in all chains
	Receipted  uint32 `cbor:"3,keyasint,omitempty"` // of these, up to and with the highest receipted
	SealedDay  uint16 `cbor:"4,keyasint,omitempty"` // of the last
	ReceiptDay uint16 `cbor:"5,keyasint,omitempty"` // of the last receipt
}

// run is Count numbers of a chain, sealed on one day; Position counts across
// chains.
type run struct {
	Chain, First, Count, Position uint32
	Day                           uint16
}

func (r run) last() uint32 { return r.First + r.Count - 1 }

// open reports whether another number may be sealed today.
func (w *window) open(today uint16) bool {
	fresh := uint32(0)
	for _, r := range w.Runs {
		if addDays(r.Day, keyDays) > today {
			fresh += r.Count
		}
	}
	return fresh < unreceiptedMax && w.Sealed-w.Receipted < unreceiptedMax
}

// stuck reports whether the limit was reached a blob's life ago and nothing
// was receipted since. Blobs that were sealed on a day to come, nobody takes.
func (w *window) stuck(today uint16) bool {
	return !w.open(today) && !within(today, max(w.SealedDay, w.ReceiptDay), wire.ExpiryDaysMax)
}

// seal counts a number. Runs of days to come get today's, so that they age.
func (w *window) seal(today uint16, chain, n uint32) {
	count := uint32(0)
	for _, r := range w.Runs {
		count += r.Count
	}
	if count >= unreceiptedMax {
		w.expire(today) // open has said that they are not all of the last 60 days; receipts may split runs into single numbers
	}
	for i := range w.Runs {
		w.Runs[i].Day = min(w.Runs[i].Day, today)
	}
	if k := len(w.Runs) - 1; k >= 0 && w.Runs[k].Chain == chain && w.Runs[k].last()+1 == n && w.Runs[k].Day == today {
		w.Runs[k].Count++
	} else {
		w.Runs = append(w.Runs, run{Chain: chain, First: n, Count: 1, Position: w.Sealed, Day: today})
	}
	w.Sealed++
	w.SealedDay = today
}

// receipt strikes out what ranges name and reports whether that was news.
func (w *window) receipt(today uint16, ranges []wire.Range) (changed bool) {
	for _, g := range ranges {
		var rest runs
		for _, r := range w.Runs {
			first, last := max(r.First, g.First), min(r.last(), g.Last)
			if r.Chain != g.Chain || first > last {
				rest = append(rest, r)
				continue
			}
			changed = true
			if first > r.First {
				rest = append(rest, run{r.Chain, r.First, first - r.First, r.Position, r.Day})
			}
			if last < r.last() {
				rest = append(rest, run{r.Chain, last + 1, r.last() - last, r.Position + last + 1 - r.First, r.Day})
			}
			w.Receipted = max(w.Receipted, r.Position+last+1-r.First)
		}
		w.Runs = rest
	}
	if changed {
		w.ReceiptDay = today
	}
	return changed
}

func (w *window) expire(today uint16) {
	w.Runs = slices.DeleteFunc(slices.Clone(w.Runs), func(r run) bool { return addDays(r.Day, keyDays) <= today })
}

// Receipted takes in that the peer has stored what r names, and reports
// whether that was news. The caller hands it the receipts in Opened, too.
//
// spec: 04-sessions#receipts
func (p *Pair) Receipted(now time.Time, r wire.Receipt) (changed bool) {
	i := p.find(r.Session)
	if i < 0 || r.Check() != nil || p.s.Behind {
		return false
	}
	s := p.s.Sessions[i].clone()
	today := wire.DayAt(now)
	changed = s.Window.receipt(today, r.Ranges) || !s.Known
	s.known() // nobody else could name it
	p.put(i, s, today)
	return p.carrierReceipted(r, today) || changed
}

// runs are saved as differences: five small numbers each, so that a thousand
// fit into 8 KiB.
type runs []run

func (r run) fields() [5]int64 {
	return [5]int64{int64(r.Chain), int64(r.First), int64(r.Count), int64(r.Position), int64(r.Day)}
}

// MarshalCBOR makes the runs one byte string.
func (rs runs) MarshalCBOR() ([]byte, error) {
	var b []byte
	var last [5]int64
	for _, r := range rs {
		fields := r.fields()
		for i, v := range fields {
			b = binary.AppendVarint(b, v-last[i])
		}
		last = fields
	}
	return wire.Marshal(b)
}

// UnmarshalCBOR is the inverse of MarshalCBOR.
func (rs *runs) UnmarshalCBOR(raw []byte) error {
	var b []byte
	if err := wire.Unmarshal(raw, &b); err != nil {
		return err
	}
	*rs = nil
	var f [5]int64
	for len(b) > 0 {
		for i := range f {
			v, n := binary.Varint(b)
			f[i] += v
			if n <= 0 || f[i] < 0 || f[i] >= 1<<32 || len(*rs) >= unreceiptedMax {
				return fmt.Errorf("%w: runs of unreceipted numbers", wire.ErrMalformed)
			}
			b = b[n:]
		}
		*rs = append(*rs, run{uint32(f[0]), uint32(f[1]), uint32(f[2]), uint32(f[3]), uint16(f[4])})
	}
	return nil
}

// skippedDays counts the skipped keys that are stored, by the day on which
// they go.
type skippedDays []skippedDay

type skippedDay struct {
	_     struct{} `cbor:",toarray"`
	Until uint16
	Count uint16
}

// add counts n more keys; it refuses when they would be too many.
func (d *skippedDays) add(until uint16, n int) bool {
	if n == 0 {
		return true
	}
	next := slices.Clone(*d)
	total := n
	for _, x := range next {
		total += int(x.Count)
	}
	if total > skippedMax {
		return false
	}
	if k := slices.IndexFunc(next, func(x skippedDay) bool { return x.Until == until }); k >= 0 {
		next[k].Count += uint16(n)
	} else {
		next = append(next, skippedDay{Until: until, Count: uint16(n)})
	}
	*d = next
	return true
}

// used counts one key less of those that go on the day until.
func (d *skippedDays) used(until uint16) {
	next := slices.Clone(*d)
	for i := range next {
		if next[i].Until == until && next[i].Count > 0 {
			next[i].Count--
		}
	}
	*d = next
}

func (d *skippedDays) expire(today uint16) {
	*d = slices.DeleteFunc(slices.Clone(*d), func(x skippedDay) bool { return x.Until <= today || x.Count == 0 })
}
