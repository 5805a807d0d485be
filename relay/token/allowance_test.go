package token

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"sottovoce/mesh/wire"
)

func persona(i int) Persona {
	return Persona(binary.BigEndian.AppendUint32(make([]byte, 28), uint32(i)))
}

func TestAllowance(t *testing.T) {
	a := NewAllowance()
	anna, bruno := persona(1), persona(2)
	draw := func(who Persona, day uint16, n, limit int, want bool) {
		t.Helper()
		before := a.Left(who, day, limit)
		err := a.Draw(who, day, n, limit)
		if got := err == nil; got != want || !got && !errors.Is(err, ErrAllowance) {
			t.Errorf("%d of %d on day %d: %v", n, before, day, err)
		}
		if after := a.Left(who, day, limit); want && after != before-n || !want && after != before {
			t.Errorf("%d of %d on day %d: %d are left", n, before, day, after)
		}
	}
	draw(anna, 100, 256, 500, true)
	draw(anna, 100, 245, 500, false)
	draw(anna, 100, 244, 500, true)
	draw(anna, 100, 1, 500, false)
	draw(anna, 100, 1, 501, true)  // the operator allows more
	draw(anna, 100, 1, 100, false) // and then less
	draw(bruno, 100, 500, 500, true)
	draw(bruno, 100, 0, 500, false)
	draw(bruno, 100, -1, 500, false)
	draw(bruno, 100, 1, -1, false)
	draw(anna, 101, 500, 500, true)
	draw(anna, 100, 1, 500, false) // the clock is set back
	draw(anna, 101, 1, 500, false) // and forth
	if tokens, personas := a.Drawn(100); tokens != 1001 || personas != 2 {
		t.Errorf("%d tokens, %d personas", tokens, personas)
	}
	draw(anna, 102, 500, 500, true)
	if tokens, personas := a.Drawn(100); tokens != 0 || personas != 0 {
		t.Errorf("%d tokens of the day before yesterday", tokens)
	}
	draw(persona(3), 102, 1<<16-1, 1<<20, true)
	draw(persona(3), 102, 1, 1<<20, false)
}

func TestAllowanceCaps(t *testing.T) {
	a := NewAllowance()
	anna := persona(1)
	if err := a.Cap(anna, 10); err != nil || a.Left(anna, 1, 500) != 10 || a.Left(anna, 1, 5) != 5 || a.Left(persona(2), 1, 500) != 500 {
		t.Errorf("a cap of ten: %v, %d", err, a.Left(anna, 1, 500))
	}
	if err := a.Cap(anna, 0); err != nil || a.Draw(anna, 1, 1, 500) == nil {
		t.Error("who is capped at nothing draws")
	}
	if again, err := LoadAllowance(a.Save()); err != nil || again.Left(anna, 1, 500) != 0 {
		t.Errorf("a restart lifts a cap: %v", err)
	}
	if a.Uncap(anna); a.Left(anna, 1, 500) != 500 {
		t.Error("a cap stays")
	}
	for i := range personasMax {
		if err := a.Cap(persona(i), 1); err != nil {
			t.Fatal(err)
		}
	}
	if a.Cap(persona(personasMax), 1) == nil || a.Cap(persona(0), 2) != nil {
		t.Error("more caps than there is room for, or one that cannot be changed")
	}
}

// TestAllowanceIsBounded: neither many personas nor all of them together get beyond what the
// supernode has memory for, and what is counted comes back.
func TestAllowanceIsBounded(t *testing.T) {
	a := NewAllowance()
	issued := 0
	for i := 0; issued < IssuedMax; i++ {
		n := a.Left(persona(i), 1, 1<<16-1)
		if n == 0 || a.Draw(persona(i), 1, n, 1<<16-1) != nil {
			t.Fatalf("persona %d may draw %d of %d", i, n, IssuedMax-issued)
		}
		issued += n
	}
	if issued != IssuedMax || a.Left(persona(1<<20), 1, 1000) != 0 {
		t.Errorf("%d were issued", issued)
	}
	for _, day := range []uint16{2, 3} {
		for i := range personasMax {
			if err := a.Draw(persona(i), day, 1, 1); err != nil {
				t.Fatal(err)
			}
		}
		if a.Draw(persona(personasMax), day, 1, 1) == nil || a.Left(persona(0), day, 2) != 1 {
			t.Error("one persona too many, or one of those before is forgotten")
		}
	}
	for i := range personasMax {
		if err := a.Cap(persona(i), 3); err != nil {
			t.Fatal(err)
		}
	}
	b := a.Save()
	again, err := LoadAllowance(b)
	if err != nil || !bytes.Equal(again.Save(), b) || again.Left(persona(7), 3, 9) != 2 {
		t.Errorf("%d bytes come back: %v", len(b), err)
	}
	if tokens, personas := again.Drawn(3); tokens != personasMax || personas != personasMax {
		t.Errorf("%d tokens by %d", tokens, personas)
	}
}

func FuzzLoadAllowance(f *testing.F) {
	a := NewAllowance()
	f.Add(a.Save())
	for i := range 3 {
		if err := errors.Join(a.Draw(persona(i), 100, 5, 10), a.Draw(persona(i), 101, 5, 10), a.Cap(persona(i), uint16(i))); err != nil {
			f.Fatal(err)
		}
	}
	b := a.Save()
	for cut := range b {
		f.Add(b[:cut])
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := LoadAllowance(b)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrNewer) {
				t.Errorf("%x: %v", b, err)
			}
			return
		}
		again, err := LoadAllowance(a.Save())
		if err != nil || !bytes.Equal(again.Save(), a.Save()) {
			t.Errorf("%x does not come back: %v", b, err)
		}
		if left := a.Left(persona(1), 100, 50); left < 0 || left > 50 {
			t.Errorf("%x: %d of 50 are left", b, left)
		}
	})
}
