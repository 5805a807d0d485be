package witness

import (
	"slices"
)

// due are blobs of a receipt. The receipt is kept whole, since its signature is over all of it.
type due struct {
	_       struct{} `cbor:",toarray"`
	Receipt Receipt
	Left    []uint16 // indices of its blobs
	Number  uint64   // of the receipt among all
}

// Owed returns what Owe takes: the receipts whose places are looked for again, which no page will bring by itself, and those that were found broken,
// as long as that is not told.
func (w *Watch) Owed(untold []Breach) []byte {
	var owed state
	for _, b := range untold {
		same := func(d due) bool { return d.Receipt.Signature == b.Receipt.Signature }
		if b.Receipt != nil && !slices.ContainsFunc(owed.Due, same) {
			owed.Due = append(owed.Due, due{Receipt: *b.Receipt})
		}
	}
	for _, d := range w.s.Due {
		if slices.ContainsFunc(d.Left, func(i uint16) bool { return d.Receipt.Kept[i].Cursor <= w.s.At.Cursor }) {
			owed.Due = append(owed.Due, d)
		}
	}
	if len(owed.Due) == 0 {
		return nil
	}
	return (&Watch{s: owed}).Save()
}

// Owe takes what Owed returned before the state was lost that was saved since.
func (w *Watch) Owe(owed []byte) error {
	of, err := LoadWatch(w.log, owed)
	if err != nil {
		return err
	}
	for _, d := range of.s.Due {
		w.Receipt(d.Receipt)
	}
	return nil
}

// Ask says where to read the log again, so that what was signed for at a place that we have passed can be held against it; false:
// nowhere.
func (w *Watch) Ask() (since uint64, wanted bool) {
	for _, d := range w.s.Due {
		for _, i := range d.Left {
			if cursor := d.Receipt.Kept[i].Cursor; cursor <= w.s.At.Cursor {
				return w.before(cursor), true
			}
		}
	}
	return 0, false
}

// before is the last place before a cursor where a request may begin and the chain is known.
func (w *Watch) before(cursor uint64) uint64 {
	for _, p := range slices.Backward(w.s.Points) {
		if p.Cursor < cursor {
			return p.Cursor
		}
	}
	return 0
}

// settle goes through the blobs of receipts up to a number, and strikes those off of which is returns true.
func (w *Watch) settle(upTo uint64, is func(r *Receipt, k Kept) bool) {
	for i := range w.s.Due {
		d := &w.s.Due[i]
		if d.Number > upTo {
			break
		}
		d.Left = slices.DeleteFunc(d.Left, func(at uint16) bool { return is(&d.Receipt, d.Receipt.Kept[at]) })
	}
	w.s.Due = slices.DeleteFunc(w.s.Due, func(d due) bool { return len(d.Left) == 0 })
}

// collect holds receipts against one entry of the log.
func (w *Watch) collect(e Entry, finished, today uint16) (found []Breach) {
	w.settle(w.s.Taken, func(r *Receipt, k Kept) bool {
		receipt := *r // apart from the list that is being changed
		switch {
		case k.Cursor != e.Cursor:
			return false
		case k.ID != e.ID:
			found = append(found, Breach{Kind: Lost, Log: w.log, Receipt: &receipt, Item: k})
		case e.Absent && !e.Bulky && k.ExpiryDay > today:
			found = append(found, Breach{Kind: untimely(Dropped, k, finished), Log: w.log, Receipt: &receipt, Item: k})
		default:
			w.sure(k)
		}
		return true
	})
	return found
}

// show remembers what a page brought.
func (w *Watch) show(e Entry) {
	if e.Absent || slices.Contains(w.shown, e) {
		return
	}
	if len(w.shown) >= shownMax {
		w.shown = slices.Delete(w.shown, 0, shownMax/4)
	}
	w.shown = append(w.shown, e)
}

// sure keeps in mind that a blob stands where a receipt said.
func (w *Watch) sure(k Kept) {
	if len(w.s.Sure) >= dueMax {
		w.s.Sure = slices.Delete(w.s.Sure, 0, 1)
	}
	w.s.Sure = append(w.s.Sure, k)
}

// untimely is what it is that a blob has gone which by our clock has not expired. A supernode is taken at its own word of which days are
// over: our clock may be days behind, and accuses nobody.
//
// spec: 12-replication#clocks-that-differ
func untimely(kind Kind, k Kept, finished uint16) Kind {
	if finished == 0 || k.ExpiryDay <= finished {
		return Early
	}
	return kind
}

// overdue finds receipts whose place the page has passed without them. Where the supernode does not know ids any more since
// everything has expired there, only what has not expired counts; a day is left to clocks.
func (w *Watch) overdue(p Page, today uint16) (found []Breach) {
	w.settle(w.s.Taken, func(r *Receipt, k Kept) bool {
		receipt, kind := *r, Lost
		switch {
		case k.Cursor > p.From && k.Cursor <= p.Until: // read, and not there
		case k.Cursor > p.Since && k.Cursor <= p.From && k.ExpiryDay <= today: // left out, and expired
			return true
		case k.Cursor > p.Since && k.Cursor <= p.From:
			kind = untimely(Lost, k, p.Finished)
		default:
			return k.ExpiryDay < today
		}
		found = append(found, Breach{Kind: kind, Log: w.log, Receipt: &receipt, Item: k})
		return true
	})
	w.s.Sure = slices.DeleteFunc(w.s.Sure, func(k Kept) bool { return k.ExpiryDay < today })
	return found
}

// beyond finds what was signed for, by receipts up to a number, at places behind the end of the log.
func (w *Watch) beyond(end, asked uint64) (found []Breach) {
	w.settle(asked, func(r *Receipt, k Kept) bool {
		if k.Cursor <= end {
			return false
		}
		receipt := *r
		found = append(found, Breach{Kind: Lost, Log: w.log, Receipt: &receipt, Item: k})
		return true
	})
	return found
}

// Receipt takes a receipt that was verified: its blobs have to show up in the log, each at its cursor.
//
// spec: 12-replication#following
func (w *Watch) Receipt(r Receipt) {
	w.s.Taken++
	d := due{Receipt: r, Number: w.s.Taken}
	for i, k := range r.Kept {
		switch {
		case slices.Contains(w.s.Sure, k) || w.waitsFor(k):
		case slices.Contains(w.shown, Entry{Cursor: k.Cursor, ID: k.ID}):
			w.sure(k)
		default:
			d.Left = append(d.Left, uint16(i))
		}
	}
	if len(d.Left) == 0 {
		return
	}
	blobs, from := len(d.Receipt.Kept), len(w.s.Due)
	for ; from > 0 && len(w.s.Due)-from+1 < dueMax && blobs+len(w.s.Due[from-1].Receipt.Kept) <= dueBlobsMax; from-- {
		blobs += len(w.s.Due[from-1].Receipt.Kept)
	}
	w.s.Due = append(slices.Delete(w.s.Due, 0, from), d)
}

func (w *Watch) waitsFor(k Kept) bool {
	return slices.ContainsFunc(w.s.Due, func(d due) bool {
		return slices.ContainsFunc(d.Left, func(i uint16) bool { return d.Receipt.Kept[i] == k })
	})
}
