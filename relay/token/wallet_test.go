package token

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
)

// made returns n tokens of a day that are no good anywhere, each another one.
func made(day uint16, from, n int) []Token {
	tokens := make([]Token, n)
	for i := range tokens {
		nonce := binary.BigEndian.AppendUint32(make([]byte, 0, nonceSize), uint32(from+i))
		tokens[i] = tokenOf(day, nonce[:nonceSize], counted(byte(i), markSize))
	}
	return tokens
}

func daysOf(tokens []Token) (days []uint16) {
	for _, t := range tokens {
		days = append(days, t.Day())
	}
	return days
}

// TestTakeOrder: yesterday's first, then backwards, today's last.
func TestTakeOrder(t *testing.T) {
	w := NewWallet()
	for _, day := range []uint16{100, 97, 99, 101, 86, 98, 87} { // 86 is over, 101 to come
		w.Add(made(day, int(day)*10, 2), 100)
	}
	if n := w.Count(100); n != 12 {
		t.Errorf("%d tokens are good", n)
	}
	tokens, save := w.Take(12, 100)
	if want := []uint16{99, 99, 98, 98, 97, 97, 87, 87, 100, 100, 101, 101}; !slices.Equal(daysOf(tokens), want) || !save {
		t.Errorf("tokens of days %d, save %t", daysOf(tokens), save)
	}
	if tokens, save := w.Take(1, 100); tokens != nil || save || w.Count(100) != 0 {
		t.Errorf("%d tokens of nothing", len(tokens))
	}
}

func TestTakeAllOrNothing(t *testing.T) {
	w := NewWallet()
	w.Add(made(100, 0, 3), 100)
	for _, n := range []int{-1, 0, 4, 1 << 40} {
		if tokens, save := w.Take(n, 100); len(tokens) != 0 || save || w.Count(100) != 3 {
			t.Errorf("asked for %d: %d tokens", n, len(tokens))
		}
	}
	if tokens, _ := w.Take(3, 113); len(tokens) != 3 {
		t.Error("the last day of a token is not taken")
	}
	w.Add(made(100, 0, 3), 100)
	if tokens, _ := w.Take(1, 114); len(tokens) != 0 || w.Count(114) != 0 {
		t.Error("a token is taken after its last day")
	}
}

// TestPocket: what is written off at once needs one save, and an orderly end loses none of it.
func TestPocket(t *testing.T) {
	w := NewWallet()
	w.Add(made(100, 0, 100), 100)
	saves := 0
	for range 70 {
		tokens, save := w.Take(1, 100)
		if len(tokens) != 1 {
			t.Fatal("no token")
		}
		if save {
			saves++
		}
	}
	if saves != 3 || w.Count(100) != 30 {
		t.Errorf("%d saves, %d left", saves, w.Count(100))
	}
	crashed, err := LoadWallet(w.Save())
	if err != nil || crashed.Count(100) != 4 {
		t.Fatalf("%d left after a crash, %v", crashed.Count(100), err)
	}
	if !w.Settle() || w.Settle() {
		t.Error("settled twice, or never")
	}
	again, err := LoadWallet(w.Save())
	if err != nil || again.Count(100) != 30 {
		t.Errorf("%d left after an orderly end, %v", again.Count(100), err)
	}
	// What lies in the pocket grows old as the rest does, and counting it changes nothing.
	old := NewWallet()
	old.Add(made(99, 0, 2), 100)
	old.Add(made(100, 10, 2), 100)
	old.Take(1, 100)
	if n, m := old.Count(113), old.Count(100); n != 2 || m != 3 {
		t.Errorf("%d are good on the last day of some, %d today", n, m)
	}
	if tokens, save := old.Take(2, 113); len(tokens) != 2 || save || tokens[0].Day() != 100 || tokens[1].Day() != 100 || tokens[0] == tokens[1] {
		t.Errorf("tokens of %d, save %t", daysOf(tokens), save)
	}
}

func TestStockIsBounded(t *testing.T) {
	w := NewWallet()
	for day := range uint16(14) {
		w.Add(made(100+day, int(day)*1000, 64), 113)
	}
	if n := w.Count(113); n != StockMax {
		t.Errorf("%d tokens", n)
	}
	if w.Count(113) == 0 || len(w.Save()) > savedMax {
		t.Errorf("saved %d bytes", len(w.Save()))
	}
	tokens, _ := w.Take(StockMax, 113)
	if slices.Contains(daysOf(tokens), 100) || slices.Contains(daysOf(tokens), 101) || !slices.Contains(daysOf(tokens), 102) {
		t.Error("not the oldest have given way")
	}
}

func TestGive(t *testing.T) {
	w := NewWallet()
	anna, bruno := Contact{1}, Contact{2}
	w.Add(made(99, 0, 30), 100)
	w.Add(made(100, 100, 30), 100)
	gift := w.Give(anna, 100)
	if len(gift) != GiveMax || gift[0].Day() != 100 || gift[19].Day() != 100 {
		t.Errorf("%d tokens of %d", len(gift), daysOf(gift))
	}
	if again := w.Give(anna, 100); len(again) != 0 {
		t.Errorf("%d more on the same day", len(again))
	}
	loaded, err := LoadWallet(w.Save())
	if err != nil || len(loaded.Give(anna, 100)) != 0 {
		t.Errorf("more after a restart, %v", err)
	}
	if rest := w.Give(bruno, 100); len(rest) != 8 || w.Count(100) != reserve {
		t.Errorf("%d for the next, %d left", len(rest), w.Count(100))
	}
	w.Add(made(100, 200, 30), 100)
	if rest := w.Give(bruno, 100); len(rest) != 12 {
		t.Errorf("%d of 12 that were owed", len(rest))
	}
	w.Add(made(101, 300, 60), 101)
	if gift := w.Give(anna, 101); len(gift) != GiveMax || gift[0].Day() != 101 {
		t.Errorf("%d tokens the next day", len(gift))
	}
	many := NewWallet()
	for i := range receiversMax + 1 {
		many.Add(made(100, i*100, reserve+1), 100)
		if n := len(many.Give(Contact{byte(i), byte(i >> 8), 1}, 100)); (n > 0) != (i < receiversMax) {
			t.Fatalf("contact %d of one day is given %d", i, n)
		}
	}
	if len(many.Save()) > savedMax {
		t.Error("too large to save")
	}
}

func TestAccept(t *testing.T) {
	g := NewGiven()
	gift := made(100, 0, 25)
	if n := g.Accept(gift, 100); n != GiveMax || g.Count(100) != GiveMax {
		t.Errorf("%d of 25 are accepted", n)
	}
	if n := g.Accept(gift, 100); n != 0 {
		t.Errorf("%d are accepted twice", n)
	}
	taken := g.Take(GiveMax, 100)
	if len(taken) != GiveMax || g.Take(1, 100) != nil || g.Take(0, 100) != nil {
		t.Errorf("%d taken", len(taken))
	}
	loaded, err := LoadGiven(g.Save())
	if err != nil || loaded.Accept(gift, 101) != 0 {
		t.Errorf("what was taken is accepted again after a restart, %v", err)
	}
	for day, want := range map[uint16]int{86: 0, 87: 5, 101: 5, 102: 0, 0: 0, 65_535: 0} {
		if n := NewGiven().Accept(made(day, 0, 5), 100); n != want {
			t.Errorf("%d tokens of day %d are accepted on day 100", n, day)
		}
	}
	twice := []Token{gift[0], gift[0], gift[1]}
	if n := NewGiven().Accept(twice, 100); n != 2 {
		t.Errorf("%d of two different ones", n)
	}
	// A hostile contact, and a clock that jumps: neither makes it grow.
	g = NewGiven()
	for i := range 3000 {
		day := uint16(i * 7)
		g.Accept(made(day, i*100, 50), day)
		g.Accept(made(uint16(60_000-i*3), i*100, 50), uint16(60_000-i*3))
	}
	s := g.state.get()
	total := 0
	for _, held := range s.stock {
		total += len(held)
	}
	if total > GivenMax || len(s.seen) > seenDaysMax || len(g.Save()) > savedMax {
		t.Errorf("%d tokens, %d days, %d bytes", total, len(s.seen), len(g.Save()))
	}
}

// TestNeverTwice plays with a wallet whose owner crashes at any moment, and what it does the owner
// of a hostile contact's tokens: no token goes out twice.
func TestNeverTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, g := NewWallet(), NewGiven()
		diskW, diskG := w.Save(), g.Save()
		out := make(map[Token]bool)
		send := func(tokens []Token) {
			for _, token := range tokens {
				if out[token] {
					t.Fatal("a token goes out twice")
				}
				out[token] = true
			}
		}
		today, next := uint16(100), 0
		gifts := made(100, 1<<20, 60)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			crash := rapid.IntRange(0, 5).Draw(t, "crash") == 0
			var tokens []Token
			save := false
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0:
				n := rapid.IntRange(1, 100).Draw(t, "drawn")
				w.Add(made(today, next, n), today)
				next, save = next+n, true
			case 1, 2:
				tokens, save = w.Take(rapid.IntRange(1, 60).Draw(t, "taken"), today)
			case 3:
				tokens = w.Give(Contact{byte(rapid.IntRange(0, 2).Draw(t, "to"))}, today)
				save = len(tokens) > 0
			case 4:
				today += uint16(rapid.IntRange(0, 3).Draw(t, "days"))
			case 5:
				save = w.Settle()
			case 6:
				at := rapid.IntRange(0, 50).Draw(t, "gift")
				g.Accept(gifts[at:at+10], today)
				if !crash {
					diskG = g.Save()
				}
				if gift := g.Take(rapid.IntRange(1, 5).Draw(t, "used"), today); !crash && len(gift) > 0 {
					diskG = g.Save()
					send(gift)
				}
			}
			if save && !crash {
				diskW = w.Save()
			}
			if !crash || !save {
				send(tokens)
			}
			if crash {
				var err, err2 error
				w, err = LoadWallet(diskW)
				g, err2 = LoadGiven(diskG)
				if err = errors.Join(err, err2); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestWanted(t *testing.T) {
	w := NewWallet()
	for _, step := range []struct {
		name    string
		today   uint16
		add     int
		lacking int
		want    int
		now     bool
	}{
		{"a new member", 100, 0, 0, DrawStep, false},
		{"a new member who writes at once", 100, 0, 1, DrawStep, true},
		{"much is to be sent", 100, 0, 65, 2 * DrawStep, true},
		{"very much", 100, 0, 10_000, DrawMax, true},
		{"it has drawn today", 100, 64, 0, 0, false},
		{"the next day it draws, whatever is left", 101, 0, 0, DrawStep, false},
		{"once a day", 101, 64, 0, 0, false},
	} {
		if step.add > 0 {
			w.Add(made(step.today, int(step.today)*1000, step.add), step.today)
		}
		if n, now := w.Wanted(step.today, step.lacking); n != step.want || now != step.now {
			t.Errorf("%s: %d, now %t", step.name, n, now)
		}
	}
	w.Take(128-low+1, 101)
	if n, now := w.Wanted(101, 0); n != DrawStep || now {
		t.Errorf("few are left: %d, now %t", n, now)
	}
}

func TestDelay(t *testing.T) {
	rand, sum := seeded(1), time.Duration(0)
	for range 1000 {
		d, err := Delay(rand)
		if err != nil || d < DelayMin || d >= DelayMax {
			t.Fatalf("%v, %v", d, err)
		}
		sum += d
	}
	if mean := sum / 1000; mean < 4*time.Minute || mean > 7*time.Minute {
		t.Errorf("the mean is %v", mean)
	}
	if _, err := Delay(iotest.ErrReader(io.ErrClosedPipe)); err == nil {
		t.Error("a delay of nothing")
	}
}

func TestWalletErase(t *testing.T) {
	w := NewWallet()
	w.Add(made(100, 0, 64), 100)
	w.Take(1, 100)
	s := w.state.get()
	held, pocket := s.stock[100], s.pocket
	w.Erase()
	if w.Count(100) != 0 || held[0] != (Token{}) || pocket[0] != (Token{}) {
		t.Error("tokens are still there")
	}
}

func FuzzLoadWallet(f *testing.F) {
	w := NewWallet()
	f.Add(w.Save())
	w.Add(made(99, 0, 40), 100)
	w.Add(made(100, 50, 40), 100)
	w.Give(Contact{1}, 100)
	w.Give(Contact{2}, 100)
	f.Add(w.Save())
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := LoadWallet(b)
		if err != nil {
			return
		}
		again, err := LoadWallet(w.Save())
		if err != nil || !bytes.Equal(again.Save(), w.Save()) {
			t.Errorf("%x does not come back: %v", b, err)
		}
		before := w.Count(100)
		tokens, _ := w.Take(1, 100)
		if len(tokens) != min(before, 1) || w.Count(100) != before-len(tokens) {
			t.Errorf("%x: %d of %d tokens are taken", b, len(tokens), before)
		}
		w.Give(Contact{1}, 100)
		w.Add(made(100, 0, 1), 100)
	})
}

func FuzzLoadGiven(f *testing.F) {
	g := NewGiven()
	f.Add(g.Save())
	g.Accept(made(99, 0, 20), 100)
	g.Accept(made(100, 50, 20), 100)
	g.Take(3, 100)
	f.Add(g.Save())
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := LoadGiven(b)
		if err != nil {
			return
		}
		again, err := LoadGiven(g.Save())
		if err != nil || !bytes.Equal(again.Save(), g.Save()) {
			t.Errorf("%x does not come back: %v", b, err)
		}
		g.Take(1, 100)
		g.Accept(made(100, 0, 1), 100)
	})
}

func TestLoadRefuses(t *testing.T) {
	w, g := NewWallet(), NewGiven()
	w.Add(made(100, 0, 60), 100)
	w.Give(Contact{1}, 100)
	g.Accept(made(100, 0, 4), 100)
	for name, b := range map[string][]byte{"wallet": w.Save(), "gift": g.Save()} {
		load := func(b []byte) error {
			if name == "gift" {
				_, err := LoadGiven(b)
				return err
			}
			_, err := LoadWallet(b)
			return err
		}
		if err := load(b); err != nil {
			t.Fatal(err)
		}
		for cut := range b {
			if err := load(b[:cut]); err == nil {
				t.Errorf("%s cut at %d is read", name, cut)
			}
		}
		if err := load(make([]byte, savedMax+1)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s too large: %v", name, err)
		}
	}
	marshal := func(v any) []byte {
		b, err := wire.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	day := func(day uint16, n int) savedDay { return savedDay{Day: day, Tokens: make([]byte, n*savedToken)} }
	for name, saved := range map[string]savedWallet{
		"too many tokens":    {Days: []savedDay{day(1, StockMax), day(2, 1)}},
		"part of a token":    {Days: []savedDay{{Day: 1, Tokens: make([]byte, savedToken+1)}}},
		"a day of nothing":   {Days: []savedDay{{Day: 1}}},
		"days descend":       {Days: []savedDay{day(2, 1), day(1, 1)}},
		"one day twice":      {Days: []savedDay{day(2, 1), day(2, 1)}},
		"a gift of nothing":  {Given: []savedGiven{{To: Contact{1}}}},
		"a gift of too many": {Given: []savedGiven{{To: Contact{1}, Count: GiveMax + 1}}},
		"gifts descend":      {Given: []savedGiven{{To: Contact{2}, Count: 1}, {To: Contact{1}, Count: 1}}},
		"too many receivers": {Given: slices.Repeat([]savedGiven{{To: Contact{1}, Count: 1}}, receiversMax+1)},
	} {
		if _, err := LoadWallet(marshal(saved)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, saved := range map[string]savedGift{
		"too many tokens":    {Days: []savedDay{day(1, GivenMax+1)}},
		"part of an id":      {Seen: []savedSeen{{Day: 1, IDs: make([]byte, 7)}}},
		"no id":              {Seen: []savedSeen{{Day: 1}}},
		"too many ids":       {Seen: []savedSeen{{Day: 1, IDs: make([]byte, 8*(GiveMax+1))}}},
		"ids do not ascend":  {Seen: []savedSeen{{Day: 1, IDs: make([]byte, 16)}}},
		"days do not ascend": {Seen: []savedSeen{{Day: 1, IDs: make([]byte, 8)}, {Day: 1, IDs: make([]byte, 8)}}},
	} {
		if _, err := LoadGiven(marshal(saved)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGiftsAreDrawnFor: what contacts could not be given is drawn in the background.
func TestGiftsAreDrawnFor(t *testing.T) {
	w := NewWallet()
	w.Add(made(100, 0, reserve+5), 100)
	if n := len(w.Give(Contact{1}, 100)); n != 5 {
		t.Fatalf("%d are given", n)
	}
	if n, now := w.Wanted(100, 0); n != DrawStep || now {
		t.Errorf("%d are wanted, now %t", n, now)
	}
	for i := range 20 {
		w.Give(Contact{2, byte(i)}, 100)
	}
	if n, now := w.Wanted(100, 0); n != DrawMax || now {
		t.Errorf("for many contacts %d are wanted, now %t", n, now)
	}
	w.Add(made(100, 100, 64), 100)
	if n, _ := w.Wanted(100, 0); n != 0 {
		t.Errorf("after a draw %d more are wanted", n)
	}
}

func TestIdle(t *testing.T) {
	g := NewGiven()
	g.Accept(made(100, 0, 1), 100)
	g.Take(1, 100)
	for day, want := range map[uint16]bool{100: false, 113: false, 114: true} {
		loaded, err := LoadGiven(g.Save())
		if err != nil || loaded.Idle(day) != want {
			t.Errorf("idle on day %d: %t, %v", day, !want, err)
		}
	}
}
