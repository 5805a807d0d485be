package token

import (
	"bytes"
	"testing"

	"sottovoce/mesh/goldentest"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte{}, 1)
	f.Add(counted(0, Size), 1)
	f.Add(counted(0, 2*Size), 1)
	f.Add(counted(0, Size+1), 4)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		tokens, err := Parse(b, limit)
		if err != nil {
			return
		}
		if len(tokens) > limit || !bytes.Equal(Append(nil, tokens), b) {
			t.Errorf("%x is %d tokens, and others", b, len(tokens))
		}
	})
}

// FuzzElements gives any bytes to both ends of a draw: the supernode evaluates only what is
// canonical, and whatever it is that comes back, the client makes no token of it.
func FuzzElements(f *testing.F) {
	k := testKey(1)
	s, err := k.At(testInfo(20_000))
	if err != nil {
		f.Fatal(err)
	}
	d, err := NewDraw(seeded(1), k.Public(), s.Info(), 2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(d.Request(), counted(0, ProofSize))
	f.Add(make([]byte, 2*ElementSize), counted(0, ProofSize))
	for _, b := range goldentest.Hex(f, "rfc9496.txt") {
		f.Add(b, counted(0, ProofSize))
		f.Add(append(bytes.Clone(b), d.Request()[:32]...), counted(0, ProofSize))
	}
	f.Fuzz(func(t *testing.T, b, proof []byte) {
		elements, err := parseElements(b)
		if err == nil {
			if again, err := appendElements(nil, elements); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%x is read and written as %x, %v", b, again, err)
			}
			if evaluated, _, err := s.Evaluate(seeded(1), b); err != nil || len(evaluated) != len(b) || bytes.Equal(evaluated, b) {
				t.Errorf("%x is evaluated as %x, %v", b, evaluated, err)
			}
		}
		if PublicKey(append(b, make([]byte, 32)...)[:32]).Check() == nil && len(b) == 32 && err != nil {
			t.Errorf("%x is a key and no element", b)
		}
		if len(proof) != ProofSize {
			return
		}
		d, err := NewDraw(seeded(1), k.Public(), s.Info(), 2)
		if err != nil {
			t.Fatal(err)
		}
		if tokens, err := d.Finish(b, [ProofSize]byte(proof)); err == nil || len(tokens) != 0 {
			t.Errorf("%d tokens of %x and a proof %x", len(tokens), b, proof)
		}
	})
}
