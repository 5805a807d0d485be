package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sottovoce/mesh/identity"
	"sottovoce/mesh/ratchet"
	"sottovoce/mesh/wire"
)

var update = flag.Bool("update", false, "rewrite the vectors in testdata")

// vectors collects named values; the format is in 04-sessions#test-vectors.
type vectors struct{ bytes.Buffer }

func (v *vectors) section(name string)       { fmt.Fprintf(v, "\n[%s]\n", name) }
func (v *vectors) hex(name string, b []byte) { fmt.Fprintf(v, "%s = %x\n", name, b) }
func (v *vectors) num(name string, n int64)  { fmt.Fprintf(v, "%s = %d\n", name, n) }

// stream is the randomness of the vectors: SHA-256("sv1 vectors" ‖ counter),
// counter as four bytes big endian, from 0; what a step drew is in drawn.
type stream struct {
	counter uint32
	rest    []byte
	drawn   []byte
}

func (s *stream) Read(b []byte) (int, error) {
	for len(s.rest) < len(b) {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("sv1 vectors"), s.counter))
		s.rest = append(s.rest, sum[:]...)
		s.counter++
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	s.drawn = append(s.drawn, b...)
	return n, nil
}

func (s *stream) take() []byte {
	defer func() { s.drawn = nil }()
	return s.drawn
}

type vectorRun struct {
	t    *testing.T
	v    *vectors
	rand *stream
	now  time.Time
	ends [2]*side
}

// message seals, writes down and, unless it is late, opens.
func (r *vectorRun) message(name string, from int, c Content, late bool) Sealed {
	s := r.ends[from]
	r.begin("message "+name, from)
	copied := s.pair.s.Sessions[0].Ratchet.Clone()
	again := *r.rand // the same randomness, twice
	m := got(copied.Next(r.now, &again, replayed))(r.t)
	sealed := got(s.pair.Seal(r.now, c, r.rand))(r.t)
	r.v.hex("rand", r.rand.take())
	r.v.hex("session", sealed.Session[:])
	r.v.num("chain", int64(sealed.Chain))
	r.v.num("n", int64(sealed.N))
	r.v.hex("ratchet_header", m.Header.Append(nil))
	r.v.hex("header_key", m.HeaderKey[:])
	r.v.hex("message_key", m.Key[:])
	plain, _, _, err := c.encode(m)
	must(r.t, err)
	r.v.hex("content", plain)
	r.v.hex("delete", sealed.Delete[:])
	r.v.hex("blob", sealed.Blob)
	if late {
		r.v.num("late", 1)
	} else {
		r.ends[1-from].mustOpen(r.now, sealed)
	}
	return sealed
}

func (r *vectorRun) epochs(name string) {
	r.v.section("epochs " + name)
	for _, s := range r.ends {
		for _, e := range s.pair.s.Sessions[0].Ratchet.Epochs() {
			r.v.hex(fmt.Sprintf("%s_link_%d", s.name, e.Number), e.Link[:])
			r.v.hex(fmt.Sprintf("%s_reset_%d", s.name, e.Number), e.Reset[:])
		}
		r.v.num(s.name+"_confirmed", int64(s.confirmed()))
	}
}

func (r *vectorRun) start(name string, from int) {
	r.begin("start "+name, from)
	sealed := got(r.ends[from].pair.Start(r.now, r.rand))(r.t)
	r.writeStart(from, sealed)
	r.ends[1-from].mustOpen(r.now, sealed)
	r.ends[from].pair.Receipted(r.now, receiptFor(sealed.Ref))
}

func (r *vectorRun) begin(section string, from int) {
	r.v.section(section)
	r.v.hex("from", []byte(r.ends[from].name))
	r.v.num("now_ms", r.now.UnixMilli())
}

func (r *vectorRun) writeStart(from int, sealed Sealed) {
	s := r.ends[from]
	r.v.hex("rand", r.rand.take())
	own := s.pair.waiting()
	key := startKey(own.Start.Keying)
	h := got(wire.ParseBlob(sealed.Blob))(r.t)
	message, headerKey := startKeys(key, h.Tag)
	r.v.hex("keying", own.Start.Keying[:])
	r.v.hex("start_key", key[:])
	r.v.hex("message_key", message[:])
	r.v.hex("header_key", headerKey[:])
	r.v.hex("ratchet_header", own.Start.Head.Append(nil))
	r.v.hex("content", own.Start.Content)
	r.v.hex("order", own.Order[:])
	r.v.hex("session", sealed.Session[:])
	r.v.hex("delete", sealed.Delete[:])
	r.v.hex("blob", sealed.Blob)
}

// meet makes the two devices, their bundles and their contact.
func (r *vectorRun) meet() {
	var devs [2]*identity.Device
	var own [2]*BundleSecrets
	var accounts [2]identity.AccountID
	var heads [2][]wire.Hash
	for i := range devs {
		name := string(rune('A' + i))
		r.v.section("device " + name)
		var seed identity.DeviceSeed
		must(r.t, readInto(r.rand, seed[:]))
		must(r.t, readInto(r.rand, accounts[i][:]))
		heads[i] = make([]wire.Hash, 1+i)
		for k := range heads[i] {
			must(r.t, readInto(r.rand, heads[i][k][:]))
			r.v.hex(fmt.Sprint("head_", k), heads[i][k][:])
		}
		r.rand.take()
		devs[i] = identity.DeviceFromSeed(seed)
		id := devs[i].ID()
		r.v.hex("seed", seed[:])
		r.v.hex("id", id[:])
		r.v.hex("account", accounts[i][:])
		own[i] = got(NewBundle(devs[i], heads[i], i, epochStart, r.rand))(r.t)
		r.v.section("bundle " + name)
		r.v.num("now_ms", epochStart.UnixMilli())
		r.v.num("one_time_pairs", int64(i))
		r.v.hex("rand", r.rand.take())
		r.v.hex("heads_hash", own[i].s.Heads[:])
		r.v.hex("object", own[i].Public())
		r.v.hex("id", own[i].s.ID[:])
	}
	r.v.section("contact")
	var secret [32]byte
	must(r.t, readInto(r.rand, secret[:]))
	r.v.hex("secret", r.rand.take())
	public := [2][]byte{own[0].Public(), own[1].Public()}
	for i := range r.ends {
		r.ends[i] = &side{t: r.t, name: string(rune('A' + i)), dev: devs[i], rand: r.rand, skipped: map[[16]byte]SkippedKey{}}
		r.ends[i].pair = got(NewPair(PairConfig{
			Our: devs[i], OurAccount: accounts[i], TheirAccount: accounts[1-i], OurHeads: heads[i], TheirHeads: heads[1-i],
			Their: devs[1-i].Public(), Secret: secret, OurBundle: own[i], TheirBundle: public[1-i], Encapsulate: replayed,
		}))(r.t)
	}
}

func conversationVectors(t *testing.T) []byte {
	v, src := &vectors{}, &stream{}
	v.WriteString("# Vectors of docs/protocol/04-sessions.md; rewritten by `go test ./mesh/session -update`.\n")
	r := &vectorRun{t: t, v: v, rand: src, now: epochStart}
	r.meet()
	r.start("first, with a one-time pair", 0)
	first := r.message("skipped", 0, Content{Payload: []byte("number 0, which comes late")}, true)
	r.message("first opened", 0, Content{Payload: []byte("number 1, which comes first")}, false)
	key := r.ends[1].skipped[got(wire.ParseBlob(first.Blob))(t).Tag]
	v.section("skipped key")
	v.hex("tag", key.Tag[:])
	v.hex("key", key.Key[:])
	r.ends[1].mustOpen(r.now, first)
	r.message("reply", 1, Content{Payload: []byte("reply"), Receipts: []wire.Receipt{{
		Session: first.Session, Start: true, Ranges: []wire.Range{{Chain: 0, First: 0, Last: 1}},
	}}}, false)
	r.message("second chain", 0, Content{Payload: []byte("second chain")}, false)
	r.epochs("before the step")
	r.now = r.now.Add(day)
	r.message("key rides", 0, Content{Payload: []byte("with ek")}, false)
	r.message("answer rides", 1, Content{Payload: []byte("with ct")}, false)
	r.message("confirms", 0, Content{Payload: []byte("first in epoch 1")}, false)
	r.message("confirmed", 1, Content{Payload: []byte("in epoch 1 too")}, false)
	r.epochs("after the step")
	r.message("class 1", 1, Content{Payload: bytes.Repeat([]byte("x"), 4000)}, false)
	r.ends[0].toLimit(r.now)
	src.take()
	r.now = r.now.Add(58 * day)
	r.start("reset", 0)
	r.message("after the reset", 1, Content{Payload: []byte("anew")}, false)
	return v.Bytes()
}

// What each number of the vectors means is in the specification; a second
// implementation confirms them from it alone.
//
// spec: 04-sessions#test-vectors
func TestVectors(t *testing.T) {
	for name, made := range map[string][]byte{"conversation.txt": conversationVectors(t), "edges.txt": edgeVectors(t)} {
		compareVectors(t, filepath.Join("testdata", name), made)
	}
}

func compareVectors(t *testing.T, file string, made []byte) {
	t.Helper()
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(file, made, 0o644))
	}
	want := got(os.ReadFile(file))(t)
	if !bytes.Equal(made, want) {
		a, b := bytes.Split(made, []byte("\n")), bytes.Split(want, []byte("\n"))
		for i := range min(len(a), len(b)) {
			if !bytes.Equal(a[i], b[i]) {
				t.Fatalf("line %d: made %.120s, want %.120s", i+1, a[i], b[i])
			}
		}
		t.Fatalf("%d lines, want %d", len(a), len(b))
	}
}

var _ io.Reader = (*stream)(nil)

// The state of a pair at its largest: every bundle, session, run and count
// that the limits allow, with as little room as possible between them.
func TestStateIsBounded(t *testing.T) {
	now := epochStart
	a, b := newSides(t, "bounded state", 3, now)
	start := a.start(now)
	b.mustOpen(now, start)
	p := b.pair
	p.s.OurHeads = make([]wire.Hash, headsMax)
	must(t, readInto(b.rand, p.s.Ours[0].LastResort))
	p.s.Ours[0].Object = make([]byte, 2800+headsMax*34) // what Offer makes
	p.s.Ours[0].OneTime = [][]byte{make([]byte, oneTimeSize)}
	one := p.s.Ours[0]
	old := one
	old.Object, old.Gone = nil, 0xffff
	p.s.Ours = nil
	for range bundlesMax - 1 {
		p.s.Ours = append(p.s.Ours, old)
	}
	p.s.Ours = append(p.s.Ours, one)
	for range theirBundlesMax - 1 {
		p.s.Theirs = append(p.s.Theirs, theirBundle{Gone: 0xffff})
	}
	p.s.TheirBundle = make([]byte, 5200+headsMax*34)
	for range seenMax - 1 {
		p.s.Seen = append(p.s.Seen, seenStart{Until: 0xffff})
	}
	s := p.s.Sessions[0]
	s.Number, s.LostKeys, s.Ours, s.Heard, s.Dies = 1<<32-1, true, true, true, 0xffff
	for d := range uint16(keyDays) {
		s.Skipped = append(s.Skipped, skippedDay{Until: 0xff00 + d, Count: 33})
	}
	for i := range uint32(recentMax) {
		s.Recent = append(s.Recent, wire.Range{Chain: 70000 + i, First: 200, Last: 300})
	}
	loser := s
	s.Start = &ourStart{Content: make([]byte, 1400), Day: 0xffff}
	for i := range uint32(unreceiptedMax) {
		s.Window.Runs = append(s.Window.Runs, run{Chain: 70000 + i, First: i % 2 * 40, Count: 1, Position: 100000 + 2*i, Day: 0xfff0})
	}
	r := p.s.Sessions[0].Ratchet
	must(t, grow(&r, now))
	s.Ratchet, loser.Ratchet = r, r
	s.Dies = 0
	p.s.Sessions = []session{s}
	for range sessionsMax - 1 {
		loser.Ratchet.Retire()
		p.s.Sessions = append(p.s.Sessions, loser)
	}
	t.Logf("%d and %d bytes", len(p.SaveFixed()), len(p.Save()))
	p.changed()
	b.reload()
}

// grow brings a ratchet to three epochs and an outstanding answer, as far as
// its size goes.
func grow(r *ratchet.State, now time.Time) error {
	raw, err := r.MarshalCBOR()
	if err != nil {
		return err
	}
	var fields map[uint64]any
	if err := wire.Unmarshal(raw, &fields); err != nil {
		return err
	}
	pq := fields[10].(map[any]any)
	epochs := pq[uint64(1)].([]any)
	pq[uint64(1)] = []any{epochs[0], epochs[0], epochs[0]}
	pq[uint64(4)] = make([]byte, ratchet.EKSize)
	raw, err = wire.Marshal(fields)
	if err != nil {
		return err
	}
	return r.UnmarshalCBOR(raw)
}
