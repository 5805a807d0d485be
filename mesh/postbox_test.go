package mesh

import (
	"testing"

	"sottovoce/mesh/wire"
)

// Nothing leaves before the greeting, which goes first whatever was put before it; and a box that is closed takes nothing.
func TestPostboxGreetsFirst(t *testing.T) {
	box := newPostbox()
	woken := func() bool {
		select {
		case <-box.wake:
			return true
		default:
			return false
		}
	}
	holds := func(want ...wire.Frame) {
		t.Helper()
		parcels := box.take()
		if len(parcels) != len(want) {
			t.Fatalf("%d parcels, not %d", len(parcels), len(want))
		}
		for i, p := range parcels {
			if p.frames[0].FrameType() != want[i].FrameType() {
				t.Errorf("parcel %d: %T", i, p.frames[0])
			}
		}
	}
	frame := func(f wire.Frame) parcel { return parcel{frames: []wire.Frame{f}} }

	box.put(frame(wire.Typing{}))
	if woken() {
		t.Error("it would be sent before the greeting")
	}
	box.greet(frame(wire.Padding{}))
	if !woken() {
		t.Error("the greeting is not sent")
	}
	holds(wire.Padding{}, wire.Typing{})
	box.put(frame(wire.Typing{}))
	box.greet(frame(wire.Padding{})) // once more
	holds(wire.Typing{}, wire.Padding{})
	box.close()
	box.put(frame(wire.Typing{}))
	box.greet(frame(wire.Padding{}))
	holds()
}
