package session

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sottovoce/mesh/wire"
)

// A step completes under every loss pattern: for each of the 2^8 patterns the
// first eight messages, to and fro, are lost or not; a few more suffice.
func TestStepsUnderEveryLossPattern(t *testing.T) {
	for pattern := range 1 << 8 {
		a, b := meet(t, "loss", 0, epochStart)
		now := epochStart.Add(25 * time.Hour)
		ends := []*side{a, b}
		say := func(i int, lost bool) {
			from, to := ends[i%2], ends[(i+1)%2]
			if sealed := from.seal(now, fmt.Sprint(i)); !lost {
				to.mustOpen(now, sealed)
			}
		}
		for i := range 8 {
			say(i, pattern>>i&1 == 1)
		}
		for i := range 6 {
			say(i, false)
		}
		if a.confirmed() != 1 || b.confirmed() != 1 {
			t.Fatalf("pattern %08b: epochs %d and %d confirmed", pattern, a.confirmed(), b.confirmed())
		}
		if a.pair.DialSecret() != b.pair.DialSecret() {
			t.Fatal("two link keys for one epoch")
		}
	}
}

// Three messages each way, all orders of delivery and repetition.
func TestStepsInAnyOrder(t *testing.T) {
	orders := permutations(3)
	for _, first := range orders {
		for _, second := range orders {
			a, b := meet(t, "order", 0, epochStart)
			now := epochStart.Add(25 * time.Hour)
			for round := range 4 {
				for _, x := range []struct {
					from, to *side
					order    []int
				}{{a, b, first}, {b, a, second}} {
					var sent []Sealed
					for i := range 3 {
						sent = append(sent, x.from.seal(now, fmt.Sprint(round, i)))
					}
					for _, i := range x.order {
						x.to.mustOpen(now, sent[i])
					}
				}
			}
			if a.confirmed() != 1 || b.confirmed() != 1 {
				t.Fatalf("orders %v and %v: epochs %d and %d", first, second, a.confirmed(), b.confirmed())
			}
		}
	}
}

func permutations(n int) (all [][]int) {
	var grow func(p []int)
	grow = func(p []int) {
		if len(p) == n {
			all = append(all, slices.Clone(p))
			return
		}
		for i := range n {
			if !slices.Contains(p, i) {
				grow(append(p, i))
			}
		}
	}
	grow(nil)
	return all
}

// riding tells what a blob's content carries besides the payload, by opening it
// with a copy of the reader.
func (s *side) riding(now time.Time, sealed Sealed) (ek, ct bool) {
	s.t.Helper()
	session := s.pair.s.Sessions[s.pair.find(sealed.Session)].clone()
	h := got(wire.ParseBlob(sealed.Blob))(s.t)
	body, _, err := session.openNext(now, sealed.Blob, h, sealed.Ref)
	must(s.t, err)
	return len(body.EK) > 0, len(body.CT) > 0
}

func TestOneStep(t *testing.T) {
	a, b := meet(t, "step", 0, epochStart)
	now := epochStart
	expect := func(from, to *side, ek, ct bool, epoch uint32) {
		t.Helper()
		sealed := from.seal(now, "x")
		gotEK, gotCT := to.riding(now, sealed)
		if gotEK != ek || gotCT != ct {
			t.Errorf("%s: rides %v %v, want %v %v", from.name, gotEK, gotCT, ek, ct)
		}
		to.mustOpen(now, sealed)
		if got := from.pair.s.Sessions[0].Ratchet; got.Confirmed() != epoch {
			t.Errorf("%s: epoch %d confirmed, want %d", from.name, got.Confirmed(), epoch)
		}
	}
	expect(a, b, false, false, 0)
	expect(b, a, false, false, 0)
	now = now.Add(day)
	expect(b, a, false, false, 0) // the starter makes the first key
	expect(a, b, true, false, 0)
	expect(a, b, true, false, 0)
	expect(b, a, false, true, 0)
	expect(b, a, false, true, 0)
	expect(a, b, false, false, 1) // confirms by a chain of the new epoch
	expect(b, a, false, false, 1)
	now = now.Add(day)
	expect(a, b, false, false, 1) // roles have swapped
	expect(b, a, true, false, 1)
	expect(a, b, false, true, 1)
	expect(b, a, false, false, 2)
	expect(a, b, false, false, 2)
}

func TestStepAfterFiftyMessages(t *testing.T) {
	now := epochStart
	a, b := meet(t, "fifty", 0, now)
	for i := range 50 {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		sealed := from.seal(now, "x")
		if ek, _ := to.riding(now, sealed); ek {
			t.Fatalf("a key rides in message %d", i)
		}
		to.mustOpen(now, sealed)
	}
	sealed := a.seal(now, "x")
	if ek, _ := b.riding(now, sealed); !ek {
		t.Error("no key rides after fifty messages")
	}
}

// Post-quantum material costs no class: the smallest blob hides it.
func TestStepsAreInvisible(t *testing.T) {
	now := epochStart
	a, b := meet(t, "invisible", 0, now)
	for range 20 {
		now = now.Add(13 * time.Hour)
		for _, s := range []Sealed{a.talk(now, b, "short text"), b.talk(now, a, "short text")} {
			if len(s.Blob) != wire.Class0.Size() {
				t.Fatalf("%d bytes", len(s.Blob))
			}
		}
	}
	if a.confirmed() < 4 {
		t.Errorf("only %d steps in ten days", a.confirmed())
	}
}

// Links: whatever is lost or late, what one dials with the other accepts.
func TestLinkSecrets(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "links", 1, now)
	contact := Secret(a.pair.s.Contact)
	linked := func(when string) {
		t.Helper()
		for _, x := range [][2]*side{{a, b}, {b, a}} {
			if !slices.Contains(x[1].pair.AcceptSecrets(), x[0].pair.DialSecret()) {
				t.Fatalf("%s: %s dials with what %s does not accept", when, x[0].name, x[1].name)
			}
		}
	}
	if a.pair.DialSecret() != contact || len(a.pair.AcceptSecrets()) != 1 {
		t.Error("generation 0 is not the contact secret")
	}
	start := a.start(now)
	linked("started")
	if a.pair.DialSecret() != contact {
		t.Error("dials with a session that the peer may not have")
	}
	b.mustOpen(now, start)
	linked("start read")
	if b.pair.DialSecret() == contact {
		t.Error("the responder dials with the contact secret")
	}
	a.pair.Receipted(now, receiptFor(start.Ref))
	linked("start receipted")
	if a.pair.DialSecret() != b.pair.DialSecret() || !slices.Contains(a.pair.AcceptSecrets(), contact) {
		t.Error("epoch 0")
	}
	last := a.pair.DialSecret()
	for epoch := uint32(1); epoch < 5; epoch++ {
		now = now.Add(25 * time.Hour)
		for i := range 6 {
			from, to := a, b
			if i%2 == 1 {
				from, to = b, a
			}
			sealed := from.seal(now, "x")
			linked(fmt.Sprint("sealed ", epoch, i))
			to.mustOpen(now, sealed)
			linked(fmt.Sprint("opened ", epoch, i))
		}
		if a.confirmed() < epoch || a.pair.DialSecret() == last {
			t.Fatalf("epoch %d confirmed, want %d", a.confirmed(), epoch)
		}
		last = a.pair.DialSecret()
		if slices.Contains(a.pair.AcceptSecrets(), contact) || len(a.pair.AcceptSecrets()) > 3 {
			t.Errorf("accepts %d secrets", len(a.pair.AcceptSecrets()))
		}
	}
}

// An answer that was lost is not taken for confirmed: a chain begun meanwhile
// stays in the old epoch, else the peer could not read the answer in it.
func TestUnconfirmedEpochIsNotUsed(t *testing.T) {
	a, b := meet(t, "unconfirmed", 0, epochStart)
	now := epochStart.Add(25 * time.Hour)
	early := b.seal(now, "before the key came")
	a.talk(now, b, "key")
	b.seal(now, "the answer, lost")
	a.mustOpen(now, early)
	a.talk(now, b, "begins a chain")
	b.talk(now, a, "begins a chain, the answer riding")
	if got := a.pair.s.Sessions[0].Ratchet.Confirmed(); got != 1 {
		t.Errorf("epoch %d confirmed", got)
	}
}

// Whatever is sealed in whatever order and lost: what arrives opens, and when
// the loss ends the steps go on.
func TestStepsUnderRandomLoss(t *testing.T) {
	for run := range 60 {
		a, b := meet(t, fmt.Sprint("random loss", run), 0, epochStart)
		now := epochStart
		src := seeded(fmt.Sprint("loss", run))
		draw := func() byte {
			var c [1]byte
			must(t, readInto(src, c[:]))
			return c[0]
		}
		for range 40 {
			now = now.Add(time.Duration(draw()%8) * time.Hour)
			from, to := a, b
			if draw()%2 == 0 {
				from, to = b, a
			}
			if sealed := from.seal(now, "x"); draw()%3 != 0 {
				to.mustOpen(now, sealed)
			}
		}
		before := min(a.confirmed(), b.confirmed())
		for range 8 {
			now = now.Add(13 * time.Hour)
			a.talk(now, b, "x")
			b.talk(now, a, "y")
		}
		if after := min(a.confirmed(), b.confirmed()); after < before+2 {
			t.Fatalf("run %d: epoch %d, then %d", run, before, after)
		}
	}
}
