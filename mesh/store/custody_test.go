package store

import (
	"errors"
	"slices"
	"testing"

	"sottovoce/mesh/peer"
)

// sampleHeld is an op in a blob that is held by two supernodes.
func sampleHeld(t *testing.T, s *Store) (op int64, blob int64, logs []Log) {
	t.Helper()
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) {
		w.put(t, tx)
		op, blob = w.Ops[0].Seq, w.OutBlobs[1].ID
		must(t, tx.PutDelivery(&Delivery{ID: w.Deliveries[0].ID, Pair: w.Pairs[0].ID, Blob: blob, State: stateHeld}))
		for i := range 2 {
			l := Log{Supernode: peer.ID{byte(9 - i)}, Community: [32]byte{1}}
			must(t, tx.PutLog(&l))
			evidence, err := tx.AddEvidence([]byte{byte(i)})
			must(t, err)
			must(t, tx.PutCustody(Custody{Blob: blob, Log: l.ID, Cursor: 1<<63 + 5, Evidence: evidence, Time: 7}))
			logs = append(logs, l)
		}
	})
	return op, blob, logs
}

func TestCustodyIsKept(t *testing.T) {
	s := openHome(t, newHome(t))
	op, blob, logs := sampleHeld(t, s)
	doUpdate(t, s, func(tx *Tx) {
		logs[1].Cursor = 1<<64 - 1
		must(t, tx.PutLog(&logs[1]))
		evidence, err := tx.AddEvidence([]byte("later"))
		must(t, err)
		must(t, tx.PutCustody(Custody{Blob: blob, Log: logs[0].ID, Cursor: 6, Evidence: evidence, Time: 8}))
	})
	doView(t, s, func(tx *Tx) {
		all, err := tx.Logs()
		must(t, err)
		same(t, all, logs)
		keepers, err := tx.KeepersOf(op)
		must(t, err)
		same(t, keepers, []Keeper{{Supernode: peer.ID{8}}, {Supernode: peer.ID{9}}})
		custody, err := tx.CustodyOf(blob)
		must(t, err)
		same(t, len(custody), 2)
		same(t, custody[0].Cursor, uint64(6))
		same(t, custody[1].Cursor, uint64(1<<63+5))
		statement, err := tx.Evidence(custody[0].Evidence)
		must(t, err)
		same(t, string(statement), "later")
	})
	doUpdate(t, s, func(tx *Tx) { must(t, tx.ExpireCustody()) })
	doView(t, s, func(tx *Tx) {
		custody, err := tx.CustodyOf(blob)
		must(t, err)
		same(t, len(custody), 2)
		_, err = tx.Evidence(custody[1].Evidence)
		must(t, err)
	})
	doUpdate(t, s, func(tx *Tx) {
		custody, err := tx.CustodyOf(blob)
		must(t, err)
		_, err = tx.ExpireOutBlobs(65535)
		must(t, err)
		must(t, tx.ExpireCustody())
		if _, err := tx.Evidence(custody[0].Evidence); !errors.Is(err, ErrNotFound) {
			t.Errorf("evidence without what it is for: %v", err)
		}
		custody, err = tx.CustodyOf(blob)
		must(t, err)
		same(t, len(custody), 0)
	})
}

// What lies up to the cursor of its log was seen there; a cursor that no log reaches never is.
func TestSeenAt(t *testing.T) {
	s := openHome(t, newHome(t))
	_, blob, logs := sampleHeld(t, s)
	for _, c := range []struct {
		cursor, collected uint64
		seen              bool
	}{{6, 5, false}, {6, 6, true}, {6, 9, true}, {1 << 63, 9, false}, {1<<64 - 1, 1<<64 - 1, false}, {0, 9, false}} {
		doUpdate(t, s, func(tx *Tx) {
			evidence, err := tx.AddEvidence([]byte("signed"))
			must(t, err)
			must(t, tx.PutCustody(Custody{Blob: blob, Log: logs[0].ID, Cursor: c.cursor, Evidence: evidence}))
			logs[0].Cursor = c.collected
			must(t, tx.PutLog(&logs[0]))
			seen, err := tx.SeenAt(blob)
			must(t, err)
			if slices.Contains(seen, logs[0].ID) != c.seen {
				t.Errorf("at %d, collected up to %d: seen %t", c.cursor, c.collected, !c.seen)
			}
			held, err := tx.HeldIn(logs[0].ID)
			must(t, err)
			same(t, held, []int64{blob})
			for _, within := range []struct {
				since, until uint64
				want         bool
			}{{5, 6, true}, {6, 9, false}, {0, 5, false}, {0, 1<<64 - 1, true}, {1 << 63, 1<<64 - 1, false}} {
				in, err := tx.CustodyIn(logs[0].ID, within.since, within.until)
				must(t, err)
				if c.cursor == 6 && (len(in) == 1) != within.want {
					t.Errorf("behind %d up to %d: %v", within.since, within.until, in)
				}
			}
			for _, at := range [][]uint64{{6}, {9, 6, 6, 2}, {2, 9}, {0, 5, 1<<64 - 1}, {1 << 63, 6}} {
				is, err := tx.CustodyAt(logs[0].ID, at)
				must(t, err)
				if (len(is) == 1) != slices.Contains(at, c.cursor) {
					t.Errorf("at %v: %v", at, is)
				}
			}
		})
	}
}

func TestOwes(t *testing.T) {
	s := openHome(t, newHome(t))
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) {
		w.put(t, tx)
		must(t, tx.SetPairOwes(w.Pairs[0].ID, 1234))
		if err := tx.SetPairOwes(1<<40, 1); !errors.Is(err, ErrNotFound) {
			t.Errorf("owed to nobody: %v", err)
		}
	})
	doView(t, s, func(tx *Tx) {
		pairs, err := tx.Pairs()
		must(t, err)
		same(t, pairs[0].Owes, int64(1234))
		same(t, pairs[1].Owes, int64(0))
	})
}

func TestUnmatchedAreKept(t *testing.T) {
	s := openHome(t, newHome(t))
	_, _, logs := sampleHeld(t, s)
	entries := []Unmatched{{Tag: [16]byte{1, 15: 2}, ID: [8]byte{3, 7: 4}, ExpiryDay: 100}, {Tag: [16]byte{5}, ExpiryDay: 300}}
	first := Stretch{Log: logs[0].ID, Since: 1 << 63, Entries: entries}
	second := Stretch{Log: logs[1].ID, Entries: entries[:1]}
	doUpdate(t, s, func(tx *Tx) {
		must(t, tx.PutStretch(&Stretch{Log: logs[0].ID}))
		must(t, tx.PutStretch(&first))
		must(t, tx.PutStretch(&second))
	})
	all := func(tx *Tx) (all []Stretch) {
		must(t, tx.Stretches(func(s Stretch) { all = append(all, s) }))
		return all
	}
	doView(t, s, func(tx *Tx) {
		same(t, all(tx), []Stretch{first, second})
		one, err := tx.Stretch(second.ID)
		must(t, err)
		same(t, one, second)
		if _, err := tx.Stretch(1 << 40); !errors.Is(err, ErrNotFound) {
			t.Errorf("no stretch: %v", err)
		}
	})
	doUpdate(t, s, func(tx *Tx) {
		must(t, tx.ExpireUnmatched(101))
		same(t, all(tx), []Stretch{first})
		first.Entries = nil
		must(t, tx.PutStretch(&first))
		same(t, len(all(tx)), 0)
	})
}

// A stretch whose entries were cut is damage, and said to be.
func TestCutStretch(t *testing.T) {
	s := openHome(t, newHome(t))
	_, _, logs := sampleHeld(t, s)
	doUpdate(t, s, func(tx *Tx) {
		st := Stretch{Log: logs[0].ID, Entries: []Unmatched{{ExpiryDay: 100}}}
		must(t, tx.PutStretch(&st))
		must(t, tx.change("UPDATE unmatched SET entries=x'00'").exec())
	})
	err := s.View(func(tx *Tx) error { return tx.Stretches(func(Stretch) {}) })
	if !errors.Is(err, ErrTampered) {
		t.Errorf("read: %v", err)
	}
}
