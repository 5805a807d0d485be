package mesh

import (
	"testing"

	"sottovoce/mesh/peer"
)

// What does not fit into the slots takes turns within its group, no group is left out, and
// those behind give way first.
func TestTakeTurns(t *testing.T) {
	const rounds = 42 // every one of a group fits equally often
	for met := range 8 {
		for lacking := range 8 {
			var groups [beaconGroups][]beacon
			for group, count := range [beaconGroups]int{1, met, lacking} {
				for i := range count {
					groups[group] = append(groups[group], beacon{device: peer.ID{byte(group), byte(i)}})
				}
			}
			shown := make(map[peer.ID]int)
			var next [beaconGroups]int
			for range rounds {
				seen := make(map[peer.ID]bool)
				for _, b := range takeTurns(groups, 4, &next) {
					seen[b.device] = true
					shown[b.device]++
				}
				if len(seen) != min(1+met+lacking, 4) {
					t.Fatalf("of 1, %d and %d, %d are shown", met, lacking, len(seen))
				}
			}
			room := [beaconGroups]int{1, min(met, 3-min(lacking, 1))}
			room[2] = min(lacking, 3-room[1])
			for group, all := range groups {
				for _, b := range all {
					least := rounds * room[group] / len(all)
					if got := shown[b.device]; got < least || got > least+1 {
						t.Errorf("of 1, %d and %d, one of group %d is shown %d times in %d", met, lacking, group, got, rounds)
					}
				}
			}
		}
	}
}

// The account's beacon stands in each of the slots, and every slot differs from the others.
func TestFillSlots(t *testing.T) {
	anna := newPerson(t, newAir(), "Anna")
	anna.inside(func(turn *turn) error {
		n, stood := turn.n, [4]int{}
		var err error
		if n.epoch, err = newEpoch(n.rand, n.lasting, turn.now, turn.date); err != nil {
			return err
		}
		for range 100 {
			a, err := n.announcement()
			if err != nil {
				return err
			}
			key, err := n.me.discovery.Reach(a.Epoch / epochsPerDay)
			if err != nil {
				return err
			}
			ours, err := key.Slot(n.me.device.ID(), *a)
			if err != nil {
				return err
			}
			different := make(map[peer.Slot]bool)
			for i, s := range a.Slots {
				different[s] = true
				if s == ours {
					stood[i]++
				}
			}
			if len(different) != 4 {
				t.Errorf("slots %x", a.Slots)
			}
		}
		if stood[0]+stood[1]+stood[2]+stood[3] != 100 || stood[0]*stood[1]*stood[2]*stood[3] == 0 {
			t.Errorf("our beacon stood in the slots %v times", stood)
		}
		return nil
	})
}
