package mesh

import (
	"crypto/rand"
	"net"
	"testing"
	"time"

	"sottovoce/mesh/clock"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// A clock that nobody vouches for neither ages the home nor makes it young.
func TestUnvouchedClock(t *testing.T) {
	t.Parallel()
	anna := newPerson(t, newAir(), "Anna")
	today := wire.DayAt(time.Now())
	anna.inside(func(turn *turn) error {
		n := turn.n
		for _, c := range []struct {
			mark    uint16
			vouched bool
			want    uint16
		}{{today - 100, false, today - 100}, {today - 100, true, today}, {today + 100, true, today + 100}} {
			n.mark, n.kept = clock.Mark{Day: c.mark}, time.Now()
			n.vouched = func() bool { return c.vouched }
			if err := turn.housekeep(); err != nil || n.mark.Day != c.want {
				t.Errorf("mark at %d, vouched %t: %d, %v", c.mark, c.vouched, n.mark.Day, err)
			}
			if kept, err := loadMark(turn.tx, turn.now); err != nil || c.vouched && c.mark < today && kept != n.mark {
				t.Errorf("kept is %v, %v", kept, err)
			}
		}
		if date := n.newTurn().date; wire.DayAt(date) != today+100 {
			t.Errorf("with the clock behind the mark the date is %v", date)
		}
		n.mark = clock.At(time.Now())
		return nil
	})
}

// A home knows the day of its founding, whatever the clock says at the first start after it.
func TestMarkOfTheFounding(t *testing.T) {
	t.Parallel()
	anna := newPerson(t, newAir(), "Anna")
	anna.inside(func(turn *turn) error {
		mark, err := loadMark(turn.tx, time.Unix(0, 0))
		if today := clock.At(time.Now()); err != nil || mark.Day+1 < today.Day || mark.Day > today.Day {
			t.Errorf("the mark is %v, %v", mark, err)
		}
		return nil
	})
}

// When the mark rises, what is past its life by it gets its last state before it is forgotten.
func TestExpiryWithTheMark(t *testing.T) {
	t.Parallel()
	anna, bruno := meetUnder(t, newSky(1))
	anna.inside(func(turn *turn) error { turn.n.kept = turn.now; return nil })
	bruno.stop()
	m := anna.says("Bruno", "ciao")
	anna.within(waitLong, "held", anna.reaches(m, conversation.StateHeld)) // so it is sealed
	const day = 24 * time.Hour
	later := time.Until(time.Now().Truncate(day).Add(59 * day)) // less than 59 days, and the first of them after its last
	anna.inside(func(turn *turn) error {
		turn.n.now = func() time.Time { return time.Now().Add(later + time.Minute) }
		return nil
	})
	anna.inside(func(turn *turn) error { return turn.housekeep() })
	now, err := anna.Message(t.Context(), m.ID)
	if err != nil || now.State != conversation.StateExpired {
		t.Errorf("the message is %v, %v", now.State, err)
	}
}

// A home may be years old, and a contact may be older than a year: both are recognised.
func TestOldDiscoveryKeys(t *testing.T) {
	t.Parallel()
	anna := newPerson(t, newAir(), "Anna")
	today := uint32(wire.DayAt(time.Now()))
	anna.inside(func(turn *turn) error {
		n := turn.n
		old, err := identity.NewDiscoveryKey(rand.Reader, today-3000)
		if err != nil {
			return err
		}
		n.me.discovery = old
		if n.epoch, err = newEpoch(n.rand, epochLength, turn.now, turn.date); err != nil {
			return err
		}
		a, err := n.announcement()
		if err != nil {
			t.Errorf("an old home is not announced: %v", err)
			return nil
		}
		c := &contactState{discovery: old}
		for range 2 { // the second time from the day that was stepped to
			key, _, ok := c.discoveryOn(a.Epoch/epochsPerDay, today)
			if !ok || !key.Match(n.me.device.ID(), *a) {
				t.Error("an old contact is not recognised")
			}
		}
		for day, want := range map[uint32]bool{today - 3001: false, today - 3000: true, today + 400: true, today + 401: false} {
			if _, _, ok := c.discoveryOn(day, today); ok != want {
				t.Errorf("day %d of today %d: %t", day, today, ok)
			}
		}
		return nil
	})
}

// Anybody can announce somebody else's handle; the keys behind it decide.
func TestForgedHandle(t *testing.T) {
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.within(waitLong, "sees", anna.finds(anna.Nearby, "Bruno", anyhow))
	silent, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for i := range 5 {
		fake := peer.Announcement{
			Instance: "000000000000000" + string(rune('0'+i)), Version: 1, Epoch: 1 << 30, Fingerprint: peer.Fingerprint{9},
			Open: &peer.Open{Name: "Bruno", Handle: bruno.me.open.Public().Handle()}, Port: uint16(silent.LocalAddr().(*net.UDPAddr).Port),
		}
		anna.sighting(sightingOf(fake))
	}
	anna.befriends(bruno)
}
