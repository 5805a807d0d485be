package community

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

func counted(from byte) [32]byte { return [32]byte(goldentest.Counted(from, 32)) }

// TestVectors holds everything that is signed or derived against testdata/community.txt, for other
// implementations.
func TestVectors(t *testing.T) {
	var text strings.Builder
	text.WriteString("# A community made of counted bytes, hex. Written by `go test -update`; the diff is for review.\n")
	line := func(name string, v any) { fmt.Fprintf(&text, "%s=%x\n", name, v) }
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	root := rootOf(counted(0))
	id := root.ID()
	line("entropy", goldentest.Counted(0, entropySize))
	fmt.Fprintf(&text, "words=%s\n", strings.Join(root.Words(), " "))
	line("root", root.pub[:])
	fmt.Fprintf(&text, "community=%x\ncommunity_text=%v\n", id[:], id)

	device := identity.DeviceFromSeed([64]byte(goldentest.Counted(32, 64)))
	operator, persona := OperatorKeyOf(counted(96)), PersonaKeyOf(counted(128))
	supernode := Supernode{Sign: device.Public().Sign, Agree: device.Public().Agree, Token: counted(160)}
	supernodeID := supernode.ID()
	line("device_seed", goldentest.Counted(32, 64))
	line("supernode", supernodeID[:])
	line("operator_seed", goldentest.Counted(96, 32))
	line("operator", operator.pub[:])
	line("persona_seed", goldentest.Counted(128, 32))
	line("persona", persona.pub[:])

	link := &Link{Root: root.pub, Secret: JoinSecret(goldentest.Counted(200, 16)), Until: 1_795_500_000, Stops: []Stop{{Sign: supernode.Sign, Agree: supernode.Agree, Addresses: []string{"pi.example:4242"}}}}
	invite := link.Invite()
	line("join_secret", link.Secret[:])
	line("invite", invite[:])
	fmt.Fprintf(&text, "link=%s\n", link.Text())

	d, err := root.Sign(Descriptor{
		Sequence: 7, Name: "Orchard", Until: 21_511, Supernodes: []Supernode{supernode}, Seats: []Seat{{Key: invite, Until: 1_795_500_000}},
		Operators: []Operator{{Key: operator.pub}, {Key: counted(3), Closed: true, Last: []wire.Hash{counted(4)}}}, Policy: Policy{Days: 30, Disk: 2 << 30, Tokens: 256},
	})
	must(err)
	line("descriptor", d.raw)
	line("descriptor_id", d.id[:])
	card, err := signCard(Card{
		Supernode: supernode, Operator: operator.pub, Edition: Edition{Draw: 2, Week: WeekOf(founded), Move: 1}, Addresses: []string{"pi.example:4242", "[2001:db8::1]:4242"},
		Beacon: identity.DiscoveryKeyOf(founded, counted(5)), Seat: link.claim(supernode, operator.pub),
		Weeks: [2]wire.Hash{WeekKey{WeekOf(founded), counted(7)}.commit(supernodeID, id), WeekKey{WeekOf(founded) + 1, counted(8)}.commit(supernodeID, id)},
	}, id, device)
	must(err)
	fmt.Fprintf(&text, "week=%d\n", card.Edition.Week)
	cardVectors(line, card, id)

	digest := rosterVectors(t, line, operator.signer, id, invite, persona.Persona())
	line("roster", digest[:])

	at := Place{Exporter: counted(6), Supernode: supernodeID, Community: id, Day: founded}
	login, proof := persona.Login(at), link.Proof(at, persona.Persona())
	line("exporter", at.Exporter[:])
	fmt.Fprintf(&text, "day=%d\n", at.Day)
	line("login", login[:])
	line("proof", proof)
	secret := Secret(counted(7)).LinkSecret()
	line("week_secret", goldentest.Counted(7, 32))
	line("link_secret", secret[:])
	goldentest.File(t, "community.txt", text.String())

	if again, err := ParseWords(joined(root.Words())); err != nil || again.pub != root.pub {
		t.Errorf("the words are not those of the root: %v", err)
	}
	if _, ok := verifyProof(proof, at, persona.Persona()); !ok || !VerifyLogin(persona.pub, at, login) {
		t.Error("log-in or proof do not verify")
	}
}

// cardVectors writes a card, and what members tell of it.
func cardVectors(line func(string, any), card *Card, id ID) {
	line("card", card.raw)
	line("commitments", slices.Concat(card.Weeks[0][:], card.Weeks[1][:]))
	line("gist_beacon", card.gist.Beacon[:])
	line("gist_addresses", card.gist.Addresses[:])
	line("gist_signed", card.gist.statement(card.ID(), id))
	line("gist_signature", card.gist.Signature[:])
}

// rosterVectors writes the entries of a roster, and returns its digest.
func rosterVectors(t *testing.T, line func(string, any), operator signer, id ID, invite Invite, persona Persona) wire.Hash {
	r := newRoster()
	var prev *wire.Hash
	for name, e := range []Entry{
		{Kind: EntryInvite, Subject: invite, Uses: 3, Until: 1_795_500_000},
		{Kind: EntryJoin, Subject: persona, By: invite},
		{Kind: EntryRevoke, Subject: persona},
	} {
		e.Prev, e.Day = prev, founded
		signed, err := signEntry(e, id, operator)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err = r.add(signed); err != nil {
			t.Fatal(err)
		}
		line(fmt.Sprintf("entry_%d", name+1), signed.raw)
		prev = &signed.id
	}
	return r.digest()
}

// TestSaved holds what is kept against testdata/saved.txt: what an older version wrote must be read.
func TestSaved(t *testing.T) {
	w := newWorld(t, 70)
	h := w.found()
	waiting := w.member(w.invite(h, 1))
	m := w.member(w.invite(h, 2))
	w.must(w.visit(h, m))
	w.must(h.Name(m.Persona(), "Anna"))
	refused := w.member(w.invite(h, 1))
	w.now = w.now.Add(72 * time.Hour)
	if w.visit(h, refused) == nil {
		t.Fatal("a link is taken after its time")
	}
	two := w.further(h, "two.example:4242")
	w.must(w.visit(h, m))
	m.raise(Alarm{Kind: AlarmForgot, Supernode: h.device.ID(), Known: wire.Hash{1}})
	h.raise(Alarm{Kind: AlarmFork, Key: h.operator.pub, Known: wire.Hash{1}, Shown: wire.Hash{2}})
	m.Refused(two.device.ID(), ErrNoMember)

	var text strings.Builder
	text.WriteString("# What a supernode and members keep. Written by `go test -update`; a change breaks homes.\n")
	fmt.Fprintf(&text, "house = %x\nfurther_house = %x\nmember = %x\nwaiting = %x\nrefused = %x\n", h.Save(), two.Save(), m.Save(), waiting.Save(), refused.Save())
	goldentest.File(t, "saved.txt", text.String())

	house, err := LoadHouse(h.Save(), h.device)
	w.must(err)
	if !bytes.Equal(house.Save(), h.Save()) || house.Mark() != h.Mark() || !slices.Equal(house.Members(), h.Members()) || !slices.Equal(house.Alarms(), h.Alarms()) || len(house.Keys()) != 2 {
		t.Error("another house was read")
	}
	for name, m := range map[string]*Membership{"member": m, "waiting": waiting, "refused": refused} {
		again, err := LoadMembership(m.Save())
		w.must(err)
		if !bytes.Equal(again.Save(), m.Save()) || again.Refusal() != m.Refusal() || again.Joined() != m.Joined() || again.Mark() != m.Mark() {
			t.Errorf("%s: another one was read", name)
		}
	}
	if _, err := LoadHouse(h.Save(), two.device); err == nil {
		t.Error("the house of another device was read")
	}
	w.must(w.visit(house, m))
}

// Whatever is missing at the end, or changed, is not taken for something whole.
func TestSavedCutShort(t *testing.T) {
	w := newWorld(t, 71)
	h := w.found()
	m := w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	entries := len(h.file.roster.entries)
	for name, c := range map[string]struct {
		saved []byte
		load  func([]byte) (int, error)
	}{
		"house": {h.Save(), func(b []byte) (int, error) {
			h, err := LoadHouse(b, h.device)
			if err != nil {
				return 0, err
			}
			return len(h.file.roster.entries), nil
		}},
		"member": {m.Save(), func(b []byte) (int, error) {
			m, err := LoadMembership(b)
			if err != nil {
				return 0, err
			}
			return len(m.file.roster.entries), nil
		}},
	} {
		for n := range c.saved {
			// Between two entries a shorter roster is whole: the caller writes all or nothing.
			if got, err := c.load(c.saved[:n]); err == nil && got >= entries {
				t.Errorf("%s, cut at %d, is taken", name, n)
			}
		}
		if _, err := c.load(append([]byte{savedVersion + 1}, c.saved[1:]...)); err == nil {
			t.Errorf("%s of another version is read", name)
		}
		if _, err := c.load(append(slices.Clone(c.saved), 0)); err == nil {
			t.Errorf("%s with one byte more is read", name)
		}
	}
	for _, spoil := range []struct {
		name   string
		change func(*savedMembership)
	}{
		{"keys of a stranger", func(s *savedMembership) { s.Granted = []savedGranted{{Supernode: peer.ID{1}}} }},
		{"a refusal without a link", func(s *savedMembership) { s.Refused = 1 }},
		{"a refusal of no kind", func(s *savedMembership) { s.Refused = 99 }},
		{"too many alarms", func(s *savedMembership) { s.Alarms = make([]Alarm, alarmsMax+1) }},
		{"cards without a descriptor", func(s *savedMembership) { s.File.Descriptor = nil }},
		{"neither link nor descriptor", func(s *savedMembership) { s.File.Descriptor, s.File.Cards = nil, nil }},
		{"the link of another community", func(s *savedMembership) { s.Link = w.invite(h, 1).body(); s.Link.Root[0]++ }},
		{"a link to nowhere", func(s *savedMembership) { s.Link = w.invite(h, 1).body(); s.Link.Stops = nil }},
	} {
		s := savedMembership{File: m.file.saved()}
		spoil.change(&s)
		if _, err := LoadMembership(appendSaved(s, newRoster())); err == nil {
			t.Errorf("%s is read", spoil.name)
		}
	}
}
