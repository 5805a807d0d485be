package mesh

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// Days that no clock should say.
var (
	in1970 = time.Date(1970, 1, 1, 0, 10, 0, 0, time.UTC)
	in2099 = time.Date(2099, 6, 1, 12, 0, 0, 0, time.UTC)
)

func setClock(off *atomic.Int64, at time.Time) { off.Store(int64(time.Until(at))) }

// sets sets the clock of somebody's machine, while the node is down or while it runs. (Where
// nobody vouches for the clock the node counts how long it was up, which no system's clock
// makes wrong and this one does: so it is down then.)
func (p *person) sets(off *atomic.Int64, at time.Time, down bool) {
	p.t.Helper()
	if down {
		p.kill()
	}
	setClock(off, at)
	if down {
		p.start()
	}
}

// A home that is founded under a wrong clock says so, meets people and talks to them, also after the clock
// was set right.
func TestFoundedUnderAWrongClock(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{in1970, in2099} {
		for _, doubtful := range []bool{false, true} {
			lan := newAir()
			var off atomic.Int64
			setClock(&off, at)
			anna := newPersonAt(t, lan, "Anna", &off)
			anna.stop()
			anna.doubtful = doubtful
			anna.start()
			bruno := newPerson(t, lan, "Bruno")
			anna.befriends(bruno)
			said := at.Format(time.DateOnly)
			anna.within(waitLong, "says so", anna.shows("the clock of this machine says "+said))
			talks(t, anna, bruno, "under "+said)
			anna.sets(&off, time.Now(), doubtful)
			talks(t, anna, bruno, "set right")
			anna.stop()
			anna.start()
			talks(t, bruno, anna, "started again")
			if anna.shows("clock")() {
				t.Errorf("founded in %s, and set right: still a word about the clock", said)
			}
			for _, p := range []*person{anna, bruno} {
				if n := len(p.texts(map[*person]string{anna: "Bruno", bruno: "Anna"}[p])); n != 6 {
					t.Errorf("founded in %s: %s has %d texts", said, p.name, n)
				}
			}
			anna.stop()
			bruno.stop()
		}
	}
}

// A clock that jumps, back and forth, while the node runs and while it does not: each time there is one
// line about it, what is written arrives once and in order, and it is over when the clock is right.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for _, doubtful := range []bool{false, true} {
		lan := newAir()
		var off atomic.Int64
		anna := newPersonAt(t, lan, "Anna", &off)
		anna.stop()
		anna.doubtful = doubtful
		anna.start()
		bruno := newPerson(t, lan, "Bruno")
		anna.befriends(bruno)
		talks(t, anna, bruno, "before")
		want := 2
		for i, at := range []time.Time{in1970, in2099, {}, in2099, in1970, {}, in2099, {}} {
			to := at
			if at.IsZero() {
				to = time.Now()
			}
			anna.sets(&off, to, doubtful || i%2 == 1)
			talks(t, anna, bruno, fmt.Sprint("jump ", i))
			want += 2
			if wrong := !at.IsZero(); wrong && !anna.shows("the clock of this machine says "+at.Format(time.DateOnly))() {
				t.Errorf("jump %d: not a word", i)
			} else if !wrong && anna.shows("clock")() {
				t.Errorf("jump %d: the clock is right, and there is still a word about it", i)
			}
		}
		a, b := anna.texts("Bruno"), bruno.texts("Anna")
		if len(a) != want || len(b) != want {
			t.Errorf("%d and %d texts of %d", len(a), len(b), want)
		}
		for _, texts := range [][]string{a, b} {
			if sorted := slices.Sorted(slices.Values(texts)); len(slices.Compact(sorted)) != len(texts) {
				t.Errorf("doubled: %v", texts)
			}
		}
		anna.stop()
		bruno.stop()
	}
}

// What expired while the clock stood in 2099 is said to be, and nothing that was on its way is.
func TestBurstUnderAWrongClock(t *testing.T) {
	t.Parallel()
	lan := newAir()
	var off atomic.Int64
	anna, bruno := newPersonAt(t, lan, "Anna", &off), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	talks(t, anna, bruno, "before")
	bruno.stop()
	texts := numbered("a", 50)
	anna.saysAll("Bruno", texts[:25])
	anna.kill()
	setClock(&off, in2099)
	anna.start()
	last := anna.saysAll("Bruno", texts[25:])
	anna.kill()
	off.Store(0)
	anna.start()
	bruno.start()
	anna.within(waitLong, "delivered", anna.delivered(last))
	if got := from("a", bruno.texts("Anna")); !slices.Equal(got, texts) {
		t.Errorf("arrived: %v", got)
	}
}

// Whoever has a clock that is years wrong is recognised by a contact, and recognises it, by what
// the two announce; and no clock that cannot be right, or that nobody vouches for, takes a key
// of the days to come.
func TestWrongClockIsRecognised(t *testing.T) {
	const year = 365 * 24 * time.Hour
	ago := func(by time.Duration) time.Time { return time.Now().Add(-by) }
	for _, c := range []struct {
		name     string
		at       time.Time
		vouched  bool
		seenFrom bool // by the contact; it sees the contact in any case
	}{
		{"in 1970", in1970, false, true},
		{"in 1970, and somebody vouches for it", in1970, true, true},
		{"in 2099", in2099, false, true},
		{"in 2099, and somebody vouches for it", in2099, true, true},
		{"five years behind", ago(5 * year), false, true},
		{"ten months ahead", ago(-300 * 24 * time.Hour), false, true},
		{"five years ahead", ago(-5 * year), false, true},
		{"five years ahead, and somebody vouches for it", ago(-5 * year), true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lan := newAir()
			var off atomic.Int64
			anna, bruno := newPersonAt(t, lan, "Anna", &off), newPerson(t, lan, "Bruno")
			anna.befriends(bruno)
			first := anna.ownKey()
			for _, down := range []bool{true, false} {
				anna.kill()
				anna.doubtful = !c.vouched
				off.Store(0)
				anna.start()
				anna.within(waitLong, "linked with the right clock", anna.finds(anna.Contacts, "Bruno", linked))
				anna.within(waitLong, "recognises him with the right clock", anna.recognises(bruno))
				anna.sets(&off, c.at, down)
				if !down {
					anna.inside(func(turn *turn) error { // nobody waits for an hour
						turn.n.rotate(turn.now)
						return nil
					})
				}
				anna.within(waitLong, "recognises him", anna.recognises(bruno))
				if c.seenFrom {
					bruno.within(waitLong, "recognises her", bruno.recognises(anna))
				}
				anna.within(waitLong, "linked", anna.finds(anna.Contacts, "Bruno", linked))
				talks(t, anna, bruno, "ciao")
				if key := anna.ownKey(); !first.Leads(key) || down && c.seenFrom && key.Day() > first.Day()+1 {
					t.Errorf("the key went from day %d to %d", first.Day(), key.Day())
				}
			}
		})
	}
}

// Who was founded under a wrong clock is recognised when it is set right, and so is who
// meets somebody else then: the card gives the key of a day that is not ahead.
func TestRecognisedAfterTheClockIsRight(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{in1970, in2099} {
		lan := newAir()
		var off atomic.Int64
		setClock(&off, at)
		anna, bruno := newPersonAt(t, lan, "Anna", &off), newPerson(t, lan, "Bruno")
		anna.befriends(bruno)
		anna.sets(&off, time.Now(), true)
		carla := newPerson(t, lan, "Carla")
		anna.befriends(carla)
		for range 2 {
			for _, p := range []*person{bruno, carla} {
				p.within(waitLong, "recognises her", p.recognises(anna))
				anna.within(waitLong, "recognises them", anna.recognises(p))
			}
			anna.kill()
			anna.start()
		}
		for _, p := range []*person{anna, bruno, carla} {
			p.stop()
		}
	}
}
