package session

import (
	"bytes"
	"crypto/mlkem"
	"errors"
	"io"
	"slices"
	"testing"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

func TestLoadPairRefuses(t *testing.T) {
	a, b := meet(t, "load", 1, epochStart)
	state := whole(a.pair)
	fixed, moving := a.pair.SaveFixed(), a.pair.Save()
	for cut := range fixed {
		if _, err := LoadPair(a.dev, fixed[:cut], moving, nil); err == nil {
			t.Fatalf("fixed part cut at %d", cut)
		}
	}
	for cut := range moving {
		if _, err := LoadPair(a.dev, fixed, moving[:cut], nil); err == nil {
			t.Fatalf("moving part cut at %d", cut)
		}
	}
	if _, err := LoadPair(b.dev, fixed, moving, nil); err == nil {
		t.Error("loaded by another device")
	}
	for _, large := range [][2][]byte{{make([]byte, partSizeMax+1), moving}, {fixed, make([]byte, partSizeMax+1)}} {
		if _, err := LoadPair(a.dev, large[0], large[1], nil); err == nil {
			t.Error("too large")
		}
	}
	for name, change := range map[string]func(*pairState){
		"no bundle":        func(s *pairState) { s.Ours = nil },
		"a dying bundle":   func(s *pairState) { s.Ours = []prekeys{s.Ours[0]}; s.Ours[0].Gone = 1 },
		"a short seed":     func(s *pairState) { s.Ours = []prekeys{s.Ours[0]}; s.Ours[0].LastResort = []byte{1} },
		"a short pair":     func(s *pairState) { s.Ours = []prekeys{s.Ours[0]}; s.Ours[0].OneTime = [][]byte{{1}} },
		"too many pairs":   func(s *pairState) { s.Ours = []prekeys{s.Ours[0]}; s.Ours[0].OneTime = make([][]byte, 4) },
		"six sessions":     func(s *pairState) { s.Sessions = []session{s.Sessions[0], {}, {}, {}, {}, {}} },
		"an empty session": func(s *pairState) { s.Sessions = make([]session, 1) },
		"too many runs":    func(s *pairState) { s.Sessions[0].Window.Runs = make(runs, unreceiptedMax+1) },
	} {
		copied := got(loaded(a.dev, state))(t)
		change(&copied.s)
		if _, err := loaded(a.dev, whole(copied)); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}

// The two parts of a state are stored together, or not at all.
func TestPartsBelongTogether(t *testing.T) {
	now := epochStart
	a, b := meet(t, "parts", 1, now)
	b.talk(now, a, "heard for the first time")
	a.reload()
	fixed, moving := a.pair.SaveFixed(), a.pair.Save()
	a.talk(now, b, "x")
	b.talk(now, a, "y")
	if a.pair.FixedChanged() {
		t.Error("messages change the fixed part")
	}
	if _, err := LoadPair(a.dev, fixed, a.pair.Save(), replayed); err != nil {
		t.Errorf("later messages, the same keys: %v", err)
	}
	got(a.pair.Offer(now, a.rand))(t)
	if !a.pair.FixedChanged() {
		t.Fatal("a new bundle does not change the fixed part")
	}
	if _, err := LoadPair(a.dev, fixed, a.pair.Save(), replayed); err == nil {
		t.Error("new sessions with old keys")
	}
	if _, err := LoadPair(a.dev, a.pair.SaveFixed(), moving, replayed); err == nil {
		t.Error("old sessions with new keys")
	}
	if a.pair.FixedChanged() {
		t.Error("changed, and saved")
	}
}

func TestRunsRefuse(t *testing.T) {
	for _, raw := range [][]byte{{0xa0}, {0x41, 0x80}, {0x41, 0x01}, {0x45, 1, 0, 0, 0, 0}} {
		var rs runs
		if err := rs.UnmarshalCBOR(raw); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%x: %v", raw, err)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	now := epochStart
	for name, x := range map[string]struct {
		change func(*startBody)
		want   error
	}{
		"another suite":         {func(s *startBody) { s.Suite = 2 }, wire.ErrNewer},
		"a short ciphertext":    {func(s *startBody) { s.CT = s.CT[1:] }, wire.ErrMalformed},
		"another ciphertext":    {func(s *startBody) { s.CT[0] ^= 1 }, ErrNotForUs},
		"another ephemeral key": {func(s *startBody) { s.Ephemeral[0] ^= 1 }, ErrNotForUs},
		"a number not signed":   {func(s *startBody) { s.ResetNumber = 3 }, ErrNotForUs},
		"a loss not signed":     {func(s *startBody) { s.LostKeys = true }, ErrNotForUs},
		"another commitment":    {func(s *startBody) { s.Commitment[0] ^= 1 }, ErrNotForUs},
		"another pair":          {func(s *startBody) { s.OneTime = 2 }, ErrNotForUs},
		"no pair":               {func(s *startBody) { s.OneTime = 0 }, ErrNotForUs},
		"a pair there is not":   {func(s *startBody) { s.OneTime = 3 }, ErrPrekey},
		"an unknown bundle":     {func(s *startBody) { s.Responder[0] ^= 1 }, ErrPrekey},
		"an unknown own bundle": {func(s *startBody) { s.Starter[0] ^= 1 }, ErrPrekey},
		"other heads":           {func(s *startBody) { s.Heads[0] ^= 1 }, ErrPrekey},
		"other heads of ours":   {func(s *startBody) { s.TheirHeads[0] ^= 1 }, ErrPrekey},
	} {
		a, b := newSides(t, "start refuses", 2, now)
		a.start(now)
		own := a.pair.waiting()
		var body startBody
		must(t, wire.Unmarshal(own.Start.Content, &body))
		x.change(&body)
		changed := *own.Start
		changed.Content = mustMarshal(body)
		sealed := got(a.pair.sealStart(now, own, &changed, a.rand))(t)
		if _, err := b.open(now, sealed.Blob, false); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*ourStart){
		"a header with pn":    func(s *ourStart) { s.Head.PN = 1 },
		"a header with epoch": func(s *ourStart) { s.Head.Epoch = 1 },
		"another key":         func(s *ourStart) { s.Head.DH[0] ^= 1 },
		"not a start":         func(s *ourStart) { s.Content = []byte{0} },
	} {
		a, b := newSides(t, "start refuses", 2, now)
		a.start(now)
		own := a.pair.waiting()
		changed := *own.Start
		change(&changed)
		sealed := got(a.pair.sealStart(now, own, &changed, a.rand))(t)
		if _, err := b.open(now, sealed.Blob, false); err == nil || errors.Is(err, errNoTag) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key of low order anywhere in a start is refused on both sides.
func TestLowOrder(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "low order", 1, now)
	body := got(ParseBundle(a.pair.s.TheirBundle, b.dev.Public()))(t).body
	body.Signed = [32]byte{}
	a.pair.s.TheirBundle = identity.Sign(labelBundle, mustMarshal(body), b.dev.SignKey())
	if _, err := a.pair.Start(now, a.rand); err == nil {
		t.Error("started to a prekey of low order")
	}
	if _, err := newSession(Secret{}, startBody{}, true, Secret{1}, [32]byte{}, now); err == nil {
		t.Error("a session on a key of low order")
	}
	a, b = newSides(t, "low order", 1, now)
	a.start(now)
	own := a.pair.waiting()
	var start startBody
	must(t, wire.Unmarshal(own.Start.Content, &start))
	start.Ephemeral = [32]byte{1}
	changed := *own.Start
	changed.Content = mustMarshal(start)
	sealed := got(a.pair.sealStart(now, own, &changed, a.rand))(t)
	if _, err := b.open(now, sealed.Blob, false); err == nil || errors.Is(err, errNoTag) {
		t.Errorf("ephemeral key of low order: %v", err)
	}
}

func TestEncapsulationMayFail(t *testing.T) {
	now := epochStart
	broken := errors.New("broken")
	fail := func(*mlkem.EncapsulationKey768, io.Reader) ([]byte, []byte, error) { return nil, nil, broken }
	a, _ := newSides(t, "encapsulation", 0, now)
	a.pair.encapsulate = fail
	if _, err := a.pair.Start(now, a.rand); !errors.Is(err, broken) {
		t.Errorf("start: %v", err)
	}
	a, b := meet(t, "encapsulation", 0, now)
	a.talk(now.Add(2*day), b, "a key rides")
	b.pair.encapsulate = fail
	before := whole(b.pair)
	if _, err := b.pair.Seal(now.Add(2*day), Content{}, b.rand); !errors.Is(err, broken) || !bytes.Equal(before, whole(b.pair)) {
		t.Errorf("seal: %v", err)
	}
}

func TestReceiptsThatMeanNothing(t *testing.T) {
	now := epochStart
	a, b := meet(t, "receipts", 0, now)
	s := a.talk(now, b, "x")
	before := whole(a.pair)
	for _, r := range []wire.Receipt{
		{},
		{Session: [8]byte{1}, Start: true},
		{Session: s.Session, Start: true}, // known
		{Session: s.Session, Ranges: []wire.Range{{Chain: 0, First: 1, Last: 1 << 30}}},
		{Session: s.Session, Ranges: []wire.Range{{Chain: 7, First: 0, Last: 1}}},
		{Session: s.Session, Ranges: []wire.Range{{Chain: 0, First: 1, Last: 0}}},
	} {
		if a.pair.Receipted(now, r) || !bytes.Equal(before, whole(a.pair)) {
			t.Errorf("%+v is news", r)
		}
	}
	if !a.pair.Receipted(now, receiptFor(s.Ref)) || a.pair.Receipted(now, receiptFor(s.Ref)) {
		t.Error("the true receipt is news once")
	}
	if a.pair.Overtaken(s.Session) || !a.pair.Overtaken([8]byte{1}) {
		t.Error("overtaken")
	}
	fresh, _ := newSides(t, "fresh", 0, now)
	if _, ok := fresh.pair.Sending(); ok || !fresh.pair.Overtaken([8]byte{}) {
		t.Error("a pair without a session sends on one")
	}
}

// The window against a list of numbers: every receipt of ranges, brute force.
func TestWindowAgainstList(t *testing.T) {
	rnd := seeded("window")
	draw := func(n int) uint32 {
		var b [1]byte
		must(t, readInto(rnd, b[:]))
		return uint32(b[0]) % uint32(n)
	}
	for range 200 {
		var w window
		type number struct{ chain, n uint32 }
		var all []number
		out := map[number]bool{}
		highest := -1
		chain, n := uint32(0), uint32(0)
		for range 60 {
			switch draw(4) {
			case 0:
				first := draw(20)
				g := wire.Range{Chain: draw(3), First: first, Last: first + draw(6)}
				want := false
				for i, x := range all {
					if x.chain == g.Chain && g.First <= x.n && x.n <= g.Last && out[x] {
						want = true
						delete(out, x)
						highest = max(highest, i)
					}
				}
				if w.receipt(20000, []wire.Range{g}) != want {
					t.Fatalf("receipt %+v: news %v", g, !want)
				}
			case 1:
				if draw(4) == 0 && n > 0 {
					chain, n = chain+1, 0
				}
			default:
				w.seal(20000+uint16(len(all)/20), chain, n)
				all = append(all, number{chain, n})
				out[number{chain, n}] = true
				n++
			}
			count := 0
			for _, r := range w.Runs {
				count += int(r.Count)
				for k := range r.Count {
					if !out[number{r.Chain, r.First + k}] || all[r.Position+k] != (number{r.Chain, r.First + k}) {
						t.Fatalf("run %+v", r)
					}
				}
			}
			if count != len(out) || int(w.Receipted) != highest+1 || int(w.Sealed) != len(all) {
				t.Fatalf("%d of %d numbers, highest %d, window %+v", count, len(out), highest, w)
			}
		}
		raw := got(w.Runs.MarshalCBOR())(t)
		var again runs
		must(t, again.UnmarshalCBOR(raw))
		if len(again) != len(w.Runs) {
			t.Fatal("runs do not survive saving")
		}
	}
}

// What was opened lately is receipted again as long as it is remembered; the
// ranges are a receipt's: ascending, apart.
func TestReceiptsAgain(t *testing.T) {
	now := epochStart
	a, b := meet(t, "receipts again", 0, now)
	if r := a.pair.Receipts(); len(r) != 0 {
		t.Errorf("our own start receipted: %+v", r)
	}
	var sent []Sealed
	for i := range 80 {
		sent = append(sent, a.seal(now, string(rune('a'+i%26))))
	}
	for _, i := range []int{3, 1, 2, 9, 0, 20, 30, 25} {
		b.mustOpen(now, sent[i])
	}
	want := wire.Receipt{Session: sent[0].Session, Start: true, Ranges: []wire.Range{
		{First: 0, Last: 3}, {First: 9, Last: 9}, {First: 20, Last: 20}, {First: 25, Last: 25}, {First: 30, Last: 30},
	}}
	if r := b.pair.Receipts(); len(r) != 1 || !slices.Equal(r[0].Ranges, want.Ranges) || r[0].Session != want.Session || !r[0].Start {
		t.Errorf("%+v", r)
	}
	for i := 31; i < 80; i += 2 {
		b.mustOpen(now, sent[i])
	}
	for i := 79; i > 32; i -= 2 {
		if i%4 == 3 {
			b.mustOpen(now, sent[i-1])
		}
	}
	r := b.pair.Receipts()[0]
	if err := r.Check(); err != nil || len(r.Ranges) > recentMax {
		t.Errorf("%d ranges: %v", len(r.Ranges), err)
	}
	if !a.pair.Receipted(now, r) {
		t.Error("the receipt is no news")
	}
	var twice recent
	for _, n := range []uint32{5, 6, 7, 6, 5, 7} {
		twice.add(1, n)
	}
	if !slices.Equal(twice, recent{{Chain: 1, First: 5, Last: 7}}) {
		t.Errorf("%+v", twice)
	}
	for i := range uint32(recentMax) {
		twice.add(2, 3*i)
	}
	if len(twice) != recentMax || twice[0].Chain != 2 {
		t.Errorf("%d ranges kept", len(twice))
	}
	var again recent
	must(t, again.UnmarshalCBOR(got(append(recent{{Chain: 1, First: 9, Last: 9}}, twice[1:]...).MarshalCBOR())(t)))
	if !slices.Equal(again[1:], twice[1:]) || again[0] != (wire.Range{Chain: 1, First: 9, Last: 9}) {
		t.Error("ranges do not survive saving")
	}
	for _, raw := range [][]byte{{0xa0}, {0x41, 0x80}, {0x41, 0x01}, {0x4f, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, append([]byte{0x59, 0x0b, 0xbb}, make([]byte, 3*(recentMax+1))...)} {
		if err := again.UnmarshalCBOR(raw); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%.16x: %v", raw, err)
		}
	}
}

func TestFarEndOfDays(t *testing.T) {
	if addDays(1<<16-1, 60) != 1<<16-1 || addDays(100, 60) != 160 {
		t.Error("days run over")
	}
	if _, err := (ratchet.Secret{}).MarshalText(); err == nil {
		t.Error("a secret as text")
	}
}

// Every receipt frame of a thousand numbers is lost, whatever holes there are: the next
// link makes up for all of them.
func TestAllReceiptsLost(t *testing.T) {
	now := epochStart
	a, b := meet(t, "all lost", 0, now)
	var sent []Sealed
	for range unreceiptedMax {
		sent = append(sent, got(a.pair.Seal(now, Content{}, a.rand))(t))
	}
	for i := 0; i < len(sent); i += 2 {
		got(b.pair.Open(now, sent[i].Blob, sent[i].Ref, nil))(t)
	}
	b.reload()
	receipts := b.pair.Receipts()
	for _, r := range receipts {
		must(t, r.Check())
		a.pair.Receipted(now, r)
	}
	if len(receipts) > receiptsMax {
		t.Errorf("%d receipts do not fit into a content", len(receipts))
	}
	if n := countSeals(a, now); n != unreceiptedMax/2 {
		t.Errorf("%d may be sealed beside 500 that are lost", n)
	}
}

// Frames are lost throughout a talk, contents arrive: nothing stays unreceipted but what is
// under way, also of what came late, and little is remembered.
func TestReceiptsRideInContents(t *testing.T) {
	now := epochStart
	a, b := meet(t, "ride", 0, now)
	say := func(from, to *side) Sealed {
		sealed := got(from.pair.Seal(now, Content{Receipts: from.pair.Receipts()}, from.rand))(t)
		from.reload()
		return sealed
	}
	var late []Sealed
	for round := range 40 {
		if round%3 == 0 {
			late = append(late, say(a, b))
		}
		b.mustOpen(now, say(a, b))
		if round%7 == 6 {
			b.mustOpen(now, late[0])
			late = late[1:]
		}
		a.mustOpen(now, say(b, a))
	}
	for _, x := range late {
		b.mustOpen(now, x)
	}
	for range 2 {
		a.mustOpen(now, say(b, a))
		b.mustOpen(now, say(a, b))
	}
	if n := len(a.pair.s.Sessions[0].Window.Runs); n > 1 {
		t.Errorf("%d runs are unreceipted", n)
	}
	if s := b.pair.s.Sessions[0]; len(s.Recent)+len(s.Earlier) > 4 {
		t.Errorf("%d and %d ranges are remembered", len(s.Recent), len(s.Earlier))
	}
}
