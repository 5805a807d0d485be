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

// beacons lists what announcements of a day may be known by, in order of precedence: our
// account; those whom we are to meet; and each contact that lacks our newest key, by what
// only the two know.
// spec: 01-identity#pairwise-beacons
func (n *Node) beacons(day uint32) ([]beacon, error) {
	account, err := n.me.discovery.Reach(day)
	if err != nil {
		return nil, err
	}
	us := n.me.device.ID()
	all := append([]beacon{{key: account, device: us}}, n.meetingBeacons(day)...)
	for _, c := range n.lacking() {
		for _, d := range c.devices {
			if d.active {
				all = append(all, beacon{key: identity.PairwiseKey(d.pair.ContactSecret(), n.me.account.ID(), day), device: us})
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

// takeTurns chooses what fits: the first always, and of the others those whose turn it is,
// which begins at *next and moves on with each call.
func takeTurns(known []beacon, slots int, next *int) []beacon {
	if len(known) <= slots {
		return known
	}
	others := known[1:]
	shown := known[:1:1]
	for range slots - 1 {
		shown = append(shown, others[*next%len(others)])
		*next = (*next + 1) % len(others)
	}
	return shown
}
