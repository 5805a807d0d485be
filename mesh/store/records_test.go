package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// filled is an open store with a world.
func filled(t testing.TB) (*Store, *world) {
	t.Helper()
	s, w := openHome(t, newHome(t)), newWorld()
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	return s, w
}

func TestDuplicateAndFork(t *testing.T) {
	s, w := filled(t)
	doUpdate(t, s, func(tx *Tx) {
		op := w.Ops[0]
		op.Seq, op.Received, op.State = 0, 99, 3
		dup, err := tx.AppendOp(&op)
		must(t, err)
		same(t, dup, true)
		same(t, op.Seq, w.Ops[0].Seq)
		fork := w.Ops[0]
		fork.ID[0] ^= 1
		if _, err := tx.AppendOp(&fork); !errors.Is(err, ErrFork) {
			t.Error(err)
		}
		elsewhere := w.Ops[0]
		elsewhere.Conversation = w.Conversations[1].ID
		dup, err = tx.AppendOp(&elsewhere)
		must(t, err)
		same(t, dup, false)
		for _, op := range []Op{{AuthorSeq: 1 << 63}, {Lamport: 1 << 63}} {
			op.Conversation = w.Conversations[0].ID
			if _, err := tx.AppendOp(&op); err == nil {
				t.Error("out of range, and taken")
			}
		}
		must(t, tx.change("DELETE FROM ops WHERE seq = "+itoa(elsewhere.Seq)).execOne())
	})
	checkWorld(t, s, w)
}

func itoa(n int64) string { return string(appendInt(nil, n)) }

func appendInt(b []byte, n int64) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

// The display order is (lamport, author, id), whatever the order of arrival, and
// pages of any size join without a gap or a repetition.
func TestLogInDisplayOrder(t *testing.T) {
	s, _ := filled(t)
	c := Conversation{Key: [32]byte{77}}
	random := rand.New(seeded("log"))
	var want []Op
	doUpdate(t, s, func(tx *Tx) {
		must(t, tx.PutConversation(&c))
		for i := range uint64(200) {
			op := Op{Conversation: c.ID, AuthorSeq: i, Lamport: random.Uint64N(20), Body: []byte{byte(i)}}
			op.Author[0] = byte(random.UintN(5) * 60) // beyond 127, too: bytes have no sign
			binary.BigEndian.PutUint64(op.ID[:], random.Uint64())
			_, err := tx.AppendOp(&op)
			must(t, err)
			want = append(want, op)
		}
	})
	slices.SortFunc(want, func(a, b Op) int {
		return cmp.Or(cmp.Compare(a.Lamport, b.Lamport), a.Author.Compare(b.Author), bytes.Compare(a.ID[:], b.ID[:]))
	})
	for _, page := range []int{1, 7, 200, 1000} {
		var got []Op
		doView(t, s, func(tx *Tx) {
			for before := (*Position)(nil); ; {
				ops, err := tx.Log(c.ID, before, page)
				must(t, err)
				if len(ops) == 0 {
					return
				}
				got = append(slices.Clone(ops), got...)
				position := ops[0].Position()
				before = &position
			}
		})
		same(t, got, want)
	}
	doView(t, s, func(tx *Tx) {
		for _, limit := range []int{0, -1} {
			ops, err := tx.Log(c.ID, nil, limit)
			must(t, err)
			same(t, len(ops), 0)
		}
		ops, err := tx.Log(c.ID, &Position{Lamport: 1<<64 - 1}, 500)
		must(t, err)
		same(t, len(ops), 200)
	})
}

func TestOpsByPrefix(t *testing.T) {
	s, w := filled(t)
	ids := [][32]byte{{0xff, 0}, {0xff, 0xff, 1}, {0xff, 0xff, 2}, {0x7f}, {0x80}, {9, 9, 9, 9, 9, 9, 9, 9, 1}, {9, 9, 9, 9, 9, 9, 9, 9, 2}}
	var ops []Op
	doUpdate(t, s, func(tx *Tx) {
		for i, id := range ids {
			op := Op{Conversation: w.Conversations[1].ID, AuthorSeq: uint64(i), ID: id, Body: []byte{1}}
			_, err := tx.AppendOp(&op)
			must(t, err)
			ops = append(ops, op)
		}
	})
	doView(t, s, func(tx *Tx) {
		for _, c := range []struct {
			prefix []byte
			want   []Op
		}{
			{[]byte{0xff}, ops[:3]},
			{[]byte{0xff, 0xff}, ops[1:3]},
			{[]byte{0xff, 0xff, 2}, ops[2:3]},
			{[]byte{0x7f}, ops[3:4]},
			{[]byte{0x80}, ops[4:5]},
			{[]byte{9, 9, 9, 9, 9, 9, 9, 9}, ops[5:7]},
			{[]byte{9, 9, 9, 9, 9, 9, 9, 9, 2}, ops[6:7]},
			{ids[6][:], ops[6:7]},
			{[]byte{1}, nil},
			{nil, nil},
			{make([]byte, 33), nil},
		} {
			got, err := tx.OpsByPrefix(c.prefix, 10)
			must(t, err)
			same(t, got, c.want)
		}
		got, err := tx.OpsByPrefix([]byte{0xff}, 2)
		must(t, err)
		same(t, len(got), 2)
	})
}

// A change of state does not write a long body again.
func TestChangeOfStateIsSmall(t *testing.T) {
	s, w := filled(t)
	doUpdate(t, s, func(tx *Tx) { must(t, tx.SetOpState(w.Ops[1].Seq, 6)) })
	for state := range uint8(6) {
		scrub(t, s)
		doUpdate(t, s, func(tx *Tx) { must(t, tx.SetOpState(w.Ops[1].Seq, state)) })
		fi, err := os.Stat(inHome(s.home, databaseName+"-wal"))
		must(t, err)
		if fi.Size() > 3*4096 { // two pages and what frames them
			t.Errorf("state %d costs %d bytes for a body of %d", state, fi.Size(), len(w.Ops[1].Body))
		}
	}
}

func TestSkippedKeys(t *testing.T) {
	s, w := filled(t)
	key := func(pair int64, session byte, n int) SkippedKey {
		k := SkippedKey{Pair: pair, Session: [8]byte{session}, N: uint32(n), Until: int64(n)}
		binary.BigEndian.PutUint64(k.Tag[8:], uint64(n)) // the same first 8 bytes throughout
		k.Tag[0], k.Key[0] = session, byte(n)
		return k
	}
	var many []SkippedKey
	for n := range skippedSessionMax {
		many = append(many, key(w.Pairs[0].ID, 1, n))
	}
	other := key(w.Pairs[0].ID, 2, 1)
	doUpdate(t, s, func(tx *Tx) {
		must(t, tx.AddSkipped(append(many, other)))
		must(t, tx.AddSkipped(nil))
	})
	count := func() (n int64) {
		t.Helper()
		doView(t, s, func(tx *Tx) {
			must(t, tx.query("SELECT count(*) FROM skipped").each(func(r *row) { n = r.int(0) }))
		})
		return n
	}
	all := int64(skippedSessionMax + 1 + len(w.Skipped))
	same(t, count(), all)
	find := func(k SkippedKey, want bool) {
		t.Helper()
		doView(t, s, func(tx *Tx) {
			got, err := tx.Skipped(k.Tag)
			must(t, err)
			if (got != nil) != want || want && *got != k {
				t.Errorf("key %d of session %d: found %v", k.N, k.Session[0], got != nil)
			}
		})
	}
	find(many[0], true)
	find(many[1999], true)
	newest := key(w.Pairs[0].ID, 1, skippedSessionMax)
	doUpdate(t, s, func(tx *Tx) { must(t, tx.AddSkipped([]SkippedKey{newest})) })
	same(t, count(), all)
	find(newest, true)
	find(many[0], false) // the oldest went
	find(many[1], true)
	find(other, true)
	doUpdate(t, s, func(tx *Tx) {
		must(t, tx.DeleteSkipped(newest.Tag))
		must(t, tx.DeleteSkipped(newest.Tag))
		n, err := tx.ExpireSkipped(100)
		must(t, err)
		same(t, n, 100+1) // 1 to 100, and the other session's
	})
	find(many[100], false)
	find(many[101], true)
	find(w.Skipped[0], true)
	same(t, count(), all-1-101)
	doUpdate(t, s, func(tx *Tx) { must(t, tx.DeleteSkippedIn(many[101].Pair, many[101].Session)) })
	find(many[101], false)
	find(w.Skipped[0], true)
}

// outbox is six deliveries of one op to one pair, beside those of the world.
type outbox struct {
	t   *testing.T
	w   *world
	ds  []Delivery
	ids []int64
}

func newOutbox(t *testing.T) (*Store, *outbox) {
	s, w := filled(t)
	o := &outbox{t: t, w: w, ds: make([]Delivery, 6)}
	doUpdate(t, s, func(tx *Tx) {
		for i := range o.ds {
			o.ds[i] = Delivery{Op: w.Ops[1].Seq, Pair: w.Pairs[1].ID, State: stateQueued, Time: int64(i)}
			must(t, tx.PutDelivery(&o.ds[i]))
			o.ids = append(o.ids, o.ds[i].ID)
		}
	})
	return s, o
}

// seal seals some deliveries and notes it in what is expected.
func (o *outbox) seal(tx *Tx, blob int64, which ...int) {
	o.t.Helper()
	var ids []int64
	for _, i := range which {
		o.ds[i].Blob = blob
		ids = append(ids, o.ids[i])
	}
	must(o.t, tx.SealDeliveries(ids, blob))
}

// are checks an answer: the deliveries of these numbers.
func (o *outbox) are(got []Delivery, err error) func(want ...int) {
	return func(want ...int) {
		o.t.Helper()
		must(o.t, err)
		var wanted []Delivery
		for _, i := range want {
			wanted = append(wanted, o.ds[i])
		}
		same(o.t, got, wanted)
	}
}

func (o *outbox) counts(tx *Tx, wantQueued, wantHeld int) {
	o.t.Helper()
	var got [2]int
	for _, kind := range []uint8{o.w.Ops[0].Kind, o.w.Ops[1].Kind} {
		queued, held, err := tx.PendingCount(kind, kind)
		must(o.t, err)
		got[0], got[1] = got[0]+queued, got[1]+held
	}
	same(o.t, got, [2]int{wantQueued, wantHeld})
}

func TestPendingDeliveries(t *testing.T) {
	s, o := newOutbox(t)
	pair, op := o.w.Pairs[1].ID, o.w.Ops[1].Seq
	doUpdate(t, s, func(tx *Tx) {
		o.counts(tx, 1+6, 0)
		o.are(tx.Deliveries(pair, true, 4))(0, 1, 2, 3)
		o.seal(tx, o.w.OutBlobs[0].ID, 0, 1, 2)
		o.seal(tx, o.w.OutBlobs[1].ID, 3)
		o.are(tx.Deliveries(pair, true, 10))(4, 5)
		n, err := tx.UnsealedCount(pair)
		must(t, err)
		same(t, n, 2)
		o.are(tx.Deliveries(pair, false, 10))(0, 1, 2, 3, 4, 5)
		o.are(tx.Deliveries(pair, false, 3))(0, 1, 2)
		for i, state := range []uint8{stateQueued, stateHeld, 3, 4, 5, 6} {
			must(t, tx.SetDelivery(o.ids[i], state, "why", 0))
			o.ds[i].State, o.ds[i].Reason = state, "why"
		}
		o.counts(tx, 1+1, 1)
		o.are(tx.Deliveries(pair, false, 10))(0, 1)
		o.are(tx.Deliveries(pair, true, 10))()
		o.are(tx.DeliveriesOf(op))(0, 1, 2, 3, 4, 5)
		got, err := tx.Deliveries(o.w.Pairs[0].ID, false, 10)
		must(t, err)
		same(t, got, o.w.Deliveries[:1])
	})
}

// What rests unsealed again, or is sealed anew, is still found by the blob it was in.
func TestDeliveriesSealedAnew(t *testing.T) {
	s, o := newOutbox(t)
	pair := o.w.Pairs[1].ID
	blobs := []OutBlob{{Pair: pair}, {Pair: pair}}
	doUpdate(t, s, func(tx *Tx) {
		for i := range blobs {
			must(t, tx.PutOutBlob(&blobs[i]))
		}
		blob1, blob2 := blobs[0].ID, blobs[1].ID
		o.seal(tx, blob1, 0, 1, 2, 4, 5)
		o.seal(tx, blob2, 3)
		o.are(tx.DeliveriesIn(blob2))(3)
		o.are(tx.Deliveries(pair, true, 10))()
		o.seal(tx, 0, 1)
		o.are(tx.Deliveries(pair, true, 10))(1)
		o.seal(tx, blob2, 1)
		o.seal(tx, blob2, 1) // again, which is nothing new
		o.ds[2].Blob = blob2
		must(t, tx.PutDelivery(&o.ds[2]))
		o.are(tx.DeliveriesIn(blob2))(1, 2, 3)
		o.are(tx.DeliveriesIn(blob1))(0, 1, 2, 4, 5)
		// A receipt still counts for what was given up, and for what is delivered no more.
		for i, state := range []uint8{3, 4, 5, 6, 5} {
			must(t, tx.SetDelivery(o.ids[i], state, "", 0))
			o.ds[i].State = state
		}
		o.are(tx.DeliveriesIn(blob2))(2, 3)
		o.are(tx.DeliveriesIn(blob1))(2, 4, 5)
	})
}

// The deliveries of one op do not run into those of the next.
func TestDeliveriesOfNeighbours(t *testing.T) {
	s, w := filled(t)
	doUpdate(t, s, func(tx *Tx) {
		_, last := deliveryIDs(w.Ops[1].Seq)
		must(t, tx.change("INSERT INTO deliveries (id, pair, blob, state, reason, time) VALUES (?,?,0,1,'',0)").int(last-1).
			int(w.Pairs[0].ID).exec())
		d := Delivery{Op: w.Ops[1].Seq, Pair: w.Pairs[0].ID, State: stateQueued}
		must(t, tx.PutDelivery(&d))
		same(t, d.ID, last)
		d.ID = 0
		if err := tx.PutDelivery(&d); err == nil {
			t.Error("one too many")
		}
		for op, want := range map[int64]int{w.Ops[0].Seq: len(w.Deliveries), w.Ops[1].Seq: 2, w.Ops[1].Seq + 1: 0} {
			ds, err := tx.DeliveriesOf(op)
			must(t, err)
			same(t, len(ds), want)
			for _, d := range ds {
				same(t, d.Op, op)
			}
		}
	})
}

// What a transaction that was cut short made of an author is forgotten.
func TestAuthorOfARollback(t *testing.T) {
	s, w := filled(t)
	op := Op{Conversation: w.Conversations[0].ID, AuthorSeq: 9, ID: [32]byte{1}}
	op.Author[0] = 200
	refused := errors.New("refused")
	for _, want := range []error{refused, nil} {
		err := s.Update(func(tx *Tx) error {
			dup, err := tx.AppendOp(&op)
			must(t, err)
			same(t, dup, false)
			return want
		})
		if !errors.Is(err, want) {
			t.Fatal(err)
		}
	}
	doView(t, s, func(tx *Tx) {
		got, err := tx.Op(op.Seq)
		must(t, err)
		same(t, *got, op)
	})
}

// chain is five blobs with falling numbers of one chain, beside those of the world.
type chain struct {
	t     *testing.T
	pair  int64
	blobs []OutBlob
}

var chainSession = [8]byte{0x80, 1}

func newChain(t *testing.T) (*Store, *world, *chain) {
	s, w := filled(t)
	c := &chain{t: t, pair: w.Pairs[1].ID, blobs: make([]OutBlob, 5)}
	doUpdate(t, s, func(tx *Tx) {
		for i := range c.blobs {
			c.blobs[i] = OutBlob{
				Pair: c.pair, Session: chainSession, Chain: 2, N: uint32(10 - i), Bytes: []byte{byte(i)},
				ExpiryDay: uint16(100 + i), Delete: [16]byte{1},
			}
			must(t, tx.PutOutBlob(&c.blobs[i]))
		}
	})
	return s, w, c
}

// find checks which blobs a receipt of these numbers is about.
func (c *chain) find(tx *Tx, first, last uint32) func(want ...int) {
	got, err := tx.FindOutBlobs(c.pair, chainSession, false, 2, first, last)
	return func(want ...int) {
		c.t.Helper()
		must(c.t, err)
		var wanted []OutBlob
		for _, i := range want {
			b := c.blobs[i]
			b.Bytes = nil
			wanted = append(wanted, b)
		}
		same(c.t, got, wanted)
	}
}

func TestOutBlobsOfAPair(t *testing.T) {
	s, _, c := newChain(t)
	doView(t, s, func(tx *Tx) {
		got, err := tx.OutBlobs(c.pair, 0, 10)
		must(t, err)
		same(t, got, c.blobs)
		got, err = tx.OutBlobs(c.pair, c.blobs[1].ID, 2)
		must(t, err)
		same(t, got, c.blobs[2:4])
		for i := range got {
			got[i].Bytes = nil
		}
		heads, err := tx.OutBlobHeads(c.pair, c.blobs[1].ID, 2)
		must(t, err)
		same(t, heads, got)
		same(t, heads[0].Size, 1)
		c.find(tx, 0, 1<<32-1)(4, 3, 2, 1, 0)
		c.find(tx, 7, 9)(3, 2, 1)
		c.find(tx, 11, 20)()
		for _, other := range []struct {
			session [8]byte
			start   bool
			chain   uint32
		}{{[8]byte{}, false, 2}, {chainSession, true, 2}, {chainSession, false, 3}} {
			got, err := tx.FindOutBlobs(c.pair, other.session, other.start, other.chain, 0, 1<<32-1)
			must(t, err)
			same(t, len(got), 0)
		}
	})
}

// A dropped blob is found by receipts as long as one counts, and its row stays
// until it expires.
func TestDroppedOutBlobs(t *testing.T) {
	s, w, c := newChain(t)
	doUpdate(t, s, func(tx *Tx) {
		d := Delivery{Op: w.Ops[0].Seq, Pair: c.pair, Blob: c.blobs[0].ID, State: stateQueued}
		must(t, tx.PutDelivery(&d))
		must(t, tx.SealDeliveries([]int64{d.ID}, 0))
		must(t, tx.DropOutBlob(c.blobs[0].ID))
		must(t, tx.DropOutBlob(c.blobs[1].ID))
		for i := range 2 {
			c.blobs[i].Bytes, c.blobs[i].Size = nil, 0
		}
		got, err := tx.OutBlobs(c.pair, 0, 10)
		must(t, err)
		same(t, got, c.blobs[2:])
		c.find(tx, 0, 20)(4, 3, 2, 0)
		must(t, tx.SetDelivery(d.ID, 3, "", 0))
		must(t, tx.DropOutBlob(c.blobs[0].ID))
		c.find(tx, 0, 20)(4, 3, 2)
		for i := range 2 {
			b, err := tx.OutBlob(c.blobs[i].ID)
			must(t, err)
			same(t, *b, c.blobs[i])
		}
		n, err := tx.ExpireOutBlobs(103)
		must(t, err)
		same(t, n, 3+1) // one of the world's expired on day 0
		c.find(tx, 0, 20)(4, 3)
		if _, err := tx.OutBlob(c.blobs[0].ID); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		ds, err := tx.DeliveriesIn(c.blobs[0].ID)
		must(t, err)
		same(t, len(ds), 0)
		ds, err = tx.DeliveriesOf(w.Ops[0].Seq)
		must(t, err)
		same(t, len(ds), 3)
	})
}
