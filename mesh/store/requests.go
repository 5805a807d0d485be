package store

import "sottovoce/mesh/peer"

// Request is a contact request, ours or theirs.
//
// spec: 09-storage#requests
type Request struct {
	ID       int64 // row; 0 until PutRequest
	Handle   peer.Handle
	Name     string // theirs
	Incoming bool
	State    []byte // contact.Exchange as it saved itself; sealed at rest
	Time     int64  // Unix ms
	Done     bool
}

const (
	sqlAddRequest  = `INSERT INTO requests (handle, name, incoming, time, done, state, id) VALUES (?,?,?,?,?,?,?)`
	sqlSetRequest  = `UPDATE requests SET handle=?, name=?, incoming=?, time=?, done=?, state=? WHERE id=?`
	sqlDropRequest = `DELETE FROM requests WHERE id=?`
	sqlRequests    = `SELECT id, handle, name, incoming, time, done, state FROM requests ORDER BY id`
)

// PutRequest inserts the request and sets its ID when that is 0, and changes
// the request of that ID otherwise, ErrNotFound if there is none.
func (tx *Tx) PutRequest(p *Request) error {
	return tx.put(&p.ID, sqlAddRequest, sqlSetRequest, func(q *query, id int64) {
		q.blob(p.Handle[:]).text(p.Name).bool(p.Incoming).int(p.Time).bool(p.Done).
			sealed(p.State, rowAD(adRequest, id))
	})
}

// Requests returns all requests in the order they came.
func (tx *Tx) Requests() ([]Request, error) {
	var all []Request
	err := tx.query(sqlRequests).each(func(r *row) {
		p := Request{ID: r.int(0), Name: r.text(2), Incoming: r.bool(3), Time: r.int(4), Done: r.bool(5)}
		r.array(1, p.Handle[:])
		p.State = r.sealed(6, rowAD(adRequest, p.ID))
		all = append(all, p)
	})
	return all, err
}

// DeleteRequest forgets a request, ErrNotFound if there is none.
func (tx *Tx) DeleteRequest(id int64) error {
	return tx.change(sqlDropRequest).int(id).execOne()
}
