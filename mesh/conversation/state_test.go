package conversation

import (
	"testing"

	"pgregory.net/rapid"
)

var states = []State{StateNone, StateQueued, StateHeld, StateDelivered, StateRead, StateExpired, StateFailed}

// TestAdvance spells the order out.
func TestAdvance(t *testing.T) {
	for _, c := range []struct{ old, next, want State }{
		{StateQueued, StateHeld, StateHeld},
		{StateHeld, StateQueued, StateHeld},
		{StateQueued, StateDelivered, StateDelivered},
		{StateDelivered, StateExpired, StateDelivered},
		{StateExpired, StateDelivered, StateDelivered},
		{StateExpired, StateFailed, StateExpired},
		{StateFailed, StateExpired, StateFailed},
		{StateHeld, StateExpired, StateExpired},
		{StateExpired, StateHeld, StateExpired},
		{StateRead, StateDelivered, StateRead},
		{StateDelivered, StateRead, StateRead},
	} {
		if got := c.old.Advance(c.next); got != c.want {
			t.Errorf("%v then %v: %v, not %v", c.old, c.next, got, c.want)
		}
	}
}

// TestStatesNeverGoBack: whatever evidence comes for whichever device, neither a
// device's state nor the shown one falls, and receipts are never uncounted.
func TestStatesNeverGoBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		devices := make([]State, rapid.IntRange(1, 4).Draw(t, "devices"))
		for i := range devices {
			devices[i] = StateQueued
		}
		shown := Summarise(devices)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			i := rapid.IntRange(0, len(devices)-1).Draw(t, "device")
			old := devices[i]
			devices[i] = old.Advance(rapid.SampledFrom(states).Draw(t, "evidence"))
			if devices[i].rank() < old.rank() {
				t.Fatalf("%v after %v", devices[i], old)
			}
			sum := Summarise(devices)
			next := shown.State.Advance(sum.State)
			if next.rank() < shown.State.rank() || sum.Delivered < shown.Delivered {
				t.Fatalf("%v of %v after %v", sum, devices, shown)
			}
			if (sum.Delivered > 0) != (sum.State == StateDelivered || sum.State == StateRead) {
				t.Fatalf("%v of %v", sum, devices)
			}
			shown = Summary{State: next, Delivered: sum.Delivered, Devices: sum.Devices}
		}
	})
}

func TestSummarise(t *testing.T) {
	for _, c := range []struct {
		devices []State
		want    Summary
	}{
		{nil, Summary{}},
		{[]State{StateQueued, StateHeld}, Summary{StateHeld, 0, 2}},
		{[]State{StateQueued, StateExpired}, Summary{StateQueued, 0, 2}},
		{[]State{StateExpired, StateExpired}, Summary{StateExpired, 0, 2}},
		{[]State{StateExpired, StateDelivered}, Summary{StateDelivered, 1, 2}},
		{[]State{StateRead, StateDelivered, StateQueued}, Summary{StateRead, 2, 3}},
	} {
		if got := Summarise(c.devices); got != c.want {
			t.Errorf("%v: %+v, not %+v", c.devices, got, c.want)
		}
	}
}

func TestStateWords(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range states {
		if w := s.String(); seen[w] || (w == "") != (s == StateNone) {
			t.Errorf("state %d is %q", s, w)
		} else {
			seen[w] = true
		}
	}
}
