package mesh

import (
	"errors"
	"maps"
	"slices"

	"sottovoce/mesh/outbox"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// holdAgainst compares a page with what the supernode has signed for: what should be on it and is not is not held there. Whatever
// stands before the log's cursor was seen there, so that it need not be offered again.
//
// spec: 06-conversations#custody
func (t *turn) holdAgainst(log *store.Log, p Page) error {
	signed, err := t.tx.CustodyIn(log.ID, p.Since, p.Until)
	if err != nil || len(signed) == 0 {
		return err
	}
	shown := make(map[wire.ShortID]bool, len(p.Blobs)+len(p.Scanned))
	for _, blob := range p.Blobs {
		shown[wire.IDOf(blob).Short()] = true
	}
	for _, e := range p.Scanned {
		shown[e.ID] = true
	}
	var missing []int64
	for _, blob := range signed {
		b, err := t.tx.OutBlob(blob)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil && b.Bytes != nil && !shown[wire.IDOf(b.Bytes).Short()] {
			missing = append(missing, blob)
		}
	}
	return t.missing(log, missing)
}

// lostAt notes that a log is another one than was collected, or that it does not hold what it signed for at some places.
//
// spec: 06-conversations#custody
func (t *turn) lostAt(from Log, at []uint64) error {
	log := t.n.custody.logs[from]
	if log == nil {
		return nil
	}
	if len(at) > 0 {
		missing, err := t.tx.CustodyAt(log.ID, at)
		if err != nil {
			return err
		}
		return t.missing(log, missing)
	}
	all, err := t.tx.HeldIn(log.ID)
	if err != nil {
		return err
	}
	if log.Cursor > 0 {
		log.Cursor = 0
		if err := t.tx.PutLog(log); err != nil {
			return err
		}
	}
	if err := t.forgetWaiting(log.ID); err != nil { // it stands elsewhere now, and comes again
		return err
	}
	if _, err := t.unmatched(); err != nil {
		return err
	}
	t.caughtUp(log.ID, false)
	if _, err := t.notHeld(log, all); err != nil {
		return err
	}
	for _, d := range t.n.inOrder() {
		if err := t.step(d, outbox.Lost{Log: log.ID}); err != nil {
			return err
		}
	}
	return nil
}

// missing notes that a log does not hold some blobs that it signed for.
func (t *turn) missing(log *store.Log, blobs []int64) error {
	of, err := t.notHeld(log, blobs)
	if err != nil {
		return err
	}
	for _, row := range slices.Sorted(maps.Keys(of)) {
		if d := t.n.devices[row]; d != nil {
			if err := t.step(d, outbox.Lost{Log: log.ID, Blobs: of[row]}); err != nil {
				return err
			}
		}
	}
	return nil
}

// notHeld strikes a log off those who hold blobs, and returns these by the row of their device.
func (t *turn) notHeld(log *store.Log, blobs []int64) (of map[int64][]int64, err error) {
	of = make(map[int64][]int64)
	for _, blob := range blobs {
		if err := t.unheld(blob, func(id int64) bool { return id == log.ID }); err != nil {
			return nil, err
		}
		b, err := t.tx.OutBlob(blob)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			of[b.Pair] = append(of[b.Pair], blob)
		}
	}
	return of, nil
}
