package store

import "sottovoce/mesh/identity"

// Contact is an account that we and they have accepted, or once had.
//
// spec: 09-storage#contacts
type Contact struct {
	ID      int64 // row; 0 until PutContact
	Account identity.AccountID
	Name    string // theirs
	Alias   string // ours for them; may be empty
	Added   int64  // Unix ms
	Object  []byte // contact object, CBOR; sealed at rest
	Removed bool
	Named   uint64 // lamport of the profile op that gave Name; 0: a card did
	Blocked bool   // nothing goes there and nothing comes from there
}

const (
	sqlAddContact = `INSERT INTO contacts (account, name, alias, added, removed, blocked, named, object, id) VALUES (?,?,?,?,?,?,?,?,?)`
	sqlSetContact = `UPDATE contacts SET account=?, name=?, alias=?, added=?, removed=?, blocked=?, named=?, object=? WHERE id=?`
	sqlContacts   = `SELECT id, account, name, alias, added, removed, blocked, named, object FROM contacts ORDER BY id`
)

// PutContact inserts the contact and sets its ID when that is 0, and changes
// the contact of that ID otherwise, ErrNotFound if there is none.
func (tx *Tx) PutContact(c *Contact) error {
	return tx.put(&c.ID, sqlAddContact, sqlSetContact, func(q *query, id int64) {
		q.blob(c.Account[:]).text(c.Name).text(c.Alias).int(c.Added).bool(c.Removed).bool(c.Blocked).int(int64(c.Named)).
			sealed(c.Object, rowAD(adContact, id))
	})
}

// Contacts returns all contacts, the removed ones too, in the order they came.
func (tx *Tx) Contacts() ([]Contact, error) {
	var all []Contact
	err := tx.query(sqlContacts).each(func(r *row) {
		c := Contact{ID: r.int(0), Name: r.text(2), Alias: r.text(3), Added: r.int(4), Removed: r.bool(5), Blocked: r.bool(6), Named: uint64(r.int(7))}
		r.array(1, c.Account[:])
		c.Object = r.sealed(8, rowAD(adContact, c.ID))
		all = append(all, c)
	})
	return all, err
}
