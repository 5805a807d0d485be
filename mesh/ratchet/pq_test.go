package ratchet

import (
	"bytes"
	"crypto/mlkem"
	"testing"
)

// The key that rides is the seed's, however often it rides.
func TestKeyThatRides(t *testing.T) {
	a, b := pair(t)
	src, now := seeded("rides"), start.Add(stepAge)
	first := pass(t, now, &a, &b, src)
	dk, err := mlkem.NewDecapsulationKey768(a.s.PQ.Seed)
	must(t, err)
	again := pass(t, now, &a, &b, src)
	if !bytes.Equal(first.EK, dk.EncapsulationKey().Bytes()) || !bytes.Equal(again.EK, first.EK) {
		t.Error("another key rides than the seed's")
	}
	pass(t, now, &b, &a, src)
	if a.s.PQ.Seed != nil || a.s.PQ.EK != nil {
		t.Error("kept after the answer")
	}
}

// What is out of turn is ignored.
func TestPostQuantumOutOfTurn(t *testing.T) {
	dk, err := mlkem.NewDecapsulationKey768(make([]byte, mlkem.SeedSize))
	must(t, err)
	ek := dk.EncapsulationKey().Bytes()
	other, err := mlkem.NewDecapsulationKey768(bytes.Repeat([]byte{1}, mlkem.SeedSize))
	must(t, err)
	a, b := pair(t)
	src := seeded("turn")
	pass(t, start, &b, &a, src)
	must(t, a.Settle(start, ek, nil)) // epoch 1 is the starter's to make
	if len(a.s.PQ.TheirEK) != 0 {
		t.Error("a key out of turn is answered")
	}
	must(t, a.Settle(start, nil, make([]byte, CTSize)))
	if len(a.s.PQ.Epochs) != 1 {
		t.Error("an answer to no question makes an epoch")
	}
	pass(t, start, &a, &b, src)
	must(t, b.Settle(start, bytes.Repeat([]byte{0xff}, EKSize), nil))
	if b.s.PQ.TheirEK != nil {
		t.Error("what is no key is to be answered")
	}
	must(t, b.Settle(start, ek, nil))
	must(t, b.Settle(start, other.EncapsulationKey().Bytes(), nil))
	if !bytes.Equal(b.s.PQ.TheirEK, ek) {
		t.Error("a second key replaces the first")
	}
	if err := b.Settle(start, make([]byte, 7), nil); err != nil {
		t.Errorf("a key that is not awaited is looked at: %v", err)
	}
	b.Retire()
	if b.s.PQ.TheirEK != nil {
		t.Error("retired, and still to answer")
	}
}

func TestEpochKeysAreForgotten(t *testing.T) {
	a, b := pair(t)
	src, now := seeded("epochs"), start
	old := a.Epochs()[0]
	for a.Confirmed() < 2 {
		now = now.Add(stepAge)
		pass(t, now, &a, &b, src)
		pass(t, now, &b, &a, src)
	}
	for name, s := range map[string]State{"a": a, "b": b} {
		raw, err := s.MarshalCBOR()
		must(t, err)
		if n := len(s.Epochs()); n > epochsMax || n < 2 {
			t.Errorf("%s holds %d epochs", name, n)
		}
		if s.Confirmed() >= 2 && bytes.Contains(raw, old.Link[:]) {
			t.Errorf("%s keeps the link secret of epoch 0 with epoch %d confirmed", name, s.Confirmed())
		}
		for i, e := range s.s.PQ.Epochs {
			if last := i == len(s.s.PQ.Epochs)-1; (e.Root == Secret{}) == last {
				t.Errorf("%s: root of epoch %d", name, e.Number)
			}
			if e.Number < s.s.Receiving.Header.Epoch && e.Messages != (Secret{}) {
				t.Errorf("%s keeps the message secret of epoch %d", name, e.Number)
			}
		}
	}
}
