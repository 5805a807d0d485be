package mesh

import "testing"

// Which of two ends dials first is drawn anew with the epoch, and both agree.
func TestWhoDialsFirst(t *testing.T) {
	t.Parallel()
	lan := newAir()
	anna, bruno := newPerson(t, lan, "Anna"), newPerson(t, lan, "Bruno")
	anna.befriends(bruno)
	waits := func(p, other *person, name string) (second bool) {
		p.inside(func(turn *turn) error {
			f := other.transport.Fingerprint()
			d := p.device(name)
			d.route.seen = &place{instance: "0123456789abcdef", epoch: p.epoch.number, fingerprint: &f}
			second = turn.n.second(d)
			return nil
		})
		return second
	}
	first := 0
	const epochs = 64
	for range epochs {
		if err := anna.transport.Rotate(); err != nil {
			t.Fatal(err)
		}
		a, b := waits(anna, bruno, "Bruno"), waits(bruno, anna, "Anna")
		if a == b {
			t.Fatalf("both wait, or neither does: %t", a)
		}
		if b {
			first++
		}
		if err := bruno.transport.Rotate(); err != nil {
			t.Fatal(err)
		}
	}
	if first < epochs/6 || first > epochs*5/6 {
		t.Errorf("Anna dials first in %d of %d epochs", first, epochs)
	}
}
