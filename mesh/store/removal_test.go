package store

import (
	"errors"
	"testing"
)

// Of a contact that was removed nothing is left but a row that says so.
func TestRemoveContact(t *testing.T) {
	s, w := filled(t)
	gone, stays := w.Contacts[0].ID, w.Contacts[1].ID
	var pair Pair
	doUpdate(t, s, func(tx *Tx) {
		pairs, err := tx.Pairs()
		must(t, err)
		for _, p := range pairs {
			if p.Contact == gone {
				pair = p
			}
		}
		must(t, tx.MovePending(pair.ID, w.Pairs[1].ID))
		must(t, tx.RemoveContact(gone, [32]byte{7}))
		if err := tx.RemoveContact(99, [32]byte{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("nobody was removed: %v", err)
		}
	})
	doView(t, s, func(tx *Tx) {
		contacts, err := tx.Contacts()
		must(t, err)
		for _, c := range contacts {
			switch c.ID {
			case gone:
				same(t, c, Contact{ID: gone, Account: [32]byte{7}, Removed: true, Object: c.Object})
				same(t, len(c.Object), 0)
			case stays:
				same(t, c, w.Contacts[1])
			}
		}
		pairs, err := tx.Pairs()
		must(t, err)
		for _, p := range pairs {
			if p.Contact == gone {
				t.Errorf("of the pair %+v is left", p)
			}
		}
		for _, k := range w.Skipped {
			if k.Pair != pair.ID {
				continue
			}
			if row, err := tx.Skipped(k.Tag); err != nil || row != nil {
				t.Errorf("a skipped key is left: %v, %v", row, err)
			}
		}
		waits, err := tx.Deliveries(pair.ID, false, 10)
		must(t, err)
		same(t, len(waits), 0)
		blobs, err := tx.OutBlobs(pair.ID, 0, 10)
		must(t, err)
		same(t, len(blobs), 0)
	})
}
