package outbox

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
)

func everything(int64) bool { return true }
func nothing(int64) bool    { return false }

// TestNeverLost lets anything happen and then gives the queue a good link: every op
// is delivered, unless its blob had expired before, nothing was forgotten early, and
// the order on each link was right.
func TestNeverLost(t *testing.T) { rapid.Check(t, neverLost) }

// FuzzQueue looks for the same with the fuzzer's choices.
func FuzzQueue(f *testing.F) {
	for seed := range byte(8) {
		choices := make([]byte, 8192)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(choices) // it never fails
		f.Add(choices)
	}
	f.Fuzz(rapid.MakeFuzz(neverLost))
}

func neverLost(t *rapid.T) {
	w := newWorld()
	w.window = rapid.SampledFrom([]int{0, 0, 3, 40}).Draw(t, "window")
	t.Repeat(map[string]func(*rapid.T){
		"queue":    func(t *rapid.T) { w.queueOps(rapid.IntRange(1, 40).Draw(t, "ops")) },
		"up":       func(*rapid.T) { w.linkUp() },
		"down":     func(*rapid.T) { w.linkDown() },
		"kill":     func(*rapid.T) { w.restart() },
		"overtake": func(*rapid.T) { w.overtake() },
		"full":     func(*rapid.T) { w.refuse(wire.ReasonDiskFull) },
		"day":      func(*rapid.T) { w.refuse(wire.ReasonWrongDay) },
		"old":      func(*rapid.T) { w.oldReceipt() },
		"open":     func(*rapid.T) { w.step(WindowOpen{}) },
		"tick":     func(*rapid.T) { w.step(Tick{}) },
		"stale":    func(*rapid.T) { w.step(RouteDown{Link: w.link + 7}) },
		"arrive": func(t *rapid.T) {
			mask := rapid.Uint64().Draw(t, "kept")
			w.arrive(rapid.IntRange(0, 300).Draw(t, "n"), func(id int64) bool { return mask>>(id%64)&1 == 1 })
		},
		"pass": func(t *rapid.T) {
			w.pass(rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 90 * time.Second, 30 * 24 * time.Hour}).Draw(t, "time"))
		},
		"": func(t *rapid.T) {
			if len(w.faults) > 0 {
				t.Fatal(w.faults)
			}
		},
	})
	w.linkUp()
	for range 4000 {
		w.arrive(len(w.wire), everything)
		w.pass(time.Second)
	}
	if len(w.faults) > 0 {
		t.Fatal(w.faults)
	}
	for op := 1; op <= w.nextOp; op++ {
		if !w.have[op] && !w.expired[op] {
			t.Fatalf("op %d has not arrived over a good link: %+v", op, w.q)
		}
	}
	if blobs, ops := w.q.Pending(); blobs+ops != 0 {
		t.Fatalf("%d blobs and %d ops are left", blobs, ops)
	}
}

// TestGoodLink delivers a backlog in the order of its ops, in full batches.
func TestGoodLink(t *testing.T) {
	w := newWorld()
	w.queueOps(5000)
	if len(w.blobs) != 0 {
		t.Fatal("sealed without a link")
	}
	w.linkUp()
	for rounds := 0; len(w.wire) > 0; rounds++ {
		if rounds > 200 {
			t.Fatal("no end")
		}
		w.arrive(len(w.wire), everything)
	}
	if len(w.faults) > 0 {
		t.Fatal(w.faults)
	}
	if len(w.seen) != 5000 || !slices.IsSorted(w.seen) {
		t.Fatalf("%d ops arrived, sorted %t", len(w.seen), slices.IsSorted(w.seen))
	}
}

// TestOneOp is the way of a single message on an idle link: sealed and sent at once.
func TestOneOp(t *testing.T) {
	q := New()
	now := time.Unix(1_800_000_000, 0)
	if got := q.Step(now, Loaded{}); len(got) != 0 {
		t.Fatalf("%v after an empty load", got)
	}
	q.Step(now, RouteUp{Link: 4})
	if got := q.Step(now, OpsQueued{Ops: 1}); !slices.Equal(got, []Action{Seal{Max: SealMax}}) {
		t.Fatalf("queued: %v", got)
	}
	got := q.Step(now, Sealed{Blobs: []Blob{{ID: 9, Size: 4096, Expires: now.Add(LifeMax)}}, Ops: 1})
	if send, ok := got[0].(Transmit); !ok || send.Link != 4 || !slices.Equal(send.Blobs, []int64{9}) {
		t.Fatalf("sealed: %v", got)
	}
	if got := q.Step(now, Receipted{Blobs: []int64{9}}); len(got) != 0 {
		t.Fatalf("receipted before sent: %v", got)
	}
}

// TestResendTimes counts the transmissions of a blob whose receipt never comes.
func TestResendTimes(t *testing.T) {
	w := newWorld()
	w.queueOps(1)
	w.linkUp()
	start := w.now
	var at []time.Duration
	for w.now.Before(start.Add(5 * time.Minute)) {
		if len(w.wire) > 0 {
			at = append(at, w.now.Sub(start))
			w.arrive(1, nothing)
		}
		w.pass(time.Second)
	}
	want := []time.Duration{0, 5, 20, 80, 140, 200, 260}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(at, want) {
		t.Fatalf("transmitted at %v, not at %v", at, want)
	}
}

// TestNewLink sends what is unreceipted again at once, first and in order.
func TestNewLink(t *testing.T) {
	w := newWorld()
	w.queueOps(20)
	w.linkUp()
	before := slices.Clone(w.wire)
	w.arrive(len(w.wire), nothing)
	w.linkUp()
	if !slices.Equal(w.wire, before) || len(before) != 10 {
		t.Fatalf("first link %v, second %v", before, w.wire)
	}
}

// TestFlightLimit holds back what exceeds 256 blobs, and goes on as receipts come.
func TestFlightLimit(t *testing.T) {
	q := New()
	now := time.Unix(1_800_000_000, 0)
	var blobs []Blob
	for i := range PageMax {
		blobs = append(blobs, Blob{ID: int64(i + 1), Size: 1, Expires: now.Add(LifeMax)})
	}
	q.Step(now, Loaded{Blobs: blobs})
	sent := transmitted(t, q.Step(now, RouteUp{Link: 1}))
	if len(sent) != FlightBlobsMax {
		t.Fatalf("%d blobs at first", len(sent))
	}
	q.Step(now, Sent{Link: 1, Blobs: sent})
	more := transmitted(t, q.Step(now, Receipted{Blobs: sent[:10]}))
	if len(more) != 10 || more[0] != FlightBlobsMax+1 {
		t.Fatalf("after ten receipts: %v", more)
	}
}

// TestFlightBytes lets one blob of any size go, but no second beyond a mebibyte.
func TestFlightBytes(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		sizes []int
		want  int
	}{
		{[]int{FlightBytesMax + 5, 1}, 1},
		{[]int{FlightBytesMax, 1}, 1},
		{[]int{FlightBytesMax - 1, 1, 1}, 2},
		{[]int{1, FlightBytesMax, 1}, 1}, // nothing overtakes
	} {
		q := New()
		var blobs []Blob
		for i, size := range c.sizes {
			blobs = append(blobs, Blob{ID: int64(i + 1), Size: size, Expires: now.Add(LifeMax)})
		}
		q.Step(now, Loaded{Blobs: blobs, Ops: 3})
		todo := q.Step(now, RouteUp{Link: 1})
		if got := transmitted(t, todo); len(got) != c.want {
			t.Errorf("sizes %v: %v sent, not %d", c.sizes, got, c.want)
		}
		if slices.ContainsFunc(todo, func(a Action) bool { _, ok := a.(Seal); return ok }) {
			t.Errorf("sizes %v: sealed before everything was sent", c.sizes)
		}
	}
}

// TestNotBlocked lets others pass a flight full of blobs that never get a receipt.
func TestNotBlocked(t *testing.T) {
	w := newWorld()
	w.queueOps(2 * FlightBlobsMax)
	w.linkUp()
	poison := w.nextOp
	for range 120 {
		w.arrive(len(w.wire), func(id int64) bool { return id > int64(poison) })
		w.pass(time.Second)
	}
	w.queueOps(2)
	w.arrive(len(w.wire), func(id int64) bool { return slices.Contains(w.blobs[w.find(id)].ops, w.nextOp) })
	if !w.have[w.nextOp] {
		t.Fatal("a new message waits behind blobs that nobody receipts")
	}
	if len(w.faults) > 0 {
		t.Fatal(w.faults)
	}
}

// TestExpiry gives up at the end of a blob's life and not before; what was never
// sealed does not expire.
func TestExpiry(t *testing.T) {
	w := newWorld()
	w.queueOps(2)
	w.linkUp()
	w.linkDown()
	w.queueOps(2)
	w.pass(LifeMax - time.Second)
	w.step(Tick{})
	if len(w.expired) != 0 {
		t.Fatal("expired early")
	}
	w.pass(time.Second)
	if len(w.expired) != 2 || len(w.resting) != 2 {
		t.Fatalf("%d expired, %d rest", len(w.expired), len(w.resting))
	}
}

// TestPages loads a disk with more blobs than a page, without a link and with one.
func TestPages(t *testing.T) {
	w := newWorld()
	for range 3*PageMax + 7 {
		w.nextOp++
		w.nextID++
		w.blobs = append(w.blobs, stored{Blob: Blob{ID: w.nextID, Size: 4096, Expires: w.now.Add(LifeMax)}, ops: []int{w.nextOp}})
	}
	w.restart()
	if blobs, _ := w.q.Pending(); blobs != PageMax {
		t.Fatalf("%d blobs in memory", blobs)
	}
	w.linkUp()
	w.queueOps(1)
	for range 40 {
		w.arrive(len(w.wire), everything)
	}
	if len(w.faults) > 0 || len(w.seen) != w.nextOp || !slices.IsSorted(w.seen) {
		t.Fatalf("%d of %d arrived; %v", len(w.seen), w.nextOp, w.faults)
	}
}

// TestSealRace: ops that are queued while others are being sealed are not forgotten,
// whichever of the two events comes first.
func TestSealRace(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	blob := func(id int64) []Blob { return []Blob{{ID: id, Size: 4096, Expires: now.Add(LifeMax)}} }
	q := New()
	q.Step(now, Loaded{})
	q.Step(now, RouteUp{Link: 1})
	q.Step(now, OpsQueued{Ops: 1}) // asks for a Seal
	if got := q.Step(now, OpsQueued{Ops: 1}); slices.Contains(got, Action(Seal{Max: SealMax})) {
		t.Fatal("two Seals at once")
	}
	got := q.Step(now, Sealed{Blobs: blob(1), Ops: 1})
	if !slices.ContainsFunc(got, func(a Action) bool { _, ok := a.(Seal); return ok }) {
		t.Fatalf("the second op is forgotten: %v", got)
	}
	q.Step(now, Sealed{Blobs: blob(2), Ops: 3}) // took two that are announced only now
	if _, ops := q.Pending(); ops != 0 {
		t.Fatalf("%d ops rest", ops)
	}
	q.Step(now, OpsQueued{Ops: 2})
	if _, ops := q.Pending(); ops != 0 || q.sealing {
		t.Fatalf("%d ops rest, sealing %t", ops, q.sealing)
	}
}

// TestNothingRests: when the ops that rested are gone the queue does not ask for ever,
// and counts later ones right.
func TestNothingRests(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	q := New()
	q.Step(now, Loaded{Ops: 2})
	q.Step(now, RouteUp{Link: 1})
	if got := q.Step(now, Sealed{}); len(got) != 0 {
		t.Fatalf("when nothing rests: %v", got)
	}
	if got := q.Step(now, OpsQueued{Ops: 1}); !slices.Equal(got, []Action{Seal{Max: SealMax}}) {
		t.Fatalf("afterwards: %v", got)
	}
	q.Step(now, Sealed{Ops: 5}) // more than was ever announced
	if got := q.Step(now, OpsQueued{Ops: 1}); len(got) != 0 {
		t.Fatalf("already taken: %v", got)
	}
	q.Step(now, RouteUp{Link: 2})
	if got := q.Step(now, OpsQueued{Ops: 1}); !slices.Equal(got, []Action{Seal{Max: SealMax}}) {
		t.Fatalf("a new link starts counting anew: %v", got)
	}
}

// TestWindow stops sealing at the session's limit until it moves, or until another
// session takes over.
func TestWindow(t *testing.T) {
	for _, opens := range []Event{WindowOpen{}, Receipted{}, Overtaken{Session: [8]byte{9}}, RouteUp{Link: 1}} {
		now := time.Unix(1_800_000_000, 0)
		q := New()
		q.Step(now, Loaded{Ops: 1})
		q.Step(now, RouteUp{Link: 1})
		if got := q.Step(now.Add(time.Hour), WindowFull{}); len(got) != 0 {
			t.Fatalf("at the limit: %v", got)
		}
		now = now.Add(2 * time.Hour)
		if got := q.Step(now, Tick{}); len(got) != 0 {
			t.Fatalf("later at the limit: %v", got)
		}
		if got := q.Step(now, opens); !slices.Equal(got, []Action{Seal{Max: SealMax}}) {
			t.Fatalf("after %T: %v", opens, got)
		}
	}
}

// TestRefused seals again after a wrong day and waits a minute after anything else.
func TestRefused(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	q := New()
	q.Step(now, Loaded{Blobs: []Blob{{ID: 1, Size: 9, Expires: now.Add(LifeMax)}, {ID: 2, Size: 9, Expires: now.Add(LifeMax)}}})
	q.Step(now, RouteUp{Link: 1})
	q.Step(now, Sent{Link: 1, Blobs: []int64{1, 2}})
	if got := q.Step(now, Refused{Blob: 1, Reason: wire.ReasonWrongDay}); !slices.ContainsFunc(got, func(a Action) bool {
		r, ok := a.(Reseal)
		return ok && slices.Equal(r.Blobs, []int64{1})
	}) {
		t.Fatalf("wrong day: %v", got)
	}
	got := q.Step(now, Refused{Blob: 2, Reason: wire.ReasonDiskFull})
	if !slices.Equal(got, []Action{Wait{Until: now.Add(time.Minute)}}) {
		t.Fatalf("full disk: %v", got)
	}
	if got := q.Step(now, Refused{Blob: 77, Reason: wire.ReasonDiskFull}); len(got) != 1 {
		t.Fatalf("unknown blob: %v", got)
	}
}

func transmitted(t *testing.T, todo []Action) []int64 {
	t.Helper()
	for _, a := range todo {
		if send, ok := a.(Transmit); ok {
			return send.Blobs
		}
	}
	t.Fatalf("nothing transmitted: %v", todo)
	return nil
}
