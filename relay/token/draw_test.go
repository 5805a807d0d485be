package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cloudflare/circl/group"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

// seeded returns a source of randomness that is the same in every run.
func seeded(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

func counted(from byte, n int) []byte { return goldentest.Counted(from, n) }

func testInfo(day uint16) Info {
	return Info{Supernode: peer.ID(counted(0x10, 32)), Community: [32]byte(counted(0x40, 32)), Day: day}
}

func testKey(seed byte) *Key { return KeyFromSeed(KeySeed(counted(seed, 32))) }

func issuerOf(t testing.TB, k *Key, info Info) *Issuer {
	t.Helper()
	s, err := k.At(info)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drawn draws n tokens with the randomness of seed, and wants it to succeed.
func drawn(t testing.TB, s *Issuer, public PublicKey, seed byte, n int) []Token {
	t.Helper()
	rand := seeded(seed)
	d, err := NewDraw(rand, public, s.Info(), n)
	if err != nil {
		t.Fatal(err)
	}
	evaluated, proof, err := s.Evaluate(rand, d.Request())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := d.Finish(evaluated, proof)
	if err != nil || len(tokens) != n {
		t.Fatalf("%d tokens, %v", len(tokens), err)
	}
	return tokens
}

func TestDrawAndRedeem(t *testing.T) {
	k := testKey(1)
	s := issuerOf(t, k, testInfo(20_000))
	seen := map[ID]bool{}
	for _, token := range append(drawn(t, s, k.Public(), 1, 3), drawn(t, s, k.Public(), 2, DrawMax)...) {
		if err := s.Redeem(token); err != nil {
			t.Fatal(err)
		}
		if token.Day() != 20_000 || seen[token.ID()] {
			t.Fatalf("day %d, id seen %t", token.Day(), seen[token.ID()])
		}
		seen[token.ID()] = true
	}
	if again := KeyFromSeed(k.Seed()); again.Public() != k.Public() {
		t.Error("the seed makes another key")
	}
	if k2, err := NewKey(seeded(1)); err != nil || k2.Public() == k.Public() || k2.Public().Check() != nil {
		t.Errorf("a new key is %v, %v", k2, err)
	}
}

// TestDrawVectors has all that another implementation needs to compute the same.
func TestDrawVectors(t *testing.T) {
	k, info := testKey(0), testInfo(20_000)
	s := issuerOf(t, k, info)
	nonces := [][]byte{counted(0x80, nonceSize), counted(0xa0, nonceSize)}
	blinds := []group.Scalar{curve.HashToScalar([]byte("blind 0"), []byte("test")), curve.HashToScalar([]byte("blind 1"), []byte("test"))}
	once := curve.HashToScalar([]byte("once"), []byte("test"))
	var text strings.Builder
	line := func(name string, b []byte) { fmt.Fprintf(&text, "%s = %x\n", name, b) }
	scalar := func(name string, s group.Scalar) {
		b, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		line(name, b)
	}
	seed, public := k.Seed(), k.Public()
	line("seed", seed[:])
	scalar("secret key", k.keys.get().scalar)
	line("public key", public[:])
	line("supernode", info.Supernode[:])
	line("community", info.Community[:])
	line("info", info.bytes())
	for i := range nonces {
		line(fmt.Sprintf("nonce %d", i), nonces[i])
		scalar(fmt.Sprintf("blind %d", i), blinds[i])
	}
	d, err := newDraw(public, info, info.bytes(), drawing{nonces: nonces, blinds: blinds})
	if err != nil {
		t.Fatal(err)
	}
	line("blinded", d.Request())
	scalar("once", once)
	evaluated, proof := evaluateWith(t, s, once, d.Request())
	line("evaluated", evaluated)
	line("proof", proof)
	tokens, err := d.Finish(evaluated, [ProofSize]byte(proof))
	if err != nil {
		t.Fatal(err)
	}
	for i, token := range tokens {
		id := token.ID()
		line(fmt.Sprintf("token %d", i), token[:])
		line(fmt.Sprintf("id %d", i), id[:])
		if err := s.Redeem(token); err != nil {
			t.Error(err)
		}
	}
	goldentest.File(t, "draw.txt", text.String())
}

// TestOnlyOneKeyEvaluates is what keeps a supernode from knowing personas again by a key for
// each: whatever is not evaluated by the key of the descriptor makes no token at all.
func TestOnlyOneKeyEvaluates(t *testing.T) {
	k, other, info := testKey(1), testKey(2), testInfo(20_000)
	honest := issuerOf(t, k, info)
	request := func() *Draw {
		d, err := NewDraw(seeded(1), k.Public(), info, 4)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	evaluate := func(s *Issuer, blinded []byte) ([]byte, [ProofSize]byte) {
		evaluated, proof, err := s.Evaluate(seeded(9), blinded)
		if err != nil {
			t.Fatal(err)
		}
		return evaluated, proof
	}
	blinded := request().Request()
	evaluated, proof := evaluate(honest, blinded)
	foreign, foreignProof := evaluate(issuerOf(t, other, info), blinded)
	tomorrow, tomorrowProof := evaluate(issuerOf(t, k, testInfo(20_001)), blinded)
	swapped := append(append(bytes.Clone(evaluated[32:64]), evaluated[:32]...), evaluated[64:]...)
	one := append(bytes.Clone(evaluated[:96]), foreign[96:]...)
	flipped := proof
	flipped[0] ^= 1
	for name, answer := range map[string]struct {
		evaluated []byte
		proof     [ProofSize]byte
		want      error
	}{
		"another key":                    {foreign, foreignProof, ErrProof},
		"another day":                    {tomorrow, tomorrowProof, ErrProof},
		"another key, proof of ours":     {foreign, proof, ErrProof},
		"one element of another key":     {one, proof, ErrProof},
		"in another order":               {swapped, proof, ErrProof},
		"the request itself":             {blinded, proof, ErrProof},
		"a bit of the proof":             {evaluated, flipped, ErrProof},
		"no proof":                       {evaluated, [ProofSize]byte{}, ErrProof},
		"a proof of numbers too large":   {evaluated, [ProofSize]byte(bytes.Repeat([]byte{0xff}, ProofSize)), wire.ErrMalformed},
		"one element less":               {evaluated[:96], proof, wire.ErrMalformed},
		"one more":                       {append(bytes.Clone(evaluated), evaluated[:32]...), proof, wire.ErrMalformed},
		"nothing":                        {nil, proof, wire.ErrMalformed},
		"the identity in place of one":   {append(bytes.Clone(evaluated[:96]), make([]byte, 32)...), proof, wire.ErrMalformed},
		"no element in place of one":     {append(bytes.Clone(evaluated[:96]), bytes.Repeat([]byte{0xff}, 32)...), proof, wire.ErrMalformed},
		"half an element more than that": {append(bytes.Clone(evaluated), 1, 2, 3), proof, wire.ErrMalformed},
	} {
		tokens, err := request().Finish(answer.evaluated, answer.proof)
		if !errors.Is(err, answer.want) || len(tokens) != 0 {
			t.Errorf("%s: %d tokens, %v", name, len(tokens), err)
		}
	}
	d := request()
	if _, err := d.Finish(evaluated, flipped); err == nil {
		t.Fatal("a wrong proof")
	}
	if tokens, err := d.Finish(evaluated, proof); err == nil || len(tokens) != 0 {
		t.Error("after a wrong proof another answer to the same draw is taken")
	}
	if tokens, err := request().Finish(evaluated, proof); err != nil || len(tokens) != 4 {
		t.Errorf("the honest answer makes %d tokens, %v", len(tokens), err)
	}
}

func TestEvaluateRefuses(t *testing.T) {
	k := testKey(1)
	s := issuerOf(t, k, testInfo(20_000))
	d, err := NewDraw(seeded(1), k.Public(), s.Info(), 1)
	if err != nil {
		t.Fatal(err)
	}
	good := d.Request()
	for name, blinded := range map[string][]byte{
		"nothing":         nil,
		"half an element": good[:16],
		"and a half":      append(bytes.Clone(good), 1),
		"257":             bytes.Repeat(good, DrawMax+1),
		"a million":       bytes.Repeat(good, 1<<20),
		"the identity":    make([]byte, ElementSize),
		"one good, one identity, one good": append(append(bytes.Clone(good), make([]byte, ElementSize)...),
			good...),
	} {
		if evaluated, _, err := s.Evaluate(seeded(1), blinded); !errors.Is(err, wire.ErrMalformed) || evaluated != nil {
			t.Errorf("%s: %d bytes, %v", name, len(evaluated), err)
		}
	}
	for i, b := range goldentest.Hex(t, "rfc9496.txt") {
		if _, _, err := s.Evaluate(seeded(1), b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("invalid encoding %s of RFC 9496: %v", i, err)
		}
		if err := PublicKey(b).Check(); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("public key of invalid encoding %s of RFC 9496: %v", i, err)
		}
	}
	if _, _, err := s.Evaluate(iotest.ErrReader(io.ErrClosedPipe), good); err == nil {
		t.Error("a proof without randomness")
	}
	if evaluated, _, err := s.Evaluate(seeded(1), bytes.Repeat(good, DrawMax)); err != nil || len(evaluated) != DrawMax*ElementSize {
		t.Errorf("256 elements: %v", err)
	}
}

func TestNewDrawRefuses(t *testing.T) {
	public, info := testKey(1).Public(), testInfo(1)
	for _, n := range []int{-1, 0, DrawMax + 1, 1 << 30} {
		if _, err := NewDraw(seeded(1), public, info, n); err == nil {
			t.Errorf("a draw of %d", n)
		}
	}
	if _, err := NewDraw(seeded(1), PublicKey{}, info, 1); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("the identity as a key: %v", err)
	}
	for _, n := range []int64{0, 31, 32, 95} {
		if _, err := NewDraw(io.LimitReader(seeded(1), n), public, info, 1); err == nil {
			t.Errorf("a draw of %d random bytes", n)
		}
	}
	if _, err := NewKey(iotest.ErrReader(io.ErrClosedPipe)); err == nil {
		t.Error("a key of nothing")
	}
}

// TestRedeemRefuses tries tokens where they are not good.
func TestRedeemRefuses(t *testing.T) {
	k, info := testKey(1), testInfo(20_000)
	s := issuerOf(t, k, info)
	token := drawn(t, s, k.Public(), 1, 1)[0]
	elsewhere, community, nextDay := info, info, info
	elsewhere.Supernode[0] ^= 1
	community.Community[31] ^= 1
	nextDay.Day++
	redated := token
	redated[1]++
	for name, c := range map[string]struct {
		at    *Issuer
		token Token
		want  error
	}{
		"another supernode":            {issuerOf(t, k, elsewhere), token, ErrForged},
		"another community":            {issuerOf(t, k, community), token, ErrForged},
		"another day":                  {issuerOf(t, k, nextDay), token, ErrDay},
		"another day, written over":    {issuerOf(t, k, nextDay), redated, ErrForged},
		"another key, the same names":  {issuerOf(t, testKey(2), info), token, ErrForged},
		"nothing but the day":          {s, tokenOf(20_000, make([]byte, nonceSize), make([]byte, markSize)), ErrForged},
		"the mark of another":          {s, tokenOf(20_000, counted(1, nonceSize), token.mark()), ErrForged},
		"its own, with all that it is": {s, token, nil},
	} {
		if err := c.at.Redeem(c.token); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range token {
		changed := token
		changed[i] ^= 0x80
		if err := s.Redeem(changed); err == nil {
			t.Errorf("byte %d changed: still good", i)
		}
		if same := changed.ID() == token.ID(); same != (i >= 2+nonceSize) {
			t.Errorf("byte %d changed: same id %t", i, same)
		}
	}
}

func TestGoodDays(t *testing.T) {
	for _, c := range []struct {
		day, today uint16
		want       bool
	}{
		{20_000, 20_000, true},
		{19_987, 20_000, true},
		{19_986, 20_000, false},
		{20_001, 20_000, true},
		{20_002, 20_000, false},
		{0, 13, true},
		{0, 14, false},
		{0, 65_535, false},
		{65_535, 65_535, true},
		{65_535, 0, false},
		{0, 0, true},
	} {
		if got := Good(c.day, c.today); got != c.want {
			t.Errorf("a token of day %d on day %d is good: %t", c.day, c.today, got)
		}
		token := tokenOf(c.day, counted(0, nonceSize), counted(0, markSize))
		if last := token.Last(); !Good(c.day, last) || last < 65_535 && Good(c.day, last+1) {
			t.Errorf("%d is not the last day of a token of day %d", last, c.day)
		}
	}
}

func TestCosts(t *testing.T) {
	for c, want := range map[wire.Class]int{wire.Class0: 1, wire.Class1: 1, wire.Class2: 4, wire.Class3: 16, 4: 0, 255: 0} {
		if got := Cost(c); got != want || got > CostMax {
			t.Errorf("class %d costs %d", c, got)
		}
	}
}

func TestErase(t *testing.T) {
	k := testKey(1)
	s := issuerOf(t, k, testInfo(1))
	d, err := NewDraw(seeded(1), k.Public(), s.Info(), 2)
	if err != nil {
		t.Fatal(err)
	}
	evaluated, proof, err := s.Evaluate(seeded(2), d.Request())
	if err != nil {
		t.Fatal(err)
	}
	state := d.state.get()
	d.Erase()
	if !state.blinds[1].IsZero() || !bytes.Equal(state.nonces[1], make([]byte, nonceSize)) {
		t.Error("a draw's secrets are still there")
	}
	if _, err := d.Finish(evaluated, proof); err == nil {
		t.Error("an erased draw is finished")
	}
	pair, secrets := k.keys.get(), s.secrets.get()
	k.Erase()
	s.Erase()
	if pair.seed != (KeySeed{}) || !pair.scalar.IsZero() || !secrets.t.IsZero() || !secrets.inverse.IsZero() {
		t.Error("a key is still there")
	}
	if _, err := k.At(testInfo(1)); !errors.Is(err, ErrErased) {
		t.Errorf("an issuer of an erased key: %v", err)
	}
	if _, _, err := s.Evaluate(seeded(1), d.Request()); !errors.Is(err, ErrErased) {
		t.Errorf("an erased issuer evaluates: %v", err)
	}
	if err := s.Redeem(tokenOf(1, counted(1, nonceSize), counted(1, markSize))); !errors.Is(err, ErrErased) {
		t.Errorf("an erased issuer redeems: %v", err)
	}
}

func TestParse(t *testing.T) {
	tokens := []Token{Token(counted(1, Size)), Token(counted(9, Size))}
	b := Append([]byte{}, tokens)
	got, err := Parse(b, 2)
	if err != nil || len(got) != 2 || got[0] != tokens[0] || got[1] != tokens[1] {
		t.Errorf("%d tokens, %v", len(got), err)
	}
	if got, err := Parse(nil, 0); err != nil || len(got) != 0 {
		t.Errorf("%d tokens of nothing, %v", len(got), err)
	}
	if _, err := Parse(b, 1); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("two where one is allowed: %v", err)
	}
	for cut := 1; cut < Size; cut++ {
		if _, err := Parse(b[:len(b)-cut], 2); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("cut by %d: %v", cut, err)
		}
	}
}
