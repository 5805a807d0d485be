package community

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// body is a signed body by its keys, so that a test can spoil it.
type body = map[uint64]any

// resign signs a changed body of an object.
func resign(t *testing.T, label string, object []byte, key signer, change func(body)) []byte {
	t.Helper()
	var raw rawObject
	if err := wire.Unmarshal(object, &raw); err != nil {
		t.Fatal(err)
	}
	b := make(body)
	if err := wire.Unmarshal(raw.Body, &b); err != nil {
		t.Fatal(err)
	}
	change(b)
	said, err := wire.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	sig := key.sign(append([]byte(label), said...))
	object, err = wire.Marshal(rawObject{Body: said, Sigs: map[uint64][]byte{1: sig[:]}})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// cut fails if a part of an object, or the object with one bit changed, is taken.
func cut(t *testing.T, name string, object []byte, parse func([]byte) error) {
	t.Helper()
	if err := parse(object); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for n := range object {
		if parse(object[:n]) == nil {
			t.Errorf("%s, cut at %d, is taken", name, n)
		}
		object[n] ^= 1
		if parse(object) == nil {
			t.Errorf("%s, changed at %d, is taken", name, n)
		}
		object[n] ^= 1
	}
	if parse(append(object, 0)) == nil {
		t.Errorf("%s with one byte more is taken", name)
	}
}

func TestDescriptor(t *testing.T) {
	w := newWorld(t, 60)
	h := w.found()
	_, err := h.InviteSupernode(w.root, w.now.Add(time.Hour), w.now, w.rand)
	w.must(err)
	good := h.Descriptor().Bytes()
	parse := func(b []byte) error { _, err := ParseDescriptor(b, w.root.ID()); return err }
	cut(t, "descriptor", slices.Clone(good), parse)
	if d, err := ParseDescriptor(good, w.root.ID()); err != nil || d.Hash() != h.Descriptor().Hash() || d.ID() != w.root.ID() || d.Until != founded+descriptorDays || d.Policy != policy {
		t.Errorf("%+v, %v", d, err)
	}
	sign := func(change func(body)) []byte { return resign(t, labelDescriptor, good, w.root.signer, change) }
	if err := parse(sign(func(b body) { b[9] = []string{"a peer"} })); err != nil {
		t.Errorf("with what is reserved: %v", err)
	}
	if err := parse(sign(func(b body) { b[0x8000] = 1 })); !errors.Is(err, wire.ErrNewer) {
		t.Errorf("with a critical key: %v", err)
	}
	other := newWorld(t, 61)
	if err := parse(resign(t, labelDescriptor, good, other.root.signer, func(body) {})); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("signed by somebody else: %v", err)
	}
	if err := parse(resign(t, labelDescriptor, good, other.root.signer, func(b body) { b[1] = other.root.pub[:] })); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("of another root: %v", err)
	}
	if err := parse(resign(t, labelCard, good, w.root.signer, func(body) {})); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("signed as something else: %v", err)
	}
	supernode, key := h.supernode(), h.operator.pub
	many := func(n int, one any) []any {
		return slices.Repeat([]any{one}, n)
	}
	for name, change := range map[string]func(body){
		"sequence 0":             func(b body) { b[2] = 0 },
		"no name":                func(b body) { b[3] = "" },
		"a long name":            func(b body) { b[3] = strings.Repeat("a", 257) },
		"a day beyond all":       func(b body) { b[4] = uint32(dayMax + 1) },
		"no supernode":           func(b body) { b[5] = []any{} },
		"nine supernodes":        func(b body) { b[5] = many(9, supernode) },
		"one supernode twice":    func(b body) { b[5] = many(2, supernode) },
		"nine seats":             func(b body) { b[6] = many(9, Seat{Key: Invite{1}}) },
		"a seat twice":           func(b body) { b[6] = many(2, Seat{Key: Invite{1}}) },
		"33 operators":           func(b body) { b[7] = many(33, Operator{Key: key}) },
		"an operator twice":      func(b body) { b[7] = many(2, Operator{Key: key}) },
		"heads of an open key":   func(b body) { b[7] = []Operator{{Key: key, Last: make([]wire.Hash, 1)}} },
		"nine heads":             func(b body) { b[7] = []Operator{{Key: key, Closed: true, Last: make([]wire.Hash, 9)}} },
		"a policy of no days":    func(b body) { b[8] = Policy{} },
		"a policy of 59 days":    func(b body) { b[8] = Policy{Days: 59} },
		"no policy":              func(b body) { delete(b, 8) },
		"a key of another size":  func(b body) { b[1] = []byte{1} },
		"one key for two things": func(b body) { b[5] = []Supernode{{Sign: key, Agree: key, Token: key}} },
	} {
		if err := parse(sign(change)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.root.Sign(Descriptor{}); err == nil {
		t.Error("the root signs nothing")
	}
}

// A lower sequence number is refused, the same with another body is an alarm, a higher one is taken.
func TestSequence(t *testing.T) {
	w := newWorld(t, 62)
	h := w.found()
	m := w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	sign := func(sequence uint64, name string) Papers {
		d := *h.Descriptor()
		d.Sequence, d.Name = sequence, name
		p := h.Offer()
		p.Descriptor = mustSign(t, w.root, d)
		return p
	}
	now := h.Descriptor().Sequence
	for _, step := range []struct {
		sequence uint64
		name     string
		want     string
		alarm    bool
	}{
		{now, "Orchard", "Orchard", false},
		{now - 1, "Older", "Orchard", false},
		{now, "Other", "Orchard", true},
		{now + 5, "Newer", "Newer", false},
		{now + 4, "Between", "Newer", false},
		{now + 5, "Other", "Newer", true},
	} {
		m.Dismiss()
		p := sign(step.sequence, step.name)
		if _, err := m.Merge(peerOf(1), p); err != nil {
			t.Error(err)
		}
		if m.Name() != step.want || hasKind(m.Alarms(), AlarmDescriptor) != step.alarm {
			t.Errorf("%+d, %q: %q and alarms %v", int64(step.sequence-now), step.name, m.Name(), kinds(m.Alarms()))
		}
		house := w.reload(h)
		if _, _, err := house.Exchange(p, false, w.now, w.rand); err != nil {
			t.Error(err)
		}
		if want := step.sequence > now; (house.Descriptor().Sequence > now) != want {
			t.Errorf("%+d at the supernode: %d", int64(step.sequence-now), house.Descriptor().Sequence)
		}
	}
	// Who knows none yet takes none that has ended.
	old := w.member(w.invite(h, 1))
	at := w.at(h)
	proof, _ := old.Proof(at)
	g, _, err := h.Join(at, old.Persona(), old.Login(at), proof, w.now)
	w.must(err)
	if _, err := old.Granted(h.device.ID(), g, founded+descriptorDays+1); err == nil || old.Joined() {
		t.Errorf("a newcomer took a descriptor that has ended: %v", err)
	}
	if _, err := old.Granted(h.device.ID(), g, founded+descriptorDays); err != nil {
		t.Error(err)
	}
	if _, err := old.Granted(h.device.ID(), g, founded+2*descriptorDays); err != nil || old.Ends() != founded+descriptorDays {
		t.Errorf("a member is kept out when it has ended: %v", err)
	}
}

func peerOf(b byte) (id [32]byte) { id[0] = b; return id }

func TestEntries(t *testing.T) {
	w := newWorld(t, 63)
	h := w.found()
	w.must(w.visit(h, w.member(w.invite(h, 3))))
	all := h.file.roster.entries
	invite, join := all[0], all[1]
	parse := func(b []byte) error { _, err := parseEntry(b, w.root.ID()); return err }
	cut(t, "invite", slices.Clone(invite.raw), parse)
	cut(t, "join", slices.Clone(join.raw), parse)
	for name, c := range map[string]struct {
		of     *Entry
		change func(body)
	}{
		"no kind":                {join, func(b body) { b[5] = 0 }},
		"an invite without uses": {invite, func(b body) { delete(b, 7) }},
		"an invite for too many": {invite, func(b body) { b[7] = UsesMax + 1 }},
		"a join with uses":       {join, func(b body) { b[7] = 1 }},
		"a join with a time":     {join, func(b body) { b[8] = 1 }},
		"a join without a link":  {join, func(b body) { delete(b, 9) }},
		"a revocation by a link": {join, func(b body) { b[5] = 3 }},
		"a subject of no size":   {join, func(b body) { b[6] = []byte{} }},
		"something long":         {join, func(b body) { b[77] = make([]byte, entrySizeMax) }},
	} {
		if err := parse(resign(t, labelEntry, c.of.raw, h.operator.signer, c.change)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(body){
		"another community": func(b body) { b[1] = make([]byte, 32) },
		"another author":    func(b body) { b[2] = w.root.pub[:] },
	} {
		if err := parse(resign(t, labelEntry, join.raw, h.operator.signer, change)); !errors.Is(err, identity.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What must not be in the roster is not taken; what is of a kind to come is, and does nothing.
func TestEntriesInPlace(t *testing.T) {
	w := newWorld(t, 67)
	h := w.found()
	w.must(w.visit(h, w.member(w.invite(h, 3))))
	join := h.file.roster.entries[1]
	merge := func(raw []byte) (merged, error) {
		return w.reload(h).file.merge(Papers{Entries: [][]byte{raw}}, func(Seat) bool { return false })
	}
	last := join.id
	stranger, err := NewOperatorKey(w.rand)
	w.must(err)
	for name, change := range map[string]func(body) (signer, error){
		"by nobody": func(b body) (signer, error) {
			b[2] = stranger.pub[:]
			delete(b, 3)
			return stranger.signer, identity.ErrSignature
		},
		"behind nothing": func(b body) (signer, error) { b[3] = make([]byte, 32); return h.operator.signer, wire.ErrMalformed },
		"behind another's": func(b body) (signer, error) {
			b[2], b[3] = w.root.pub[:], last[:]
			return w.root.signer, wire.ErrMalformed
		},
		"with a critical key": func(b body) (signer, error) { b[3], b[0x8001] = last[:], 1; return h.operator.signer, wire.ErrNewer },
	} {
		var key signer
		var want error
		raw := resign(t, labelEntry, join.raw, h.operator.signer, func(b body) { key, want = change(b) })
		raw = resign(t, labelEntry, raw, key, func(body) {})
		if m, err := merge(raw); !errors.Is(err, want) || m.changed || m.newer != errors.Is(want, wire.ErrNewer) {
			t.Errorf("%s: %v, %+v", name, err, m)
		}
	}
	later := resign(t, labelEntry, join.raw, h.operator.signer, func(b body) { b[3], b[5], b[12] = last[:], 4, "later" })
	if m, err := merge(later); err != nil || !m.changed || !slices.Contains(kinds(m.alarms), AlarmNewer) {
		t.Errorf("of a kind to come: %v, %+v", err, m)
	}
	// The root may write as well, for example to shut somebody out when no operator key is left.
	byRoot, err := signEntry(Entry{Kind: EntryRevoke, Subject: join.Subject, Day: founded}, w.root.ID(), w.root.signer)
	w.must(err)
	house := w.reload(h)
	keys := house.Keys()
	_, changed, err := house.Exchange(Papers{Entries: [][]byte{byRoot.raw}, Roster: wire.Hash{1}}, false, w.now, w.rand)
	if err != nil || !changed || !house.Members()[0].Revoked || house.Keys()[0] == keys[0] {
		t.Errorf("revoked by the root: %v, %v", changed, err)
	}
}

// TestVerifiedBefore verifies papers before they are taken: nothing is verified again then, and what was wrong stays out.
func TestVerifiedBefore(t *testing.T) {
	w := newWorld(t, 68)
	h := w.found()
	old := w.reload(h)
	w.must(w.visit(h, w.member(w.invite(h, 3))))
	p := h.file.papersSince(nil)
	forged := slices.Clone(p.Entries[len(p.Entries)-1])
	forged[len(forged)-1] ^= 1
	p.Entries = append(p.Entries, forged)
	places := old.Unknown(p)
	p.Verify(w.root.ID(), places)
	for _, i := range places {
		p.Entries[i] = []byte{byte(i)} // nobody could verify that
	}
	_, changed, err := old.Exchange(p, false, w.now, w.rand)
	if err != nil || !changed || len(old.Members()) != 1 || len(old.file.roster.entries) != len(p.Entries)-1 {
		t.Errorf("%v: %d members, %d entries of %d", err, len(old.Members()), len(old.file.roster.entries), len(p.Entries))
	}
	if got := h.Unknown(h.file.papersSince(nil)); len(got) != 0 {
		t.Errorf("%d of our own entries are unknown", len(got))
	}
}

func TestCards(t *testing.T) {
	w := newWorld(t, 64)
	h := w.found()
	parse := func(b []byte) error { _, err := parseCard(b, w.root.ID()); return err }
	cut(t, "card", slices.Clone(h.card.raw), parse)
	device := newSigner(Secret(h.device.SignKey().Seed()))
	sign := func(change func(body)) []byte { return resign(t, labelCard, h.card.raw, device, change) }
	for name, change := range map[string]func(body){
		"too many moves":     func(b body) { b[4] = Edition{Move: movesMax + 1} },
		"no commitments":     func(b body) { delete(b, 9) },
		"five addresses":     func(b body) { b[5] = []string{"a:1", "a:2", "a:3", "a:4", "a:5"} },
		"an address of none": func(b body) { b[5] = []string{"a"} },
		"a day beyond all":   func(b body) { b[6] = uint32(dayMax + 1) },
		"no beacon key":      func(b body) { delete(b, 7) },
	} {
		if err := parse(sign(change)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := parse(sign(func(b body) { b[1] = make([]byte, 32) })); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("for another community: %v", err)
	}
	// A card with other token keys than the root has named is of nobody, and two in one place are seen.
	m := w.member(w.invite(h, 1))
	w.must(w.visit(h, m))
	token := h.supernode()
	token.Token[0]++
	offer := func(raw []byte) error {
		p := h.Offer()
		p.Cards = [][]byte{raw}
		_, err := m.Merge(h.device.ID(), p)
		return err
	}
	other := func(change func(*Card)) []byte {
		c := *h.card
		change(&c)
		signed, err := signCard(c, w.root.ID(), h.device)
		w.must(err)
		return signed.raw
	}
	if err := offer(other(func(c *Card) { c.Supernode = token; c.Edition.Move++ })); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("with another token key: %v", err)
	}
	if err := offer(sign(func(b body) { b[5] = []string{"elsewhere:1"} })); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("with the gist of another: %v", err)
	}
	if err := offer(other(func(c *Card) { c.Addresses = []string{"elsewhere:1"} })); err != nil || !slices.Equal(kinds(m.Alarms()), []AlarmKind{AlarmCard}) {
		t.Errorf("two cards in one place: %v, alarms %v", err, kinds(m.Alarms()))
	}
	m.Dismiss()
	later := other(func(c *Card) { c.Edition.Week++; c.Addresses = []string{"elsewhere:1"} })
	if err := offer(later); err != nil || !slices.Equal(kinds(m.Alarms()), []AlarmKind{AlarmCard}) {
		t.Errorf("a later card with another key for a week: %v, alarms %v", err, kinds(m.Alarms()))
	}
	if got := m.Supernodes()[0].Addresses; got[0] != "pi.example:4242" {
		t.Errorf("the second card was taken: %v", got)
	}
	if err := offer(other(func(c *Card) {
		c.Edition.Week--
		c.Addresses, c.Weeks = []string{"elsewhere:1"}, [2]wire.Hash{{}, c.Weeks[0]}
	})); err != nil || m.Supernodes()[0].Addresses[0] != "pi.example:4242" {
		t.Errorf("an older card was taken: %v", err)
	}
}

func TestPapers(t *testing.T) {
	w := newWorld(t, 65)
	h := w.found()
	w.must(w.visit(h, w.member(w.invite(h, 1))))
	good := h.file.papersSince(nil).Bytes()
	for n := range good {
		if p, err := ParsePapers(good[:n]); err == nil && !p.IsZero() {
			t.Errorf("cut at %d", n)
		}
	}
	for name, p := range map[string]body{
		"too many cards": {2: slices.Repeat([][]byte{{1}}, 17), 5: make([]byte, 32)},
		"too many heads": {4: make([]wire.Hash, headsMax+1), 5: make([]byte, 32)},
		"no digest":      {1: []byte{1}},
		"a digest of 0":  {5: make([]byte, 32)},
		"too long":       {3: [][]byte{make([]byte, PapersSizeMax)}, 5: make([]byte, 32)},
	} {
		b, err := wire.Marshal(p)
		w.must(err)
		if _, err := ParsePapers(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is wrong in papers is left out, and the rest is taken.
	other := newWorld(t, 66)
	stranger := other.found()
	p, err := ParsePapers(good)
	w.must(err)
	p.Cards = append([][]byte{{1, 2}, stranger.card.raw}, p.Cards...)
	p.Entries = append([][]byte{{3}}, p.Entries...)
	f := newFile(w.root.ID())
	m, err := f.merge(p, func(Seat) bool { return false })
	if err == nil || !m.changed || len(f.cards) != 1 || len(f.roster.entries) != 2 || len(f.view().members) != 1 {
		t.Errorf("%v: %d cards, %d entries", err, len(f.cards), len(f.roster.entries))
	}
	// So a member is let in by a supernode that is newer, and told that it is old.
	member := w.member(w.invite(h, 1))
	w.must(w.visit(h, member))
	at := w.at(h)
	g, _, err := h.Login(at, member.Persona(), member.Login(at), w.now)
	w.must(err)
	p = h.Offer()
	p.Descriptor = resign(t, labelDescriptor, h.Descriptor().Bytes(), w.root.signer, func(b body) { b[0x8000] = 1 })
	g.Papers = p.Bytes()
	if _, err := member.Granted(h.device.ID(), g, founded); err != nil || !slices.Equal(kinds(member.Alarms()), []AlarmKind{AlarmNewer}) {
		t.Errorf("let in by a newer supernode: %v, alarms %v", err, kinds(member.Alarms()))
	}
	fresh := w.member(w.invite(h, 1))
	if _, err := fresh.Granted(h.device.ID(), g, founded); !errors.Is(err, wire.ErrNewer) {
		t.Errorf("a newcomer by a newer supernode: %v", err)
	}
	// Who is no supernode cannot make an operator believe that the program is old.
	newer := resign(t, labelDescriptor, h.Descriptor().Bytes(), w.root.signer, func(b body) { b[0x8000] = 1 })
	_, _, err = h.Exchange(Papers{Descriptor: newer, Roster: wire.Hash{1}}, false, w.now, w.rand)
	w.must(err)
	w.noAlarms("shown by a member", h.Alarms())
	if _, err := h.Merge(Papers{Descriptor: newer, Roster: wire.Hash{1}}, w.now, w.rand); !errors.Is(err, wire.ErrNewer) || !hasKind(h.Alarms(), AlarmNewer) {
		t.Errorf("shown by a supernode: %v, %v", err, kinds(h.Alarms()))
	}
	if AlarmKind(99).String() != "alarm 99" || !strings.Contains(AlarmFork.String(), "operator key") {
		t.Error("alarms without words")
	}
}
