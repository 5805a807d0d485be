package store

import (
	"encoding/binary"
	"slices"
)

// Unmatched is a blob of a log that no key was known for when it came: a key may come.
//
// spec: 09-storage#unmatched
type Unmatched struct {
	Tag       [16]byte
	ID        [8]byte // first bytes of the blob's id
	ExpiryDay uint16
}

// Stretch is a row of those that came on pages after a cursor of a log; the mesh keeps
// together what is read again from one place.
type Stretch struct {
	ID      int64
	Log     int64
	Since   uint64
	Entries []Unmatched // at most StretchMax
}

// StretchMax is how many blobs a stretch has at the most: a row of a page.
const StretchMax = 140

// unmatchedSize is that of an entry: tag(16) ‖ id(8) ‖ expiry day(2).
const unmatchedSize = 26

const (
	sqlAddStretch      = `INSERT INTO unmatched (log, since, until, entries, id) VALUES (?,?,?,?,?)`
	sqlSetStretch      = `UPDATE unmatched SET log=?, since=?, until=?, entries=? WHERE id=?`
	sqlDropStretch     = `DELETE FROM unmatched WHERE id=?`
	sqlStretches       = `SELECT id, log, since, entries FROM unmatched ORDER BY id`
	sqlStretch         = `SELECT id, log, since, entries FROM unmatched WHERE id=?`
	sqlDropUnmatched   = `DELETE FROM unmatched WHERE log=?`
	sqlExpireUnmatched = `DELETE FROM unmatched WHERE until < ?`
)

// PutStretch inserts the stretch and sets its ID when that is 0, and changes the stretch
// of that ID otherwise, ErrNotFound if there is none. One without entries goes.
func (tx *Tx) PutStretch(s *Stretch) error {
	if len(s.Entries) == 0 {
		if s.ID == 0 {
			return nil
		}
		return tx.change(sqlDropStretch).int(s.ID).execOne()
	}
	until := uint16(0)
	packed := make([]byte, 0, len(s.Entries)*unmatchedSize)
	for _, u := range s.Entries {
		packed = append(append(packed, u.Tag[:]...), u.ID[:]...)
		packed = binary.BigEndian.AppendUint16(packed, u.ExpiryDay)
		until = max(until, u.ExpiryDay)
	}
	return tx.put(&s.ID, sqlAddStretch, sqlSetStretch, func(q *query, _ int64) {
		q.int(s.Log).int(int64(s.Since)).int(int64(until)).blob(packed)
	})
}

// Stretches calls f for each stretch, in the order they came.
func (tx *Tx) Stretches(f func(Stretch)) error { return tx.query(sqlStretches).stretches(f) }

// Stretch returns one, ErrNotFound if there is none.
func (tx *Tx) Stretch(id int64) (found Stretch, err error) {
	err = tx.query(sqlStretch).int(id).stretches(func(s Stretch) { found = s })
	if err == nil && found.ID == 0 {
		err = ErrNotFound
	}
	return found, err
}

func (q *query) stretches(f func(Stretch)) error {
	return q.each(func(r *row) {
		s := Stretch{ID: r.int(0), Log: r.int(1), Since: uint64(r.int(2))}
		packed := r.blob(3)
		if len(packed)%unmatchedSize != 0 {
			r.damaged()
			return
		}
		for e := range slices.Chunk(packed, unmatchedSize) {
			s.Entries = append(s.Entries, Unmatched{Tag: [16]byte(e), ID: [8]byte(e[16:]), ExpiryDay: binary.BigEndian.Uint16(e[24:])})
		}
		f(s)
	})
}

// DropUnmatched forgets all of a log.
func (tx *Tx) DropUnmatched(log int64) error { return tx.change(sqlDropUnmatched).int(log).exec() }

// ExpireUnmatched forgets what expired before the Unix day.
func (tx *Tx) ExpireUnmatched(day uint16) error {
	return tx.change(sqlExpireUnmatched).int(int64(day)).exec()
}
