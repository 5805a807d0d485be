package store

import (
	"encoding/binary"
	"os"
	"slices"
	"testing"
	"time"
)

// talk is a store with one contact, and what a node writes in it for one message.
type talk struct {
	s    *Store
	pair Pair
	conv Conversation
	seq  uint64
	op   Op
	blob OutBlob
	d    Delivery
}

const (
	talkStateSize = 7000 // bytes that a pair saves
	talkBodySize  = 200
)

func newTalk(t testing.TB) *talk {
	k := &talk{s: openHome(t, newHome(t))}
	doUpdate(t, k.s, func(tx *Tx) {
		c := Contact{Name: "Bert"}
		must(t, tx.PutContact(&c))
		k.pair = Pair{Contact: c.ID, State: make([]byte, talkStateSize)}
		must(t, tx.PutPair(&k.pair))
		k.conv = Conversation{Contact: c.ID, Log: make([]byte, 200)}
		must(t, tx.PutConversation(&k.conv))
	})
	return k
}

// append is what sending and receiving have in common.
func (k *talk) append(t testing.TB, tx *Tx, mine bool) {
	k.seq++
	k.op = Op{Conversation: k.conv.ID, AuthorSeq: k.seq, Lamport: k.seq, Kind: 1, Mine: mine, Body: make([]byte, talkBodySize)}
	binary.BigEndian.PutUint64(k.op.ID[:], k.seq*0x9e3779b97f4a7c15)
	_, err := tx.AppendOp(&k.op)
	must(t, err)
	must(t, tx.AppendEvent(&Event{Kind: 1, Ref: k.op.Seq, Time: 1}))
	k.conv.Log[k.seq%200]++
	must(t, tx.PutConversation(&k.conv))
	k.savePair(t, tx)
}

func (k *talk) savePair(t testing.TB, tx *Tx) {
	k.pair.State[k.seq%talkStateSize]++
	must(t, tx.SavePair(k.pair.ID, k.pair.State))
}

// send is the turn in which a message is queued and sealed.
func (k *talk) send(t testing.TB, tx *Tx) {
	k.append(t, tx, true)
	k.d = Delivery{Op: k.op.Seq, Pair: k.pair.ID, State: stateQueued, Time: 1}
	must(t, tx.PutDelivery(&k.d))
	resting, err := tx.Deliveries(k.pair.ID, true, 10)
	must(t, err)
	same(t, len(resting), 1)
	k.blob = OutBlob{Pair: k.pair.ID, Session: [8]byte{1}, N: uint32(k.seq), Bytes: make([]byte, 4096), ExpiryDay: 1}
	must(t, tx.PutOutBlob(&k.blob))
	must(t, tx.SealDeliveries([]int64{k.d.ID}, k.blob.ID))
}

// receive is the turn in which a message has come.
func (k *talk) receive(t testing.TB, tx *Tx) { k.append(t, tx, false) }

// settle is the turn in which the receipt has come.
func (k *talk) settle(t testing.TB, tx *Tx) {
	found, err := tx.FindOutBlobs(k.pair.ID, k.blob.Session, false, 0, k.blob.N, k.blob.N)
	must(t, err)
	same(t, len(found), 1)
	in, err := tx.DeliveriesIn(k.blob.ID)
	must(t, err)
	same(t, len(in), 1)
	must(t, tx.SetDelivery(k.d.ID, 3, "", 0))
	must(t, tx.DropOutBlob(k.blob.ID))
	must(t, tx.SetOpState(k.op.Seq, 3))
	must(t, tx.AppendEvent(&Event{Kind: 2, Ref: k.op.Seq, Time: 1, Detail: []byte{1, 2, 3}}))
	k.savePair(t, tx)
}

// frames does a turn in a commit of its own and returns how many frames that took of the log.
func (k *talk) frames(t testing.TB, turn func(testing.TB, *Tx)) int {
	t.Helper()
	scrub(t, k.s)
	doUpdate(t, k.s, func(tx *Tx) { turn(t, tx) })
	fi, err := os.Stat(inHome(k.s.home, databaseName+"-wal"))
	must(t, err)
	return int((fi.Size() - walHeaderSize) / walFrameSize)
}

// What a message costs is counted in pages. One of each turn is the page that fills the last sector, and one is the
// second page of a pair's state.
func TestPagesOfATurn(t *testing.T) {
	k := newTalk(t)
	var sent, received, settled []int
	for range 31 {
		sent = append(sent, k.frames(t, k.send))
		settled = append(settled, k.frames(t, k.settle))
		received = append(received, k.frames(t, k.receive))
	}
	for _, c := range []struct {
		turn   string
		frames []int
		want   int
	}{{"send", sent, 15}, {"settle", settled, 11}, {"receive", received, 9}} {
		slices.Sort(c.frames)
		if got := c.frames[len(c.frames)/2]; got > c.want {
			t.Errorf("%s takes %d pages instead of %d", c.turn, got, c.want)
		} else {
			t.Logf("%s: %d", c.turn, got)
		}
	}
}

// The benchmarks are of the three turns of a message, each with a commit of its own.

func BenchmarkSend(b *testing.B) {
	k := newTalk(b)
	for b.Loop() {
		doUpdate(b, k.s, func(tx *Tx) { k.send(b, tx) })
		b.StopTimer()
		doUpdate(b, k.s, func(tx *Tx) { k.settle(b, tx) })
		b.StartTimer()
	}
}

func BenchmarkReceive(b *testing.B) {
	k := newTalk(b)
	for b.Loop() {
		doUpdate(b, k.s, func(tx *Tx) { k.receive(b, tx) })
	}
}

func BenchmarkSettle(b *testing.B) {
	k := newTalk(b)
	for b.Loop() {
		b.StopTimer()
		doUpdate(b, k.s, func(tx *Tx) { k.send(b, tx) })
		b.StartTimer()
		doUpdate(b, k.s, func(tx *Tx) { k.settle(b, tx) })
	}
}

// A transaction without a query is none for the database: it does not even wait for one of somebody else.
func TestTransactionWithoutQueryIsFree(t *testing.T) {
	s := openHome(t, newHome(t))
	other, err := s.connect(writer)
	must(t, err)
	defer func() { must(t, other.close()) }()
	must(t, other.run(sqlBegin))
	begin := time.Now()
	must(t, s.Update(func(*Tx) error { return nil }))
	if took := time.Since(begin); took > busyTimeout*time.Millisecond/2 {
		t.Errorf("it waited %v", took)
	}
	other.rollback()
	doUpdate(t, s, func(tx *Tx) { must(t, tx.SetSetting("clock", []byte{1})) })
}
