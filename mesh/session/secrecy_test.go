package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"sottovoce/mesh/wire"
)

// A thief copies the whole state of b, skipped keys and all. After round trips
// its copy opens nothing more.
func TestHealing(t *testing.T) {
	now := epochStart
	a, b := meet(t, "healing", 1, now)
	for i := range 3 {
		a.talk(now, b, fmt.Sprint(i))
		b.talk(now, a, fmt.Sprint(i))
	}
	thief := &side{t: t, name: "thief", dev: b.dev, rand: seeded("thief"), skipped: map[[16]byte]SkippedKey{}}
	thief.pair = got(loaded(b.dev, whole(b.pair)))(t)

	under := a.talk(now, b, "the thief reads this")
	if opened, err := thief.open(now, under.Blob, true); err != nil || string(opened.Payload) != "the thief reads this" {
		t.Fatalf("the thief's copy is no copy: %v", err)
	}
	b.talk(now, a, "b's new key, which the thief does not have")
	for range 3 {
		healed := a.talk(now, b, "healed")
		if _, err := thief.open(now, healed.Blob, true); err == nil {
			t.Fatal("the thief still reads")
		}
		back := b.talk(now, a, "healed back")
		// Nor does the copy of a's peer open what b says.
		if _, err := thief.open(now, back.Blob, true); err == nil {
			t.Fatal("the thief reads its own side")
		}
	}
	// Its link key goes with the next post-quantum step.
	stolen := thief.pair.AcceptSecrets()
	for i := 0; b.confirmed() < 3; i++ {
		now = now.Add(day)
		a.talk(now, b, "x")
		b.talk(now, a, "y")
		if i > 40 {
			t.Fatal("no steps")
		}
	}
	if sameSecrets(stolen, b.pair.AcceptSecrets()) || sameSecrets(stolen, []Secret{a.pair.DialSecret()}) {
		t.Error("a link key survived three epochs")
	}
}

// What was opened cannot be opened with what is kept: not with the state, nor
// with the skipped keys, nor with the state of the sender.
func TestForwardSecrecy(t *testing.T) {
	now := epochStart
	a, b := meet(t, "forward", 1, now)
	var past []Sealed
	for i := range 5 {
		past = append(past, a.seal(now, fmt.Sprint(i)), b.seal(now, fmt.Sprint(i)))
		a.mustOpen(now, past[len(past)-1])
		b.mustOpen(now, past[len(past)-2])
	}
	for i, s := range []*side{a, b} {
		for k, x := range past {
			for _, session := range s.pair.s.Sessions {
				for chain := range uint32(8) {
					for n := range uint32(3) {
						ref := Ref{Session: session.id(), Chain: chain, N: n}
						if _, err := s.pair.Open(now, x.Blob, ref, nil); err == nil {
							t.Fatalf("side %d opens message %d of the past", i, k)
						}
					}
				}
			}
		}
	}
}

// One-time private keys do not outlive the start that used them.
func TestOneTimeKeysAreErased(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "one time", 2, now)
	pair := bytes.Clone(b.pair.s.Ours[0].OneTime[0])
	other := bytes.Clone(b.pair.s.Ours[0].OneTime[1])
	stale := got(loaded(a.dev, whole(a.pair)))(t) // a state rolled back
	b.mustOpen(now, a.start(now))
	if state := whole(b.pair); bytes.Contains(state, pair[:32]) || bytes.Contains(state, pair[32:]) || !bytes.Contains(state, other) {
		t.Fatal("the used pair is kept, or the other is not")
	}
	again := got(stale.Start(now, seeded("another start")))(t)
	if _, err := b.open(now, again.Blob, false); !errors.Is(err, ErrPrekey) && !errors.Is(err, errNoTag) {
		t.Fatalf("a pair used twice: %v", err)
	}
}

// A rolled-back state repeats tag and key, never salt, key and nonce of a seal.
func TestRollbackRepeatsNoSeal(t *testing.T) {
	now := epochStart
	a, _ := meet(t, "rollback", 0, now)
	state := whole(a.pair)
	one := a.seal(now, "the same words")
	a.pair = got(loaded(a.dev, state))(t)
	two := a.seal(now, "the same words")
	h1, h2 := got(wire.ParseBlob(one.Blob))(t), got(wire.ParseBlob(two.Blob))(t)
	if h1 != h2 || !bytes.Equal(one.Blob[:wire.HeaderSize+checkSize], two.Blob[:wire.HeaderSize+checkSize]) {
		t.Fatal("tag, deletion secret or check differ: the roll-back is none")
	}
	for i := wire.HeaderSize + checkSize; i+16 <= len(one.Blob); i += 16 {
		if bytes.Equal(one.Blob[i:i+16], two.Blob[i:i+16]) {
			t.Fatalf("16 bytes at %d repeat", i)
		}
	}
}

// Sixteen bytes shared by two blobs would let a carrier tell that they belong
// together.
func TestBlobsShareNothing(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "share nothing", 1, now)
	blobs := [][]byte{a.start(now).Blob, a.seal(now, "x").Blob, a.seal(now, "x").Blob, b.start(now).Blob}
	seen := map[string]bool{}
	for _, blob := range blobs {
		for i := 4; i+16 <= len(blob); i += 4 {
			if i == 36 {
				continue // reserved bytes and the next twelve
			}
			if seen[string(blob[i:i+16])] {
				t.Fatal("two blobs share sixteen bytes")
			}
			seen[string(blob[i:i+16])] = true
		}
	}
}

func TestNothingPrints(t *testing.T) {
	a, _ := meet(t, "prints", 3, epochStart)
	bundle := got(NewBundle(a.dev, []wire.Hash{{1}}, 1, epochStart, a.rand))(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, v := range []any{*a.pair, a.pair, *bundle, bundle, a.pair.DialSecret(), SkippedKey{Key: Secret{7, 7}}} {
			out := fmt.Sprintf(verb, v)
			for _, secret := range [][]byte{a.pair.s.Contact[:], bundle.s.Signed[:], {7, 7, 0}} {
				for _, form := range []string{fmt.Sprintf("%x", secret), fmt.Sprintf("%v", secret)[1:], string(secret)} {
					if len(form) > 5 && bytes.Contains([]byte(out), []byte(form)) {
						t.Errorf("%s of %T reveals a secret: %s", verb, v, out)
					}
				}
			}
		}
	}
}

func TestErase(t *testing.T) {
	a, _ := meet(t, "erase", 3, epochStart)
	bundle := got(NewBundle(a.dev, []wire.Hash{{1}}, 3, epochStart, a.rand))(t)
	seed := bundle.s.LastResort
	bundle.Erase()
	if !bytes.Equal(seed, make([]byte, 64)) || bundle.Public() != nil {
		t.Error("bundle secrets are not erased")
	}
	a.pair.Erase()
	if a.pair.s.Contact != (Secret{}) || len(a.pair.s.Sessions) != 0 {
		t.Error("pair is not erased")
	}
}

// short is a source of randomness that ends after n bytes.
func short(n int64) io.Reader { return io.LimitReader(seeded("short"), n) }

func TestRandomnessMayFail(t *testing.T) {
	now := epochStart
	a, _ := newSides(t, "fail", 1, now)
	for _, n := range []int64{0, 31, 32, 63, 64, 95, 96, 111} {
		before := whole(a.pair)
		if _, err := a.pair.Start(now, short(n)); err == nil || !bytes.Equal(before, whole(a.pair)) {
			t.Errorf("start with %d random bytes: %v", n, err)
		}
	}
	if _, err := a.pair.Start(now, short(112)); err != nil {
		t.Errorf("start takes more than 112 bytes: %v", err)
	}
	a, b := meet(t, "fail", 1, now)
	b.talk(now, a, "a key to answer")
	later := now.Add(2 * day)
	for _, n := range []int64{0, 31, 32, 95, 96, 111} { // ratchet key, post-quantum key, salt
		before := whole(a.pair)
		if _, err := a.pair.Seal(later, Content{}, short(n)); err == nil || !bytes.Equal(before, whole(a.pair)) {
			t.Errorf("seal with %d random bytes: %v", n, err)
		}
	}
	a.talk(later, b, "the key rides")
	for _, n := range []int64{0, 32, 63, 64, 79} { // ratchet key, answer, salt
		before := whole(b.pair)
		if _, err := b.pair.Seal(later, Content{}, short(n)); err == nil || !bytes.Equal(before, whole(b.pair)) {
			t.Errorf("answer with %d random bytes: %v", n, err)
		}
	}
	if _, err := NewBundle(a.dev, []wire.Hash{{}}, 3, now, short(383)); err == nil {
		t.Error("bundle with too few random bytes")
	}
	if _, err := a.pair.Offer(now, short(3)); err == nil {
		t.Error("offer with too few random bytes")
	}
}

// Erase overwrites what keys a start that waits, too.
func TestEraseWhileStarting(t *testing.T) {
	a, _ := newSides(t, "erase", 0, epochStart)
	a.start(epochStart)
	start := a.pair.s.Sessions[0].Start
	if start.Keying == (Secret{}) {
		t.Fatal("nothing to erase")
	}
	a.pair.Erase()
	if start.Keying != (Secret{}) {
		t.Error("the secret that keys a start is left")
	}
}
