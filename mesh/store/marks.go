package store

import (
	"math"

	"sottovoce/mesh/peer"
)

const (
	sqlReadMark    = `SELECT seq FROM read_marks WHERE conversation=? AND author=?`
	sqlSetReadMark = `INSERT INTO read_marks (conversation, author, seq) VALUES (?,?,?)
		ON CONFLICT (conversation, author) DO UPDATE SET seq=excluded.seq`
	sqlCountAfter = `SELECT count(*) FROM (SELECT 1 FROM ops WHERE conversation=? AND author=(SELECT id FROM authors WHERE peer=?)
		AND author_seq>? AND kind=? AND deleted=0 LIMIT ?)`
	sqlDropReadMarks = `DELETE FROM read_marks WHERE conversation=?`
	sqlOwnDeliveries = `SELECT o.seq, o.author_seq, o.kind, o.state, d.id, d.state FROM ops o
		JOIN deliveries d ON d.id BETWEEN o.seq << ?1 AND (o.seq << ?1) + (1 << ?1) - 1 AND d.pair=?2
		WHERE o.conversation=?3 AND o.author=?4 AND o.author_seq<=?5 ORDER BY o.author_seq DESC LIMIT ?6`
)

// ReadMark returns how far the ops of an author were read here: the number of the last,
// 0 for none. The conversation is named by its Key.
//
// spec: 09-storage#read-marks
func (tx *Tx) ReadMark(conversation [32]byte, author peer.ID) (seq uint64, err error) {
	err = tx.query(sqlReadMark).blob(conversation[:]).blob(author[:]).each(func(r *row) { seq = uint64(r.int(0)) })
	return seq, err
}

// SetReadMark notes how far the ops of an author were read here.
func (tx *Tx) SetReadMark(conversation [32]byte, author peer.ID, seq uint64) error {
	return tx.change(sqlSetReadMark).blob(conversation[:]).blob(author[:]).int(int64(seq)).exec()
}

// CountAfter counts the ops of a kind that an author wrote in a conversation after its
// number seq and that were not deleted, and stops counting at limit.
func (tx *Tx) CountAfter(conversation int64, author peer.ID, seq uint64, kind uint8, limit int) (count int, err error) {
	err = tx.query(sqlCountAfter).int(conversation).blob(author[:]).int(int64(min(seq, math.MaxInt64))).int(int64(kind)).limit(limit).
		one(func(r *row) { count = int(r.int(0)) })
	return count, err
}

// DropReadMarks forgets what was read of a conversation.
func (tx *Tx) DropReadMarks(conversation [32]byte) error {
	return tx.change(sqlDropReadMarks).blob(conversation[:]).exec()
}

// Sent is an op that was sent to a pair, and how far it came.
type Sent struct {
	Op        int64 // Seq
	AuthorSeq uint64
	Kind      uint8
	State     uint8 // of the op
	Delivery  int64
	Delivered uint8 // state of the delivery
}

// SentTo returns the ops of an author in a conversation that were sent to a pair, from
// the author's number seq downwards, at most limit.
func (tx *Tx) SentTo(pair, conversation int64, author peer.ID, seq uint64, limit int) ([]Sent, error) {
	number, err := tx.author(author)
	if err != nil {
		return nil, err
	}
	var all []Sent
	err = tx.query(sqlOwnDeliveries).int(deliveryBits).int(pair).int(conversation).int(number).int(int64(min(seq, math.MaxInt64))).limit(limit).
		each(func(r *row) {
			all = append(all, Sent{
				Op: r.int(0), AuthorSeq: uint64(r.int(1)), Kind: r.uint8(2), State: uint8(r.int(3) - 2),
				Delivery: r.int(4), Delivered: r.uint8(5),
			})
		})
	return all, err
}
