package mesh

import (
	"testing"

	"sottovoce/mesh/peer"
)

// What does not fit into the slots takes turns, and the first is never left out.
func TestTakeTurns(t *testing.T) {
	for count := range 12 {
		known := make([]beacon, count)
		for i := range known {
			known[i].device = peer.ID{byte(i)}
		}
		next, shown := 0, make([]int, count)
		const rounds = 44 // every count but the first fits often enough
		for range rounds {
			seen := make(map[byte]bool)
			for _, b := range takeTurns(known, 4, &next) {
				if seen[b.device[0]] {
					t.Fatalf("of %d, %d stands twice", count, b.device[0])
				}
				seen[b.device[0]] = true
				shown[b.device[0]]++
			}
			if want := min(count, 4); len(seen) != want {
				t.Fatalf("of %d, %d are shown", count, len(seen))
			}
		}
		for i, times := range shown {
			switch want := rounds * 3 / max(count-1, 3); {
			case i == 0 && times != rounds, i > 0 && (times < want || times > want+1):
				t.Errorf("of %d, %d is shown %d times in %d", count, i, times, rounds)
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
