package community

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/peer"
)

// world3 plays supernodes that meet or do not, and a reference that knows everything.
type world3 struct {
	*world
	houses  []*House
	links   []*Link
	uses    map[Invite]int
	joined  []*Membership
	revoked map[Persona]bool
}

// TestRostersMerge: supernodes write what they like while they are apart, members go from one to
// another, disks are set back; when all have met, all know the same, nobody who joined is lost,
// nobody who was revoked is in, and a link has brought in no more than its uses at each supernode.
func TestRostersMerge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world3{world: newWorld(t, rapid.Byte().Draw(rt, "seed")), uses: make(map[Invite]int), revoked: make(map[Persona]bool)}
		w.houses = []*House{w.found()}
		for range rapid.IntRange(1, 2).Draw(rt, "further supernodes") {
			w.houses = append(w.houses, w.further(w.houses[0]))
		}
		w.everybodyMeets(rt)
		for range rapid.IntRange(1, 16).Draw(rt, "steps") {
			w.now = w.now.Add(time.Minute)
			at := rapid.IntRange(0, len(w.houses)-1).Draw(rt, "at")
			h := w.houses[at]
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				uses := rapid.IntRange(1, 3).Draw(rt, "uses")
				link := w.invite(h, uses)
				w.links, w.uses[link.Invite()] = append(w.links, link), uses
			case 1:
				if len(w.links) > 0 {
					w.join(rt, h, rapid.SampledFrom(w.links).Draw(rt, "link"))
				}
			case 2:
				if len(w.joined) > 0 {
					w.shutOut(rt, h, rapid.SampledFrom(w.joined).Draw(rt, "who").Persona())
				}
			case 3:
				if err := w.visitsAnd(h); err != nil {
					rt.Fatal(err)
				}
			case 4:
				if _, err := w.talk(h, w.houses[(at+1)%len(w.houses)]); err != nil {
					rt.Fatal(err)
				}
			case 5:
				w.houses[at] = w.reload(h)
			}
		}
		w.everybodyMeets(rt)
		w.check(rt)
	})
}

func (w *world3) join(rt *rapid.T, h *House, link *Link) {
	m := w.member(link)
	switch err := w.visit(h, m); {
	case err == nil:
		w.joined = append(w.joined, m)
	case !errors.Is(err, ErrLinkUsed) && !errors.Is(err, ErrLinkUnknown):
		rt.Fatal(err)
	}
}

func (w *world3) shutOut(rt *rapid.T, h *House, who Persona) {
	switch err := h.Revoke(who, w.now, w.rand); {
	case err == nil:
		w.revoked[who] = true
	case !errors.Is(err, ErrNoMember): // this supernode has not heard of it
		rt.Fatal(err)
	}
}

// visitsAnd has every member who is let in come to h, and exchange papers.
func (w *world3) visitsAnd(h *House) error {
	for _, m := range w.joined {
		if err := w.visit(h, m); err != nil && !errors.Is(err, ErrNoMember) && !errors.Is(err, ErrRevoked) {
			return err
		}
	}
	return nil
}

func (w *world3) everybodyMeets(rt *rapid.T) {
	for range 2 {
		for i, a := range w.houses {
			for _, b := range w.houses[i+1:] {
				if _, err := w.talk(a, b); err != nil {
					rt.Fatal(err)
				}
			}
		}
	}
}

func (w *world3) check(rt *rapid.T) {
	first := w.houses[0]
	for i, h := range w.houses {
		if h.Mark() != first.Mark() || !slices.Equal(h.Members(), first.Members()) || !slices.Equal(h.Invites(), first.Invites()) {
			rt.Fatalf("supernodes 0 and %d have met, and know other things", i)
		}
		if turns, err := w.talk(h, first); err != nil || turns > 2 {
			rt.Fatalf("two that know the same talk for %d turns, %v", turns, err)
		}
		if len(h.Alarms()) > 0 {
			rt.Fatalf("supernode %d: %v", i, kinds(h.Alarms()))
		}
	}
	in := make(map[Persona]bool)
	for _, m := range first.Members() {
		in[m.Persona] = !m.Revoked
	}
	for _, m := range w.joined {
		if in[m.Persona()] == w.revoked[m.Persona()] {
			rt.Fatalf("%v: member %v, revoked %v", m.Persona(), in[m.Persona()], w.revoked[m.Persona()])
		}
		err := w.visit(first, m)
		if revoked := w.revoked[m.Persona()]; revoked != errors.Is(err, ErrRevoked) || !revoked && err != nil {
			rt.Fatalf("revoked %v, and at the log-in: %v", revoked, err)
		}
		if a := m.Alarms(); len(a) > 0 {
			rt.Fatal(fmt.Sprint("a member: ", kinds(a)))
		}
	}
	for _, l := range first.Invites() {
		if most := w.uses[l.Invite] * len(w.houses); int(l.Used) > most {
			rt.Fatalf("a link for %d was used by %d at %d supernodes", w.uses[l.Invite], l.Used, len(w.houses))
		}
	}
}

// Two supernodes that have not met each take the last use of a link: both personas stay, and the
// operator sees it.
func TestLastUseTwice(t *testing.T) {
	w := newWorld(t, 50)
	one := w.found()
	two := w.further(one)
	link := w.invite(one, 1)
	if _, err := w.talk(one, two); err != nil {
		t.Fatal(err)
	}
	first, second := w.member(link), w.member(link)
	w.must(w.visit(one, first))
	w.must(w.visit(two, second))
	w.must(w.meet(one, two))
	for _, h := range []*House{one, two} {
		if got := h.Invites(); len(h.Members()) != 2 || got[0].Used != 2 || got[0].Uses != 1 {
			t.Errorf("%d members by a link %+v", len(h.Members()), got)
		}
		w.must(w.visit(h, first))
		w.must(w.visit(h, second))
		if err := w.visit(h, w.member(link)); !errors.Is(err, ErrLinkUsed) {
			t.Errorf("a third: %v", err)
		}
	}
}

// A roster of many pages goes over whole, to supernodes and to members, and is given back.
func TestLongRoster(t *testing.T) {
	w := newWorld(t, 51)
	one := w.found()
	m := w.member(w.invite(one, 1))
	w.must(w.visit(one, m))
	copied := one.Save()
	for i := range 600 {
		w.must(one.write(Entry{Kind: EntryJoin, Subject: [32]byte{byte(i), byte(i >> 8), 1}, By: Invite{1}}, w.now))
	}
	two := w.further(one)
	if len(two.Members()) != 601 || two.Mark() != one.Mark() {
		t.Errorf("the second supernode knows %d members", len(two.Members()))
	}
	w.must(w.visit(one, m))
	back, err := LoadHouse(copied, one.device)
	w.must(err)
	w.now = w.now.Add(time.Minute)
	w.must(w.visit(back, m))
	if len(back.Members()) != 601 {
		t.Errorf("a member has given back %d members", len(back.Members()))
	}
	if m.Plead(peer.ID{1}) != nil {
		t.Error("whoever a link calls a supernode is shown the papers")
	}
	pleas := m.Plead(back.device.ID())
	if len(pleas) < 2 || len(pleas) > PleadMax {
		t.Errorf("%d papers", len(pleas))
	}
	for _, p := range pleas {
		p.Bytes()
	}
}

// A roster is full at its limit, and takes the rest of nobody.
func TestFullRoster(t *testing.T) {
	r := newRoster()
	var prev *Entry
	for i := range RosterMax + 1 {
		e := &Entry{Author: [32]byte{1}}
		e.id[0], e.id[1], e.id[2] = byte(i), byte(i>>8), 1
		if prev != nil {
			e.Prev = &prev.id
		}
		_, _, err := r.add(e)
		if full := i == RosterMax; full != errors.Is(err, ErrFull) {
			t.Fatalf("entry %d: %v", i, err)
		}
		prev = e
	}
}
