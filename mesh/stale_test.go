package mesh

import (
	"testing"
	"time"
)

// An announcement that does not fit the clock is dialled only while the clock is in doubt.
func TestStaleAnnouncements(t *testing.T) {
	anna := newPerson(t, newAir(), "Anna")
	anna.inside(func(turn *turn) error {
		n, now := turn.n, turn.now
		hour := uint32(now.Unix() / secondsPerNumber)
		at := func(ahead int) *place { return &place{instance: "0123456789abcdef", epoch: hour + uint32(ahead)} }
		check := func(when string, ahead int, now time.Time, want bool) {
			if got := n.believes(at(ahead), now); got != want {
				t.Errorf("%s: %d hours ahead: %t", when, ahead, got)
			}
		}
		vouched := n.vouched
		n.vouched = func() bool { return true }
		check("nobody else is here", -100, now, true)
		n.agrees(hour-100, now)
		check("others have other clocks", -100, now, true)
		n.agrees(hour+1, now)
		for ahead := -5; ahead <= 5; ahead++ {
			check("the clock is right", ahead, now, -3 <= ahead && ahead <= 2)
		}
		if !n.believes(&place{}, now) {
			t.Error("an address that was not announced is not believed")
		}
		check("an hour later", 1-100, now.Add(time.Hour), false)
		n.vouched = func() bool { return false }
		check("nobody vouches", -100, now, true)
		n.vouched = vouched
		return nil
	})
}
