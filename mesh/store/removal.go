package store

import "sottovoce/mesh/peer"

const (
	sqlPairsOf      = `SELECT id FROM pairs WHERE contact=?`
	sqlDropFixed    = `DELETE FROM pair_fixed WHERE pair=?`
	sqlDropKeysOf   = `DELETE FROM skipped WHERE pair=?`
	sqlDropAllBlobs = `UPDATE out_blobs SET bytes=NULL, stage=0 WHERE stage > 0 AND pair=?`
	sqlEmptyPair    = `UPDATE pairs SET peer=?, state=x'', seen=0, owes=0 WHERE id=?`
	sqlMovePending  = `UPDATE deliveries SET pair=?, blob=0 WHERE state < 3 AND pair=?`
)

// RemoveContact empties a contact and its pairs: names, keys, sessions and what was
// sealed for it go. The rows stay, since what was sent may still point at them, and
// Account is what is to be known of who it was; ErrNotFound if there is no contact. Its
// conversation is to be dropped, or given to another contact, by itself.
//
// spec: 09-storage#contacts
func (tx *Tx) RemoveContact(id int64, account [32]byte) error {
	gone := Contact{ID: id, Account: account, Removed: true}
	if err := tx.PutContact(&gone); err != nil {
		return err
	}
	var pairs []int64
	if err := tx.query(sqlPairsOf).int(id).each(func(r *row) { pairs = append(pairs, r.int(0)) }); err != nil {
		return err
	}
	for _, pair := range pairs {
		for _, sql := range []string{sqlDropFixed, sqlDropKeysOf, sqlDropAllBlobs} {
			if err := tx.change(sql).int(pair).exec(); err != nil {
				return err
			}
		}
		var nobody peer.ID
		if err := tx.change(sqlEmptyPair).blob(nobody[:]).int(pair).execOne(); err != nil {
			return err
		}
	}
	return nil
}

// MovePending gives what waits for one pair to another, unsealed.
func (tx *Tx) MovePending(from, to int64) error {
	return tx.change(sqlMovePending).int(to).int(from).exec()
}
