package store

import (
	"math"
	"slices"

	"sottovoce/mesh/peer"
)

// Position is a place in the display order of a conversation.
//
// spec: 06-conversations#order
type Position struct {
	Lamport uint64
	Author  peer.ID
	ID      [32]byte
}

// Position returns the op's place in the display order.
func (op *Op) Position() Position { return Position{op.Lamport, op.Author, op.ID} }

// The bodies are fetched one by one afterwards: ops of the same lamport time
// are sorted by the database, which would carry them along.
const (
	sqlLogEnd = `SELECT o.seq FROM ops o JOIN authors a ON a.id = o.author WHERE o.conversation=?
		ORDER BY o.lamport DESC, a.peer DESC, o.id DESC LIMIT ?`
	sqlLogBefore = `SELECT o.seq FROM ops o JOIN authors a ON a.id = o.author WHERE o.conversation=?1 AND o.lamport<=?2
		AND (o.lamport<?2 OR (a.peer, o.id) < (?3, ?4)) ORDER BY o.lamport DESC, a.peer DESC, o.id DESC LIMIT ?5`
	sqlLogAfter = `SELECT o.seq FROM ops o JOIN authors a ON a.id = o.author WHERE o.conversation=?1 AND o.lamport>=?2
		AND (o.lamport>?2 OR (a.peer, o.id) > (?3, ?4)) ORDER BY o.lamport, a.peer, o.id LIMIT ?5`
)

// Log returns the last ops of a conversation before a position, or the newest
// when before is nil: at most limit, in display order, the oldest first.
func (tx *Tx) Log(conversation int64, before *Position, limit int) ([]Op, error) {
	var seqs []int64
	collect := func(r *row) { seqs = append(seqs, r.int(0)) }
	var err error
	if before == nil {
		err = tx.query(sqlLogEnd).int(conversation).limit(limit).each(collect)
	} else {
		lamport := int64(min(before.Lamport, math.MaxInt64))
		err = tx.query(sqlLogBefore).int(conversation).int(lamport).blob(before.Author[:]).blob(before.ID[:]).
			limit(limit).each(collect)
	}
	if err != nil {
		return nil, err
	}
	slices.Reverse(seqs)
	return tx.opsOf(seqs)
}

// LogAfter returns the first ops of a conversation after a position, of which the zero one
// is before them all: at most limit, in display order.
func (tx *Tx) LogAfter(conversation int64, after Position, limit int) ([]Op, error) {
	var seqs []int64
	lamport := int64(min(after.Lamport, math.MaxInt64))
	err := tx.query(sqlLogAfter).int(conversation).int(lamport).blob(after.Author[:]).blob(after.ID[:]).limit(limit).
		each(func(r *row) { seqs = append(seqs, r.int(0)) })
	if err != nil {
		return nil, err
	}
	return tx.opsOf(seqs)
}

func (tx *Tx) opsOf(seqs []int64) ([]Op, error) {
	ops := make([]Op, 0, len(seqs))
	for _, seq := range seqs {
		op, err := tx.Op(seq)
		if err != nil {
			return nil, err
		}
		ops = append(ops, *op)
	}
	return ops, nil
}
