package identity

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"sottovoce/mesh/peer"
	"sottovoce/mesh/wire"
)

func newDiscoveryKey(t testing.TB, seed byte, day uint32) DiscoveryKey {
	t.Helper()
	k, err := NewDiscoveryKey(drawn(seed), day)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// specimenAnnouncement is of day 20833, hour 5.
func specimenAnnouncement() peer.Announcement {
	return peer.Announcement{
		Instance: "0123456789abcdef", Host: "fedcba9876543210", Version: 1, Epoch: 20833*24 + 5,
		Nonce: [8]byte(counted(0x80, 8)), Fingerprint: peer.Fingerprint(counted(0x90, 16)), Port: 0xabcd,
	}
}

func hmacOf(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(slices.Concat(parts...))
	return mac.Sum(nil)
}

func TestDiscoveryVectors(t *testing.T) {
	k := DiscoveryKeyOf(20833, DaySecret(counted(0, 32)))
	device := peer.ID(counted(0x40, 32))
	vectors := []vector{{"device", device[:]}}
	for _, day := range []uint32{20833, 20834, 20835, 20933, 21233} {
		at, err := k.At(day)
		if err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, vector{fmt.Sprintf("key after %d days", day-20833), at.key.get()[:]})
	}
	a := specimenAnnouncement()
	slot, err := k.Slot(device, a)
	if err != nil {
		t.Fatal(err)
	}
	a.Epoch += 24
	next, err := k.Slot(device, a)
	if err != nil {
		t.Fatal(err)
	}
	vectors = append(vectors,
		vector{"instance", []byte(a.Instance)}, vector{"nonce", a.Nonce[:]}, vector{"fingerprint", a.Fingerprint[:]}, vector{"port", []byte{0xab, 0xcd}},
		vector{"epoch", []byte{0x00, 0x07, 0xa1, 0x1d}}, vector{"slot", slot[:]}, vector{"slot a day later", next[:]})
	secret, account := [32]byte(counted(0xa0, 32)), AccountID(counted(0xc0, 32))
	pairwise := PairwiseKey(secret, account, 20833)
	alone, err := pairwise.Slot(device, specimenAnnouncement())
	if err != nil {
		t.Fatal(err)
	}
	vectors = append(vectors, vector{"contact secret", secret[:]}, vector{"account", account[:]},
		vector{"pairwise key", pairwise.key.get()[:]}, vector{"pairwise slot", alone[:]})
	checkVectors(t, "slot.txt", vectors)
}

// TestSlotByHand computes chain and slot from PROTOCOL's formulas alone.
func TestSlotByHand(t *testing.T) {
	a := specimenAnnouncement()
	device := peer.ID(counted(0x40, 32))
	day0 := counted(0, 32)
	day1 := hmacOf(day0, []byte("sv1 discovery day"))
	e := []byte{0x00, 0x07, 0xa1, 0x1d} // 20833·24 + 5
	k := hmacOf(day1, []byte("epoch"), e, device[:])
	want := hmacOf(k, []byte("m"), e, a.Nonce[:], a.Fingerprint[:], []byte{0xab, 0xcd}, []byte("0123456789abcdef"))[:12]

	got, err := DiscoveryKeyOf(20832, DaySecret(day0)).Slot(device, a)
	if err != nil || !bytes.Equal(got[:], want) {
		t.Errorf("slot is %x, want %x, %v", got, want, err)
	}
}

func TestDiscoveryKeyAt(t *testing.T) {
	k := newDiscoveryKey(t, 1, 100)
	direct, err := k.At(130)
	if err != nil || direct.Day() != 130 {
		t.Fatal(direct, err)
	}
	middle, _ := k.At(115)
	if stepped, err := middle.At(130); err != nil || stepped.Secret() != direct.Secret() {
		t.Error("two ways to a day give two keys", err)
	}
	if same, err := k.At(100); err != nil || same.Secret() != k.Secret() {
		t.Error("the day itself", err)
	}
	if _, err := k.At(99); !errors.Is(err, ErrPast) {
		t.Errorf("a past day: %v", err)
	}
	if _, err := k.At(500); err != nil {
		t.Errorf("400 days ahead: %v", err)
	}
	far, err := k.At(500)
	if err == nil {
		far, err = far.At(900)
	}
	if reached, err2 := k.Reach(900); err != nil || err2 != nil || reached.Secret() != far.Secret() {
		t.Errorf("reaching far: %v, %v", err, err2)
	}
	if _, err := k.Reach(99); !errors.Is(err, ErrPast) {
		t.Errorf("reaching back: %v", err)
	}
	if _, err := k.At(501); err == nil || errors.Is(err, ErrPast) {
		t.Errorf("401 days ahead: %v", err)
	}
	if _, err := k.At(1<<32 - 1); err == nil {
		t.Error("the end of time is made")
	}
	direct.Erase()
	if *k.key.get() == (DaySecret{}) {
		t.Error("a later day's key shares memory")
	}
}

func TestLeads(t *testing.T) {
	k := newDiscoveryKey(t, 1, 100)
	later, err := k.Reach(900)
	if err != nil {
		t.Fatal(err)
	}
	if !k.Leads(later) || !k.Leads(k) || later.Leads(k) {
		t.Error("a key does not lead to what it makes, or leads back")
	}
	if newDiscoveryKey(t, 2, 100).Leads(later) || newDiscoveryKey(t, 1, 101).Leads(later) {
		t.Error("another key leads there")
	}
}

func TestDiscoveryKeySaved(t *testing.T) {
	k := newDiscoveryKey(t, 1, 20833)
	got, err := ParseDiscoveryKey(k.Bytes())
	if err != nil || got.Day() != 20833 || got.Secret() != k.Secret() {
		t.Error(got, err)
	}
	for i := range k.Bytes() {
		if _, err := ParseDiscoveryKey(k.Bytes()[:i]); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, err := ParseDiscoveryKey(append(k.Bytes(), 0)); err == nil {
		t.Error("a byte more is taken")
	}
	if _, err := ParseDiscoveryKey(bytes.Repeat([]byte{255}, 36)); err == nil {
		t.Error("a day that no epoch names is taken")
	}
}

// TestSlotCoversWhatWasAnnounced changes each input in turn.
func TestSlotCoversWhatWasAnnounced(t *testing.T) {
	k, device := newDiscoveryKey(t, 1, 20833), peer.ID{7}
	slot := func(k DiscoveryKey, device peer.ID, change func(*peer.Announcement)) peer.Slot {
		a := specimenAnnouncement()
		change(&a)
		s, err := k.Slot(device, a)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	same := func(*peer.Announcement) {}
	want := slot(k, device, same)
	if slot(k, device, same) != want {
		t.Error("a slot is not determined by its inputs")
	}
	for name, got := range map[string]peer.Slot{
		"key":         slot(newDiscoveryKey(t, 2, 20833), device, same),
		"device":      slot(k, peer.ID{8}, same),
		"hour":        slot(k, device, func(a *peer.Announcement) { a.Epoch++ }),
		"day":         slot(k, device, func(a *peer.Announcement) { a.Epoch += 24 }),
		"nonce":       slot(k, device, func(a *peer.Announcement) { a.Nonce[7]++ }),
		"fingerprint": slot(k, device, func(a *peer.Announcement) { a.Fingerprint[15]++ }),
		"port":        slot(k, device, func(a *peer.Announcement) { a.Port++ }),
		"instance":    slot(k, device, func(a *peer.Announcement) { a.Instance = "0123456789abcdee" }),
	} {
		if got == want {
			t.Errorf("the slot does not cover the %s", name)
		}
	}
	for _, instance := range []string{"", "0123456789abcde", "0123456789abcdef0"} {
		a := specimenAnnouncement()
		a.Instance = instance
		if _, err := k.Slot(device, a); err == nil {
			t.Errorf("instance %q has a slot", instance)
		}
	}
}

func FuzzParseDiscoveryKey(f *testing.F) {
	f.Add(newDiscoveryKey(f, 1, 20833).Bytes())
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, savedKeySize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := ParseDiscoveryKey(b); err == nil && !bytes.Equal(k.Bytes(), b) {
			t.Errorf("%x is saved as %x", b, k.Bytes())
		}
	})
}
