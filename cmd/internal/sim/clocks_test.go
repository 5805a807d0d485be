package sim

import (
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"sottovoce/mesh"
)

// TestClocksYearsWrong sets the clock of one of two contacts years wrong, while its node is down and while
// it runs. Each time the two find each other within seconds after both were started anew, on other ports; by
// what one alone announces, and by what the other does. When the clock is right again they do so still: no key
// of the days between was given up.
func TestClocksYearsWrong(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(epoch))
		w := newWorld(t, dir, 1, 2)
		w.meetAll()
		for _, to := range []time.Time{time.Unix(1000, 0), time.Date(2099, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)} {
			for _, running := range []bool{false, true} {
				wrong := time.Until(to)
				w.people[0].setClock(wrong)
				when := "in " + to.Format(time.DateOnly)
				if running {
					when += ", set while it ran"
					w.pass(36 * time.Hour) // epochs begin, and the house is kept
				}
				w.findEachOther(when)
				w.people[0].setClock(0)
				w.findEachOther("right again, after it was " + when)
			}
		}
		w.check()
		for _, p := range w.people {
			p.end()
		}
		for _, wrong := range w.wrong {
			t.Error(wrong)
		}
	})
}

// findEachOther starts both of two people anew, one after the other unseen by anybody, and has them
// talk.
func (w *world) findEachOther(when string) {
	for i, unseen := range w.people {
		seen := w.people[1-i]
		for p, v := range map[*person]mesh.Visibility{unseen: mesh.Nobody, seen: mesh.Contacts} {
			if _, err := p.running().SetVisibility(w.t.Context(), v); err != nil {
				w.fail("%s: %v", p.name, err)
			}
		}
		for _, p := range w.people {
			p.stop()
		}
		w.pass(time.Minute)
		for _, p := range w.people {
			p.start()
		}
		w.pass(10 * time.Second)
		people, err := unseen.running().Contacts(w.t.Context())
		if err != nil || len(people) != 1 || people[0].Via != mesh.ViaLink {
			w.fail("%s: %s does not recognise %s: %+v, %v", when, unseen.name, seen.name, people, err)
		}
		w.talks2(w.people[0], w.people[1], 1, 1)
	}
}
