package store

import "sottovoce/mesh/peer"

// Pair is one of our contacts' devices with the state of all sessions with it.
//
// spec: 09-storage#pairs
type Pair struct {
	ID      int64 // row; 0 until PutPair
	Contact int64
	Peer    peer.ID
	Seen    int64  // when it was last linked, Unix ms; 0: never
	Owes    int64  // since when receipts are owed to it, as SetPairOwes was told
	Fixed   []byte // of session.Pair as it saved itself, what rarely changes; sealed at rest
	State   []byte // the rest of it; sealed at rest
}

const (
	sqlAddPair   = `INSERT INTO pairs (contact, peer, state, id) VALUES (?,?,?,?)`
	sqlSetPair   = `UPDATE pairs SET contact=?, peer=?, state=? WHERE id=?`
	sqlSavePair  = `UPDATE pairs SET state=? WHERE id=?`
	sqlSetFixed  = `INSERT INTO pair_fixed (pair, fixed) VALUES (?,?) ON CONFLICT (pair) DO UPDATE SET fixed=excluded.fixed`
	sqlSaveFixed = `UPDATE pair_fixed SET fixed=? WHERE pair=?`
	sqlPairSeen  = `UPDATE pairs SET seen=? WHERE id=?`
	sqlPairs     = `SELECT p.id, p.contact, p.peer, p.state, f.fixed, p.seen, p.owes FROM pairs p LEFT JOIN pair_fixed f ON f.pair = p.id WHERE p.state <> x'' ORDER BY p.id`
)

// PutPair inserts the pair and sets its ID when that is 0, and changes the pair
// of that ID otherwise, ErrNotFound if there is none.
func (tx *Tx) PutPair(p *Pair) error {
	err := tx.put(&p.ID, sqlAddPair, sqlSetPair, func(q *query, id int64) {
		q.int(p.Contact).blob(p.Peer[:]).sealed(p.State, rowAD(adPair, id))
	})
	if err != nil {
		return err
	}
	return tx.change(sqlSetFixed).int(p.ID).sealed(p.Fixed, rowAD(adPairFixed, p.ID)).exec()
}

// SavePair replaces the State of a pair, ErrNotFound if there is none.
func (tx *Tx) SavePair(id int64, state []byte) error {
	return tx.change(sqlSavePair).sealed(state, rowAD(adPair, id)).int(id).execOne()
}

// SavePairFixed replaces the Fixed of a pair, ErrNotFound if there is none.
func (tx *Tx) SavePairFixed(id int64, fixed []byte) error {
	return tx.change(sqlSaveFixed).sealed(fixed, rowAD(adPairFixed, id)).int(id).execOne()
}

// SetPairSeen notes when the pair was last linked, in Unix ms; ErrNotFound if there is none.
func (tx *Tx) SetPairSeen(id, at int64) error {
	return tx.change(sqlPairSeen).int(at).int(id).execOne()
}

// Pairs returns all pairs in the order they came, but for those of removed contacts.
func (tx *Tx) Pairs() ([]Pair, error) {
	var all []Pair
	err := tx.query(sqlPairs).each(func(r *row) {
		p := Pair{ID: r.int(0), Contact: r.int(1), Seen: r.int(5), Owes: r.int(6)}
		r.array(2, p.Peer[:])
		p.State = r.sealed(3, rowAD(adPair, p.ID))
		p.Fixed = r.sealed(4, rowAD(adPairFixed, p.ID))
		all = append(all, p)
	})
	return all, err
}
