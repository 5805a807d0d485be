package session

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

func TestBundleRoundTrip(t *testing.T) {
	now := epochStart
	src := seeded("bundle")
	dev := got(identity.NewDevice(src))(t)
	heads := []wire.Hash{{3}, {1}, {2}}
	for pairs := range oneTimeMax + 1 {
		s := got(NewBundle(dev, heads, pairs, now, src))(t)
		b := got(ParseBundle(s.Public(), dev.Public()))(t)
		if b.ID() != s.s.ID || b.heads != s.s.Heads || len(b.body.OneTime) != pairs {
			t.Errorf("%d pairs: parsed as another", pairs)
		}
		loaded := got(LoadBundle(s.Save()))(t)
		if !bytes.Equal(loaded.Public(), s.Public()) || !bytes.Equal(loaded.Save(), s.Save()) {
			t.Error("not the same after loading")
		}
		if len(s.Public()) > bundleSizeMax || len(s.Save()) > 8<<10 {
			t.Errorf("%d bytes, saved %d", len(s.Public()), len(s.Save()))
		}
	}
	if identity.HashHeads(heads) != identity.HashHeads([]wire.Hash{{1}, {2}, {3}}) || identity.HashHeads(heads) == identity.HashHeads(heads[:2]) {
		t.Error("hash of heads")
	}
	for _, x := range []struct {
		heads []wire.Hash
		pairs int
	}{{nil, 0}, {heads, -1}, {heads, 4}, {make([]wire.Hash, headsMax+1), 0}} {
		if _, err := NewBundle(dev, x.heads, x.pairs, now, src); err == nil {
			t.Errorf("%d heads, %d pairs", len(x.heads), x.pairs)
		}
	}
}

func TestParseBundleRefuses(t *testing.T) {
	now := epochStart
	src := seeded("refuses")
	dev := got(identity.NewDevice(src))(t)
	other := got(identity.NewDevice(src))(t)
	true_ := got(NewBundle(dev, []wire.Hash{{1}, {2}}, 2, now, src))(t).Public()
	for cut := range true_ {
		if _, err := ParseBundle(true_[:cut], dev.Public()); err == nil {
			t.Fatalf("cut at %d", cut)
		}
	}
	for i := range true_ {
		changed := bytes.Clone(true_)
		changed[i] ^= 0x10
		if _, err := ParseBundle(changed, dev.Public()); err == nil {
			t.Fatalf("byte %d changed", i)
		}
	}
	if _, err := ParseBundle(true_, other.Public()); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("another device: %v", err)
	}
	if _, err := ParseBundle(make([]byte, bundleSizeMax+1), dev.Public()); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("too large: %v", err)
	}
	body := got(ParseBundle(true_, dev.Public()))(t).body
	for name, x := range map[string]struct {
		change func(*bundleBody)
		want   error
	}{
		"another suite":       {func(b *bundleBody) { b.Suite = 2 }, wire.ErrNewer},
		"another's key":       {func(b *bundleBody) { b.Identity[0] ^= 1 }, wire.ErrMalformed},
		"four pairs":          {func(b *bundleBody) { b.OneTime = slices.Repeat(b.OneTime[:1], 4) }, wire.ErrMalformed},
		"no heads":            {func(b *bundleBody) { b.Heads = nil }, wire.ErrMalformed},
		"unsorted heads":      {func(b *bundleBody) { b.Heads = []wire.Hash{{2}, {1}} }, wire.ErrMalformed},
		"a head twice":        {func(b *bundleBody) { b.Heads = []wire.Hash{{2}, {2}} }, wire.ErrMalformed},
		"too many heads":      {func(b *bundleBody) { b.Heads = make([]wire.Hash, headsMax+1) }, wire.ErrMalformed},
		"no last resort":      {func(b *bundleBody) { b.LastResort = nil }, wire.ErrMalformed},
		"a bad one-time key":  {func(b *bundleBody) { b.OneTime = []oneTime{{KEM: bytes.Repeat([]byte{0xff}, 1184)}} }, wire.ErrMalformed},
		"an unknown, allowed": {func(b *bundleBody) {}, nil},
	} {
		changed := body
		x.change(&changed)
		object := identity.Sign(labelBundle, mustMarshal(changed), dev.SignKey())
		if _, err := ParseBundle(object, dev.Public()); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	odd := identity.Sign(labelBundle, mustMarshal(struct {
		Algs  []uint64 `cbor:"0,keyasint"`
		Suite string   `cbor:"1,keyasint"`
	}{identity.Algs(), "one"}), dev.SignKey())
	if _, err := ParseBundle(odd, dev.Public()); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a body of another shape: %v", err)
	}
}

func TestLoadBundleRefuses(t *testing.T) {
	s := got(NewBundle(got(identity.NewDevice(seeded("x")))(t), []wire.Hash{{}}, 1, epochStart, seeded("y")))(t)
	if _, err := LoadBundle(s.Save()[1:]); err == nil {
		t.Error("cut")
	}
	s.s.OneTime[0] = s.s.OneTime[0][:95]
	if _, err := LoadBundle(s.Save()); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a short pair: %v", err)
	}
}

func TestNewPairRefuses(t *testing.T) {
	now := epochStart
	src := seeded("new pair")
	our, their := got(identity.NewDevice(src))(t), got(identity.NewDevice(src))(t)
	config := func() PairConfig {
		return PairConfig{
			Our: our, Their: their.Public(), OurHeads: []wire.Hash{{1}}, TheirHeads: []wire.Hash{{2}},
			OurBundle:   got(NewBundle(our, []wire.Hash{{1}}, 1, now, src))(t),
			TheirBundle: got(NewBundle(their, []wire.Hash{{2}}, 1, now, src))(t).Public(),
		}
	}
	for name, change := range map[string]func(*PairConfig){
		"their heads":  func(c *PairConfig) { c.TheirHeads = []wire.Hash{{3}} },
		"our heads":    func(c *PairConfig) { c.OurHeads = nil },
		"their bundle": func(c *PairConfig) { c.TheirBundle = nil },
	} {
		cfg := config()
		change(&cfg)
		if _, err := NewPair(cfg); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
	p := got(NewPair(config()))(t)
	if _, err := p.Start(now, src); err != nil { // with the standard library's encapsulation
		t.Error(err)
	}
	if got, want := fmt.Sprint(p), "pair with "+their.ID().String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// offer sends s's bundle to o in a message; the message is returned.
func (s *side) offer(now time.Time) Sealed {
	s.t.Helper()
	object := got(s.pair.Offer(now, s.rand))(s.t)
	sealed := got(s.pair.Seal(now, Content{Bundle: object}, s.rand))(s.t)
	s.reload()
	return sealed
}

func TestWeeklyBundle(t *testing.T) {
	now := epochStart
	a, b := meet(t, "weekly", 1, now)
	if a.pair.BundleDue(now.Add(6 * day)) {
		t.Error("due after six days")
	}
	now = now.Add(7 * day)
	if !a.pair.BundleDue(now) {
		t.Fatal("not due after a week")
	}
	lost := a.offer(now)
	if a.pair.BundleDue(now) || !a.pair.BundleDue(now.Add(day)) {
		t.Fatal("on its way: due at once, or not the next day")
	}
	now = now.Add(day)
	carried := a.offer(now)
	if n := len(a.pair.s.Ours); n != 2 {
		t.Fatalf("%d bundles for one that is on its way", n)
	}
	if a.pair.offered().ID != a.pair.s.Ours[0].ID {
		t.Fatal("a start would name a bundle that the peer may not have")
	}
	opened := b.mustOpen(now, carried)
	if len(opened.Bundle) == 0 || len(b.pair.s.Theirs) != 2 || !bytes.Equal(b.pair.s.TheirBundle, opened.Bundle) {
		t.Fatal("not adopted")
	}
	b.mustOpen(now, lost) // the same bundle again
	if len(b.pair.s.Theirs) != 2 {
		t.Error("adopted twice")
	}
	if a.pair.Receipted(now, receiptFor(Ref{Session: [8]byte{1}, Chain: carried.Chain, N: carried.N})) {
		t.Error("a receipt of another session")
	}
	a.pair.Receipted(now, receiptFor(Ref{Session: carried.Session, Chain: carried.Chain, N: carried.N + 1}))
	if a.pair.s.Ours[1].Object == nil {
		t.Error("another receipt confirms the bundle")
	}
	if !a.pair.Receipted(now, receiptFor(carried.Ref)) || a.pair.s.Ours[1].Object != nil || a.pair.BundleDue(now) {
		t.Fatal("receipt does not confirm")
	}
	// The old one lives for 60 days from now; at the other end its id stays until there is
	// a third, for its maker may not have heard that the second arrived.
	for _, p := range []*Pair{a.pair, b.pair} {
		p.Expire(now.Add(59 * day))
	}
	if len(a.pair.s.Ours) != 2 || len(b.pair.s.Theirs) != 2 {
		t.Error("gone after 59 days")
	}
	for _, p := range []*Pair{a.pair, b.pair} {
		p.Expire(now.Add(60 * day))
	}
	if len(a.pair.s.Ours) != 1 || len(b.pair.s.Theirs) != 2 {
		t.Error("not gone after 60 days, or gone at the other end")
	}
}

// A start that crosses a new bundle names the old one, and is accepted for 60
// days; then it is refused.
func TestStartWithASupersededBundle(t *testing.T) {
	for days, want := range map[int]error{59: nil, 60: ErrPrekey} {
		now := epochStart
		a, b := meet(t, "superseded", 0, now)
		copied := got(loaded(b.dev, whole(b.pair)))(t) // b, which will not hear of it
		carried := a.offer(now)
		b.mustOpen(now, carried)
		a.pair.Receipted(now, receiptFor(carried.Ref))
		s, _ := copied.reached()
		start := got(copied.start(now, s.Ratchet.Epochs()[0].Reset, 1, false, b.rand))(t)
		now = now.Add(time.Duration(days) * day)
		a.pair.Expire(now)
		if _, err := a.open(now, start.Blob, false); !errors.Is(err, want) {
			t.Errorf("after %d days: %v", days, err)
		}
	}
}

func TestStartConfirmsTheBundleItNames(t *testing.T) {
	now := epochStart
	a, b := meet(t, "confirms", 0, now)
	b.mustOpen(now, a.offer(now)) // the receipt is lost
	s, _ := b.pair.reached()
	start := got(b.pair.start(now, s.Ratchet.Epochs()[0].Reset, 1, false, b.rand))(t)
	a.mustOpen(now, start)
	if a.pair.s.Ours[1].Object != nil || a.pair.s.Ours[0].Gone == 0 {
		t.Error("the bundle that a start names is not known to have arrived")
	}
}

func TestBundlesNotAdopted(t *testing.T) {
	now := epochStart
	a, b := meet(t, "not adopted", 0, now)
	src := seeded("others")
	for name, object := range map[string][]byte{
		"junk":           {1, 2, 3},
		"another device": got(NewBundle(b.dev, a.pair.s.OurHeads, 0, now, src))(t).Public(),
		"known":          b.pair.s.TheirBundle,
	} {
		before := b.pair.s.TheirBundle
		sealed := got(a.pair.Seal(now, Content{Payload: []byte(name), Bundle: object}, a.rand))(t)
		if opened := b.mustOpen(now, sealed); string(opened.Payload) != name || !bytes.Equal(opened.Bundle, object) {
			t.Errorf("%s: the content is lost", name)
		}
		if !bytes.Equal(before, b.pair.s.TheirBundle) || len(b.pair.s.Theirs) != 1 {
			t.Errorf("%s is adopted", name)
		}
	}
}

// What counts as arrived at the maker is of use at the other end, whatever clocks say:
// else neither could start any more.
func TestBundleOfAWrongClock(t *testing.T) {
	for _, wrong := range []time.Time{time.Unix(90000, 0), epochStart.AddDate(80, 0, 0)} {
		now := epochStart
		a, b := meet(t, "wrong clock", 1, now)
		a.talk(now, b, "x")
		b.talk(now, a, "x")
		object := got(b.pair.Offer(wrong, b.rand))(t)
		carried := got(b.pair.Seal(now, Content{Bundle: object}, b.rand))(t)
		b.reload()
		b.pair.Receipted(now, receiptFor(a.mustOpen(now, carried).Ref))
		for _, later := range []int{0, 61, 400} {
			now := now.Add(time.Duration(later) * day)
			for _, x := range [][2]*side{{b, a}, {a, b}} {
				x[0].pair.Expire(now)
				x[1].pair.Expire(now)
				s, _ := x[0].pair.reached()
				saved, other := whole(x[0].pair), whole(x[1].pair)
				start := got(x[0].pair.start(now, s.Ratchet.Epochs()[0].Reset, 1, false, x[0].rand))(t)
				x[1].mustOpen(now, start)
				x[0].pair = got(loaded(x[0].dev, saved))(t)
				x[1].pair = got(loaded(x[1].dev, other))(t)
			}
		}
	}
}

// A bundle of account heads that are not pinned is kept, and of no use until they are.
func TestBundleOfOtherHeads(t *testing.T) {
	now := epochStart
	a, b := meet(t, "other heads", 0, now)
	own := got(NewBundle(a.dev, []wire.Hash{{9}}, 0, now, seeded("others")))(t)
	b.mustOpen(now, got(a.pair.Seal(now, Content{Bundle: own.Public()}, a.rand))(t))
	if !bytes.Equal(b.pair.s.TheirBundle, own.Public()) {
		t.Fatal("not kept")
	}
	s, _ := b.pair.reached()
	keying := s.Ratchet.Epochs()[0].Reset
	if _, err := b.pair.start(now, keying, 1, false, b.rand); !errors.Is(err, ErrPrekey) {
		t.Fatalf("start with heads that are not pinned: %v", err)
	}
	b.pair.s.TheirHeads = own.s.Heads
	a.pair.s.Ours = append(a.pair.s.Ours, own.s)
	a.mustOpen(now, got(b.pair.start(now, keying, 1, false, b.rand))(t))
}

func TestBundleWaitsForRoom(t *testing.T) {
	now := epochStart
	a, b := meet(t, "room", 1, now)
	object := got(a.pair.Offer(now, a.rand))(t)
	full := Content{Payload: []byte(strings.Repeat("x", a.pair.Room(wire.Class2))), Bundle: object}
	sealed := got(a.pair.Seal(now, full, a.rand))(t)
	if opened := b.mustOpen(now, sealed); len(opened.Bundle) != 0 || len(opened.Payload) != len(full.Payload) {
		t.Error("the bundle did not wait")
	}
	if !a.pair.BundleDue(now) {
		t.Error("a bundle that was left out is not due")
	}
}

func TestBundlesAreBounded(t *testing.T) {
	now := epochStart
	a, b := meet(t, "many bundles", 0, now)
	for range 100 {
		now = now.Add(12 * time.Hour)
		a.pair.s.Ours[len(a.pair.s.Ours)-1].Made = 0 // as if a week had gone
		if a.pair.BundleDue(now) {
			carried := a.offer(now)
			b.mustOpen(now, carried)
			a.pair.Receipted(now, receiptFor(carried.Ref))
		}
	}
	if len(a.pair.s.Ours) != bundlesMax || len(b.pair.s.Theirs) > theirBundlesMax {
		t.Errorf("%d of ours, %d of theirs", len(a.pair.s.Ours), len(b.pair.s.Theirs))
	}
}

// Their newest bundle does not age.
func TestStartWithAnOldBundle(t *testing.T) {
	a, b := newSides(t, "old", 0, epochStart)
	later := epochStart.AddDate(2, 0, 0)
	b.pair.Expire(later)
	b.mustOpen(later, a.start(later))
}

// A start is remembered for 60 days, and as long as the bundle it used can
// compute its session again: no clock that jumps lets a replay in.
func TestSeenStartsOutliveTheirBundle(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "seen", 0, now)
	start := a.start(now)
	b.mustOpen(now, start)
	for _, days := range []int{59, 61, 400, 4000} {
		later := now.Add(time.Duration(days) * day)
		b.pair.Expire(later)
		if _, err := b.open(later, start.Blob, false); !errors.Is(err, ErrSeen) {
			t.Fatalf("after %d days: %v", days, err)
		}
	}
	b.talk(now, a, "hello")
	carried := b.offer(now)
	a.mustOpen(now, carried)
	b.pair.Receipted(now, receiptFor(carried.Ref))
	b.pair.Expire(now.Add(60 * day))
	if len(b.pair.s.Seen) != 0 {
		t.Error("remembered although nothing can compute it")
	}
	if _, err := b.open(now.Add(60*day), start.Blob, false); !errors.Is(err, ErrPrekey) {
		t.Errorf("replayed when its bundle is gone: %v", err)
	}
}

// Receipts that take longer than a day, in a talk of every day: the bundle arrives.
func TestBundleArrivesByALateReceipt(t *testing.T) {
	now := epochStart
	a, b := meet(t, "late receipts", 1, now)
	way := []Ref{a.mustOpen(now, b.offer(now)).Ref}
	for days := 1; days < 40; days++ {
		now = now.Add(day)
		if a.pair.s.Theirs[1].ID != b.pair.s.Ours[1].ID {
			t.Fatal("not adopted")
		}
		if b.pair.s.Ours[1].Object == nil {
			return
		}
		if !b.pair.BundleDue(now) {
			t.Fatal("does not ride each day")
		}
		way = append(way, a.mustOpen(now, b.offer(now)).Ref)
		if days >= 2 {
			b.pair.Receipted(now, receiptFor(way[days-2])) // of two days ago
		}
	}
	t.Fatal("rides every day and never arrives")
}

// The first carrier gives way when it cannot arrive any more.
func TestLostCarrier(t *testing.T) {
	now := epochStart
	a, b := meet(t, "lost carrier", 1, now)
	b.offer(now)
	now = now.Add(59 * day)
	first := b.offer(now)
	now = now.Add(day)
	b.offer(now)
	b.pair.Receipted(now, receiptFor(a.mustOpen(now, first).Ref))
	if b.pair.s.Ours[1].Object != nil {
		t.Error("not the first that may arrive")
	}
}
