package community

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestJoinAndLogIn(t *testing.T) {
	w := newWorld(t, 1)
	h := w.found()
	m := w.member(w.invite(h, 1))
	if m.Joined() || m.Name() != "" || len(m.Supernodes()) != 1 {
		t.Fatalf("before joining: %v, %q, %d supernodes", m.Joined(), m.Name(), len(m.Supernodes()))
	}
	w.must(w.visit(h, m))
	if !m.Joined() || m.Name() != "Orchard" || m.Community() != w.root.ID() {
		t.Fatalf("after joining: %v, %q", m.Joined(), m.Name())
	}
	all := h.Members()
	if len(all) != 1 || all[0].Persona != m.Persona() || all[0].Day != founded || all[0].Revoked {
		t.Fatalf("members %+v", all)
	}
	if used := h.Invites(); len(used) != 1 || used[0].Used != 1 || used[0].Uses != 1 {
		t.Fatalf("links %+v", used)
	}
	w.must(w.visit(h, m))
	// The supernode answers links that are keyed by what it has granted.
	key, ok := m.Key(h.device.ID(), founded)
	if !ok || !slices.Contains(h.Keys(), key) {
		t.Errorf("the member has key %v, %v", key.Week, ok)
	}
	w.noAlarms("member", m.Alarms())
	w.noAlarms("house", h.Alarms())
}

// A log-in is good for one link, one supernode, one community, one day and one persona.
func TestLoginIsBound(t *testing.T) {
	w := newWorld(t, 2)
	h := w.found()
	m := w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	at := w.at(h)
	sig := m.Login(at)
	login := func(at Place, key [32]byte) error {
		_, _, err := h.Login(at, key, sig, w.now)
		return err
	}
	w.must(login(at, m.Persona()))
	for name, change := range map[string]func(*Place){
		"another link":      func(p *Place) { p.Exporter[31]++ },
		"another supernode": func(p *Place) { p.Supernode[0]++ },
		"another community": func(p *Place) { p.Community[0]++ },
		"another day":       func(p *Place) { p.Day++ },
	} {
		other := at
		change(&other)
		if err := login(other, m.Persona()); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stranger, err := NewPersonaKey(w.rand)
	w.must(err)
	if err := login(at, stranger.Persona()); !errors.Is(err, ErrSignature) {
		t.Errorf("another persona: %v", err)
	}
	sig = stranger.Login(at)
	if err := login(at, stranger.Persona()); !errors.Is(err, ErrNoMember) {
		t.Errorf("a stranger: %v", err)
	}
	// A proof is good for one link and persona, too.
	link := w.invite(h, 5)
	elsewhere := at
	elsewhere.Exporter[0]++
	for name, proof := range map[string][]byte{
		"another link":    link.Proof(elsewhere, stranger.Persona()),
		"another persona": link.Proof(at, m.Persona()),
		"cut":             link.Proof(at, stranger.Persona())[:95],
		"nothing":         nil,
	} {
		if _, _, err := h.Join(at, stranger.Persona(), sig, proof, w.now); !errors.Is(err, ErrSignature) {
			t.Errorf("proof of %s: %v", name, err)
		}
	}
	if _, _, err := h.Join(at, stranger.Persona(), sig, link.Proof(at, stranger.Persona()), w.now); err != nil {
		t.Error(err)
	}
}

func TestLinksThatAreNotTaken(t *testing.T) {
	w := newWorld(t, 3)
	h := w.found()
	twice := w.invite(h, 2)
	first, second := w.member(twice), w.member(twice)
	w.must(w.visit(h, first))
	w.must(first.Rejoin(twice, w.rand))
	w.must(w.visit(h, first)) // costs nothing
	w.must(w.visit(h, second))
	third := w.member(twice)
	if err := w.visit(h, third); !errors.Is(err, ErrLinkUsed) || !errors.Is(third.Refusal(), ErrLinkUsed) {
		t.Errorf("used up: %v, told as %v", err, third.Refusal())
	}
	expired := w.member(w.invite(h, 1))
	w.now = w.now.Add(72 * time.Hour)
	if err := w.visit(h, expired); !errors.Is(err, ErrLinkExpired) || !expired.Expired(w.now) {
		t.Errorf("expired: %v", err)
	}
	closed := w.invite(h, 1)
	w.must(h.Revoke(closed.Invite(), w.now, w.rand))
	if err := w.visit(h, w.member(closed)); !errors.Is(err, ErrLinkExpired) {
		t.Errorf("taken back: %v", err)
	}
	other := newWorld(t, 4)
	unknown, err := drawLink(other.rand, w.root.pub, w.now.Add(time.Hour), false)
	w.must(err)
	unknown.Stops = twice.Stops
	if err := w.visit(h, w.member(unknown)); !errors.Is(err, ErrLinkUnknown) {
		t.Errorf("unknown: %v", err)
	}
	// Who was refused and is let in after all has nothing of the refusal left. A grant of a stranger is
	// none.
	patient := w.member(w.invite(h, 1))
	patient.Refused(h.device.ID(), ErrLinkUnknown)
	at := w.at(h)
	proof, _ := patient.Proof(at)
	g, _, err := h.Join(at, patient.Persona(), patient.Login(at), proof, w.now)
	w.must(err)
	if _, err := patient.Granted(peerOf(9), g, founded); err == nil || patient.Joined() {
		t.Errorf("a stranger has let somebody in: %v", err)
	}
	if _, err = patient.Granted(h.device.ID(), g, founded); err != nil || patient.Refusal() != nil {
		t.Errorf("let in: %v, told as %v", err, patient.Refusal())
	}
	if _, err := LoadMembership(patient.Save()); err != nil {
		t.Error(err)
	}
	// Who was refused by a link comes by another, and is the same persona.
	who := third.Persona()
	w.must(third.Rejoin(w.invite(h, 1), w.rand))
	w.must(w.visit(h, third))
	if third.Persona() != who || third.Refusal() != nil {
		t.Errorf("came as somebody else, %v", third.Refusal())
	}
	for _, uses := range []int{0, -1, UsesMax + 1} {
		if _, err := h.Invite(uses, w.now, w.now, w.rand); err == nil {
			t.Errorf("a link for %d", uses)
		}
	}
}

func TestRevocation(t *testing.T) {
	w := newWorld(t, 5)
	h := w.found()
	good, bad := w.member(w.invite(h, 1)), w.member(w.invite(h, 1))
	w.must(w.visit(h, good))
	w.must(w.visit(h, bad))
	keys := h.Keys()
	beacon, err := h.Beacon(founded)
	w.must(err)
	w.now = w.now.Add(time.Hour)
	w.must(h.Revoke(bad.Persona(), w.now, w.rand))
	for _, k := range h.Keys() {
		if slices.Contains(keys, k) {
			t.Errorf("the key of week %d is that of before", k.Week)
		}
	}
	if now, err := h.Beacon(founded); err != nil || now.Secret() == beacon.Secret() {
		t.Errorf("the beacon key is that of before, %v", err)
	}
	w.must(h.Revoke(bad.Persona(), w.now, w.rand)) // once more changes nothing
	if err := w.visit(h, bad); !errors.Is(err, ErrRevoked) || !errors.Is(bad.Refusal(), ErrNoMember) {
		t.Errorf("let in: %v, told as %v", err, bad.Refusal())
	}
	if _, ok := bad.Key(h.device.ID(), founded); ok {
		t.Error("who was refused goes on with keys that were replaced")
	}
	good.Distrust(h.device.ID()) // a decoy came back
	if _, ok := good.Key(h.device.ID(), founded); ok || !good.Stale(h.device.ID(), founded) {
		t.Error("the key that was not answered is still tried")
	}
	w.must(w.visit(h, good))
	if k, ok := good.Key(h.device.ID(), founded); !ok || !slices.Contains(h.Keys(), k) {
		t.Error("a member has not got the new key")
	}
	now, err := h.Beacon(founded)
	w.must(err)
	if got := good.Beacons(founded); len(got) != 1 || got[0].Key.Secret() != now.Secret() {
		t.Errorf("a member knows other beacons: %d", len(got))
	}
	// The same link, and a new one, do not let the persona in again; a new persona is somebody else.
	at, link := w.at(h), w.invite(h, 1)
	if _, _, err := h.Join(at, bad.Persona(), bad.Login(at), link.Proof(at, bad.Persona()), w.now); !errors.Is(err, ErrRevoked) {
		t.Errorf("joined again: %v", err)
	}
	was := bad.Persona()
	w.must(bad.Rejoin(link, w.rand))
	w.must(w.visit(h, bad))
	if bad.Persona() == was {
		t.Error("came back as the persona that was shut out")
	}
	if err := h.Revoke([32]byte{1}, w.now, w.rand); !errors.Is(err, ErrNoMember) {
		t.Errorf("revoked nobody: %v", err)
	}
}

// The operator's names stay with the operator.
func TestNames(t *testing.T) {
	w := newWorld(t, 6)
	h := w.found()
	m := w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	w.must(h.Name(m.Persona(), "Anna"))
	if h = w.reload(h); h.Members()[0].Name != "Anna" {
		t.Errorf("members %+v", h.Members())
	}
	if err := h.Name(Persona{1}, "Bruno"); !errors.Is(err, ErrNoMember) {
		t.Errorf("named nobody: %v", err)
	}
	w.must(h.Name(m.Persona(), ""))
	if h.Members()[0].Name != "" {
		t.Error("a name cannot be taken back")
	}
	if err := h.Name(m.Persona(), string(make([]byte, nameSizeMax+1))); err == nil {
		t.Error("a name of any length")
	}
}

// A supernode that has just woken up in 1970 is given the day that was agreed on; so it is judged.
func TestWeeks(t *testing.T) {
	w := newWorld(t, 7)
	h := w.found()
	m := w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	week := WeekOf(founded)
	id := h.device.ID()
	key := func(day uint32) WeekKey {
		k, ok := m.Key(id, day)
		if !ok {
			t.Fatalf("no key on day %d", day)
		}
		return k
	}
	if h.Keys()[0].Week != week || len(h.Keys()) != 2 {
		t.Errorf("a new supernode answers %d weeks from %d", len(h.Keys()), h.Keys()[0].Week)
	}
	this, next := key(founded), key(founded+7)
	if this.Week != week || next.Week != week+1 || this.Secret == next.Secret || m.Stale(id, founded) || !m.Stale(id, founded+7) {
		t.Errorf("weeks %d and %d", this.Week, next.Week)
	}
	if early := key(founded - 400); early != this {
		t.Errorf("a member whose clock is behind dials by week %d", early.Week)
	}
	if changed, err := h.Turn(w.now, w.rand); changed || err != nil {
		t.Errorf("the same week changes: %v, %v", changed, err)
	}
	w.now = on(founded + 7)
	if changed, err := h.Turn(w.now, w.rand); !changed || err != nil {
		t.Errorf("a week later: %v, %v", changed, err)
	}
	if got := h.Keys(); len(got) != 3 || got[0] != this || got[1] != next {
		t.Errorf("a week later %d keys", len(got))
	}
	if changed, err := h.Turn(on(3), w.rand); changed || err != nil {
		t.Errorf("a clock in 1970: %v, %v", changed, err)
	}
	h = w.reload(h)
	w.now = on(founded + 14)
	if _, err := h.Turn(w.now, w.rand); err != nil {
		t.Fatal(err)
	}
	if got := h.Keys(); len(got) != 3 || got[0] != next {
		t.Errorf("two weeks later the first key is of week %d", got[0].Week)
	}
	// Away for half a year: no key fits, the persona does.
	w.now = on(founded + 180)
	if _, err := h.Turn(w.now, w.rand); err != nil {
		t.Fatal(err)
	}
	if got := h.Keys(); len(got) != 2 || slices.Contains(got, key(founded+180)) {
		t.Errorf("half a year later %d keys", len(got))
	}
	for _, day := range []uint32{founded + 180, founded + 1500} {
		ours, err := h.Beacon(day)
		if theirs := m.Beacons(day); err != nil || len(theirs) != 1 || theirs[0].Key.Secret() != ours.Secret() {
			t.Errorf("on day %d it is not recognised: %v", day, err)
		}
	}
	if len(m.Beacons(founded+beaconDaysMax+1)) != 0 || len(m.Beacons(founded-1)) != 0 {
		t.Error("recognised on a day that is out of reach")
	}
	w.must(w.visit(h, m))
	if !slices.Contains(h.Keys(), key(founded+180)) {
		t.Error("who was away for half a year has no key")
	}
}

// A house that is not named by the root lets nobody in, and writes nothing.
func TestNobodyHasNamedUs(t *testing.T) {
	w := newWorld(t, 8)
	h := w.found()
	link, err := h.InviteSupernode(w.root, w.now.Add(time.Hour), w.now, w.rand)
	w.must(err)
	alone, err := Enter(link, w.own(), w.now, w.rand)
	w.must(err)
	alone = w.reload(alone)
	at := w.at(alone)
	if _, _, err := alone.Login(at, h.device.Public().Sign, LoginAs(h.device.SignKey(), at), w.now); !errors.Is(err, ErrNotYet) {
		t.Errorf("log-in: %v", err)
	}
	if _, err := alone.Invite(1, w.now, w.now, w.rand); !errors.Is(err, ErrNotYet) {
		t.Errorf("invite: %v", err)
	}
	if _, _, err := alone.Exchange(Papers{}, false, w.now, w.rand); !errors.Is(err, ErrNotYet) {
		t.Errorf("papers: %v", err)
	}
	if _, err := Enter(w.invite(h, 1), w.own(), w.now, w.rand); err == nil {
		t.Error("a link for members makes a supernode")
	}
	if _, err := NewMembership(link, w.rand); err == nil {
		t.Error("a link for a supernode makes a member")
	}
	if err := h.Amend(newWorld(t, 9).root, w.now, func(*Descriptor) error { return nil }); err == nil {
		t.Error("another root amends")
	}
}

// TestClockThatRanAhead: what was drawn for years to come is drawn anew for the present once the clock is right, and later editions of
// the card say so; else nothing is.
func TestClockThatRanAhead(t *testing.T) {
	w := newWorld(t, 77)
	h := w.found()
	if changed, err := h.Regain(on(founded), w.rand); changed || err != nil {
		t.Errorf("where the clock is right: %v, %v", changed, err)
	}
	if changed, err := h.Regain(on(founded+400), w.rand); changed || err != nil {
		t.Errorf("where it was behind: %v, %v", changed, err)
	}
	for name, wrong := range map[string]func() error{
		"the weeks were turned": func() error { _, err := h.Turn(on(founded+4000), w.rand); return err },
		"a beacon was drawn":    func() error { return h.renew(on(founded+4000), w.rand) },
	} {
		if err := wrong(); err != nil {
			t.Fatal(err)
		}
		before := h.Keys()
		if changed, err := h.Regain(on(founded), w.rand); !changed || err != nil {
			t.Fatalf("%s: %v, %v", name, changed, err)
		}
		h = w.reload(h)
		got := h.Keys()
		if got[0].Week != WeekOf(founded) || slices.ContainsFunc(got, func(k WeekKey) bool { return slices.Contains(before, k) }) {
			t.Errorf("%s: keys from week %d, where it is %d", name, got[0].Week, WeekOf(founded))
		}
		if _, err := h.Beacon(founded); err != nil {
			t.Errorf("%s: no beacon for today: %v", name, err)
		}
		if changed, err := h.Turn(on(founded+7), w.rand); !changed || err != nil {
			t.Errorf("%s: the week after is not turned: %v, %v", name, changed, err)
		}
		if changed, err := h.Regain(on(founded), w.rand); changed || err != nil {
			t.Errorf("%s: one week ahead: %v, %v", name, changed, err)
		}
	}
}
