package mesh

import (
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/peer"
)

// A supernode of ours that announces itself is recognised by its beacon, and its custodian
// told where it is; it is nobody's person.
func TestSupernodeSighted(t *testing.T) {
	s := newSky(2)
	lan := newAir()
	anna := newPersonUnder(t, lan, "Anna", s)
	hour := uint32(time.Now().Unix() / 3600)
	a := peer.Announcement{Instance: "00112233445566ff", Epoch: hour, Port: 4711, Nonce: [8]byte{1}}
	key := beaconKey(hour / epochsPerDay)
	slot, err := key.Slot(s.nodes[1].id, a)
	if err != nil {
		t.Fatal(err)
	}
	a.Slots[2] = slot
	anna.post(func(turn *turn) error { return turn.saw(sightingOf(a)) })
	anna.within(waitLong, "sighted", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Equal(s.sighted, []peer.ID{s.nodes[1].id}) && len(s.places[0].Endpoints) > 0
	})
	a.Slots[2][0] ^= 1 // another announcement, of nobody we know
	a.Nonce = [8]byte{2}
	anna.inside(func(turn *turn) error {
		if d, at, own := anna.whose(&a); d != nil || at != nil || own {
			t.Errorf("recognised %v, %v, %t", d, at, own)
		}
		return nil
	})
	if people, err := anna.Nearby(t.Context()); err != nil || len(people) != 0 {
		t.Errorf("nearby: %v, %v", people, err)
	}
}
