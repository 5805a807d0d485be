package relay

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
	"sottovoce/relay/community"
	"sottovoce/relay/token"
	"sottovoce/relay/witness"
)

// signedReceipt is a receipt of a supernode for some blobs.
func signedReceipt(tb testing.TB, all []Kept) (receipt []byte, of Log) {
	tb.Helper()
	device := identity.DeviceFromSeed(identity.DeviceSeed{1})
	of = Log{At: device.ID(), Community: [32]byte{2}}
	statement := of.Receipt(all)
	return evidence(device.Public(), [64]byte(ed25519.Sign(device.SignKey(), statement)), statement), of
}

// TestReceipt: a receipt says what was signed, and nothing when a bit of it is another one.
func TestReceipt(t *testing.T) {
	want := []Kept{{ID: wire.BlobID{3}, ExpiryDay: 20_000, Cursor: 7}, {ID: wire.BlobID{4}, ExpiryDay: 20_001, Cursor: 8}}
	receipt, of := signedReceipt(t, want)
	got, all, err := OpenReceipt(receipt)
	if err != nil || got != of || len(all) != 2 || all[0] != want[0] || all[1] != want[1] {
		t.Fatalf("%v, %v, %v", got, all, err)
	}
	for at := range receipt {
		bad := bytes.Clone(receipt)
		bad[at] ^= 1
		if _, _, err := OpenReceipt(bad); err == nil {
			t.Fatalf("a bit of byte %d is another one, and the receipt opens", at)
		}
		if _, _, err := OpenReceipt(receipt[:at]); err == nil {
			t.Fatalf("cut at %d the receipt opens", at)
		}
	}
}

// FuzzReceipt: whatever opens was signed by the supernode that it names.
func FuzzReceipt(f *testing.F) {
	receipt, _ := signedReceipt(f, []Kept{{ID: wire.BlobID{3}, ExpiryDay: 20_000, Cursor: 7}})
	f.Add(receipt)
	f.Add(receipt[:len(receipt)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		of, all, err := OpenReceipt(b)
		if err == nil && !bytes.HasSuffix(b, of.Receipt(all)) {
			t.Errorf("%x opens as %v of %v", b, all, of)
		}
	})
}

// FuzzCard: a card that is taken has few logs, with addresses that can be dialled.
func FuzzCard(f *testing.F) {
	b, err := wire.Marshal(mailboxCard{Logs: []mailboxLog{{Community: [32]byte{1}, Addresses: []string{"orchard.example:4242"}, Card: new(community.Gist)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		card, err := parseCard(b)
		if err != nil {
			return
		}
		if len(card.Logs) > mailboxLogsMax {
			t.Errorf("%d logs", len(card.Logs))
		}
		for _, l := range card.Logs {
			if community.CheckAddresses(l.Addresses) != nil {
				t.Errorf("addresses %q", l.Addresses)
			}
			if _, err := token.Parse(l.Tokens, token.GiveMax); err != nil || len(l.Tokens) > 0 && len(card.Giver) != giverSize {
				t.Errorf("%d bytes of tokens, %d of the giver", len(l.Tokens), len(card.Giver))
			}
		}
	})
}

// FuzzGuest: what was kept of guests and gifts is read or refused.
func FuzzGuest(f *testing.F) {
	device := identity.DeviceFromSeed(identity.DeviceSeed{1})
	k := guestKey{log: Log{At: device.ID()}}
	c := &Client{cfg: Config{Keep: memory{}}, guests: make(map[guestKey]*guest)}
	g := newGuest(c, k)
	g.keys, c.guests[k] = device.Public(), g
	if err := g.save(); err != nil {
		f.Fatal(err)
	}
	kept, _ := c.cfg.Keep.Load(k.key())
	gift, err := wire.Marshal(gift{Giver: [giverSize]byte{1}, Day: 20_000, Logs: []giftLog{{Tokens: make([]byte, token.Size)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(kept)
	f.Add(gift)
	f.Fuzz(func(t *testing.T, b []byte) {
		if g := newGuest(c, k); parseGuest(b, g) == nil && (g.given == nil || g.keys.ID() != k.log.At || len(g.state.Receipts)%receiptSize != 0) {
			t.Errorf("%x is read as %+v", b, g.state)
		}
		if g, err := parseGift(b); err == nil && g == nil {
			t.Errorf("%x is no gift and no error", b)
		}
	})
}

// TestState: what is kept of a supernode comes back.
func TestState(t *testing.T) {
	kept := memory{}
	l := Log{At: peer.ID{1}, Community: [32]byte{2}}
	s, err := loadState(kept, l)
	if err != nil {
		t.Fatal(err)
	}
	s.Head, s.Receipts = point{Cursor: 64, Chain: [32]byte{9}}, s.Receipts.add(Kept{ID: wire.BlobID{5}, ExpiryDay: 20_000})
	if err := s.save(kept, l); err != nil {
		t.Fatal(err)
	}
	again, err := loadState(kept, l)
	if err != nil || again.Head != s.Head || again.Receipts.find(wire.BlobID{5}.Short()) != 0 {
		t.Fatalf("%+v, %v", again, err)
	}
	if left := again.Receipts.expire(20_001); len(left) != 0 {
		t.Errorf("past its day %d bytes are remembered", len(left))
	}
	kept[l.key()] = bytes.Repeat([]byte{1}, savedMax+1)
	if _, err := loadState(kept, l); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("too much of it: %v", err)
	}
}

// memory is a Keep without a disk.
type memory map[string][]byte

func (m memory) Load(key string) ([]byte, error) { return m[key], nil }

func (m memory) Save(key string, value []byte) error {
	m[key] = bytes.Clone(value)
	return nil
}

// FuzzState: what was kept is read or refused.
func FuzzState(f *testing.F) {
	kept := memory{}
	l := Log{}
	s, err := loadState(kept, l)
	if err != nil {
		f.Fatal(err)
	}
	if err := s.save(kept, l); err != nil {
		f.Fatal(err)
	}
	f.Add(kept[l.key()])
	f.Fuzz(func(t *testing.T, b []byte) {
		var s stationState
		if parseState(b, &s) == nil && (s.wallet == nil || len(s.Receipts)%receiptSize != 0) {
			t.Errorf("%x is read as %+v", b, s)
		}
	})
}

// TestReader: pages that follow are taken as they are, and one that does not is a breach.
func TestReader(t *testing.T) {
	blob := bytes.Repeat([]byte{7}, 100)
	chain := Link([32]byte{}, wire.IDOf(blob))
	page := wire.Page{Until: 1, Chain: chain, Cursors: wire.Cursors(nil).Add(1), End: true}
	for name, c := range map[string]struct {
		change func(*wire.Page)
		want   BreachKind
	}{
		"as it is":      {func(*wire.Page) {}, 0},
		"another chain": {func(p *wire.Page) { p.Chain[0] ^= 1 }, BreachChain},
		"another base":  {func(p *wire.Page) { p.Base[0] ^= 1 }, BreachChain},
	} {
		p := page
		c.change(&p)
		wrong := newReader(&stationState{}, 0).read(p, [][]byte{blob})
		if c.want == 0 && len(wrong) > 0 || c.want != 0 && (len(wrong) == 0 || wrong[0].Kind != c.want) {
			t.Errorf("%s: %+v", name, wrong)
		}
	}
	if wrong := newReader(&stationState{Head: point{Cursor: 2}}, 0).read(page, [][]byte{blob}); len(wrong) != 1 || wrong[0].Kind != BreachShort {
		t.Errorf("a log that ends before where it has been: %+v", wrong)
	}
}

// FuzzReader: a reader goes on whatever a page says, and stands where it says.
func FuzzReader(f *testing.F) {
	f.Add(uint64(0), uint64(1), []byte("chain"), []byte("base"), true)
	f.Add(uint64(64), uint64(3), []byte{}, []byte{}, false)
	f.Fuzz(func(t *testing.T, from, until uint64, chain, base []byte, end bool) {
		page := wire.Page{From: from, Until: until, End: end}
		copy(page.Chain[:], chain)
		copy(page.Base[:], base)
		r := newReader(&stationState{Mark: point{Cursor: 64}, Head: point{Cursor: 70}}, 70)
		before := r.at
		r.read(page, nil)
		if r.at != before && r.at.Cursor != until {
			t.Errorf("it stands at %d", r.at.Cursor)
		}
	})
}

// TestFittingCard: a card of many logs with long addresses and tokens can be read by whom it is told, and goes on naming each log, with an
// address as long as there is room.
func TestFittingCard(t *testing.T) {
	for _, c := range []struct{ size, tokens, addresses, left int }{{20, 4, 4, 4}, {250, 4, 1, 4}, {250, 8, 1, 6}} {
		card := mailboxCard{Giver: make([]byte, giverSize)}
		for i := range mailboxLogsMax {
			l := mailboxLog{Community: [32]byte{byte(i)}, Sign: [32]byte{1}, Agree: [32]byte{2}}
			for k := range 4 {
				l.Addresses = append(l.Addresses, fmt.Sprintf("%s%d:65535", strings.Repeat("a.", (c.size-7)/2), k))
			}
			if i < c.tokens {
				l.Tokens = make([]byte, token.GiveMax*token.Size)
			} else {
				l.Last, l.Card = &witness.Checkpoint{Cursor: 1 << 40, Day: 20_000}, new(community.Gist)
			}
			card.Logs = append(card.Logs, l)
		}
		read, err := parseCard(card.fitting())
		if err != nil || len(read.Logs) != mailboxLogsMax {
			t.Fatalf("%d logs are told, %v", len(read.Logs), err)
		}
		least, tokens := 4, 0
		for _, l := range read.Logs {
			least, tokens = min(least, len(l.Addresses)), tokens+min(len(l.Tokens), 1)
		}
		if least != c.addresses || tokens != c.left {
			t.Errorf("%+v: each log has %d addresses, %d have tokens", c, least, tokens)
		}
	}
}
