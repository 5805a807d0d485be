package community

import (
	"bytes"
	"testing"
	"time"
)

func FuzzParseWords(f *testing.F) {
	w := newWorld(f, 90)
	f.Add(joined(w.root.Words()))
	f.Add("1. Cane 2. PALM tree, palm-tree ice cream")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		root, err := ParseWords(text)
		if err != nil {
			return
		}
		again, err := ParseWords(joined(root.Words()))
		if err != nil || again.Public() != root.Public() {
			t.Errorf("%q is another root when it is written again: %v", text, err)
		}
	})
}

func FuzzParseLink(f *testing.F) {
	w := newWorld(f, 91)
	h := w.found()
	f.Add(w.invite(h, 1).Text())
	link, err := h.InviteSupernode(w.root, w.now, w.now, w.rand)
	w.must(err)
	f.Add(link.Text())
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLink(text)
		if err != nil {
			return
		}
		again, err := ParseLink(l.Text())
		if err != nil || again.Text() != l.Text() || !IsLink(text) || CheckAddresses(l.Stops[0].Addresses) != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzParseID(f *testing.F) {
	f.Add(ID{1}.String())
	f.Add(Persona{2}.String())
	f.Add(Invite{3}.String())
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseID(text); err == nil && id.String() != text {
			t.Errorf("%q is written as %v", text, id)
		}
		if p, err := ParsePersona(text); err == nil && p.String() != text {
			t.Errorf("%q is written as %v", text, p)
		}
		if i, err := ParseInvite(text); err == nil && i.String() != text {
			t.Errorf("%q is written as %v", text, i)
		}
	})
}

// FuzzParsePapers shows anything to a supernode and to a member: what they know stays what was
// signed, and can be kept and read again.
func FuzzParsePapers(f *testing.F) {
	w := newWorld(f, 92)
	h := w.found()
	before := w.member(w.invite(h, 2))
	w.must(w.visit(h, before))
	kept, known := h.Save(), before.Save()
	w.now = w.now.Add(time.Hour)
	w.further(h, "two.example:1")
	w.must(w.visit(h, w.member(w.invite(h, 1))))
	f.Add(h.file.papersSince(nil).Bytes())
	f.Add(before.Offer(h.device.ID()).Bytes())
	f.Add(h.Descriptor().Bytes())
	f.Add(h.ClaimProof())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ParseDescriptor(b, h.Community())
		_, _ = parseCard(b, h.Community())
		_, _ = parseEntry(b, h.Community())
		p, err := ParsePapers(b)
		if err != nil {
			return
		}
		house, err := LoadHouse(kept, h.device)
		if err != nil {
			t.Fatal(err)
		}
		member, err := LoadMembership(known)
		if err != nil {
			t.Fatal(err)
		}
		_, _, _ = house.Exchange(p, false, w.now, w.rand)
		_, _ = member.Merge(h.device.ID(), p)
		if again, err := LoadHouse(house.Save(), h.device); err != nil || len(again.Members()) != len(house.Members()) {
			t.Errorf("a house that cannot be read again: %v", err)
		}
		if again, err := LoadMembership(member.Save()); err != nil || again.Mark() != member.Mark() {
			t.Errorf("a membership that cannot be read again: %v", err)
		}
		if len(house.Members()) < 1 || house.Members()[0].Revoked {
			t.Error("somebody else has removed a member")
		}
	})
}

// FuzzJoin comes with any proof: nobody becomes a member.
func FuzzJoin(f *testing.F) {
	w := newWorld(f, 93)
	h := w.found()
	link := w.invite(h, 1)
	stranger, err := NewPersonaKey(w.rand)
	w.must(err)
	at := w.at(h)
	sig := stranger.Login(at)
	other := at
	other.Day++
	f.Add(link.Proof(other, stranger.Persona()))
	f.Add(h.ClaimProof())
	f.Fuzz(func(t *testing.T, proof []byte) {
		if bytes.Equal(proof, link.Proof(at, stranger.Persona())) { // nobody guesses it
			return
		}
		if _, _, err := h.Join(at, stranger.Persona(), sig, proof, w.now); err == nil || len(h.Members()) != 0 {
			t.Errorf("joined by %x", proof)
		}
		if VerifyLogin(stranger.Persona(), other, sig) {
			t.Error("a log-in holds on another day")
		}
	})
}

func FuzzLoad(f *testing.F) {
	w := newWorld(f, 94)
	h := w.found()
	m := w.member(w.invite(h, 1))
	f.Add(m.Save())
	w.must(w.visit(h, m))
	f.Add(m.Save())
	f.Add(h.Save())
	f.Fuzz(func(t *testing.T, b []byte) {
		if house, err := LoadHouse(b, h.device); err == nil {
			if _, err := LoadHouse(house.Save(), h.device); err != nil {
				t.Errorf("a house that cannot be read again: %v", err)
			}
		}
		if member, err := LoadMembership(b); err == nil {
			if _, err := LoadMembership(member.Save()); err != nil {
				t.Errorf("a membership that cannot be read again: %v", err)
			}
		}
	})
}
