package session

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// specimens are a blob of every kind, with the side that can open it and how.
func specimens(t tb) (list []specimen) {
	now := epochStart
	a, b := newSides(t, "specimens", 1, now)
	start := a.start(now)
	list = append(list, specimen{name: "start", at: b, blob: start.Blob})
	list[0].freeze()
	b.mustOpen(now, start)
	skipped, first := a.seal(now, "skipped"), a.seal(now, "current chain")
	add := func(name string, at *side, s Sealed) {
		x := specimen{name: name, at: at, blob: s.Blob}
		x.freeze()
		list = append(list, x)
		at.mustOpen(now, s)
	}
	add("first", b, first)
	add("skipped", b, skipped)
	add("next chain", a, b.seal(now, "next chain"))
	add("second", a, b.seal(now, "second of it"))
	return list
}

type specimen struct {
	name  string
	at    *side
	blob  []byte
	ref   Ref
	key   *SkippedKey
	state []byte
}

// freeze remembers how the blob would be opened now.
func (x *specimen) freeze() {
	ref, key, found := x.at.find(x.blob, false)
	if !found {
		x.at.t.Fatalf("%s is not found", x.name)
	}
	x.ref, x.key, x.state = ref, key, whole(x.at.pair)
}

// try opens blob where the specimen's would open; it must fail and change
// nothing.
func (x *specimen) try(t tb, p *Pair, blob []byte) {
	t.Helper()
	var key *SkippedKey
	if x.key != nil {
		copied := *x.key
		key = &copied
	}
	if _, err := p.Open(epochStart, blob, x.ref, key); err == nil {
		t.Fatalf("%s: a changed blob was opened", x.name)
	}
}

func (x *specimen) load(t tb) *Pair {
	return got(loaded(x.at.dev, x.state))(t)
}

func TestEveryByteCounts(t *testing.T) {
	for _, x := range specimens(t) {
		t.Run(x.name, func(t *testing.T) {
			p := x.load(t)
			for i := range x.blob {
				changed := bytes.Clone(x.blob)
				changed[i] ^= 1 << (i % 8)
				x.try(t, p, changed)
			}
			for _, cut := range []int{0, 1, 39, 40, 200, len(x.blob) - 1} {
				x.try(t, p, x.blob[:cut])
			}
			x.try(t, p, append(bytes.Clone(x.blob), 0))
			if !bytes.Equal(whole(p), x.state) {
				t.Fatal("the state has changed")
			}
			if _, err := p.Open(epochStart, x.blob, x.ref, x.key); err != nil {
				t.Fatalf("the true blob: %v", err)
			}
		})
	}
}

func TestJunkUnderASeenTag(t *testing.T) {
	list := specimens(t)
	rapid.Check(t, func(t *rapid.T) {
		x := list[rapid.IntRange(0, len(list)-1).Draw(t, "specimen")]
		p := x.load(t)
		keep := rapid.IntRange(0, headerEnd).Draw(t, "kept bytes")
		junk := bytes.Clone(x.blob)
		must(t, readInto(seeded(rapid.String().Draw(t, "junk")), junk[max(keep, wire.HeaderSize):]))
		x.try(t, p, junk)
		if !bytes.Equal(whole(p), x.state) {
			t.Fatal("the state has changed")
		}
	})
}

func TestWrongPlace(t *testing.T) {
	list := specimens(t)
	for _, x := range list {
		p := x.load(t)
		for _, ref := range []Ref{
			{Session: x.ref.Session, Chain: x.ref.Chain, N: x.ref.N + 1},
			{Session: x.ref.Session, Chain: x.ref.Chain + 1, N: x.ref.N},
			{Session: x.ref.Session, Chain: x.ref.Chain + 7, N: x.ref.N},
			{Session: [8]byte{1}, Chain: x.ref.Chain, N: x.ref.N},
			{Start: true, N: 7},
			{Start: true, N: startsPerDay},
			{Start: true, N: 256},
			{Start: true, Session: [8]byte{1}},
			{Start: true, Session: x.ref.Session, Chain: 9},
		} {
			if ref == x.ref {
				continue
			}
			if _, err := p.Open(epochStart, x.blob, ref, nil); err == nil {
				t.Errorf("%s opened at %+v", x.name, ref)
			}
		}
		wrong := SkippedKey{Tag: got(wire.ParseBlob(x.blob))(t).Tag, Ref: x.ref, Until: 65000}
		if _, err := p.Open(epochStart, x.blob, Ref{Session: p.s.firstID()}, &wrong); err == nil {
			t.Errorf("%s opened with a wrong key", x.name)
		}
		if !bytes.Equal(whole(p), x.state) {
			t.Fatal("the state has changed")
		}
	}
}

func (s *pairState) firstID() [8]byte {
	if len(s.Sessions) == 0 {
		return [8]byte{}
	}
	return s.Sessions[0].id()
}

func TestClass3IsNotOurs(t *testing.T) {
	a, b := meet(t, "class 3", 0, epochStart)
	m := a.seal(epochStart, "x")
	m.Blob[1] = byte(wire.Class3)
	if _, err := b.pair.Open(epochStart, m.Blob, m.Ref, nil); !errors.Is(err, ErrNotForUs) {
		t.Errorf("class 3: %v", err)
	}
}

// The check commits to the key: a blob made to decrypt under another key is
// refused before anything is opened.
func TestCheckComesFirst(t *testing.T) {
	a, b := meet(t, "check", 0, epochStart)
	m := a.seal(epochStart, "x")
	ref, _, _ := b.find(m.Blob, false)
	clear(m.Blob[wire.HeaderSize:][:checkSize])
	// Everything but the check is genuine, so only the check can refuse it.
	if _, err := b.pair.Open(epochStart, m.Blob, ref, nil); !errors.Is(err, ErrNotForUs) {
		t.Errorf("a blob with another check: %v", err)
	}
}

// craft seals content that Seal would never make, under a's next number.
func (s *side) craft(now time.Time, class wire.Class, plain []byte, change func(*sealing)) []byte {
	s.t.Helper()
	r := &s.pair.s.Sessions[0].Ratchet
	m := got(r.Next(now, s.rand, replayed))(s.t)
	seal := sealing{tag: m.Tag, message: m.Key, headerKey: m.HeaderKey, ratchetHead: m.Header, expiryDay: 20000}
	if change != nil {
		change(&seal)
	}
	blob, _, err := seal.seal(class, plain, s.rand)
	must(s.t, err)
	return blob
}

func TestMalformedContent(t *testing.T) {
	for name, plain := range map[string][]byte{
		"not a map":              {0x01},
		"empty":                  {},
		"cut":                    {0xa1, 0x01, 0x42, 0x00},
		"a key that is critical": {0xa1, 0x19, 0x80, 0x00, 0x00},
		"receipt of nothing":     mustMarshal(contentBody{Receipts: make([]wire.Receipt, 1)}),
		"17 receipts":            mustMarshal(contentBody{Receipts: slices.Repeat([]wire.Receipt{{Start: true}}, 17)}),
		"a short key":            mustMarshal(contentBody{EK: make([]byte, 1183)}),
		"a short answer":         mustMarshal(contentBody{CT: make([]byte, 10)}),
	} {
		a, b := meet(t, "malformed", 0, epochStart)
		blob := a.craft(epochStart, wire.Class0, plain, nil)
		if _, err := b.open(epochStart, blob, false); err == nil || errors.Is(err, errNoTag) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A key that is none is ignored, and no more.
	a, b := meet(t, "malformed", 0, epochStart)
	blob := a.craft(epochStart, wire.Class0, mustMarshal(contentBody{EK: bytes.Repeat([]byte{0xff}, ratchet.EKSize)}), nil)
	if _, err := b.open(epochStart, blob, false); err != nil {
		t.Errorf("a key that is none: %v", err)
	}
	b.talk(epochStart, a, "and on")
}

func TestDishonestHeaders(t *testing.T) {
	now := epochStart
	for name, change := range map[string]func(h *ratchet.Header){
		"pn below what was opened": func(h *ratchet.Header) { h.PN = 0 },
		"pn of 1,001 more":         func(h *ratchet.Header) { h.PN += ratchet.SkipMax + 1 },
		"pn beyond reason":         func(h *ratchet.Header) { h.PN = 1<<32 - 1 },
		"an epoch not held":        func(h *ratchet.Header) { h.Epoch = 1 },
		"a key of low order":       func(h *ratchet.Header) { h.DH = [32]byte{} },
		"another key":              func(h *ratchet.Header) { h.DH[0] ^= 1 },
	} {
		a, b := meet(t, "headers", 0, now)
		a.talk(now, b, "one")
		b.talk(now, a, "two")
		blob := a.craft(now, wire.Class0, mustMarshal(contentBody{}), func(s *sealing) { change(&s.ratchetHead) })
		if _, err := b.open(now, blob, false); err == nil || errors.Is(err, errNoTag) {
			t.Errorf("%s: %v", name, err)
		}
		a, b = meet(t, "headers", 0, now)
		a.talk(now, b, "one")
		blob = a.craft(now, wire.Class0, mustMarshal(contentBody{}), func(s *sealing) { change(&s.ratchetHead) })
		if name != "pn below what was opened" {
			if _, err := b.open(now, blob, false); !errors.Is(err, ErrNotForUs) {
				t.Errorf("%s, within a chain: %v", name, err)
			}
		}
	}
	a, b := meet(t, "first header", 0, now)
	blob := b.craft(now, wire.Class0, mustMarshal(contentBody{}), func(s *sealing) { s.ratchetHead.PN = 1 })
	if _, err := a.open(now, blob, false); err == nil {
		t.Error("a first chain with a previous one")
	}
	if _, err := a.pair.s.Sessions[0].Ratchet.HeaderKey(4); !errors.Is(err, ratchet.ErrChain) {
		t.Errorf("chain 4: %v", err)
	}
}

func TestPaddingIsChecked(t *testing.T) {
	now := epochStart
	for name, plain := range map[string][]byte{
		"length beyond the blob": {0xff, 0xff, 0xff, 0xff},
		"bytes after the map":    {0, 0, 0, 1, 0xa0, 0, 0, 7},
	} {
		a, b := meet(t, "padding", 0, now)
		m := got(a.pair.s.Sessions[0].Ratchet.Next(now, a.rand, replayed))(t)
		s := sealing{tag: m.Tag, message: m.Key, headerKey: m.HeaderKey, ratchetHead: m.Header}
		blob, _, err := s.seal(wire.Class0, nil, a.rand)
		must(t, err)
		padded := make([]byte, wire.Class0.Size()-overhead)
		copy(padded, plain)
		blob = seal(blob[:headerEnd], m.Key, salt(blob), labelContent, padded, contentBinds(blob))
		if _, err := b.open(now, blob, false); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A hostile peer cannot make us keep more than 2,000 skipped keys.
func TestSkippedKeysAreBounded(t *testing.T) {
	now := epochStart
	a, b := meet(t, "bounded", 0, now)
	var err error
	for range 4 {
		r := &a.pair.s.Sessions[0].Ratchet
		for range 999 {
			got(r.Next(now, a.rand, replayed))(t)
		}
		if _, err = b.open(now, a.craft(now, wire.Class0, mustMarshal(contentBody{}), nil), true); err != nil {
			break
		}
	}
	if !errors.Is(err, ratchet.ErrSkip) || len(b.skipped) != 2*999 {
		t.Fatalf("%d keys kept: %v", len(b.skipped), err)
	}
	// After 60 days those are gone, and there is room.
	later := now.Add(keyDays * day)
	b.pair.Expire(later)
	if n := len(b.pair.s.Sessions[0].Skipped); n != 0 {
		t.Errorf("%d days of keys", n)
	}
	if _, err := b.open(later, a.craft(now, wire.Class0, mustMarshal(contentBody{}), nil), true); !errors.Is(err, ratchet.ErrSkip) && !errors.Is(err, errNoTag) {
		t.Errorf("more than a thousand ahead: %v", err)
	}
}

// A start fills a blob of class 0; others are not looked at.
func TestClassOfAStart(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "class", 0, now)
	b.mustOpen(now, a.start(now))
	own, last := a.pair.s.Sessions[0].Start, a.pair.lastDay(wire.DayAt(now))
	key := startKey(own.Keying)
	for class, want := range map[wire.Class]error{wire.Class0: ErrSeen, wire.Class1: ErrNotForUs, wire.Class2: ErrNotForUs} {
		seal := sealing{tag: startTag(key, last, a.pair.s.OurID, a.pair.theirID(), 1), ratchetHead: own.Head, expiryDay: last}
		seal.message, seal.headerKey = startKeys(key, seal.tag)
		blob, _, err := seal.seal(class, own.Content, a.rand)
		must(t, err)
		if _, err := b.open(now, blob, false); !errors.Is(err, want) {
			t.Errorf("class %d: %v", class, err)
		}
	}
}
