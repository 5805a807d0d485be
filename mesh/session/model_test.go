package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sottovoce/mesh/wire"
)

// The expectations of models/starts.py and models/window.py, on the code: two
// nodes as small as can be, a network that loses, repeats and reorders, a crash
// at every step. Once the network delivers again, both send on one session, and
// everything written was shown exactly once.

// node is a side with an outbox and a display.
type node struct {
	*side
	outbox map[string]Sealed // by op: the last blob that holds it
	shown  map[string]int
	ops    int
	start  *Sealed // our start, until it is receipted
}

// parcel is a blob or a receipt on its way to node to; it stays in the network
// and may come again.
type parcel struct {
	to      int
	blob    []byte
	receipt *wire.Receipt
}

type world struct {
	t     *rapid.T
	now   time.Time
	nodes [2]*node
	air   []parcel
}

func (w *world) settleStart(i int) {
	n := w.nodes[i]
	if !n.pair.NeedsStart(w.now) {
		return
	}
	sealed := n.side.start(w.now)
	n.start = &sealed
	w.air = append(w.air, parcel{to: 1 - i, blob: sealed.Blob})
	w.reseal(i)
}

func (w *world) put(i int, op string) {
	n := w.nodes[i]
	c := Content{Payload: []byte(op), Receipts: n.pair.Receipts()}
	if n.pair.BundleDue(w.now) {
		c.Bundle = got(n.pair.Offer(w.now, n.rand))(w.t)
	}
	sealed := got(n.pair.Seal(w.now, c, n.rand))(w.t)
	n.reload()
	n.outbox[op] = sealed
	w.air = append(w.air, parcel{to: 1 - i, blob: sealed.Blob})
}

func (w *world) write(i int) {
	n := w.nodes[i]
	if _, ok := n.pair.Sending(); !ok {
		return
	}
	w.put(i, fmt.Sprintf("%s%d", n.name, n.ops))
	n.ops++
}

// reseal seals again what is unreceipted under an overtaken session.
func (w *world) reseal(i int) {
	n := w.nodes[i]
	var ops []string
	for op, s := range n.outbox {
		if n.pair.Overtaken(s.Session) {
			ops = append(ops, op)
		}
	}
	slices.Sort(ops)
	for _, op := range ops {
		w.put(i, op)
	}
}

// deliver reports whether the parcel was of use.
func (w *world) deliver(p parcel, far bool) bool {
	n := w.nodes[p.to]
	if p.receipt != nil {
		changed := n.pair.Receipted(w.now, *p.receipt)
		n.reload()
		n.strike(*p.receipt)
		return changed
	}
	opened, err := n.side.open(w.now, p.blob, far)
	switch {
	case errors.Is(err, errNoTag), errors.Is(err, ErrNoSession):
		return false
	case errors.Is(err, ErrPrekey), errors.Is(err, ErrNotForUs):
		return false // a start that is older than its prekeys, or lost long ago
	case errors.Is(err, ErrSeen):
	case err != nil:
		w.t.Fatalf("%s: open: %v", n.name, err)
	case len(opened.Payload) > 0:
		n.shown[string(opened.Payload)]++
	}
	for _, r := range opened.Receipts {
		n.strike(r)
	}
	if opened.Reseal {
		w.reseal(p.to)
	}
	if len(n.outbox) > 0 {
		w.settleStart(p.to)
	}
	r := receiptFor(opened.Ref)
	w.air = append(w.air, parcel{to: 1 - p.to, receipt: &r})
	return err == nil
}

// strike lets go of what is receipted.
func (n *node) strike(r wire.Receipt) {
	for op, s := range n.outbox {
		if covers(r, s.Ref) {
			delete(n.outbox, op)
		}
	}
	if n.start != nil && r.Start && r.Session == n.start.Session {
		n.start = nil
	}
}

func covers(r wire.Receipt, s Ref) bool {
	return r.Session == s.Session && slices.ContainsFunc(r.Ranges, func(g wire.Range) bool {
		return g.Chain == s.Chain && g.First <= s.N && s.N <= g.Last
	})
}

// calm delivers everything that is wanted until nothing changes: at first by
// the near tables, then as far as may be.
func (w *world) calm() {
	for far := false; ; {
		useful := false
		for k := 0; k < len(w.air); k++ {
			useful = w.deliver(w.air[k], far) || useful
		}
		if !useful && far {
			return
		}
		far = !useful // at the end of every catch-up
	}
}

func (w *world) check() {
	a, b := w.nodes[0], w.nodes[1]
	sa, oka := a.pair.Sending()
	sb, okb := b.pair.Sending()
	if sa != sb || oka != okb {
		w.t.Fatalf("two sending sessions: %x and %x", sa, sb)
	}
	for i, n := range w.nodes {
		other := w.nodes[1-i]
		for k := range n.ops {
			op := fmt.Sprintf("%s%d", n.name, k)
			if other.shown[op] == 0 {
				w.t.Fatalf("%s was never shown", op)
			}
		}
		if len(n.outbox) > 0 {
			w.t.Fatalf("%s still keeps %d", n.name, len(n.outbox))
		}
	}
	if oka && !sameSecrets([]Secret{a.pair.DialSecret()}, b.pair.AcceptSecrets()) ||
		oka && !sameSecrets([]Secret{b.pair.DialSecret()}, a.pair.AcceptSecrets()) {
		w.t.Fatal("no link")
	}
}

// linked holds at every moment: whatever is lost, each can dial the other.
func (w *world) linked() {
	a, b := w.nodes[0], w.nodes[1]
	if !sameSecrets([]Secret{a.pair.DialSecret()}, b.pair.AcceptSecrets()) {
		w.t.Fatal("B does not accept what A dials with")
	}
	if !sameSecrets([]Secret{b.pair.DialSecret()}, a.pair.AcceptSecrets()) {
		w.t.Fatal("A does not accept what B dials with")
	}
}

func TestConversations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, now: epochStart}
		a, b := newSides(t, "model"+fmt.Sprint(rapid.IntRange(0, 1000).Draw(t, "seed")), rapid.IntRange(0, 1).Draw(t, "pairs"), w.now)
		for i, s := range []*side{a, b} {
			w.nodes[i] = &node{side: s, outbox: map[string]Sealed{}, shown: map[string]int{}}
		}
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for range steps {
			i := rapid.IntRange(0, 1).Draw(t, "who")
			switch what := rapid.IntRange(0, 12).Draw(t, "what"); {
			case what == 0:
				w.settleStart(i)
			case what <= 4:
				w.write(i)
			case what <= 10 && len(w.air) > 0:
				w.deliver(w.air[rapid.IntRange(0, len(w.air)-1).Draw(t, "parcel")], false)
			case what == 11:
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
			case what == 12 && w.nodes[i].pair.waiting() == nil && len(w.nodes[i].pair.s.Sessions) > 0:
				w.reset(i)
			}
			w.linked()
		}
		for i, n := range w.nodes { // a start that nobody read is sent again
			if n.start != nil {
				w.air = append(w.air, parcel{to: 1 - i, blob: n.start.Blob})
			}
		}
		w.calm()
		w.check()
		for _, n := range w.nodes {
			for op, times := range n.shown {
				if times > 1 && len(n.pair.s.Sessions) == 1 {
					t.Fatalf("%s opened %d times under one session", op, times)
				}
			}
		}
	})
}

// reset begins a session keyed by the one in use, without waiting for its
// limit.
func (w *world) reset(i int) {
	n := w.nodes[i]
	sealed := n.resetBy(w.now)
	n.start = &sealed
	w.air = append(w.air, parcel{to: 1 - i, blob: sealed.Blob})
	w.reseal(i)
}

// fixed orders of the network for both starting at once: every interleaving of
// reading the two starts and two messages on either side.
func TestBothStartAtOnce(t *testing.T) {
	for seed := range 4 { // either may win
		for order := range 64 {
			now := epochStart
			a, b := newSides(t, fmt.Sprint("both", seed), seed%2, now)
			sa, sb := a.start(now), b.start(now)
			ma, mb := a.seal(now, "from A"), b.seal(now, "from B")
			toA, toB := []Sealed{sb, mb}, []Sealed{sa, ma}
			if order&1 != 0 {
				slices.Reverse(toA)
			}
			if order&2 != 0 {
				slices.Reverse(toB)
			}
			seen := map[string]bool{}
			read := func(s *side, list []Sealed) {
				for range 2 { // what has no tag yet waits
					for _, x := range list {
						if o, err := s.open(now, x.Blob, false); err == nil && len(o.Payload) > 0 {
							seen[string(o.Payload)] = true
						}
					}
				}
			}
			if order&4 != 0 {
				read(a, toA)
				a.talkLater(now, seen, b, order&8 != 0)
				read(b, toB)
			} else {
				read(b, toB)
				b.talkLater(now, seen, a, order&8 != 0)
				read(a, toA)
			}
			if order&16 != 0 {
				a.talk(now, b, "and on")
			}
			if order&32 != 0 {
				b.talk(now, a, "and on")
			}
			one, _ := a.pair.Sending()
			two, _ := b.pair.Sending()
			if one != two || !seen["from A"] || !seen["from B"] {
				t.Fatalf("seed %d, order %d: %x %x, %v", seed, order, one, two, seen)
			}
			loser := sa.Session
			if one == loser {
				loser = sb.Session
			}
			if !a.pair.Overtaken(loser) || !b.pair.Overtaken(loser) || a.pair.Overtaken(one) {
				t.Fatal("the loser is not overtaken")
			}
		}
	}
}

// talkLater seals between the two readings; the blob may be read at once.
func (s *side) talkLater(now time.Time, seen map[string]bool, o *side, do bool) {
	if !do {
		return
	}
	sealed := s.seal(now, "between")
	if opened, err := o.open(now, sealed.Blob, false); err == nil {
		seen[string(opened.Payload)] = true
	}
}
