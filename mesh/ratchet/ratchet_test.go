package ratchet

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func seeded(seed string) io.Reader { return rand.NewChaCha8(sha256.Sum256([]byte(seed))) }

func replayed(ek *mlkem.EncapsulationKey768, rand io.Reader) (secret, ct []byte, err error) {
	m := make([]byte, 32)
	if _, err := io.ReadFull(rand, m); err != nil {
		return nil, nil, err
	}
	return mlkemtest.Encapsulate768(ek, m)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair returns the two ends of a fresh session.
func pair(t *testing.T) (starter, responder State) {
	t.Helper()
	first, prekey := Secret{1}, Secret{2}
	starter, err := New(true, Secret{3}, first, Public(prekey), start)
	must(t, err)
	responder, err = New(false, Secret{3}, prekey, Public(first), start)
	must(t, err)
	return starter, responder
}

// pass hands a message's keys from one end to the other, as a blob would.
func pass(t *testing.T, now time.Time, from, to *State, rand io.Reader) Message {
	t.Helper()
	m, err := from.Next(now, rand, replayed)
	must(t, err)
	take(t, now, to, m)
	return m
}

func take(t *testing.T, now time.Time, to *State, m Message) []Skipped {
	t.Helper()
	key, err := to.HeaderKey(m.Chain)
	must(t, err)
	if key != m.HeaderKey {
		t.Fatalf("header key of chain %d differs", m.Chain)
	}
	current, live, next := to.Windows()
	w := next
	if live && m.Chain == current.Chain {
		w = current
	}
	if w.Chain != m.Chain || Tag(w.Key, m.N) != m.Tag {
		t.Fatalf("tag of %d in chain %d differs", m.N, m.Chain)
	}
	var skipped []Skipped
	if to.IsNext(m.Chain) {
		skipped, err = to.Enter(m.Header)
		must(t, err)
	}
	h, mk, skipped, err := to.Receive(m.Chain, m.N, skipped)
	must(t, err)
	if h != m.Header || mk != m.Key {
		t.Fatalf("keys of %d in chain %d differ", m.N, m.Chain)
	}
	must(t, to.Settle(now, m.EK, m.CT))
	return skipped
}

func TestKeysAgreeAndNeverRepeat(t *testing.T) {
	a, b := pair(t)
	src, now := seeded("agree"), start
	seen := map[Secret]bool{}
	for i := range 60 {
		now = now.Add(5 * time.Hour)
		from, to := &a, &b
		if i%5 > 2 {
			from, to = &b, &a
		}
		m := pass(t, now, from, to, src)
		if seen[m.Key] {
			t.Fatalf("message key %d repeats", i)
		}
		seen[m.Key] = true
		if ek, ct := len(m.EK), len(m.CT); ek != 0 && ek != EKSize || ct != 0 && ct != CTSize || ek > 0 && ct > 0 {
			t.Fatalf("rides %d and %d bytes", ek, ct)
		}
	}
	if low, high := min(a.Confirmed(), b.Confirmed()), max(a.Confirmed(), b.Confirmed()); low < 3 || high > low+1 {
		t.Errorf("epochs %d and %d confirmed", a.Confirmed(), b.Confirmed())
	}
}

// The half of each ratchet alone does not give the message key.
func TestBothHalvesMatter(t *testing.T) {
	a, _ := pair(t)
	next := func(change func(*State)) Secret {
		s := a.Clone()
		change(&s)
		m, err := s.Next(start, seeded("x"), replayed)
		must(t, err)
		return m.Key
	}
	whole := next(func(*State) {})
	if next(func(s *State) { s.s.Sending.Key[0] ^= 1 }) == whole {
		t.Error("the classical half does not matter")
	}
	if next(func(s *State) { s.s.Sending.PQ[0] ^= 1 }) == whole {
		t.Error("the post-quantum half does not matter")
	}
}

// Direction, chain and epoch each give another post-quantum half.
func TestChainHalvesDiffer(t *testing.T) {
	e := epoch{Messages: Secret{1}}
	other := epoch{Messages: Secret{2}}
	halves := map[Secret]bool{e.chain(true, 0): true, e.chain(false, 0): true, e.chain(true, 1): true, other.chain(true, 0): true}
	if len(halves) != 4 {
		t.Errorf("%d of 4 differ", len(halves))
	}
}

func TestKeysAreForgotten(t *testing.T) {
	a, b := pair(t)
	src := seeded("forgotten")
	m := pass(t, start, &a, &b, src)
	for name, s := range map[string]State{"sender": a, "receiver": b} {
		raw, err := s.MarshalCBOR()
		must(t, err)
		if bytes.Contains(raw, m.Key[:]) {
			t.Errorf("the %s keeps the key", name)
		}
	}
	if _, _, _, err := b.Receive(0, 0, nil); !errors.Is(err, ErrChain) {
		t.Errorf("number 0 again: %v", err)
	}
	if _, _, _, err := a.Receive(0, 0, nil); !errors.Is(err, ErrChain) {
		t.Errorf("before their first message: %v", err)
	}
	if _, err := a.HeaderKey(1); !errors.Is(err, ErrChain) {
		t.Errorf("header key of chain 1: %v", err)
	}
}

func TestSkipping(t *testing.T) {
	a, b := pair(t)
	src := seeded("skipping")
	var sent []Message
	for range SkipMax + 2 {
		m, err := a.Next(start, src, replayed)
		must(t, err)
		sent = append(sent, m)
	}
	far := b.Clone()
	if _, _, _, err := far.Receive(0, SkipMax+1, nil); !errors.Is(err, ErrSkip) {
		t.Errorf("1,001 skipped: %v", err)
	}
	skipped := take(t, start, &b, sent[SkipMax])
	if len(skipped) != SkipMax {
		t.Fatalf("%d skipped", len(skipped))
	}
	for i, s := range skipped {
		if s.N != uint32(i) || s.Chain != 0 || s.Tag != sent[i].Tag || s.Key != sent[i].Key {
			t.Fatalf("skipped key %d is another", i)
		}
	}
	// The end of the old chain and the beginning of the next count together.
	pass(t, start, &b, &a, src)
	for range SkipMax {
		m, err := a.Next(start, src, replayed)
		must(t, err)
		sent = append(sent, m)
	}
	last := sent[len(sent)-1]
	if last.Chain != 1 || last.N != SkipMax-1 || last.Header.PN != SkipMax+2 {
		t.Fatalf("last: %+v", last.Header)
	}
	whole := b.Clone()
	if n := len(take(t, start, &whole, last)); n != SkipMax {
		t.Errorf("%d skipped over both chains", n)
	}
	owed, err := b.Enter(last.Header)
	must(t, err)
	if len(owed) != 1 || owed[0].Key != sent[SkipMax+1].Key {
		t.Errorf("owed %d", len(owed))
	}
	if _, _, _, err := b.Receive(1, SkipMax, owed); !errors.Is(err, ErrSkip) {
		t.Errorf("1,001 over both chains: %v", err)
	}
}

func TestEnterRefuses(t *testing.T) {
	a, b := pair(t)
	src := seeded("enter")
	pass(t, start, &a, &b, src)
	key := Public(Secret{9})
	unanswered := b.Clone()
	if _, err := unanswered.Enter(Header{DH: key, PN: 1}); err == nil {
		t.Error("a chain that answers to nothing")
	}
	pass(t, start, &b, &a, src)
	answered := b.Clone()
	if _, err := answered.Enter(Header{DH: key, PN: 1}); err != nil {
		t.Error(err)
	}
	for name, h := range map[string]Header{
		"pn below":       {DH: key, PN: 0},
		"pn far":         {DH: key, PN: 1 + SkipMax + 1},
		"pn of 2^32-1":   {DH: key, PN: 1<<32 - 1},
		"unknown epoch":  {DH: key, PN: 1, Epoch: 1},
		"low order":      {PN: 1},
		"another of low": {DH: [32]byte{1}, PN: 1},
	} {
		s := b.Clone()
		if _, err := s.Enter(h); err == nil {
			t.Errorf("%s: entered", name)
		}
	}
	fresh, _ := pair(t)
	if _, err := fresh.Enter(Header{DH: key, PN: 1}); err == nil {
		t.Error("a first chain with a previous one")
	}
	back := b.Clone()
	back.s.Receiving.Header.Epoch = 1
	if _, err := back.Enter(Header{DH: key, PN: 1}); err == nil {
		t.Error("back to an older epoch")
	}
	if _, err := New(true, Secret{}, Secret{1}, [32]byte{}, start); err == nil {
		t.Error("starter with a prekey of low order")
	}
	if _, err := New(false, Secret{}, Secret{1}, [32]byte{}, start); err == nil {
		t.Error("responder to a key of low order")
	}
}

// A start that was accepted with a bad key for the next step fails then, and
// changes nothing that matters.
func TestNextMayFail(t *testing.T) {
	_, b := pair(t)
	if _, err := b.Next(start, strings.NewReader("short"), replayed); err == nil {
		t.Error("a ratchet key of five bytes")
	}
	_, b = pair(t)
	b.s.TheirDH = [32]byte{}
	if _, err := b.Next(start, seeded("x"), replayed); err == nil {
		t.Error("their key of low order")
	}
	a, _ := pair(t)
	if _, err := a.Next(start.Add(stepAge), strings.NewReader("short"), replayed); err == nil {
		t.Error("a post-quantum key of five bytes")
	}
	a, _ = pair(t)
	a.s.PQ.TheirEK = bytes.Repeat([]byte{0xff}, EKSize)
	if _, err := a.Next(start, seeded("x"), replayed); err == nil {
		t.Error("answered what is no key")
	}
	a, _ = pair(t)
	a.s.PQ.Seed = []byte{1}
	a.s.Receiving.Live = true
	if err := a.Settle(start, nil, make([]byte, CTSize)); err == nil {
		t.Error("settled with a seed of one byte")
	}
}

// The responder's first private key is its bundle's and goes with that, not with the
// first message of the responder.
func TestPrekeyIsNotKept(t *testing.T) {
	prekey := Secret{2, 2, 2, 2}
	b, err := New(false, Secret{3}, prekey, Public(Secret{1}), start)
	must(t, err)
	raw, err := b.MarshalCBOR()
	must(t, err)
	if bytes.Contains(raw, prekey[:]) {
		t.Error("the signed prekey is kept")
	}
}

// A session that lost stays readable, and can write nothing.
func TestRetired(t *testing.T) {
	a, b := pair(t)
	src := seeded("retired")
	pass(t, start, &a, &b, src)
	pass(t, start, &b, &a, src)
	pass(t, start, &a, &b, src)
	s := a.s
	keys := []Secret{s.Sending.Key, s.Sending.PQ, s.Sending.HeaderKey, s.Sending.TagKey, s.SendingNext.HeaderKey, s.SendingNext.TagKey}
	a.Retire()
	raw, err := a.MarshalCBOR()
	must(t, err)
	for i := range keys {
		if bytes.Contains(raw, keys[i][:]) {
			t.Errorf("key %d of the sending chain is kept", i)
		}
	}
	pass(t, start, &b, &a, src) // its answer, in its next chain
}

func TestSavedStateIsRefused(t *testing.T) {
	a, _ := pair(t)
	raw, err := a.MarshalCBOR()
	must(t, err)
	for cut := range raw {
		var s State
		if err := s.UnmarshalCBOR(raw[:cut]); err == nil {
			t.Fatalf("cut at %d", cut)
		}
	}
	var again State
	must(t, again.UnmarshalCBOR(raw))
	twice, err := again.MarshalCBOR()
	must(t, err)
	if !bytes.Equal(raw, twice) {
		t.Error("not the same after loading")
	}
	for name, change := range map[string]func(*pq){
		"no epoch":    func(p *pq) { p.Epochs = nil },
		"four epochs": func(p *pq) { p.Epochs = make([]epoch, 4) },
		"seed":        func(p *pq) { p.Seed, p.EK = make([]byte, 63), make([]byte, EKSize) },
		"no seed":     func(p *pq) { p.EK = make([]byte, EKSize) },
		"no key":      func(p *pq) { p.Seed = make([]byte, 64) },
		"key":         func(p *pq) { p.TheirEK = make([]byte, 1) },
		"answer":      func(p *pq) { p.CT = make([]byte, 1) },
	} {
		s := a.Clone()
		change(&s.s.PQ)
		raw, err := s.MarshalCBOR()
		must(t, err)
		if err := new(State).UnmarshalCBOR(raw); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	a.Erase()
	if a.s.Root != (Secret{}) || len(a.s.PQ.Epochs) != 0 {
		t.Error("not erased")
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	h := Header{DH: [32]byte{1, 2, 3}, PN: 0x01020304, Epoch: 0xfffefdfc}
	raw := h.Append(nil)
	want := "010203" + strings.Repeat("00", 29) + "01020304" + "fffefdfc"
	if hex.EncodeToString(raw) != want || ParseHeader([HeaderSize]byte(raw)) != h {
		t.Errorf("%x", raw)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := Secret{0xde, 0xad, 0xbe, 0xef}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		for _, v := range []any{s, &s, struct{ S Secret }{s}, []Secret{s}} {
			if out := strings.ToLower(fmt.Sprintf(verb, v)); strings.Contains(out, "dead") || strings.Contains(out, "222") {
				t.Errorf("%s: %s", verb, out)
			}
		}
	}
	if s.String() != "secret" || s.GoString() != "secret" {
		t.Error("String")
	}
	if _, err := s.MarshalText(); err == nil {
		t.Error("MarshalText")
	}
	s.Erase()
	if s != (Secret{}) {
		t.Error("Erase")
	}
}

func TestDeriveTooMuch(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("8,161 bytes were derived")
		}
	}()
	Derive(nil, nil, "", 255*32+1)
}

func TestRandomEncapsulates(t *testing.T) {
	dk, err := mlkem.GenerateKey768()
	must(t, err)
	secret, ct, err := Random(dk.EncapsulationKey(), nil)
	must(t, err)
	again, err := dk.Decapsulate(ct)
	must(t, err)
	if !bytes.Equal(secret, again) {
		t.Error("another secret")
	}
}

func FuzzState(f *testing.F) {
	a, b := pair(&testing.T{})
	for _, s := range []State{a, b} {
		raw, _ := s.MarshalCBOR()
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s State
		if s.UnmarshalCBOR(raw) != nil {
			return
		}
		_, _ = s.Next(start, seeded("fuzz"), replayed)
		_, _ = s.Enter(Header{DH: Public(Secret{1}), PN: s.s.Receiving.N})
		_, _, _, _ = s.Receive(s.s.Receiving.Number, s.s.Receiving.N, nil)
		_ = s.Settle(start, make([]byte, EKSize), make([]byte, CTSize))
		s.Epochs()
	})
}

func FuzzParseHeader(f *testing.F) {
	f.Add(Header{DH: Public(Secret{1}), PN: 2, Epoch: 3}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderSize {
			return
		}
		if again := ParseHeader([HeaderSize]byte(b)).Append(nil); !bytes.Equal(again, b[:HeaderSize]) {
			t.Errorf("%x is written as %x", b[:HeaderSize], again)
		}
	})
}
