package store

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"sottovoce/mesh/peer"
)

// Op is one entry of a conversation.
//
// spec: 09-storage#ops
type Op struct {
	Seq                int64 // row, in the order of arrival here; 0 until AppendOp
	Conversation       int64
	ID                 [32]byte
	Author             peer.ID
	AuthorSeq, Lamport uint64
	Time               int64 // Unix ms of the author's clock
	Received           int64 // Unix ms of ours
	Kind               uint8 // package conversation's
	Mine               bool
	State              uint8  // package conversation's
	Body               []byte // canonical bytes of the op; sealed at rest under the conversation's body key

	// What others do to it, as SetEdit, SetDeleted and SetReacted say; AppendOp leaves it zero.
	Edit    int64 // of a text: Seq of the edit whose text it has
	Edits   int64 // of an edit: Seq of the text that has its text
	Deleted int64 // Seq of the op that deleted it
	Reacted bool  // somebody answers it with an emoji
}

const (
	sqlAuthor    = `SELECT id FROM authors WHERE peer=?`
	sqlAddAuthor = `INSERT INTO authors (id, peer) VALUES (?,?)`
	sqlPlace     = `SELECT seq, id FROM ops WHERE conversation=? AND author=? AND author_seq=?`
	sqlAddOp     = `INSERT INTO ops (seq, conversation, author, author_seq, lamport, time, received, kind, mine, state, id8, id, body)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (conversation, author, author_seq) DO NOTHING`
	sqlOpColumns = `SELECT o.seq, o.conversation, a.peer, o.author_seq, o.lamport, o.time, o.received, o.kind, o.mine, o.state, o.id, o.body,
		o.edit, o.edits, o.deleted, o.reacted
		FROM ops o JOIN authors a ON a.id = o.author`
	sqlOp         = sqlOpColumns + ` WHERE o.seq=?`
	sqlOpsByID    = sqlOpColumns + ` WHERE o.id8 BETWEEN ? AND ? AND substr(o.id, 1, ?) = ? ORDER BY o.id8 LIMIT ?`
	sqlLastOp     = `SELECT ifnull(max(seq), 0) FROM ops`
	sqlSetOpState = `UPDATE ops SET state=? WHERE seq=?`
	sqlSetOpBody  = `UPDATE ops SET body=? WHERE seq=?`
)

// AppendOp appends the op and sets its Seq. If its author's place is taken by
// the same op already, dup is true, Seq is that op's and nothing changes; if by
// another, the error is ErrFork. ErrNotFound says that there is no such
// conversation.
func (tx *Tx) AppendOp(op *Op) (dup bool, err error) {
	if op.AuthorSeq > math.MaxInt64 || op.Lamport > math.MaxInt64 {
		return false, fmt.Errorf("op: sequence number %d or lamport time %d out of range", op.AuthorSeq, op.Lamport)
	}
	key, ok := tx.bodyKey(op.Conversation)
	if !ok {
		return false, fmt.Errorf("conversation %d: %w", op.Conversation, ErrNotFound)
	}
	author, err := tx.author(op.Author)
	if err != nil {
		return false, err
	}
	seq, err := tx.newID()
	if err != nil {
		return false, err
	}
	body, err := tx.s.seal(newSealer(key[:]), op.Body, bodyAD(op.Conversation, op.ID))
	if err != nil {
		return false, err
	}
	added, err := tx.change(sqlAddOp).int(seq).int(op.Conversation).int(author).int(int64(op.AuthorSeq)).int(int64(op.Lamport)).
		int(op.Time).int(op.Received).int(int64(op.Kind)).bool(op.Mine).int(storedState(op.State)).
		int(prefix8(op.ID[:])).blob(op.ID[:]).blob(body).execCount()
	if err != nil {
		return false, err
	}
	if added == 0 {
		return tx.taken(op, author)
	}
	op.Seq = seq
	return false, nil
}

// taken says which op holds the place of this one: itself, whose Seq it sets, or
// another.
func (tx *Tx) taken(op *Op, author int64) (dup bool, err error) {
	var id [32]byte
	err = tx.query(sqlPlace).int(op.Conversation).int(author).int(int64(op.AuthorSeq)).one(func(r *row) {
		op.Seq = r.int(0)
		r.array(1, id[:])
	})
	if err == nil && id != op.ID {
		err = ErrFork
	}
	return err == nil, err
}

// storedState is a state as the ops table holds it. SQLite gives 0 and 1 no
// byte of their own; from 2 on a change of state keeps the length of the row,
// and a long body is not written again.
func storedState(state uint8) int64 { return int64(state) + 2 }

// author returns the row of an author, a new one if need be.
func (tx *Tx) author(id peer.ID) (author int64, err error) {
	authors := tx.s.authors
	if author, ok := authors[id]; ok {
		return author, nil
	}
	err = tx.query(sqlAuthor).blob(id[:]).one(func(r *row) { author = r.int(0) })
	if errors.Is(err, ErrNotFound) {
		if author, err = tx.newID(); err == nil {
			err = tx.change(sqlAddAuthor).int(author).blob(id[:]).exec()
		}
	}
	if err != nil {
		return 0, err
	}
	if len(authors) >= authorsMax {
		clear(authors)
	}
	authors[id] = author
	return author, nil
}

// readOp reads the columns of sqlOpColumns; ok is false for what was erased.
func (tx *Tx) readOp(r *row) (op Op, ok bool) {
	op = Op{
		Seq: r.int(0), Conversation: r.int(1), AuthorSeq: uint64(r.int(3)), Lamport: uint64(r.int(4)),
		Time: r.int(5), Received: r.int(6), Kind: r.uint8(7), Mine: r.bool(8), State: uint8(r.int(9) - 2),
		Edit: r.int(12), Edits: r.int(13), Deleted: r.int(14), Reacted: r.bool(15),
	}
	r.array(2, op.Author[:])
	r.array(10, op.ID[:])
	if tx.s.erased(op.Conversation) {
		return op, false
	}
	key, ok := tx.bodyKey(op.Conversation)
	if !ok {
		r.damaged()
		return op, false
	}
	op.Body = r.opened(11, newSealer(key[:]), bodyAD(op.Conversation, op.ID))
	return op, true
}

// Op returns the op of that Seq, or ErrNotFound.
func (tx *Tx) Op(seq int64) (*Op, error) {
	var op Op
	var ok bool
	err := tx.query(sqlOp).int(seq).one(func(r *row) { op, ok = tx.readOp(r) })
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, ErrNotFound
	}
	return &op, nil
}

// OpsByPrefix returns the ops whose ID begins with these bytes, one at least, in
// the order of their IDs (of the first 8 bytes) and at most limit.
func (tx *Tx) OpsByPrefix(id []byte, limit int) ([]Op, error) {
	if len(id) == 0 || len(id) > len(Op{}.ID) {
		return nil, nil
	}
	last := append(bytes.Clone(id), bytes.Repeat([]byte{0xff}, 8)...)
	var ops []Op
	err := tx.query(sqlOpsByID).int(prefix8(id)).int(prefix8(last)).int(int64(len(id))).blob(id).limit(limit).
		each(func(r *row) {
			if op, ok := tx.readOp(r); ok {
				ops = append(ops, op)
			}
		})
	return ops, err
}

// OpsAfter returns the ops of all conversations that came after the one with that Seq, in
// the order of their arrival, but for erased ones. It looks at limit of them, and last is
// the Seq of the last one, 0 when there was none.
func (tx *Tx) OpsAfter(seq int64, limit int) (ops []Op, last int64, err error) {
	err = tx.query(sqlOpsAfter).int(seq).limit(limit).each(func(r *row) {
		last = r.int(0)
		if op, ok := tx.readOp(r); ok {
			ops = append(ops, op)
		}
	})
	return ops, last, err
}

// LastOp returns the Seq of the op that came last, 0 when there is none.
func (tx *Tx) LastOp() (seq int64, err error) {
	err = tx.query(sqlLastOp).one(func(r *row) { seq = r.int(0) })
	return seq, err
}

// SetOpState changes the state of an op, ErrNotFound if there is none.
func (tx *Tx) SetOpState(seq int64, state uint8) error {
	return tx.change(sqlSetOpState).int(storedState(state)).int(seq).execOne()
}

// EmptyOp takes the body of an op away; its place and id stay. ErrNotFound if there is
// no such op.
func (tx *Tx) EmptyOp(op *Op) error {
	key, ok := tx.bodyKey(op.Conversation)
	if !ok {
		return fmt.Errorf("conversation %d: %w", op.Conversation, ErrNotFound)
	}
	body, err := tx.s.seal(newSealer(key[:]), nil, bodyAD(op.Conversation, op.ID))
	if err != nil {
		return err
	}
	return tx.change(sqlSetOpBody).blob(body).int(op.Seq).execOne()
}
