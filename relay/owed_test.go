package relay

import (
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
	"sottovoce/relay/witness"
)

// TestOwed: a receipt for a place that was passed is on disk before the blob counts as held, until all that is known is: who crashes before the
// place was read again looks all the same.
func TestOwed(t *testing.T) {
	kept := &fullKeep{mapKeep: mapKeep{}}
	now := time.Unix(20_600*86_400, 0)
	c, err := NewClient(Config{Keep: kept, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	start := func() *station {
		s := &station{
			client: c, state: &stationState{wallet: token.NewWallet()}, doubt: make(doubt), roused: make(chan struct{}, 1),
			watch: loadWatch(kept, Log{}, identity.DeviceKeys{}),
		}
		s.watch.do(func(on *witness.Watch) []witness.Breach { on.Resume(2 * wire.CursorStep); return nil }) // it was passed
		return s
	}
	of := Kept{ID: wire.BlobID{1}, ExpiryDay: 20_700, Cursor: 3}
	answer := func(s *station) *item {
		one := &item{id: of.ID, answer: &Custody{Cursor: of.Cursor}}
		if err := s.answered([]*item{one}, wire.Kept{Day: 20_600, Signature: new([64]byte)}, []Kept{of}); (err != nil) != kept.full {
			t.Errorf("a full disk (%t): %v", kept.full, err)
		}
		return one
	}
	s := start()
	kept.full = true
	if one := answer(s); one.answer.Reason != wire.ReasonNotNow {
		t.Errorf("counts as held although nobody will look: %+v", one.answer)
	}
	kept.full = false
	if one := answer(s); one.answer.Reason != 0 || len(s.roused) != 1 {
		t.Errorf("%+v, and is not looked at soon", one.answer)
	}
	s = start() // after a crash
	since, wanted := s.watch.ask()
	if !wanted || since != 0 {
		t.Fatalf("does not look: %d, %t", since, wanted)
	}
	other := wire.Page{Until: 9, Absent: wire.Absent{}.Add(3, wire.BlobID{2}), Finished: 20_599}
	other.Chain = Link([32]byte{}, wire.BlobID{2})
	s.watch.page(other, nil, 0, s.watch.asks(), 20_600)
	if found, _ := s.watch.take(now); !slices.ContainsFunc(found, func(b witness.Breach) bool { return b.Kind == witness.Lost && b.Item.Cursor == 3 }) {
		t.Errorf("found: %v", found)
	}
	if _, still := kept.mapKeep[s.watch.keyOwed()]; !still {
		t.Error("nothing is on disk while nobody was told")
	}
	if err := s.watch.signed([]Kept{{ID: wire.BlobID{3}, ExpiryDay: 20_700, Cursor: 5}}, [64]byte{1}); err != nil {
		t.Fatal(err)
	}
	after := start()
	after.watch.page(other, nil, 0, after.watch.asks(), 20_600)
	if found, _ := after.watch.take(now); len(found) != 2 {
		t.Errorf("after a crash while nobody was told: %v", found)
	}
	s.watch.page(other, nil, 0, s.watch.asks(), 20_600)
	s.watch.said()
	s.watch.take(now)
	s.watch.said()
	if err := s.watch.save(now); err != nil || len(kept.mapKeep[s.watch.keyOwed()]) > 0 {
		t.Errorf("kept twice: %v", err)
	}
	if _, wanted := start().watch.ask(); wanted {
		t.Error("looks for ever")
	}
}
