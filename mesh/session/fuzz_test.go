package session

import (
	"bytes"
	"testing"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/wire"
)

func FuzzParseBundle(f *testing.F) {
	src := seeded("fuzz bundle")
	dev := got(identity.NewDevice(src))(f)
	for pairs := range oneTimeMax + 1 {
		s := got(NewBundle(dev, []wire.Hash{{1}, {2}}, pairs, epochStart, src))(f)
		f.Add(s.Public())
		b := got(ParseBundle(s.Public(), dev.Public()))(f)
		f.Add(mustMarshal(b.body))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		_, _ = ParseBundle(object, dev.Public())
		// The same bytes as a body that is signed.
		defer func() { _ = recover() }() // Sign panics on what is no body
		if b, err := ParseBundle(identity.Sign(labelBundle, object, dev.SignKey()), dev.Public()); err == nil {
			if b.ID() != wire.HashOf(labelBundle, object) {
				t.Fatal("id is not that of the bytes received")
			}
		}
	})
}

func FuzzLoadPair(f *testing.F) {
	a, b := meet(f, "fuzz load", 1, epochStart)
	f.Add(whole(a.pair))
	f.Add(whole(b.pair))
	a.talk(epochStart, b, "x")
	b.talk(epochStart.Add(day), a, "y")
	f.Add(whole(a.pair))
	later := epochStart.Add(30 * day)
	f.Fuzz(func(t *testing.T, state []byte) {
		p, err := loaded(a.dev, state)
		if err != nil {
			return
		}
		if again, err := loaded(a.dev, whole(p)); err == nil && !bytes.Equal(whole(again), whole(p)) {
			t.Fatal("loads as another")
		}
		// A state that was tampered with may fail, not panic.
		for range p.Tags() {
		}
		for range p.StartTags(wire.DayAt(later)) {
		}
		_ = p.AcceptSecrets()
		_ = p.DialSecret()
		_ = p.Receipted(later, wire.Receipt{Start: true})
		_, _ = p.Seal(later, Content{}, seeded("fuzz"))
		if p.NeedsStart(later) {
			_, _ = p.Start(later, seeded("fuzz"))
		}
		if p.BundleDue(later) {
			_, _ = p.Offer(later, seeded("fuzz"))
		}
		p.Expire(later)
		whole(p)
	})
}

func FuzzOpen(f *testing.F) {
	list := specimens(f)
	for i, x := range list {
		f.Add(uint8(i), x.blob)
		f.Add(uint8(i), x.blob[:headerEnd])
	}
	f.Fuzz(func(t *testing.T, which uint8, blob []byte) {
		x := list[int(which)%len(list)]
		p := x.load(t)
		if _, err := p.Open(epochStart, blob, x.ref, x.key); err != nil && !bytes.Equal(whole(p), x.state) {
			t.Fatal("a failed open changed the state")
		} else if err == nil && !bytes.Equal(blob, x.blob) {
			t.Fatal("opened a blob that nobody sealed")
		}
	})
}

// FuzzContent fuzzes what lies inside a seal, where a hostile contact writes.
func FuzzContent(f *testing.F) {
	f.Add([]byte{0xa0}, false)
	f.Add(mustMarshal(contentBody{Payload: []byte("x"), EK: kemPublic(make([]byte, 64)), CT: make([]byte, 1088)}), false)
	a, b := newSides(f, "fuzz content", 0, epochStart)
	start := a.start(epochStart)
	f.Add(a.pair.waiting().Start.Content, true)
	fresh := whole(b.pair)
	b.mustOpen(epochStart, start)
	state := whole(a.pair)
	began := whole(b.pair)
	f.Fuzz(func(t *testing.T, plain []byte, isStart bool) {
		if _, err := classFor(len(plain)); err != nil || len(plain) > 3900 {
			return
		}
		a := &side{t: t, dev: a.dev, rand: seeded("fuzz"), pair: got(loaded(a.dev, state))(t)}
		b := &side{t: t, dev: b.dev, rand: seeded("fuzz"), skipped: map[[16]byte]SkippedKey{}}
		if isStart {
			b.pair = got(loaded(b.dev, fresh))(t)
			own := *a.pair.waiting().Start
			own.Content = plain
			sealed := got(a.pair.sealStart(epochStart, a.pair.waiting(), &own, a.rand))(t)
			_, _ = b.open(epochStart, sealed.Blob, false)
			return
		}
		b.pair = got(loaded(b.dev, began))(t)
		_, _ = b.open(epochStart, a.craft(epochStart, wire.Class0, plain, nil), false)
		_, _ = b.pair.Seal(epochStart, Content{}, b.rand)
	})
}

func FuzzLoadBundle(f *testing.F) {
	src := seeded("fuzz our bundle")
	dev := got(identity.NewDevice(src))(f)
	for pairs := range oneTimeMax + 1 {
		f.Add(got(NewBundle(dev, []wire.Hash{{1}}, pairs, epochStart, src))(f).Save())
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		b, err := LoadBundle(state)
		if err != nil {
			return
		}
		saved := b.Save()
		if again, err := LoadBundle(saved); err != nil || !bytes.Equal(again.Save(), saved) {
			t.Fatalf("loads as another: %v", err)
		}
		_, _ = ParseBundle(b.Public(), dev.Public())
		b.Erase()
	})
}
