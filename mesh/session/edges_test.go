package session

import (
	"bytes"
	"errors"
	"testing"

	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

// edge is a vectorRun whose blobs are opened when an open section says so.
type edge struct {
	vectorRun
	kept map[string]Sealed // by section
	from map[string]int
}

func (r *edge) late(name string, from int, sealed Sealed) {
	r.kept[name], r.from[name] = sealed, from
}

func (r *edge) lateStart(name string, from int, lostKeys bool) {
	s := r.ends[from]
	r.begin("start "+name, from)
	r.v.num("late", 1)
	var sealed Sealed
	if s.pair.waiting() != nil {
		r.v.num("again", 1)
		sealed = got(s.pair.Start(r.now, r.rand))(r.t)
	} else {
		if lostKeys {
			r.v.num("lost_keys", 1)
		}
		sealed = got(s.pair.start(r.now, s.pair.s.Contact, 0, lostKeys, r.rand))(r.t)
	}
	r.writeStart(from, sealed)
	r.late("start "+name, from, sealed)
}

func (r *edge) lateMessage(name string, from int, text string) {
	sealed := r.message(name, from, Content{Payload: []byte(text)}, true)
	r.late("message "+name, from, sealed)
}

func (r *edge) open(name string) {
	r.v.section("open " + name)
	r.v.num("now_ms", r.now.UnixMilli())
	from, sealed := r.from[name], r.kept[name]
	if _, err := r.ends[1-from].open(r.now, sealed.Blob, false); err != nil && !errors.Is(err, ErrSeen) {
		r.t.Fatalf("%s: %v", name, err)
	}
	r.ends[from].pair.Receipted(r.now, receiptFor(sealed.Ref))
}

// refused seals what a reader must refuse, as the next number of a copy of the sender.
func (r *edge) refused(name string, from int, plain []byte, change func(*sealing)) {
	s, to := r.ends[from], r.ends[1-from]
	copied := &side{t: r.t, dev: s.dev, rand: r.rand, pair: got(loaded(s.dev, whole(s.pair)))(r.t)}
	blob := copied.craft(r.now, wire.Class0, plain, change)
	r.rand.take()
	r.v.section("refused " + name)
	r.v.hex("from", []byte(s.name))
	r.v.hex("blob", blob)
	if _, err := to.open(r.now, blob, false); err == nil {
		r.t.Fatalf("%s is opened", name)
	}
}

func edgeVectors(t *testing.T) []byte {
	v := &vectors{}
	v.WriteString("# Vectors of docs/protocol/04-sessions.md, of what is rare; rewritten by `go test ./mesh/session -update`.\n")
	r := &edge{vectorRun{t: t, v: v, rand: &stream{}, now: epochStart}, map[string]Sealed{}, map[string]int{}}
	r.meet()
	r.starts()
	r.lateMessage("in the old chain", 0, "comes when the next chain has begun")
	r.message("after it", 0, Content{Payload: []byte("first opened")}, false)
	r.lateMessage("last of the old chain", 0, "named by pn alone")
	r.message("turn", 1, Content{Payload: []byte("turn")}, false)
	r.message("next chain", 0, Content{Payload: []byte("next")}, false)
	r.open("message in the old chain")
	r.open("message last of the old chain")
	for _, step := range []string{"to epoch 1", "to epoch 2"} {
		r.now = r.now.Add(day)
		for _, from := range []int{0, 1, 0, 1, 0, 1} {
			r.message(step, from, Content{Payload: []byte(step)}, false)
		}
	}
	r.epochs("two steps later")
	for _, n := range []int{3932, 3933, 65372} {
		r.message("class edge", 0, Content{Payload: bytes.Repeat([]byte("x"), n-5)}, false) // 5: map, key, head
	}
	r.message("before the refused", 1, Content{Payload: []byte("begins a chain")}, false)
	r.refused("not a map", 1, []byte{0x01}, nil)
	r.refused("a key that is not optional to know", 1, []byte{0xa1, 0x19, 0x80, 0x00, 0x00}, nil)
	r.refused("an integer that is not shortest", 1, []byte{0xa1, 0x18, 0x09, 0x00}, nil)
	r.refused("a short ek", 1, mustMarshal(contentBody{EK: make([]byte, ratchet.EKSize-1)}), nil)
	r.refused("a receipt of nothing", 1, mustMarshal(contentBody{Receipts: make([]wire.Receipt, 1)}), nil)
	r.refused("another pn in the same chain", 1, []byte{0xa0}, func(s *sealing) { s.ratchetHead.PN++ })
	r.refused("another header key", 1, []byte{0xa0}, func(s *sealing) { s.headerKey[0] ^= 1 })
	r.refused("another message key", 1, []byte{0xa0}, func(s *sealing) { s.message[0] ^= 1 })
	r.refused("a pn below what was opened", 0, []byte{0xa0}, func(s *sealing) { s.ratchetHead.PN-- })
	r.message("after the refused", 1, Content{Payload: []byte("the same number")}, false)
	return v.Bytes()
}

// starts has both ends start at once; the one that lost its keys goes before, after the
// other's blob has expired and was sealed again.
func (r *edge) starts() {
	r.lateStart("of A", 0, false)
	r.lateMessage("under the start of A", 0, "under A's")
	r.now = r.now.Add(59 * day)
	r.lateStart("of A again", 0, false)
	r.lateStart("of B, which lost its keys", 1, true)
	r.lateMessage("under the start of B", 1, "under B's")
	r.open("start of B, which lost its keys")
	r.open("start of A again")
	r.open("start of A") // seen
	r.open("message under the start of A")
	r.open("message under the start of B")
	for i, s := range r.ends {
		if sending, _ := s.pair.Sending(); sending != r.kept["start of B, which lost its keys"].Session {
			r.t.Fatalf("end %d sends on another session", i)
		}
	}
}
