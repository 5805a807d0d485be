package store

import (
	"testing"

	"sottovoce/mesh/peer"
)

func TestReadMarks(t *testing.T) {
	home := newHome(t)
	s := openHome(t, home)
	talk, other := [32]byte{1}, [32]byte{2}
	wants := func(conversation [32]byte, author peer.ID, want uint64) {
		t.Helper()
		doView(t, s, func(tx *Tx) {
			seq, err := tx.ReadMark(conversation, author)
			must(t, err)
			same(t, seq, want)
		})
	}
	wants(talk, peer.ID{1}, 0)
	doUpdate(t, s, func(tx *Tx) {
		must(t, tx.SetReadMark(talk, peer.ID{1}, 3))
		must(t, tx.SetReadMark(talk, peer.ID{1}, 1<<40))
		must(t, tx.SetReadMark(talk, peer.ID{2}, 5))
		must(t, tx.SetReadMark(other, peer.ID{1}, 7))
	})
	closeStore(t, s)
	s = openHome(t, home)
	wants(talk, peer.ID{1}, 1<<40)
	wants(talk, peer.ID{2}, 5)
	doUpdate(t, s, func(tx *Tx) { must(t, tx.DropReadMarks(talk)) })
	wants(talk, peer.ID{1}, 0)
	wants(other, peer.ID{1}, 7)
}

// What was sent to a pair is found from a number downwards, with how far it came; what a
// delivery was told is kept with its time.
func TestSentTo(t *testing.T) {
	s, w := filled(t)
	conv, pair, author := w.Conversations[1].ID, w.Pairs[1].ID, peer.ID{7}
	var sent []Sent
	doUpdate(t, s, func(tx *Tx) {
		for i := range uint64(5) {
			op := Op{Conversation: conv, ID: [32]byte{byte(i), 9}, Author: author, AuthorSeq: i + 1, Lamport: i + 1, Kind: uint8(i % 2), Mine: true, State: 1}
			_, err := tx.AppendOp(&op)
			must(t, err)
			for _, to := range []int64{w.Pairs[0].ID, pair} {
				d := Delivery{Op: op.Seq, Pair: to, State: 1}
				must(t, tx.PutDelivery(&d))
				if to == pair {
					sent = append(sent, Sent{Op: op.Seq, AuthorSeq: i + 1, Kind: op.Kind, State: 1, Delivery: d.ID, Delivered: 1})
				}
			}
		}
		must(t, tx.SetDelivery(sent[1].Delivery, 3, "", 50))
		must(t, tx.SetDeliveryRead(sent[1].Delivery, 60))
		sent[1].Delivered = 4
		got, err := tx.SentTo(pair, conv, author, 4, 3)
		must(t, err)
		same(t, got, []Sent{sent[3], sent[2], sent[1]})
		got, err = tx.SentTo(pair, conv, author, 1<<63, 10)
		must(t, err)
		same(t, len(got), 5)
		ds, err := tx.DeliveriesOf(sent[1].Op)
		must(t, err)
		same(t, [2]int64{ds[1].Settled, ds[1].ReadAt}, [2]int64{50, 60})
		must(t, tx.SetPairSeen(pair, 70))
		pairs, err := tx.Pairs()
		must(t, err)
		same(t, pairs[1].Seen, int64(70))
	})
}
