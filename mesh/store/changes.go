package store

import (
	"errors"
	"slices"
)

// What ops do to others: the columns of the op that is changed say what counts, and rows of
// changes lead from its id to the ops that are about it, whether it is there or not.
const (
	sqlAddChange   = `INSERT OR IGNORE INTO changes (target8, op, target) VALUES (?,?,?)`
	sqlDropChange  = `DELETE FROM changes WHERE target8=? AND op=? AND target=?`
	sqlChangesOf   = `SELECT op FROM changes WHERE target8=? AND target=? ORDER BY op`
	sqlCountOf     = `SELECT count(*) FROM changes c CROSS JOIN ops o ON o.seq=c.op WHERE c.target8=? AND c.target=? AND o.conversation=? AND o.kind=? AND o.mine=?`
	sqlDropByOp    = `DELETE FROM changes WHERE op=?`
	sqlChangesOn   = `SELECT c.op FROM ops t CROSS JOIN changes c ON c.target8=t.id8 AND c.target=t.id WHERE t.seq=?`
	sqlWaits       = `SELECT EXISTS (SELECT 1 FROM deliveries d WHERE d.state < 3 AND d.id BETWEEN ? AND ?)`
	sqlSetEdit     = `UPDATE ops SET edit=? WHERE seq=?`
	sqlSetEdits    = `UPDATE ops SET edits=? WHERE seq=?`
	sqlNoEdit      = `UPDATE ops SET edits=0 WHERE seq=?`
	sqlSetDeleted  = `UPDATE ops SET edit=0, reacted=0, deleted=? WHERE seq=?`
	sqlSetReacted  = `UPDATE ops SET reacted=? WHERE seq=?`
	sqlForgetWords = `INSERT OR IGNORE INTO deleted (seq, conversation) SELECT seq, conversation FROM ops WHERE seq=?`
)

// AddChange notes that the op of a Seq is about the op of an id, which may not be there. Those
// that a program kept that did not know what they do are about the zero id.
//
// spec: 09-storage#changes
func (tx *Tx) AddChange(op int64, target [32]byte) error {
	return tx.change(sqlAddChange).int(prefix8(target[:])).int(op).blob(target[:]).exec()
}

// DropChange takes back what AddChange noted.
func (tx *Tx) DropChange(op int64, target [32]byte) error {
	return tx.change(sqlDropChange).int(prefix8(target[:])).int(op).blob(target[:]).exec()
}

// ChangesOf returns the Seqs of the ops that are about the op of an id, in the order of their
// arrival.
func (tx *Tx) ChangesOf(target [32]byte) ([]int64, error) {
	return tx.query(sqlChangesOf).int(prefix8(target[:])).blob(target[:]).seqs()
}

// CountChanges is how many ops of a kind are about a text, in its own conversation: ours or
// theirs.
func (tx *Tx) CountChanges(text *Op, kind uint8, mine bool) (n int, err error) {
	err = tx.query(sqlCountOf).int(prefix8(text.ID[:])).blob(text.ID[:]).int(text.Conversation).int(int64(kind)).bool(mine).one(func(r *row) { n = int(r.int(0)) })
	return n, err
}

func (q *query) seqs() (all []int64, err error) {
	err = q.each(func(r *row) { all = append(all, r.int(0)) })
	return all, err
}

// SetEdit makes the text of an op that of one of its edits, both by Seq, and no longer that of
// the one before. The words of the text are found with the later of the two.
func (tx *Tx) SetEdit(text *Op, edit int64) error {
	if err := tx.unsay(text); err != nil {
		return err
	}
	if text.Edit != 0 {
		if err := tx.change(sqlNoEdit).int(text.Edit).exec(); err != nil {
			return err
		}
	}
	text.Edit = edit
	if err := tx.change(sqlSetEdits).int(text.Seq).int(edit).execOne(); err != nil {
		return err
	}
	return tx.change(sqlSetEdit).int(edit).int(text.Seq).execOne()
}

// SetDeleted makes an op one that was deleted by another: what it said is gone, what its edits
// said, which are edits, and what else was about it and need not be sent. Nothing is any more.
//
// spec: 09-storage#erasure
func (tx *Tx) SetDeleted(text *Op, by int64, edits []Op) error {
	if err := tx.unsay(text); err != nil {
		return err
	}
	about, err := tx.ChangesOf(text.ID)
	if err != nil {
		return err
	}
	for _, op := range about {
		if err := tx.DropChange(op, text.ID); err != nil {
			return err
		}
		if err := tx.emptySent(op); err != nil {
			return err
		}
	}
	for _, op := range append(slices.Clone(edits), *text) {
		if err := tx.EmptyOp(&op); err != nil {
			return err
		}
		if err := tx.change(sqlNoEdit).int(op.Seq).execOne(); err != nil {
			return err
		}
	}
	text.Edit, text.Reacted, text.Deleted, text.Body = 0, false, by, nil
	return tx.change(sqlSetDeleted).int(by).int(text.Seq).execOne()
}

// SetReacted notes whether anybody answers an op with an emoji.
func (tx *Tx) SetReacted(op int64, reacted bool) error {
	return tx.change(sqlSetReacted).bool(reacted).int(op).execOne()
}

// Waits reports whether an op is still to be sent to somebody.
func (tx *Tx) Waits(op int64) (waits bool, err error) {
	first, last := deliveryIDs(op)
	err = tx.query(sqlWaits).int(first).int(last).one(func(r *row) { waits = r.bool(0) })
	return waits, err
}

// unsay has the words of an op taken out of the index, wherever they are found: with the op, or
// with the edit that counts if that came later.
func (tx *Tx) unsay(text *Op) error {
	tx.s.swept.Add(1)
	return tx.change(sqlForgetWords).int(max(text.Seq, text.Edit)).exec()
}

// forgetChanges lets go of what others do to an op that is deleted. What they say goes too,
// unless they are still to be sent.
func (tx *Tx) forgetChanges(op int64) error {
	about, err := tx.query(sqlChangesOn).int(op).seqs()
	if err != nil {
		return err
	}
	for _, seq := range about {
		if err := tx.emptySent(seq); err != nil {
			return err
		}
		for _, sql := range []string{sqlNoEdit, sqlForgetWords, sqlDropByOp} {
			if err := tx.change(sql).int(seq).exec(); err != nil {
				return err
			}
		}
	}
	return nil
}

// emptySent lets go of what an op says, unless it is still to be sent.
func (tx *Tx) emptySent(seq int64) error {
	waits, err := tx.Waits(seq)
	if err != nil || waits {
		return err
	}
	op, err := tx.Op(seq)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.EmptyOp(op)
}
