package store

import (
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

// Tx is a transaction, valid until the function it was given to returns and
// used by one goroutine at a time.
type Tx struct {
	s     *Store
	c     *conn
	write bool
	begun bool               // the database knows of it: from the first query on, when it writes
	keys  map[int64][32]byte // body keys drawn here, in the key file only at the commit

	erasing []int64 // conversations erased here, hidden after the commit

	broken error // what made the database roll back by itself
}

const (
	sqlBegin      = `BEGIN IMMEDIATE`
	sqlBeginRead  = `BEGIN`
	sqlCommit     = `COMMIT`
	sqlRollback   = `ROLLBACK`
	sqlSnapshot   = `SELECT 1 FROM sqlite_schema LIMIT 1`
	sqlReserveIDs = `UPDATE sequence SET reserved=?`
)

// Update runs fn as the one writer. When fn returns nil and Update does too,
// everything that fn changed is on disk; otherwise nothing of it happened, and
// ids set in records mean nothing. ErrFull, ErrReadOnly and ErrTampered say why
// the disk refused. fn must not call Update or Close.
//
// spec: 09-storage#commits
func (s *Store) Update(fn func(*Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.writer == nil {
		return ErrClosed
	}
	tx := &Tx{s: s, c: s.writer, write: true}
	reserved := s.ids.reserved
	done := false
	defer func() {
		if !done { // also when fn panics
			tx.c.rollback()
			s.ids.reserved = reserved
			clear(s.authors)
		}
		tx.c = nil
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if tx.broken != nil || !tx.begun {
		done = tx.broken == nil
		return tx.broken
	}
	if err := s.saveBodyKeys(tx.keys); err != nil {
		return err
	}
	if err := tx.c.run(sqlCommit); err != nil {
		return explain(s.home, err)
	}
	done = true
	if len(tx.erasing) > 0 {
		s.hide(tx.erasing)
	}
	return nil
}

// begin tells the database of a transaction that writes, before its first query: many turns
// of a node have none.
func (tx *Tx) begin() error {
	if !tx.write || tx.begun {
		return nil
	}
	tx.begun = true
	return tx.c.run(sqlBegin)
}

// reader opens a connection to read by. A disk that turned read-only has none to give: then
// it is one of those that are open, and free.
func (s *Store) reader() (*conn, error) {
	c, err := s.connect(reader)
	if err == nil {
		return c, nil
	}
	select {
	case c = <-s.readers:
		s.readers <- nil // in its place: the caller's
	default:
		return nil, err
	}
	if c == nil {
		return nil, err
	}
	return c, nil
}

// View runs fn on a snapshot of what is committed, beside the writer and at
// most one other View; it waits for its turn. A snapshot that is held long
// makes the log of the database grow.
func (s *Store) View(fn func(*Tx) error) error {
	c, ok := <-s.readers
	if !ok {
		return ErrClosed
	}
	defer func() { s.readers <- c }()
	if c == nil {
		var err error
		if c, err = s.reader(); err != nil {
			return explain(s.home, err)
		}
	}
	tx := &Tx{s: s, c: c}
	if err := c.run(sqlBeginRead); err != nil {
		return explain(s.home, err)
	}
	defer func() {
		c.rollback()
		tx.c = nil
	}()
	if err := c.run(sqlSnapshot); err != nil {
		return explain(s.home, err)
	}
	return fn(tx)
}

// put inserts a row under a new id when *id is 0, and updates the row of that
// id otherwise. bind binds the values but the id, which comes last.
func (tx *Tx) put(id *int64, insert, update string, bind func(q *query, id int64)) error {
	if *id != 0 {
		q := tx.change(update)
		bind(q, *id)
		return q.int(*id).execOne()
	}
	fresh, err := tx.newID()
	if err != nil {
		return err
	}
	q := tx.change(insert)
	bind(q, fresh)
	if err := q.int(fresh).exec(); err != nil {
		return err
	}
	*id = fresh
	return nil
}

// sequence hands out the ids of all tables, in rising order and none twice:
// what is taken from the database is never given back.
//
// spec: 09-storage#ids
type sequence struct{ last, reserved int64 }

func (tx *Tx) newID() (int64, error) {
	ids := &tx.s.ids
	if ids.last >= ids.reserved {
		reserved := ids.last + idsReserved
		if err := tx.change(sqlReserveIDs).int(reserved).execOne(); err != nil {
			return 0, err
		}
		ids.reserved = reserved
	}
	ids.last++
	return ids.last, nil
}

func (tx *Tx) drawBodyKey(conversation int64) error {
	var key [chacha20poly1305.KeySize]byte
	if err := tx.s.draw(key[:]); err != nil {
		return err
	}
	if tx.keys == nil {
		tx.keys = make(map[int64][32]byte)
	}
	tx.keys[conversation] = key
	return nil
}

func (tx *Tx) bodyKey(conversation int64) (key [32]byte, ok bool) {
	if key, ok = tx.keys[conversation]; !ok {
		key, ok = tx.s.Secrets().Conversations[conversation]
	}
	return key, ok
}

// bodyAD is what an op's body is sealed with: it opens nowhere else.
//
// spec: 09-storage#sealed-values
func bodyAD(conversation int64, id [32]byte) []byte {
	ad := binary.BigEndian.AppendUint64(make([]byte, 0, 8+32), uint64(conversation))
	return append(ad, id[:]...)
}

// saveBodyKeys puts freshly drawn body keys into the key file.
func (s *Store) saveBodyKeys(keys map[int64][32]byte) error {
	if len(keys) == 0 {
		return nil
	}
	return s.SaveSecrets(func(to *Secrets) {
		for id, key := range keys {
			to.Conversations[id] = key
		}
	})
}
