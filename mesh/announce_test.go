package mesh

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/peer"
)

func TestEpochIsOver(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	e, err := newEpoch(rand.Reader, epochLength, now, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		over bool
	}{
		{now, false},
		{e.ends.Add(-time.Second), false},
		{e.ends, true},
		{e.ends.Add(-epochLength*5/4 - time.Second), true}, // the clock was set back
	} {
		if e.over(c.at) != c.over {
			t.Errorf("at %v of an epoch that ends %v: %v", c.at, e.ends, !c.over)
		}
	}
}

// When an epoch ends and how far its number runs ahead is drawn each time: the instants of
// a node's rotations tell nothing of the ones before.
func TestEpochsAreDrawn(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).Truncate(time.Hour).Add(30 * time.Minute)
	lives, ahead := make(map[time.Duration]bool), 0
	const drawn = 400
	for range drawn {
		e, err := newEpoch(rand.Reader, epochLength, now, now)
		if err != nil {
			t.Fatal(err)
		}
		life := e.ends.Sub(now)
		if life < 45*time.Minute || life >= 75*time.Minute {
			t.Errorf("an epoch of %v", life)
		}
		lives[life] = true
		switch hour := uint32(now.Unix() / 3600); e.number {
		case hour:
		case hour + 1:
			ahead++
		default:
			t.Errorf("epoch %d in hour %d", e.number, hour)
		}
	}
	if len(lives) < drawn-10 || ahead < drawn/4 || ahead > drawn*3/4 {
		t.Errorf("%d lives, %d numbers ahead of %d", len(lives), ahead, drawn)
	}
}

// A new epoch changes everything that is announced; who knows us sees nobody come or
// go, links live on, and new ones are made.
func TestRotation(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno, carla := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno"), newPerson(t, lan, "Carla")
	anna.befriends(bruno)
	carla.within(waitLong, "sees", carla.finds(carla.Nearby, "Bruno", anyhow))
	one := func() bool {
		people, err := carla.Nearby(t.Context())
		return err == nil && len(people) == 2
	}
	carla.within(waitLong, "sees both", one)
	position, _ := carla.feed.now()
	var before, after sighted
	of := func(s *sighted) {
		carla.inside(func(t *turn) error {
			for _, seen := range t.n.nearby {
				if seen.Open.Name == "Bruno" {
					*s = *seen
				}
			}
			return nil
		})
	}
	of(&before)
	bruno.inside(func(t *turn) error {
		t.n.rotate(t.now.Add(epochLength))
		return nil
	})
	carla.within(waitLong, "sees the new epoch", func() bool {
		of(&after)
		return after.Instance != before.Instance
	})
	if after.Epoch < before.Epoch || after.Epoch > before.Epoch+2 || after.Host == before.Host || after.Nonce == before.Nonce || after.Fingerprint == before.Fingerprint ||
		after.Port != before.Port || after.Open.Handle != before.Open.Handle {
		t.Errorf("%+v became %+v", before.Announcement, after.Announcement)
	}
	for _, slot := range after.Slots {
		for _, old := range before.Slots {
			if slot == old {
				t.Error("a slot stays")
			}
		}
	}
	anna.within(waitLong, "delivered", anna.delivered(anna.says("Bruno", "ciao")))
	if now, _ := carla.feed.now(); now != position || !one() {
		t.Error("somebody came or went")
	}
	carla.adds("Bruno")
	bruno.accepts("Carla")
	carla.within(waitLong, "linked", carla.finds(carla.Contacts, "Bruno", linked))
}

// Who says goodbye and is back at once has not left, under whatever label; who stays away
// has, and who comes back under another name is told of.
func TestGoodbyeAndBack(t *testing.T) {
	t.Parallel()
	anna := newPerson(t, newAir(), "Anna")
	come := func(instance byte, name string, gone bool) {
		anna.sighting(peer.Sighting{
			Announcement: peer.Announcement{
				Version: 1, Instance: strings.Repeat(string(instance), 16), Epoch: uint32(time.Now().Unix() / 3600), Port: 1,
				Open: &peer.Open{Name: name, Handle: peer.Handle{1}},
			},
			Endpoints: []peer.Endpoint{netip.MustParseAddrPort("127.0.0.1:1")}, Gone: gone,
		})
	}
	told := func() uint64 { // how many things were told
		position, _ := anna.feed.now()
		return position
	}
	settled := func() bool {
		var waits bool
		anna.inside(func(t *turn) error { waits = len(t.n.leaving) > 0; return nil })
		return !waits
	}
	start := told()
	come('a', "Carlo", false)
	anna.within(waitLong, "is told of Carlo", func() bool { return told() == start+1 })
	come('a', "Carlo", true)
	come('b', "Carlo", false)
	anna.within(waitLong, "knows that he is back", settled)
	if told() != start+1 {
		t.Error("Carlo came or went")
	}
	come('b', "Carlo", true)
	come('c', "Carlotto", false)
	anna.within(waitLong, "is told of the new name", func() bool { return told() == start+2 })
	come('c', "Carlotto", true)
	anna.within(time.Second, "is told that he left", func() bool { return told() == start+3 })
	if people, err := anna.Nearby(t.Context()); err != nil || len(people) != 0 || !settled() {
		t.Errorf("%v, %v are still here", people, err)
	}
}
