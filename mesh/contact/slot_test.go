package contact

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// slotWorld is the giver of a link, who has left an offer in its slot, and somebody who uses the link.
type slotWorld struct {
	giver, user *person
	meeting     Meeting
	shelved     *Shelved
	bundle      []byte
	rand        io.Reader
}

func newSlotWorld(t testing.TB) *slotWorld {
	t.Helper()
	w := &slotWorld{giver: newPerson(t, "Anna", 1), user: newPerson(t, "Carlo", 2), rand: rand.NewChaCha8([32]byte{9})}
	var err error
	w.meeting, err = NewMeeting(w.rand)
	fatal(t, err)
	w.shelved, w.bundle, err = w.giver.ours.Shelve(w.meeting, []byte("mailbox"), noon, w.rand)
	fatal(t, err)
	saved, err := LoadShelved(w.shelved.Save())
	fatal(t, err)
	w.shelved = saved // as after a restart
	w.giver.profile, w.user.profile = w.meeting.Giver(), w.meeting.User(w.user.ours.Device)
	w.giver.x, w.user.x = New(w.giver.ours, w.giver.profile, w.user.profile), New(w.user.ours, w.user.profile, w.giver.profile)
	return w
}

// commits takes an exchange one event further, and returns what it committed, if it did.
func commits(t testing.TB, x *Exchange, rand io.Reader, ev Event) (o *Object) {
	t.Helper()
	todo, err := x.Step(noon, ev, rand)
	fatal(t, err)
	for _, a := range todo {
		if c, is := a.(Commit); is {
			o = c.Object
		}
	}
	return o
}

// answers has the user take the offer in the slot, and returns its contact and its answer.
func (w *slotWorld) answers(t testing.TB) (*Object, []byte) {
	t.Helper()
	found, err := w.meeting.Visit(w.bundle)
	fatal(t, err)
	commits(t, w.user.x, w.rand, Ask{})
	o := commits(t, w.user.x, w.rand, Received{From: w.giver.profile, Frame: wire.Offer{Card: found.Card, Share: found.Share, Nonce: w.user.x.Nonce()}})
	if string(found.Mailbox) != "mailbox" || o == nil {
		t.Fatalf("found the mailbox %q, contact %v", found.Mailbox, o)
	}
	reply, ok := w.user.x.Answer()
	if !ok {
		t.Fatal("there is nothing to answer")
	}
	answer, err := found.Answer(reply, ratchet.Random, w.rand)
	fatal(t, err)
	return o, answer
}

// Through a slot both sides come to the object that a link would have brought, and all in it has one size.
func TestSlot(t *testing.T) {
	w := newSlotWorld(t)
	theirs, answer := w.answers(t)
	if len(w.bundle) != wire.SlotSize || len(answer) != wire.SlotSize {
		t.Errorf("%d and %d bytes", len(w.bundle), len(answer))
	}
	reply, err := w.shelved.Open(answer)
	fatal(t, err)
	fatal(t, w.giver.ours.Check(reply))
	if reply.Label != w.user.profile || reply.Ask().Name != "Carlo" || reply.Ask().Nonce == [32]byte{} {
		t.Errorf("%x asks as %q", reply.Label, reply.Ask().Name)
	}
	w.giver.x.Prepare(w.shelved)
	commits(t, w.giver.x, w.rand, Received{From: reply.Label, Frame: reply.Ask()})
	commits(t, w.giver.x, w.rand, Accept{})
	ours := commits(t, w.giver.x, w.rand, Received{From: reply.Label, Frame: reply.Card})
	if ours == nil || ours.Secret != theirs.Secret || ours.Transcript != theirs.Transcript || ours.Asker || !theirs.Asker {
		t.Fatalf("the two sides have %v and %v", ours, theirs)
	}
	if todo, err := w.user.x.Step(noon, Received{From: w.giver.profile, Frame: wire.Done{Transcript: ours.Transcript}}, w.rand); err != nil || len(todo) != 1 {
		t.Errorf("the end of it: %v, %v", todo, err)
	}
}

// Who asks by a link is given the offer that is in the slot, each time: it may have found that there meanwhile.
func TestOneOfferWhicheverWay(t *testing.T) {
	w := newSlotWorld(t)
	for nonce := range byte(2) {
		w.giver.x.Prepare(w.shelved)
		commits(t, w.giver.x, w.rand, Received{From: w.user.profile, Frame: wire.Ask{Name: "Carlo", Nonce: [32]byte{nonce + 1}}})
		todo, err := w.giver.x.Step(noon, Accept{}, w.rand)
		fatal(t, err)
		offer := todo[len(todo)-1].(Send).Frame.(wire.Offer)
		if !bytes.Equal(offer.Card, w.shelved.card) || offer.Share != w.shelved.share || offer.Nonce != [32]byte{nonce + 1} {
			t.Fatal("another offer than in the slot")
		}
	}
	theirs, _ := w.answers(t)
	reply, _ := w.user.x.Answer()
	if ours := commits(t, w.giver.x, w.rand, Received{From: w.user.profile, Frame: reply.Card}); ours == nil || ours.Transcript != theirs.Transcript {
		t.Error("found in the slot and answered by a link they differ")
	}
}

// Nothing opens that is not whole, of this link, or to the keys that are in the slot: the link's secret alone opens no answer.
func TestSlotRefuses(t *testing.T) {
	w := newSlotWorld(t)
	_, answer := w.answers(t)
	again, bundle, err := w.giver.ours.Shelve(w.meeting, nil, noon, w.rand)
	fatal(t, err)
	for name, open := range map[string]func() error{
		"another link": func() error { m := w.meeting; m.Secret[0]++; _, err := m.Visit(w.bundle); return err },
		"short bundle": func() error { _, err := w.meeting.Visit(w.bundle[:wire.SlotSize-1]); return err },
		"no answer":    func() error { _, err := w.shelved.Open(nil); return err },
		"of zeros":     func() error { _, err := w.shelved.Open(make([]byte, wire.SlotSize)); return err },
		"other keys":   func() error { _, err := again.Open(answer); return err },
	} {
		if err := open(); !errors.Is(err, ErrSlot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for at := 0; at < wire.SlotSize; at += 511 {
		spoilt := bytes.Clone(answer)
		spoilt[at] ^= 1
		if _, err := w.shelved.Open(spoilt); !errors.Is(err, ErrSlot) {
			t.Errorf("a changed byte %d of the answer: %v", at, err)
		}
		spoilt = bytes.Clone(bundle)
		spoilt[at] ^= 1
		if _, err := w.meeting.Visit(spoilt); !errors.Is(err, ErrSlot) {
			t.Errorf("a changed byte %d of the bundle: %v", at, err)
		}
	}
}

// Who has the link can seal what they like under its secret: the giver's card with keys of their own, or what the giver signed
// for another link, is not the giver's offer.
func TestSlotForged(t *testing.T) {
	w := newSlotWorld(t)
	other, err := NewMeeting(w.rand)
	fatal(t, err)
	id, key, salt := w.meeting.SlotID(), w.meeting.bundleKey(), w.bundle[:slotSaltSize]
	genuine, err := openSlot[slotOffer](ratchet.Derive(key[:], salt, labelSlotSeal, slotKeySize), w.bundle[slotSaltSize:], id)
	fatal(t, err)
	eva := newPerson(t, "Eva", 3)
	theirs, _, err := eva.ours.newCard(noon, w.rand)
	fatal(t, err)
	for name, forge := range map[string]func(*slotOffer){
		"nothing":           func(*slotOffer) {},
		"a share":           func(o *slotOffer) { o.Share[0]++ },
		"a key of answers":  func(o *slotOffer) { o.Agree = [32]byte{9} },
		"another such key":  func(o *slotOffer) { o.KEM = w.shelvedBy(t, eva).KEM },
		"a mailbox":         func(o *slotOffer) { o.Mailbox = []byte("eva's") },
		"somebody's card":   func(o *slotOffer) { o.Card = theirs },
		"no card":           func(o *slotOffer) { o.Card = nil },
		"no signature":      func(o *slotOffer) { o.Sig = [64]byte{} },
		"signed by another": func(o *slotOffer) { o.Sig = [64]byte(ed25519.Sign(eva.ours.Device.SignKey(), o.signed(id))) },
		"signed for another": func(o *slotOffer) {
			o.Sig = [64]byte(ed25519.Sign(w.giver.ours.Device.SignKey(), o.signed(other.SlotID())))
		},
	} {
		o := genuine
		forge(&o)
		sealed, err := sealSlot(ratchet.Derive(key[:], salt, labelSlotSeal, slotKeySize), o, wire.SlotSize-slotSaltSize, id)
		fatal(t, err)
		if _, err := w.meeting.Visit(slices.Concat(salt, sealed)); (name == "nothing") != (err == nil) || err != nil && !errors.Is(err, ErrSlot) {
			t.Errorf("with %s of the forger's: %v", name, err)
		}
	}
}

// shelvedBy is what somebody else offers for the same link.
func (w *slotWorld) shelvedBy(t testing.TB, p *person) slotOffer {
	t.Helper()
	_, bundle, err := p.ours.Shelve(w.meeting, nil, noon, w.rand)
	fatal(t, err)
	key := w.meeting.bundleKey()
	o, err := openSlot[slotOffer](ratchet.Derive(key[:], bundle[:slotSaltSize], labelSlotSeal, slotKeySize), bundle[slotSaltSize:], w.meeting.SlotID())
	fatal(t, err)
	return o
}

// Once there is a contact nothing is kept by which its first session opens; further answers are known still, and nobody is
// offered anything.
func TestSlotSpent(t *testing.T) {
	w := newSlotWorld(t)
	_, answer := w.answers(t)
	half, bundle := w.shelved.share, w.shelved.bundle.Save()
	w.shelved.Spend()
	saved := w.shelved.Save()
	if bytes.Contains(saved, half[:]) || bytes.Contains(saved, bundle[len(bundle)/2:]) || len(saved) > 1<<10 {
		t.Error("secrets of the offer are kept")
	}
	spent, err := LoadShelved(saved)
	fatal(t, err)
	if reply, err := spent.Open(answer); err != nil || reply.Label != w.user.profile {
		t.Errorf("a further answer: %v", err)
	}
	w.giver.x.Prepare(spent)
	commits(t, w.giver.x, w.rand, Received{From: w.user.profile, Frame: wire.Ask{Name: "Carlo", Nonce: [32]byte{1}}})
	if _, err := w.giver.x.Step(noon, Accept{}, w.rand); !errors.Is(err, ErrState) {
		t.Errorf("an offer that is spent is made again: %v", err)
	}
	spent.Erase()
	if _, err := spent.Open(answer); err == nil {
		t.Error("erased keys open an answer")
	}
}

// TestSlotVectors holds what is derived for a slot against testdata/slot.txt, for other implementations.
func TestSlotVectors(t *testing.T) {
	var text strings.Builder
	line := func(name string, v any) { fmt.Fprintf(&text, "%s=%x\n", name, v) }
	text.WriteString("# What is derived for the slot of a contact link, hex. Written by `go test -update`; the diff is for review.\n")
	m := sample().Meeting
	id, key, answers := m.SlotID(), m.bundleKey(), m.answerKey()
	salt := bytes.Repeat([]byte{7}, slotSaltSize)
	line("secret", m.Secret[:])
	line("slot_id", id[:])
	line("bundle_key", key[:])
	line("answers_key", answers[:])
	line("salt", salt)
	seal := ratchet.Derive(key[:], salt, labelSlotSeal, slotKeySize)
	line("seal_of_bundle", seal)
	o := slotOffer{Card: []byte("card"), Share: [32]byte{1}, Mailbox: []byte("mailbox"), Agree: [32]byte{2}, KEM: []byte("ml-kem-768 key")}
	line("card", o.Card)
	line("share", o.Share[:])
	line("mailbox", o.Mailbox)
	line("x25519_key", o.Agree[:])
	line("ml_kem_key", o.KEM)
	line("signed", o.signed(id))
	sealed, err := sealSlot(seal, struct {
		Card []byte `cbor:"1,keyasint"`
	}{o.Card}, 64, id)
	fatal(t, err)
	line("sealed_64_bytes", sealed)
	bundle := wire.HashOf(labelSlotBundle, slices.Concat(salt, sealed))
	agreed, kem, ephemeral, ct := ratchet.Secret{3}, bytes.Repeat([]byte{4}, 32), [32]byte{5}, []byte("ciphertext")
	line("agreed", agreed[:])
	line("ss", kem)
	line("ephemeral", ephemeral[:])
	line("ct", ct)
	line("bundle_hash", bundle[:])
	line("seal_of_answer", slotAnswerKey(answers, bundle, agreed, kem, ephemeral, ct))
	label := m.Giver()
	nonce := wire.HashOf(labelSlotAsk, label[:], o.Share[:])
	line("label", label[:])
	line("nonce_of_ask", nonce[:])
	goldentest.File(t, "slot.txt", text.String())
}

func TestSlotTooSmall(t *testing.T) {
	w := newSlotWorld(t)
	if _, _, err := w.giver.ours.Shelve(w.meeting, make([]byte, wire.SlotSize), noon, w.rand); !errors.Is(err, ErrRoom) {
		t.Error("what is larger than a slot was put into one")
	}
}

func FuzzSlot(f *testing.F) {
	w := newSlotWorld(f)
	_, answer := w.answers(f)
	f.Add(w.bundle, answer, w.shelved.Save())
	f.Add(answer, w.bundle, []byte{})
	spent, err := LoadShelved(w.shelved.Save())
	fatal(f, err)
	spent.Spend()
	f.Add(w.bundle, answer, spent.Save())
	f.Fuzz(func(t *testing.T, bundle, answer, saved []byte) {
		if v, err := w.meeting.Visit(bundle); err == nil {
			v.Erase()
		}
		if _, err := w.shelved.Open(answer); err != nil && !errors.Is(err, ErrSlot) && !errors.Is(err, wire.ErrNewer) {
			t.Errorf("an answer: %v", err)
		}
		if s, err := LoadShelved(saved); err == nil && !bytes.Equal(s.Save(), saved) {
			t.Error("what was loaded is saved otherwise")
		}
		key := make([]byte, slotKeySize)
		sealed, err := sealSlot(bytes.Clone(key), slotAnswer{Card: saved[:min(len(saved), 1<<10)]}, wire.SlotSize, w.meeting.SlotID())
		fatal(t, err)
		if a, err := openSlot[slotAnswer](key, sealed, w.meeting.SlotID()); err != nil || !bytes.Equal(a.Card, saved[:min(len(saved), 1<<10)]) {
			t.Errorf("sealed and opened: %v", err)
		}
	})
}

// A link with a door is one of those that do not know doors, and holds only what fits a small code.
func TestLinkWithDoor(t *testing.T) {
	m := Meeting{Secret{1}}
	long := strings.Repeat("x", doorAddressMax) + ":1"
	door := Door{Key: [32]byte{7}, Addresses: []string{long, "", "192.0.2.7:4242", "casa.example:4242", "[2001:db8::1]:4242"}}.Narrow()
	if len(door.Addresses) != doorAddressesMax || door.Addresses[0] != "192.0.2.7:4242" {
		t.Fatalf("narrowed to %q", door.Addresses)
	}
	i := Invite{Meeting: m, Account: Mark{3}, Until: 20007, Door: door}
	back, err := ParseInvite(strings.ToUpper(i.Link()))
	if err != nil || back.Door == nil || back.Door.Key != door.Key || len(back.Door.Addresses) != 2 || back.Account != i.Account {
		t.Errorf("read as %+v, %v", back, err)
	}
	if n := len(Invite{Meeting: m, Until: 20007, Door: (Door{Addresses: []string{"192.0.2.7:4242"}}).Narrow()}.Link()); n > 220 {
		t.Errorf("a link with one address has %d characters", n)
	}
	for name, d := range map[string]*Door{
		"nowhere": {}, "too many": {Addresses: []string{"a:1", "b:1", "c:1"}}, "too long": {Addresses: []string{long}}, "empty": {Addresses: []string{""}},
	} {
		if _, err := ParseInvite(Invite{Meeting: m, Until: 20007, Door: d}.Link()); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if (Door{Addresses: []string{long}}).Narrow() != nil {
		t.Error("a door that nobody can find")
	}
}
