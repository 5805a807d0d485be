package token

import (
	"bytes"
	"fmt"
	"math/bits"
	"testing"

	"github.com/cloudflare/circl/group"
)

// curious is a supernode that keeps what it sees of draws, and tries to say of a token which of
// the elements that it evaluated it came from.
type curious struct {
	elements [][]byte       // asked and given, of each token one after the other
	multiple map[string]int // where each of the elements asked for stands
}

// see takes a draw down.
func (c *curious) see(blinded, evaluated []byte) {
	for at := 0; at < len(blinded); at += ElementSize {
		c.elements = append(c.elements, append(bytes.Clone(blinded[at:][:ElementSize]), evaluated[at:][:ElementSize]...))
	}
	c.multiple = make(map[string]int)
	for i, e := range c.elements {
		c.multiple[string(e[:ElementSize])] = i
	}
}

// guess names the element of a token: one that is a small multiple of the token's own, or shares bytes
// with it, or else lies nearest to it, bit by bit.
func (c *curious) guess(t *testing.T, token Token) int {
	point := curve.HashToElement(token.nonce(), []byte(dstElement))
	sum := curve.NewElement()
	for range 16 {
		sum.Add(sum, point)
		b, err := sum.MarshalBinaryCompress()
		if err != nil {
			t.Fatal(err)
		}
		if i, found := c.multiple[string(b)]; found {
			return i
		}
	}
	best, nearest := 0, 1<<30
	for i, e := range c.elements {
		distance := 0
		for at := range e {
			distance += bits.OnesCount8(e[at] ^ token[2+at])
			if at+4 <= len(e) && bytes.Contains(token[2:], e[at:at+4]) {
				distance -= 1000
			}
		}
		if distance < nearest {
			best, nearest = i, distance
		}
	}
	return best
}

// TestUnlinkable: of 256 tokens a supernode finds the draw and place of no more than chance allows;
// of those that were blinded with small numbers it finds all.
func TestUnlinkable(t *testing.T) {
	const draws, each = 4, 64
	k, info := testKey(1), testInfo(20_000)
	s := issuerOf(t, k, info)
	small := func(i int) *Draw {
		d := drawing{}
		for j := range each {
			d.nonces = append(d.nonces, numbered(i, j))
			d.blinds = append(d.blinds, curve.NewScalar().SetUint64(uint64(1+j%16)))
		}
		draw, err := newDraw(k.Public(), info, info.bytes(), d)
		if err != nil {
			t.Fatal(err)
		}
		return draw
	}
	fresh := func(i int) *Draw {
		draw, err := NewDraw(seeded(byte(i)), k.Public(), info, each)
		if err != nil {
			t.Fatal(err)
		}
		return draw
	}
	found := func(draw func(int) *Draw) (right, sameDraw int) {
		var c curious
		var tokens []Token
		for i := range draws {
			d := draw(i)
			evaluated, proof, err := s.Evaluate(seeded(byte(100+i)), d.Request())
			if err != nil {
				t.Fatal(err)
			}
			c.see(d.Request(), evaluated)
			drawn, err := d.Finish(evaluated, proof)
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, drawn...)
		}
		for i, token := range tokens {
			guess := c.guess(t, token)
			if guess == i {
				right++
			}
			if guess/each == i/each {
				sameDraw++
			}
		}
		return right, sameDraw
	}
	// By chance one of 256 is right, and 64 are of the right draw, give or take 7; the bounds are
	// six times that.
	if right, sameDraw := found(fresh); right > 8 || sameDraw > 64+42 {
		t.Errorf("%d tokens are found, %d draws", right, sameDraw)
	}
	if right, _ := found(small); right != draws*each {
		t.Errorf("of tokens that are blinded badly %d are found: the supernode is not curious enough", right)
	}
}

func numbered(i, j int) []byte {
	h := curve.HashToScalar(fmt.Appendf(nil, "%d %d", i, j), []byte("test"))
	b, err := h.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return b
}

// TestBlindsDiffer: a source that repeats itself between two draws is the caller's fault, but within
// a draw, and between a draw and the next, nothing is used twice.
func TestBlindsDiffer(t *testing.T) {
	rand, public := seeded(1), testKey(1).Public()
	seen := make(map[string]bool)
	for range 4 {
		d, err := NewDraw(rand, public, testInfo(1), 64)
		if err != nil {
			t.Fatal(err)
		}
		state := d.state.get()
		for i := range state.blinds {
			for _, b := range [][]byte{state.nonces[i], encodedScalar(t, state.blinds[i]), d.Request()[i*ElementSize:][:ElementSize]} {
				if seen[string(b)] {
					t.Fatalf("%x twice", b)
				}
				seen[string(b)] = true
			}
		}
	}
}

func encodedScalar(t *testing.T, s group.Scalar) []byte {
	t.Helper()
	b, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestProofDoesNotRepeatItsScalar: two proofs with the same randomness have other one-time scalars,
// else two equations would give the key away.
func TestProofDoesNotRepeatItsScalar(t *testing.T) {
	k := testKey(1)
	s := issuerOf(t, k, testInfo(1))
	once := func(seed byte, evaluated []byte) string {
		o, err := s.drawOnce(seeded(seed), evaluated)
		if err != nil {
			t.Fatal(err)
		}
		return string(encodedScalar(t, o))
	}
	other, err := issuerOf(t, k, testInfo(2)).drawOnce(seeded(1), counted(1, 32))
	if err != nil {
		t.Fatal(err)
	}
	first := once(1, counted(1, 32))
	if first != once(1, counted(1, 32)) {
		t.Error("a run cannot be replayed")
	}
	if first == once(1, counted(2, 32)) || first == once(2, counted(1, 32)) || first == string(encodedScalar(t, other)) {
		t.Error("a one-time scalar is used twice")
	}
}
