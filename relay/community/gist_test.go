package community

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// knows has two who know the same roster and descriptor, as a supernode that lies would keep them.
func (w *world) knows(h, double *House) {
	w.t.Helper()
	_, err := double.file.merge(Papers{Entries: h.file.papersSince(nil).Entries}, func(Seat) bool { return true })
	w.must(err)
}

// tell has one member tell another what it holds of a supernode's card.
func (w *world) tell(h *House, from, to *Membership) {
	w.t.Helper()
	gist, seen := from.Gist(h.device.ID())
	if !seen {
		w.t.Fatal("there is nothing to tell")
	}
	to.Told(h.device.ID(), gist)
}

// TestOwnKeys has a supernode give a member keys of its own, beside the card that everybody is shown.
func TestOwnKeys(t *testing.T) {
	w := newWorld(t, 90)
	h := w.found()
	m := w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	id := h.device.ID()
	key, _ := m.Key(id, founded)
	for _, of := range []int{1, 2} {
		liar := w.reload(h)
		liar.weeks.keys[of][0] ^= 1
		if err := w.visit(liar, m); !errors.Is(err, ErrOwnKeys) {
			t.Errorf("another secret %d: %v", of, err)
		}
	}
	liar := w.reload(h)
	liar.weeks.week++ // the same secrets, for other weeks
	if err := w.visit(liar, m); !errors.Is(err, ErrOwnKeys) {
		t.Errorf("of another week: %v", err)
	}
	if now, ok := m.Key(id, founded); !ok || now != key {
		t.Error("the key that everybody has was given up for one of our own")
	}
	w.now = on(founded + 7)
	liar = w.reload(h)
	if _, err := liar.weeks.turn(WeekOf(founded)+1, w.rand); err != nil { // and no card
		t.Fatal(err)
	}
	if err := w.visit(liar, m); !errors.Is(err, ErrOwnKeys) {
		t.Errorf("a week later, with the old card: %v", err)
	}
	newcomer := w.member(w.invite(h, 1))
	liar.weeks.keys[1][0] ^= 1
	w.knows(h, liar)
	if err := w.visit(liar, newcomer); !errors.Is(err, ErrOwnKeys) {
		t.Errorf("a newcomer: %v", err)
	}
	if _, ok := newcomer.Key(id, founded+7); ok {
		t.Error("a newcomer has taken a key that nobody committed to")
	}
}

// TestCardForEach has a supernode show each of two members a card of its own. They tell each other.
func TestCardForEach(t *testing.T) {
	for name, c := range map[string]struct {
		differ func(w *world, h *House) error // what Bruno is shown
		want   AlarmKind                      // at whom is asked behind being told
		late   bool                           // it takes another exchange: it could have come in between
	}{
		"other keys of the week": {func(w *world, h *House) error {
			h.weeks.keys[1][0] ^= 1
			h.card.Edition.Move-- // shown as the same edition
			return h.show(h.card.Addresses, nil)
		}, AlarmCard, false},
		"another key of the next week": {func(w *world, h *House) error {
			h.weeks.keys[2][0] ^= 1
			return h.show(h.card.Addresses, nil)
		}, AlarmCard, false},
		"another beacon key": {func(w *world, h *House) error {
			edition := h.card.Edition
			err := h.drawBeacon(w.now, w.rand)
			h.card.Edition = edition
			return errors.Join(err, h.show(nil, nil))
		}, AlarmCard, false},
		"another port": {func(w *world, h *House) error {
			h.card.Edition.Move--
			return h.show([]string{"pi.example:5353"}, nil)
		}, AlarmCard, false},
		"keys of another draw":        {func(w *world, h *House) error { return h.renew(w.now, w.rand) }, AlarmWithheld, true},
		"another port, with a reason": {func(w *world, h *House) error { return h.show([]string{"pi.example:5353"}, nil) }, AlarmWithheld, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 91)
			h := w.found()
			_, err := h.Advertise([]string{"pi.example:4243"}, w.now, w.rand)
			w.must(err)
			anna, bruno := w.member(w.invite(h, 1)), w.member(w.invite(h, 1))
			w.must(w.visit(h, anna))
			double := w.reload(h) // a supernode that has a house for each
			w.must(c.differ(w, double))
			w.must(w.visit(double, bruno))
			w.knows(double, h)
			w.must(w.visit(h, anna))
			w.noAlarms("before they tell", slices.Concat(anna.Alarms(), bruno.Alarms()))
			w.tell(h, bruno, anna)
			w.noAlarms("at once", anna.Alarms())
			w.must(w.visit(h, anna))
			if c.late {
				w.noAlarms("asked before it was told", anna.Alarms())
				w.must(w.visit(h, anna))
			}
			if got := anna.Alarms(); !slices.Equal(kinds(got), []AlarmKind{c.want}) || got[0].Supernode != h.device.ID() {
				t.Errorf("alarms %v", got)
			}
			anna.Dismiss()
			w.tell(h, bruno, anna)
			w.must(w.visit(h, anna))
			w.noAlarms("for the second time", anna.Alarms())
		})
	}
}

// TestGists has an honest supernode turn weeks, move, shut somebody out and be set back: members who tell each other what they hold,
// however old, raise no alarm.
func TestGists(t *testing.T) {
	w := newWorld(t, 92)
	h := w.found()
	anna, bruno, bad := w.member(w.invite(h, 1)), w.member(w.invite(h, 1)), w.member(w.invite(h, 1))
	all := []*Membership{anna, bruno, bad}
	for _, m := range all {
		w.must(w.visit(h, m))
	}
	turn := func() {
		w.now = w.now.Add(7 * 24 * time.Hour)
		if changed, err := h.Turn(w.now, w.rand); !changed || err != nil {
			t.Fatal(changed, err)
		}
	}
	move := func(to string) { _, err := h.Advertise([]string{to}, w.now, w.rand); w.must(err) }
	for i, step := range []func(){
		turn, func() { move("a.example:1") }, func() { move("b.example:1"); move("c.example:1") }, turn,
		func() { w.must(h.Revoke(bad.Persona(), w.now, w.rand)) }, func() { h = w.reload(h) }, turn, func() { turn(); turn() },
	} {
		step()
		one, other := anna, bruno
		if i%2 == 1 {
			one, other = bruno, anna
		}
		w.must(w.visit(h, one)) // the other comes with the next step
		w.tell(h, one, other)
		w.tell(h, other, one)
		w.must(w.visit(h, one))
		w.must(w.visit(h, other))
		w.must(w.visit(h, other))
		w.noAlarms("an honest supernode", slices.Concat(one.Alarms(), other.Alarms()))
	}
	if got := h.card.Edition; got.Draw != 1 {
		t.Errorf("edition %+v", got)
	}
	// What nobody has signed is not heard.
	gist, _ := bruno.Gist(h.device.ID())
	gist.Edition.Draw++
	anna.Told(h.device.ID(), gist)
	for range 3 {
		w.must(w.visit(h, anna))
	}
	w.noAlarms("a contact that lies", anna.Alarms())
	for i := range toldMax + 2 { // looked at once each, and not kept for ever
		gist.Edition.Move = uint8(i)
		anna.Told(h.device.ID(), gist)
		if n := len(anna.forged); n == 0 || n > toldMax || !anna.forged[gist] {
			t.Fatalf("%d forged gists are remembered", n)
		}
	}
	for i := range toldMax + 2 {
		double := w.reload(h)
		double.card.Edition.Draw += uint32(i)
		w.must(double.renew(w.now, w.rand))
		anna.Told(h.device.ID(), double.card.gist)
	}
	if n := len(anna.told[h.device.ID()]); n != toldMax {
		t.Errorf("%d gists are kept", n)
	}
}

// TestMoves has a supernode say other addresses again and again: beyond movesMax it draws its keys anew each time, and beyond
// drawsMax of these members ask why.
func TestMoves(t *testing.T) {
	w := newWorld(t, 93)
	h := w.found()
	m, bad := w.member(w.invite(h, 1)), w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	w.must(w.visit(h, bad))
	w.must(h.Revoke(bad.Persona(), w.now, w.rand)) // one draw that has a reason
	w.must(w.visit(h, m))
	for i := range (movesMax + 1) * (drawsMax + 1) {
		w.noAlarms("with reason", m.Alarms())
		before := h.card.Edition
		_, err := h.Advertise([]string{[]string{"a.example:1", "b.example:1"}[i%2]}, w.now, w.rand)
		w.must(err)
		if now := h.card.Edition; now.compare(before) <= 0 || now.Move > movesMax || before.Move == movesMax && now.Draw != before.Draw+1 {
			t.Fatalf("%+v after %+v", now, before)
		}
		w.must(w.visit(h, m))
	}
	if got := m.Alarms(); !slices.Equal(kinds(got), []AlarmKind{AlarmDrawn}) || got[0].Supernode != h.device.ID() {
		t.Errorf("alarms %v after draw %d", got, h.card.Edition.Draw)
	}
	if k, ok := m.Key(h.device.ID(), founded); !ok || !slices.Contains(h.Keys(), k) {
		t.Error("the keys are not those that are answered")
	}
}

// TestHandToHand has a supernode show the community's other one a card that members have not seen: they see it there.
func TestHandToHand(t *testing.T) {
	w := newWorld(t, 94)
	one := w.found()
	two := w.further(one)
	m := w.member(w.invite(one, 1))
	w.must(w.visit(one, m))
	double := w.reload(one)
	w.now = on(founded + 14)
	for _, h := range []*House{one, double} { // each draws its own for this week
		_, err := h.Turn(w.now, w.rand)
		w.must(err)
	}
	w.must(w.visit(one, m))
	w.must(w.meet(double, two))
	w.must(w.visit(two, m))
	if got := m.Alarms(); !slices.Equal(kinds(got), []AlarmKind{AlarmCard}) || got[0].Supernode != one.device.ID() {
		t.Errorf("alarms %v", got)
	}
	if c := m.file.cards[one.device.ID()]; c.id != one.card.id {
		t.Error("the second card was taken")
	}
}

// TestSetBackKeys has a supernode go on from an old copy: members refuse its keys, give it back the card that it has forgotten, and
// are given new keys.
func TestSetBackKeys(t *testing.T) {
	w := newWorld(t, 95)
	h := w.found()
	m := w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	old := w.reload(h)
	for _, days := range []int{7, 14} {
		w.now = on(founded + days)
		_, err := h.Turn(w.now, w.rand)
		w.must(err)
	}
	w.must(w.visit(h, m))
	_, err := old.Turn(w.now, w.rand) // draws others for the same weeks
	w.must(err)
	if err := w.enters(old, m); !errors.Is(err, ErrOwnKeys) {
		t.Fatal(err)
	}
	m.Dismiss()
	w.must(w.visit(old, m))
	w.must(w.visit(old, m))
	if k, ok := m.Key(old.device.ID(), founded+14); !ok || !slices.Contains(old.Keys(), k) {
		t.Error("the new keys were not taken")
	}
	w.noAlarms("behind that", m.Alarms())
}
