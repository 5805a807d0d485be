package identity

import (
	"fmt"
	"strings"
	"testing"

	"sottovoce/mesh/peer"
)

// matches reports whether a shows a slot of device under k, which a watch for that one and
// Match must agree on.
func (k DiscoveryKey) matches(t *testing.T, device peer.ID, a peer.Announcement) bool {
	t.Helper()
	found := false
	if w := NewWatch(a.Epoch); w.Add(k, device) == nil {
		_, _, found = w.Find(&a, 0)
	}
	if k.Match(device, a) != found {
		t.Errorf("a watch says %t, Match does not", found)
	}
	return found
}

func TestWatchOfOne(t *testing.T) {
	k, device := newDiscoveryKey(t, 1, 20800), peer.ID{7}
	a := specimenAnnouncement()
	if k.matches(t, device, a) {
		t.Error("an announcement without us matches")
	}
	slot, err := k.Slot(device, a)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Slots {
		ours := a
		ours.Slots[i] = slot
		if !k.matches(t, device, ours) {
			t.Errorf("slot %d does not match", i)
		}
		if k.matches(t, peer.ID{8}, ours) || newDiscoveryKey(t, 2, 20800).matches(t, device, ours) {
			t.Errorf("slot %d matches another", i)
		}
		late, err := k.At(20834)
		if err != nil || late.matches(t, device, ours) {
			t.Errorf("a later key matches the past, %v", err)
		}
		if newDiscoveryKey(t, 1, 20800-400).matches(t, device, ours) {
			t.Error("a key more than 400 days old matches")
		}
		ours.Port++
		if k.matches(t, device, ours) {
			t.Error("a replayed slot matches")
		}
	}
	all := a
	all.Slots = [4]peer.Slot{slot, slot, slot, slot}
	if !k.matches(t, device, all) {
		t.Error("four times the same slot does not match")
	}
	zero := a
	zero.Instance = ""
	if k.matches(t, device, zero) {
		t.Error("an announcement without an instance matches")
	}
}

// Among many keys each is found where it stands, and no more is tried than there is.
func TestWatch(t *testing.T) {
	const many = 100
	a := specimenAnnouncement()
	w := NewWatch(a.Epoch)
	for i := range many {
		if err := w.Add(newDiscoveryKey(t, byte(i), 20833), peer.ID{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Add(newDiscoveryKey(t, 1, 20834), peer.ID{}); err == nil || w.Len() != many {
		t.Errorf("a key of tomorrow: %v, %d keys", err, w.Len())
	}
	for i := range many {
		shown := a
		var err error
		if shown.Slots[i%4], err = newDiscoveryKey(t, byte(i), 20833).Slot(peer.ID{byte(i)}, a); err != nil {
			t.Fatal(err)
		}
		if number, tried, found := w.Find(&shown, 0); !found || number != i || tried != i+1 {
			t.Errorf("key %d is found as %d, %t, after %d", i, number, found, tried)
		}
		if _, tried, found := w.Find(&shown, i+1); found || tried != many-i-1 {
			t.Errorf("beyond key %d one is found, or %d tried", i, tried)
		}
		shown.Epoch++
		if _, tried, found := w.Find(&shown, 0); found || tried != 0 {
			t.Errorf("key %d is found in another epoch", i)
		}
	}
	if _, tried, found := w.Find(&a, 0); found || tried != many {
		t.Errorf("a stranger: %t after %d", found, tried)
	}
	if _, tried, found := w.Find(&a, many+5); found || tried != 0 {
		t.Errorf("beyond the end: %t after %d", found, tried)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", w, w, w, []*Watch{w}); strings.Count(shown, "watch for epoch") != 4 || len(shown) > 200 {
		t.Errorf("printed as %s", shown)
	}
	first := &(*w.keys.get())[0]
	w.Erase()
	if *first != (watched{}) || w.Len() != 0 {
		t.Error("keys stay in memory")
	}
}

func BenchmarkWatch(b *testing.B) {
	a := specimenAnnouncement()
	w := NewWatch(a.Epoch)
	for i := range 1000 {
		if err := w.Add(newDiscoveryKey(b, byte(i), 20833), peer.ID{byte(i)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Find(&a, 0)
	}
}
