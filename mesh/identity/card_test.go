package identity

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"sottovoce/mesh/goldentest"
	"sottovoce/mesh/wire"
)

func specimenCard(t testing.TB) Card {
	t.Helper()
	root, d := RootFromSeed(RootSeed(counted(0, 32))), DeviceFromSeed(DeviceSeed(counted(0x40, 64)))
	a, err := NewAccount(root, d.Public(), start, bytes.NewReader(counted(0xe0, 16)))
	if err != nil {
		t.Fatal(err)
	}
	return Card{
		Name: "Zoë", Account: a.Bytes(), Bundles: [][]byte{[]byte("bundle")}, DiscoveryDay: 20833, DiscoveryKey: DaySecret(counted(0x60, 32)),
	}
}

func encodeCard(t testing.TB, c Card) []byte {
	t.Helper()
	b, err := c.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCardVectors(t *testing.T) {
	card := specimenCard(t)
	checkVectors(t, "card.txt", []vector{
		{"name", []byte(card.Name)},
		{"account", card.Account},
		{"bundle", card.Bundles[0]},
		{"discovery key of day 20833", card.DiscoveryKey[:]},
		{"card", encodeCard(t, card)},
	})
	got, err := ParseCard(goldentest.Hex(t, "card.txt")["card"])
	if err != nil || !reflect.DeepEqual(got, card) {
		t.Errorf("the frozen card is read as %v, %v", got, err)
	}
}

func TestCardRoundTrip(t *testing.T) {
	card := specimenCard(t)
	b, err := card.Append([]byte{0xaa})
	if err != nil || b[0] != 0xaa {
		t.Fatalf("%x %v", b, err)
	}
	b = b[1:]
	if got, err := ParseCard(b); err != nil || !reflect.DeepEqual(got, card) {
		t.Errorf("%v, %v", got, err)
	}
	for i := range b {
		if _, err := ParseCard(b[:i]); err == nil {
			t.Errorf("cut at %d is read", i)
		}
	}
	later := append(append([]byte{b[0] + 1}, b[1:]...), 0x18, 0x20, 0xf5)
	if got, err := ParseCard(later); err != nil || got.Name != card.Name {
		t.Errorf("an unknown key: %v", err)
	}
}

// What is kept of a card is a card, without the key and with all the rest.
func TestBlankCard(t *testing.T) {
	card := specimenCard(t)
	b := encodeCard(t, card)
	later := append(append([]byte{b[0] + 1}, b[1:]...), 0x18, 0x20, 0xf5)
	for name, whole := range map[string][]byte{"of this version": b, "of a later one": later} {
		blank, err := BlankCard(whole)
		if err != nil || bytes.Contains(blank, card.DiscoveryKey[:]) || len(blank) != len(whole) {
			t.Errorf("card %s: %x, %v", name, blank, err)
		}
		want := card
		want.DiscoveryKey = DaySecret{}
		if got, err := ParseCard(blank); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("card %s: %v, %v", name, got, err)
		}
		if !bytes.Equal(bytes.Replace(whole, card.DiscoveryKey[:], make([]byte, 32), 1), blank) {
			t.Errorf("card %s is changed elsewhere", name)
		}
		if again, err := BlankCard(blank); err != nil || !bytes.Equal(again, blank) {
			t.Errorf("blank card %s becomes %x, %v", name, again, err)
		}
	}
	if _, err := BlankCard(b[:len(b)-1]); err == nil {
		t.Error("a card that is cut off is kept")
	}
}

func TestCardOfTwoDevices(t *testing.T) {
	root := newRoot(t, 1)
	a, err := newAccount(t, root, newDevice(t, 2)).AddDevice(root, newDevice(t, 3).Public(), start)
	if err != nil {
		t.Fatal(err)
	}
	card := specimenCard(t)
	card.Account = a.Bytes()
	if _, err := card.Append(nil); err == nil {
		t.Error("one bundle for two devices")
	}
	card.Bundles = [][]byte{{1}, {2}}
	if got, err := ParseCard(encodeCard(t, card)); err != nil || !reflect.DeepEqual(got, card) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCardRefuses(t *testing.T) {
	root, d := newRoot(t, 1), newDevice(t, 2)
	closed, err := newAccount(t, root, d).RevokeDevice(root, d.ID(), start)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Card){
		"no name":           func(c *Card) { c.Name = "" },
		"name too long":     func(c *Card) { c.Name = strings.Repeat("x", 257) },
		"no account":        func(c *Card) { c.Account = nil },
		"broken account":    func(c *Card) { c.Account[len(c.Account)-1] ^= 1 },
		"no active device":  func(c *Card) { c.Account, c.Bundles = closed.Bytes(), nil },
		"no bundle":         func(c *Card) { c.Bundles = nil },
		"empty bundle":      func(c *Card) { c.Bundles = [][]byte{{}} },
		"a bundle too many": func(c *Card) { c.Bundles = append(c.Bundles, []byte{1}) },
		"too large":         func(c *Card) { c.Bundles = [][]byte{make([]byte, CardSizeMax)} },
		"a day without end": func(c *Card) { c.DiscoveryDay = 1<<32 - 1 },
	} {
		card := specimenCard(t)
		change(&card)
		if b, err := card.Append([]byte{1}); err == nil || !bytes.Equal(b, []byte{1}) {
			t.Errorf("%s: is made, %v", name, err)
		}
		b, err := wire.Marshal(card)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseCard(b); !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, ErrSignature) {
			t.Errorf("%s: is read, or another error: %v", name, err)
		}
	}
}

func FuzzParseCard(f *testing.F) {
	f.Add(encodeCard(f, specimenCard(f)))
	f.Add([]byte{0xa0})
	f.Add([]byte{0xa5, 0x01, 0x61, 'x', 0x02, 0x40, 0x03, 0x80, 0x04, 0x00, 0x05, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		card, err := ParseCard(b)
		if err != nil {
			return
		}
		if got, err := ParseCard(encodeCard(t, card)); err != nil || got.Name != card.Name || got.DiscoveryKey != card.DiscoveryKey {
			t.Errorf("%x: %v", b, err)
		}
	})
}
