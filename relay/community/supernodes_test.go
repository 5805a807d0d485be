package community

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/peer"
)

// A second supernode reaches members by itself, and serves who joined at the first.
func TestFurtherSupernode(t *testing.T) {
	w := newWorld(t, 20)
	one := w.found()
	m := w.member(w.invite(one, 1))
	w.must(w.visit(one, m))
	w.now = w.now.Add(time.Minute)
	two := w.further(one, "two.example:4242")
	if got := one.Supernodes(); len(got) != 2 || got[1].ID() != two.device.ID() {
		t.Fatalf("the first knows %d supernodes", len(got))
	}
	if len(m.Supernodes()) != 1 {
		t.Fatal("the member knows too early")
	}
	w.must(w.visit(one, m))
	got := m.Supernodes()
	if len(got) != 2 || got[1].ID() != two.device.ID() || !slices.Equal(got[1].Addresses, []string{"two.example:4242"}) || got[1].Token != two.token {
		t.Fatalf("the member knows %+v", got)
	}
	if len(m.Beacons(founded)) != 2 {
		t.Error("the member would not recognise the second on a network")
	}
	w.must(w.visit(two, m))
	k1, _ := m.Key(one.device.ID(), founded)
	k2, ok := m.Key(two.device.ID(), founded)
	if !ok || k1 == k2 || !slices.Contains(two.Keys(), k2) {
		t.Error("the keys of the two are one")
	}
	// Who joins at the second is known at the first after they have met.
	late := w.member(w.invite(two, 1))
	w.must(w.visit(two, late))
	if err := w.visit(one, late); !errors.Is(err, ErrNoMember) || late.Refusal() != nil {
		t.Errorf("who joined where the first has not been yet: %v, told as %v", err, late.Refusal())
	}
	for _, p := range late.Plead(one.device.ID()) {
		_, _, err := one.Exchange(w.sent(p), false, w.now, w.rand)
		w.must(err)
	}
	w.must(w.visit(one, late))
	w.must(w.meet(one, two))
	if len(one.Members()) != 2 || len(two.Members()) != 2 {
		t.Errorf("%d and %d members", len(one.Members()), len(two.Members()))
	}
	w.noAlarms("member", append(m.Alarms(), late.Alarms()...))
	w.noAlarms("houses", append(one.Alarms(), two.Alarms()...))

	// A revocation at one changes the keys at the other.
	before := two.Keys()
	w.must(one.Revoke(late.Persona(), w.now, w.rand))
	w.must(w.meet(two, one))
	if slices.Contains(two.Keys(), before[len(before)-1]) {
		t.Error("the second goes on with keys that the revoked persona knows")
	}
	if err := w.visit(two, late); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked at the other supernode: %v", err)
	}
	// The next descriptor names the second, and its seat is gone.
	w.now = w.now.Add(time.Minute)
	w.must(one.Amend(w.root, w.now, func(*Descriptor) error { return nil }))
	if d := one.Descriptor(); len(d.Seats) != 0 || len(d.Supernodes) != 2 || len(d.Operators) != 2 {
		t.Errorf("%d seats, %d supernodes, %d operator keys", len(d.Seats), len(d.Supernodes), len(d.Operators))
	}
	w.must(w.meet(two, one))
	w.must(w.visit(two, m))
	if len(m.Supernodes()) != 2 || m.Descriptor().Sequence != one.Descriptor().Sequence {
		t.Error("the member has not heard of the new descriptor")
	}
	if one, two = w.reload(one), w.reload(two); len(one.Supernodes()) != 2 || len(two.Supernodes()) != 2 {
		t.Error("a restart loses a supernode")
	}
}

func TestAddressesReachMembers(t *testing.T) {
	w := newWorld(t, 21)
	one := w.found()
	two := w.further(one)
	m := w.member(w.invite(one, 1))
	w.must(w.visit(one, m))
	w.now = w.now.Add(time.Minute)
	if changed, err := two.Advertise([]string{"[2001:db8::1]:4242"}, w.now, w.rand); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if changed, err := two.Advertise([]string{"[2001:db8::1]:4242"}, w.now, w.rand); changed || err != nil {
		t.Fatal("the same address once more", err)
	}
	w.must(w.meet(two, one))
	w.must(w.visit(one, m))
	if got := m.Supernodes()[1].Addresses; !slices.Equal(got, []string{"[2001:db8::1]:4242"}) {
		t.Errorf("the member knows the second at %v", got)
	}
	if two = w.reload(two); two.card.Addresses[0] != "[2001:db8::1]:4242" {
		t.Error("a restart loses the address")
	}
	for _, wrong := range []string{"", "host", "host:0", "host:070", "host:65536", "fe80::1%eth0:1", "[fe80::1%eth0]:1", "0.0.0.0:1", "224.0.0.1:1", "a b:1", "-a:1", "a..b:1", "ü:1"} {
		if _, err := two.Advertise([]string{wrong}, w.now, w.rand); err == nil {
			t.Errorf("advertised %q", wrong)
		}
	}
	if CheckAddresses([]string{"a:1", "b:1", "c:1", "d:1", "e:1"}) == nil {
		t.Error("five addresses")
	}
}

// A supernode that advertises nothing is tried where the link said, also after a restart.
func TestAddressesOfTheLink(t *testing.T) {
	w := newWorld(t, 29)
	h, err := Found(w.root, "Orchard", policy, w.own(), w.now, w.rand)
	w.must(err)
	link := w.invite(h, 1)
	link.Stops[0].Addresses = []string{"192.168.1.7:4242"}
	m := w.member(link)
	w.must(w.visit(h, m))
	again, err := LoadMembership(m.Save())
	w.must(err)
	if got := again.Supernodes(); len(got) != 1 || !slices.Equal(got[0].Addresses, link.Stops[0].Addresses) {
		t.Errorf("%+v", got)
	}
	w.now = w.now.Add(time.Minute)
	if _, err := h.Advertise([]string{"pi.example:4242"}, w.now, w.rand); err != nil {
		t.Fatal(err)
	}
	w.must(w.visit(h, again))
	if got := again.Supernodes()[0].Addresses; !slices.Equal(got, []string{"pi.example:4242"}) {
		t.Errorf("its own word does not count: %v", got)
	}
}

func TestSeats(t *testing.T) {
	w := newWorld(t, 22)
	one := w.found()
	m := w.member(w.invite(one, 1))
	w.must(w.visit(one, m))
	link, err := one.InviteSupernode(w.root, w.now.Add(time.Hour), w.now, w.rand)
	w.must(err)
	w.now = w.now.Add(2 * time.Hour)
	if _, err := w.enter(one, link); !errors.Is(err, ErrLinkExpired) {
		t.Errorf("past its time: %v", err)
	}
	w.now = w.now.Add(-time.Hour)
	early, err := Enter(link, w.own(), w.now, w.rand)
	w.must(err)
	thief, err := NewPersonaKey(w.rand)
	w.must(err)
	at := w.at(one)
	if _, _, err := one.Join(at, thief.Persona(), thief.Login(at), early.ClaimProof(), w.now); !errors.Is(err, ErrSignature) || len(one.Supernodes()) != 1 {
		t.Errorf("somebody joins with the card of another: %v", err)
	}
	two, err := w.enter(one, link)
	w.must(err)
	if _, err := w.enter(one, link); !errors.Is(err, ErrLinkUsed) || !hasKind(one.Alarms(), AlarmSeat) {
		t.Errorf("used twice: %v, alarms %v", err, kinds(one.Alarms()))
	}
	// Somebody with the link goes to another supernode that has not heard yet: who sees both is alarmed.
	alone := w.reload(one)
	alone.file.seats, alone.file.cards[two.device.ID()] = make(map[Invite]peer.ID), nil
	delete(alone.file.cards, two.device.ID())
	three, err := w.enter(alone, link)
	w.must(err)
	if !one.file.level(alone.file.papers(), one.Descriptor().Sequence) {
		t.Error("two that hold one seat taken by others would talk for ever")
	}
	w.must(w.visit(one, m))
	if more, err := m.Merge(one.device.ID(), three.file.papers()); err == nil || more || !hasKind(m.Alarms(), AlarmSeat) {
		t.Errorf("two in one seat: %v, alarms %v", err, kinds(m.Alarms()))
	}
	if got := m.Supernodes(); len(got) != 2 || got[1].ID() != two.device.ID() {
		t.Error("the second has taken the place of the first")
	}
	m.Dismiss()
	if len(m.Alarms()) != 0 {
		t.Error("alarms stay")
	}
	// A seat that nobody took in time is gone with the next descriptor.
	_, err = one.InviteSupernode(w.root, w.now.Add(time.Minute), w.now, w.rand)
	w.must(err)
	w.now = w.now.Add(time.Hour)
	w.must(one.Amend(w.root, w.now, func(*Descriptor) error { return nil }))
	if n := len(one.Descriptor().Seats); n != 0 {
		t.Errorf("%d seats are left", n)
	}
	// A card without a claim, or with one of nothing, makes nobody a supernode.
	stranger, err := Enter(link, w.own(), w.now, w.rand)
	w.must(err)
	w.must(stranger.show(nil, nil))
	at = w.at(one)
	_, _, err = one.Join(at, stranger.device.Public().Sign, LoginAs(stranger.device.SignKey(), at), stranger.ClaimProof(), w.now)
	if err == nil {
		t.Error("a stranger is a supernode")
	}
	for _, claim := range []*Claim{{Seat: link.Invite()}, {Seat: Invite{1}, Signature: [64]byte{2}}} {
		if stranger.show(nil, claim) == nil {
			t.Error("a claim that the seat's key has not signed parses")
		}
	}
}

// The disk of a supernode goes back to an older copy: members see it, and give back what is lost.
func TestDiskIsSetBack(t *testing.T) {
	w := newWorld(t, 23)
	h := w.found()
	first := w.member(w.invite(h, 1))
	w.must(w.visit(h, first))
	copied := h.Save()
	second, bad := w.member(w.invite(h, 1)), w.member(w.invite(h, 1))
	w.must(w.visit(h, second))
	w.must(w.visit(h, bad))
	w.now = w.now.Add(time.Hour)
	w.must(h.Revoke(bad.Persona(), w.now, w.rand))
	w.must(h.Amend(w.root, w.now, func(d *Descriptor) error { d.Policy.Tokens = 7; return nil }))
	w.must(w.visit(h, first))
	w.must(w.visit(h, second))
	device := h.device
	h, err := LoadHouse(copied, device)
	w.must(err)
	w.now = w.now.Add(time.Minute)
	if err := w.visit(h, second); !errors.Is(err, ErrNoMember) || second.Refusal() == nil {
		t.Fatalf("a supernode that has forgotten a member: %v", err)
	}
	w.must(w.visit(h, first))
	if got := kinds(first.Alarms()); !slices.Contains(got, AlarmForgot) || !slices.Contains(got, AlarmOlder) {
		t.Errorf("alarms %v", got)
	}
	if h.Descriptor().Policy.Tokens != 7 || len(h.Members()) != 3 {
		t.Errorf("after a member came: %d tokens, %d members", h.Descriptor().Policy.Tokens, len(h.Members()))
	}
	w.must(w.visit(h, second))
	if err := w.visit(h, bad); !errors.Is(err, ErrRevoked) {
		t.Errorf("who was revoked before the disk went back: %v", err)
	}
	if second.Refusal() != nil {
		t.Error("who was let in is still told of the refusal")
	}
	w.noAlarms("the supernode has written on behind what it was given back", h.Alarms())

	// Where a newcomer comes first, there is a fork: seen by all, harmless to all.
	h, err = LoadHouse(copied, device)
	w.must(err)
	third := w.member(w.invite(h, 1))
	w.must(w.visit(h, third))
	first.Dismiss()
	w.must(w.visit(h, first))
	if !hasKind(h.Alarms(), AlarmFork) || !hasKind(first.Alarms(), AlarmFork) {
		t.Errorf("alarms %v and %v", kinds(h.Alarms()), kinds(first.Alarms()))
	}
	for _, m := range []*Membership{first, second, third} {
		w.must(w.visit(h, m))
	}
	if len(h.Members()) != 4 {
		t.Errorf("%d members", len(h.Members()))
	}
	if again := w.reload(h); len(again.Members()) != 4 || !slices.Equal(again.Alarms(), h.Alarms()) {
		t.Error("a restart loses members or alarms")
	}
}

// What a supernode has said of itself since its copy was made is known to others: it is heard all
// the same, though its clock stands still.
func TestCardIsSetBack(t *testing.T) {
	for _, revoked := range []bool{false, true} {
		w := newWorld(t, 30)
		h := w.found()
		m, bad := w.member(w.invite(h, 1)), w.member(w.invite(h, 1))
		w.must(w.visit(h, m))
		w.must(w.visit(h, bad))
		copied := h.Save()
		for _, address := range []string{"a.example:1", "b.example:1", "c.example:1"} {
			if _, err := h.Advertise([]string{address}, w.now, w.rand); err != nil {
				t.Fatal(err)
			}
		}
		if revoked {
			w.must(h.Revoke(bad.Persona(), w.now, w.rand))
		}
		w.must(w.visit(h, m))
		back, err := LoadHouse(copied, h.device)
		w.must(err)
		w.must(w.visit(back, m))
		if got := m.Supernodes()[0].Addresses; !slices.Equal(got, []string{"pi.example:4242"}) {
			t.Errorf("revoked %v: after its disk went back it is tried at %v", revoked, got)
		}
		w.noAlarms("the supernode itself", back.Alarms())
	}
}

// One of two supernodes is lost: the founder closes it, and its members are members still.
func TestLostSupernode(t *testing.T) {
	w := newWorld(t, 24)
	one := w.found()
	two := w.further(one)
	link := w.invite(two, 2)
	m := w.member(link)
	w.must(w.visit(two, m))
	w.must(w.visit(two, w.member(link)))
	w.must(w.meet(two, one))
	stolen := w.reload(two)
	w.now = w.now.Add(time.Hour)
	w.must(one.Close(w.root, two.device.Public().Sign, w.now))
	if len(one.Supernodes()) != 1 {
		t.Fatalf("%d supernodes", len(one.Supernodes()))
	}
	w.must(w.visit(one, m))
	if len(m.Supernodes()) != 1 {
		t.Error("the member still goes to the lost one")
	}
	// Whoever has the disk goes on writing: nobody takes it, and it can log in nowhere.
	thief := w.member(w.invite(stolen, 1))
	w.must(w.visit(stolen, thief))
	if err := w.visit(one, thief); !errors.Is(err, ErrNoMember) {
		t.Errorf("let in by a closed key: %v", err)
	}
	if err := w.meet(stolen, one); err == nil {
		t.Error("the closed supernode was let in")
	}
	answer, _, err := one.Exchange(stolen.file.papersSince(nil), false, w.now, w.rand)
	w.must(err)
	if len(one.Members()) != 2 {
		t.Errorf("%d members by entries of a closed key", len(one.Members()))
	}
	if n := len(one.file.roster.entries); n != 3 {
		t.Errorf("%d entries are kept, those of the closed key included", n)
	}
	// Who has the closed key's entries only in part takes what leads to the last, and drops the rest.
	late := newFile(w.root.ID())
	d := Papers{Descriptor: one.Descriptor().raw}
	for n, e := range append(stolen.file.roster.entries, one.file.roster.entries...) {
		d.Entries = [][]byte{e.raw}
		if _, err := late.merge(d, func(Seat) bool { return false }); err != nil {
			t.Errorf("entry %d: %v", n, err)
		}
		if known := len(late.view().members); n < 2 && known != 0 {
			t.Errorf("%d members before it is known whether they count", known)
		}
	}
	if late.roster.digest() != one.file.roster.digest() || len(late.view().members) != 2 {
		t.Errorf("%d entries, %d members", len(late.roster.entries), len(late.view().members))
	}
	// Once it hears of it, it knows that it is out.
	if _, err := stolen.Merge(answer, w.now, w.rand); err != nil && !errors.Is(err, ErrSignature) && stolen.stands() {
		t.Error(err)
	}
	if _, err := stolen.Invite(1, w.now, w.now, w.rand); err == nil {
		t.Error("a supernode that is none goes on making links")
	}
	if err := one.Close(w.root, [32]byte{9}, w.now); err == nil {
		t.Error("closed nobody")
	}
}

// A supernode that has never written anything is closed all the same.
func TestIdleSupernodeIsClosed(t *testing.T) {
	w := newWorld(t, 32)
	one := w.found()
	idle := w.further(one)
	stolen := w.reload(idle)
	w.must(one.Close(w.root, idle.device.Public().Sign, w.now.Add(time.Minute)))
	w.must(w.visit(stolen, w.member(w.invite(stolen, 1))))
	_, changed, err := one.Exchange(stolen.file.papersSince(nil), false, w.now, w.rand)
	if changed || len(one.Members()) != 0 {
		t.Errorf("a closed key that had written nothing writes on: %v", err)
	}
}

// The only supernode is lost, with no copy: the words found the same community again.
func TestFoundAgain(t *testing.T) {
	w := newWorld(t, 25)
	h := w.found()
	m := w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	w.now = w.now.Add(240 * time.Hour)
	root, err := ParseWords(joined(w.root.Words()))
	w.must(err)
	again, err := Found(root, "Orchard", policy, w.own(), w.now, w.rand)
	w.must(err)
	if again.Community() != h.Community() || again.Descriptor().Sequence <= h.Descriptor().Sequence {
		t.Fatal("not the same community")
	}
	who := m.Persona()
	link := w.invite(again, 1)
	if m.Knows(link) {
		t.Error("the new supernode is known")
	}
	w.must(m.Rejoin(link, w.rand))
	// The old one is not lost after all, or in other hands: the link goes on leading to the new one.
	w.must(w.visit(h, m))
	m.Refused(h.device.ID(), ErrLinkUnknown)
	m, err = LoadMembership(m.Save())
	w.must(err)
	if !m.Joined() || !m.Joining() || !m.JoiningAt(again.device.ID()) || m.JoiningAt(h.device.ID()) || m.Refusal() != nil || len(m.Supernodes()) != 2 {
		t.Fatalf("between the two: joined %v, joining %v, %v", m.Joined(), m.Joining(), m.Refusal())
	}
	w.must(w.visit(again, m))
	if m.Joining() || !m.Knows(link) {
		t.Error("the link has not done its work")
	}
	if m.Persona() != who || len(m.Supernodes()) != 1 || m.Supernodes()[0].ID() != again.device.ID() {
		t.Errorf("persona kept: %v, %d supernodes", m.Persona() == who, len(m.Supernodes()))
	}
	w.noAlarms("a community that was founded again", m.Alarms())
	if n := len(m.file.roster.entries); n != 2 || len(m.file.view().members) != 1 {
		t.Errorf("%d entries and %d members, those of a key that is not named any more included", n, len(m.file.view().members))
	}
	other := newWorld(t, 26)
	if err := m.Rejoin(other.invite(other.found(), 1), w.rand); err == nil {
		t.Error("a link of another community was taken")
	}
}

// An operator key in two hands: both write, everybody sees it, the founder ends it.
func TestStolenOperatorKey(t *testing.T) {
	w := newWorld(t, 27)
	one := w.found()
	m := w.member(w.invite(one, 1))
	w.must(w.visit(one, m))
	thief := w.reload(one)
	w.must(w.visit(one, w.member(w.invite(one, 1))))
	w.must(w.visit(thief, w.member(w.invite(thief, 1))))
	w.must(w.visit(one, m))
	_, err := m.Merge(one.device.ID(), thief.file.papersSince(nil))
	w.must(err)
	if !hasKind(m.Alarms(), AlarmFork) {
		t.Fatalf("alarms %v", kinds(m.Alarms()))
	}
	if a := m.Alarms()[slices.IndexFunc(m.Alarms(), func(a Alarm) bool { return a.Kind == AlarmFork })]; a.Key != one.operator.pub || a.Known == a.Shown {
		t.Errorf("%+v", a)
	}
	// It cannot change the supernodes: only the root signs descriptors, and a card of nobody is nothing.
	forged := *thief.Descriptor()
	forged.Sequence++
	other := newWorld(t, 28)
	if _, err := ParseDescriptor(mustSign(t, other.root, forged), one.Community()); err == nil {
		t.Error("another root signs for the community")
	}
	if err := thief.Amend(other.root, w.now, func(*Descriptor) error { return nil }); err == nil {
		t.Error("another root amends")
	}
}

func mustSign(t *testing.T, root Root, d Descriptor) []byte {
	t.Helper()
	signed, err := root.Sign(d)
	if err != nil {
		t.Fatal(err)
	}
	return signed.Bytes()
}

func joined(words []string) (text string) {
	for _, w := range words {
		text += w + " "
	}
	return text
}

// TestHeardLate: what a supernode told everybody may arrive behind what it has shown us on another link since. Nobody is accused of that, and what
// it has shown stays known, so that it is found out if it does forget it.
func TestHeardLate(t *testing.T) {
	w := newWorld(t, 77)
	h := w.found()
	m := w.member(w.invite(h, 3))
	w.must(w.visit(h, m))
	early := h.Offer()
	w.must(w.visit(h, w.member(w.invite(h, 1)))) // somebody joins
	w.must(h.Close(w.root, w.further(h).device.Public().Sign, w.now))
	w.must(w.visit(h, m))
	if _, err := m.Heard(h.device.ID(), w.sent(early)); err != nil {
		t.Fatal(err)
	}
	w.noAlarms("what was told before", m.Alarms())
	if _, err := m.Merge(h.device.ID(), w.sent(early)); err != nil {
		t.Fatal(err)
	}
	if got := kinds(m.Alarms()); !slices.Contains(got, AlarmForgot) || !slices.Contains(got, AlarmOlder) {
		t.Errorf("it shows that as its own now, and the alarms are %v", got)
	}
}
