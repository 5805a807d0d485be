package contact

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

// phases returns a saved exchange of Anna's in each phase.
func phases(t testing.TB) map[Phase][]byte {
	saved := make(map[Phase][]byte)
	note := func(w *world) {
		for _, p := range w.people {
			saved[p.x.Phase()] = p.x.Save()
		}
	}
	w := newWorld(t)
	note(w)
	w.link()
	fatal(t, w.do(1, Ask{}))
	fatal(t, w.deliver(0))
	note(w)
	declined := w.clone()
	fatal(t, declined.do(0, Decline{}))
	fatal(t, declined.deliver(1))
	note(declined)
	fatal(t, w.do(0, Accept{}))
	note(w)
	fatal(t, w.deliver(1))
	note(w)
	fatal(t, w.deliver(0))
	note(w)
	if len(saved) != 8 {
		t.Fatalf("%d phases", len(saved))
	}
	return saved
}

// TestSaveEveryPhase: what is loaded is what was saved, and nothing cut or changed in
// its fixed part panics.
func TestSaveEveryPhase(t *testing.T) {
	ours := newPerson(t, "Anna", 1).ours
	for phase, b := range phases(t) {
		x, err := Load(ours, b)
		if err != nil {
			t.Fatalf("phase %d: %v", phase, err)
		}
		if x.Phase() != phase || !bytes.Equal(x.Save(), b) || len(b) > 64<<10 {
			t.Errorf("phase %d: %d bytes do not come back", phase, len(b))
		}
		step := max(1, len(b)/200)
		for i := 0; i < len(b); i += step {
			if _, err := Load(ours, b[:i]); err == nil {
				t.Errorf("phase %d cut at %d loads", phase, i)
			}
		}
	}
}

// TestLoadRefuses what Save could not have written.
func TestLoadRefuses(t *testing.T) {
	ours := newPerson(t, "Anna", 1).ours
	for name, s := range map[string]savedExchange{
		"ourselves":        {Phase: PhaseIdle},
		"phase 0":          {Our: [32]byte{1}},
		"phase 9":          {Our: [32]byte{1}, Phase: 9},
		"nonces":           {Our: [32]byte{1}, Phase: PhaseIdle, Old: make([][32]byte, noncesMax+1)},
		"until":            {Our: [32]byte{1}, Phase: PhaseIdle, Until: 5},
		"offer, no card":   {Our: [32]byte{1}, Phase: PhaseOffered},
		"card, no offer":   {Our: [32]byte{1}, Phase: PhaseAsked, Card: []byte{1}},
		"offer, no bundle": {Our: [32]byte{1}, Phase: PhaseOffered, Card: []byte{1}},
		"bad bundle":       {Our: [32]byte{1}, Phase: PhaseOffered, Card: []byte{1}, Bundle: []byte{0xa0}},
	} {
		b, err := wire.Marshal(s)
		fatal(t, err)
		if _, err := Load(ours, b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(ours, make([]byte, savedMax+1)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("too large: %v", err)
	}
}

// TestObjectRoundTrip: a saved object loses its bundle secrets and discovery keys, and nothing else.
func TestObjectRoundTrip(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(0, Ask{}))
	w.settle()
	fatal(t, w.do(1, Accept{}))
	w.settle()
	a, b := w.objects(t)
	if !bytes.Equal(a.Save(), w.people[0].object) || a.Bundle != nil {
		t.Error("the object does not come back")
	}
	if a.Their.Card.Name != "Bruno" || b.Their.Card.Name != "Anna" || a.Their.Profile != w.people[1].profile {
		t.Error("wrong party")
	}
	for _, o := range []*Object{a, b} {
		for _, p := range []Party{o.Our, o.Their} {
			if p.Card.DiscoveryKey != (identity.DaySecret{}) || p.Card.DiscoveryDay == 0 {
				t.Error("a discovery key is kept")
			}
		}
	}
	for i := 0; i < len(w.people[0].object); i += 97 {
		if _, err := LoadObject(w.people[0].object[:i]); err == nil {
			t.Errorf("cut at %d loads", i)
		}
	}
	if _, err := LoadObject(make([]byte, objectMax+1)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("too large: %v", err)
	}
}

// TestDone keeps nothing that was made for the other side.
func TestDoneKeepsNoSecrets(t *testing.T) {
	w := newWorld(t)
	fatal(t, w.do(0, Ask{}))
	w.settle()
	fatal(t, w.do(1, Accept{}))
	w.settle()
	for i, p := range w.people {
		if p.x.card != nil || p.x.bundle != nil || p.x.share != (share{}) || len(p.disk) > 512 {
			t.Errorf("person %d keeps %d bytes", i, len(p.disk))
		}
	}
}

// TestSecretsDoNotPrint tries every way of printing.
func TestSecretsDoNotPrint(t *testing.T) {
	s := Secret{0xab, 0xcd}
	half := share{0xab, 0xcd}
	text, _ := s.MarshalText()
	halfText, _ := half.MarshalText()
	all := fmt.Sprintf("%v %+v %#v %x %d %s %q %s %s %v %x", s, s, s, s, s, s, s, text, halfText, half, half) + s.String() + s.GoString()
	if strings.Contains(all, "ab") || strings.Contains(all, "171") {
		t.Errorf("printed: %s", all)
	}
	x := Exchange{share: half, phase: PhaseOffered}
	o := Object{Secret: s}
	all += fmt.Sprintf("%v %+v %#v %v %+v %#v", x, &x, x, o, &o, o)
	if strings.Contains(all, "ab") || strings.Contains(all, "171") {
		t.Errorf("printed: %s", all)
	}
	if s.Erase(); s != (Secret{}) {
		t.Error("not erased")
	}
}

// TestTranscriptVector pins transcript and secret.
//
// spec: 05-contacts#transcript-and-secret
func TestTranscriptVector(t *testing.T) {
	fill := func(b byte) (x [32]byte) {
		for i := range x {
			x[i] = b + byte(i)
		}
		return x
	}
	asker := side{Profile(fill(0x00)), []byte("the asker's card"), fill(0x40)}
	asked := side{Profile(fill(0x20)), []byte("the card of the asked one"), fill(0x60)}
	transcript, secret := agree(asker, asked)
	got := fmt.Sprintf("asker profile = %x\nasked profile = %x\nasker share = %x\nasked share = %x\nasker card = %x\nasked card = %x\ntranscript = %s\nsecret = %s\n",
		asker.profile, asked.profile, asker.share, asked.share, asker.card, asked.card,
		hex.EncodeToString(transcript[:]), hex.EncodeToString(secret[:]))
	goldentest.File(t, "transcript.txt", got)
	if swapped, _ := agree(asked, asker); swapped == transcript {
		t.Error("the transcript does not say who asked")
	}
}

func FuzzLoad(f *testing.F) {
	p := newPerson(f, "Anna", 1)
	for _, b := range phases(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := Load(p.ours, b)
		if err != nil {
			return
		}
		if _, err := Load(p.ours, x.Save()); err != nil {
			t.Fatalf("what was saved does not load: %v", err)
		}
		for _, ev := range []Event{LinkUp{}, Ask{}, Accept{}, Received{x.Their(), wire.Declined{}}} {
			_, _ = x.Step(noon, ev, source(nil, ev))
		}
	})
}

func FuzzLoadObject(f *testing.F) {
	w := newWorld(f)
	fatal(f, w.do(0, Ask{}))
	w.settle()
	fatal(f, w.do(1, Accept{}))
	w.settle()
	f.Add(w.people[0].object)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := LoadObject(b)
		if err != nil {
			return
		}
		if _, err := LoadObject(o.Save()); err != nil {
			t.Fatalf("what was saved does not load: %v", err)
		}
	})
}
