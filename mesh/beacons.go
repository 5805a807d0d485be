package mesh

import (
	"io"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
)

// beacon is one thing that somebody may know us by: a slot under the key of the day, which
// only they hold too, for the device that they expect.
type beacon struct {
	key    identity.DiscoveryKey
	device peer.ID
}

// beaconGroups is how many kinds of beacons there are.
const beaconGroups = 3

// beacons lists what announcements of a day may be known by, in groups of which the former
// goes first: our account; those whom we are to meet; and each contact that lacks our
// newest key, by what only the two know.
// spec: 01-identity#pairwise-beacons
func (n *Node) beacons(day uint32) ([beaconGroups][]beacon, error) {
	var all [beaconGroups][]beacon
	account, err := n.me.discovery.Reach(day)
	if err != nil {
		return all, err
	}
	us := n.me.device.ID()
	all[0] = []beacon{{key: account, device: us}}
	all[1] = n.meetingBeacons(day)
	for _, c := range n.lacking() {
		for _, d := range c.devices {
			if d.active {
				all[2] = append(all[2], beacon{key: identity.PairwiseKey(d.pair.ContactSecret(), n.me.account.ID(), day), device: us})
			}
		}
	}
	return all, nil
}

// fillSlots puts our beacons into the slots of an announcement that is whole but for them,
// in random order, and random bytes into those that are left.
// spec: 01-identity#slots
func (n *Node) fillSlots(a *peer.Announcement) error {
	known, err := n.beacons(a.Epoch / epochsPerDay)
	if err != nil {
		return err
	}
	shown := takeTurns(known, len(a.Slots), &n.turns)
	var slots [len(a.Slots)]peer.Slot
	for i := range slots {
		if i < len(shown) {
			slots[i], err = shown[i].key.Slot(shown[i].device, *a)
		} else {
			_, err = io.ReadFull(n.rand, slots[i][:])
		}
		if err != nil {
			return err
		}
		at, err := randomBelow(n.rand, int64(i+1))
		if err != nil {
			return err
		}
		a.Slots[i] = a.Slots[at]
		a.Slots[at] = slots[i]
	}
	return nil
}

// takeTurns chooses what fits: each group all that it has, as far as one slot is left for each
// group behind it. Of a group that does not fit those are chosen whose turn it is, which
// begins at its next and moves on with each call.
func takeTurns(groups [beaconGroups][]beacon, slots int, next *[beaconGroups]int) (shown []beacon) {
	for i, g := range groups {
		behind := 0
		for _, other := range groups[i+1:] {
			behind += min(len(other), 1)
		}
		for range min(len(g), slots-len(shown)-behind) {
			shown = append(shown, g[next[i]%len(g)])
			next[i] = (next[i] + 1) % len(g)
		}
	}
	return shown
}
