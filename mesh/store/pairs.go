package store

import "sottovoce/mesh/peer"

// Pair is one of our contacts' devices with the state of all sessions with it.
//
// spec: 09-storage#pairs
type Pair struct {
	ID      int64 // row; 0 until PutPair
	Contact int64
	Peer    peer.ID
	State   []byte // session.Pair as it saved itself; sealed at rest
}

const (
	sqlAddPair  = `INSERT INTO pairs (contact, peer, state, id) VALUES (?,?,?,?)`
	sqlSetPair  = `UPDATE pairs SET contact=?, peer=?, state=? WHERE id=?`
	sqlSavePair = `UPDATE pairs SET state=? WHERE id=?`
	sqlPairs    = `SELECT id, contact, peer, state FROM pairs ORDER BY id`
)

// PutPair inserts the pair and sets its ID when that is 0, and changes the pair
// of that ID otherwise, ErrNotFound if there is none.
func (tx *Tx) PutPair(p *Pair) error {
	return tx.put(&p.ID, sqlAddPair, sqlSetPair, func(q *query, id int64) {
		q.int(p.Contact).blob(p.Peer[:]).sealed(p.State, rowAD(adPair, id))
	})
}

// SavePair replaces the state of a pair, ErrNotFound if there is none.
func (tx *Tx) SavePair(id int64, state []byte) error {
	return tx.change(sqlSavePair).sealed(state, rowAD(adPair, id)).int(id).execOne()
}

// Pairs returns all pairs in the order they came.
func (tx *Tx) Pairs() ([]Pair, error) {
	var all []Pair
	err := tx.query(sqlPairs).each(func(r *row) {
		p := Pair{ID: r.int(0), Contact: r.int(1)}
		r.array(2, p.Peer[:])
		p.State = r.sealed(3, rowAD(adPair, p.ID))
		all = append(all, p)
	})
	return all, err
}
