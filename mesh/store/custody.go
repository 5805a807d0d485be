package store

import (
	"errors"
	"math"

	"sottovoce/mesh/peer"
)

// Log is what one supernode keeps for one community, and how far we have collected it.
//
// spec: 09-storage#logs
type Log struct {
	ID        int64 // row; 0 until PutLog
	Supernode peer.ID
	Community [32]byte
	Cursor    uint64
}

// Custody is a supernode's word that it holds one of our blobs.
//
// spec: 09-storage#custody
type Custody struct {
	Blob     int64 // of the out blobs
	Log      int64
	Cursor   uint64
	Evidence int64 // row of the signed statement
	Time     int64 // Unix ms
}

// Keeper is who holds an op for a device of its recipient, and until the end of which day.
type Keeper struct {
	Supernode peer.ID
	Until     uint16
}

const (
	sqlAddLog   = `INSERT INTO logs (supernode, community, cursor, id) VALUES (?,?,?,?)`
	sqlSetLog   = `UPDATE logs SET supernode=?, community=?, cursor=? WHERE id=?`
	sqlLogs     = `SELECT id, supernode, community, cursor FROM logs ORDER BY id`
	sqlIdleLogs = `SELECT id, supernode, community, cursor FROM logs l WHERE NOT EXISTS (SELECT 1 FROM custody c WHERE c.log = l.id)
		AND NOT EXISTS (SELECT 1 FROM unmatched u WHERE u.log = l.id) ORDER BY id`
	sqlLogsHeldFor = `SELECT count(DISTINCT c.log) FROM custody c JOIN out_blobs b ON b.id = c.blob JOIN pairs p ON p.id = b.pair WHERE p.contact=?`
	sqlDropLog     = `DELETE FROM logs WHERE id=?`
	sqlAddEvidence = `INSERT INTO evidence (statement, id) VALUES (?,?)`
	sqlSetCustody  = `INSERT INTO custody (blob, log, cursor, evidence, time) VALUES (?,?,?,?,?)
		ON CONFLICT (blob, log) DO UPDATE SET cursor=excluded.cursor, evidence=excluded.evidence, time=excluded.time`
	sqlCustodyOf   = `SELECT c.log, c.cursor, c.evidence, c.time FROM custody c WHERE c.blob=? ORDER BY c.log`
	sqlCustodyIn   = `SELECT blob FROM custody WHERE log=? AND cursor>? AND cursor<=? ORDER BY blob`
	sqlCustodyAt   = `SELECT blob, cursor FROM custody WHERE log=? AND cursor BETWEEN ? AND ? ORDER BY blob`
	sqlSeenAt      = `SELECT c.log FROM custody c JOIN logs l ON l.id = c.log WHERE c.blob=? AND c.cursor BETWEEN 1 AND l.cursor ORDER BY c.log`
	sqlHeldIn      = `SELECT blob FROM custody WHERE log=? ORDER BY blob`
	sqlDropCustody = `DELETE FROM custody WHERE blob=? AND log=?`
	sqlEvidence    = `SELECT statement FROM evidence WHERE id=?`
	sqlKeepers     = `SELECT l.supernode, max(b.expiry_day) FROM deliveries d JOIN custody c ON c.blob = d.blob JOIN logs l ON l.id = c.log
		JOIN out_blobs b ON b.id = d.blob WHERE d.id BETWEEN ? AND ? AND d.state=2 GROUP BY l.supernode ORDER BY l.supernode LIMIT ?`
	sqlExpireCustody  = `DELETE FROM custody WHERE blob NOT IN (SELECT id FROM out_blobs WHERE stage > 0)`
	sqlExpireEvidence = `DELETE FROM evidence WHERE id NOT IN (SELECT evidence FROM custody)`
	sqlSetOwes        = `UPDATE pairs SET owes=? WHERE id=?`
)

// PutLog inserts the log and sets its ID when that is 0, and changes the log of that ID
// otherwise, ErrNotFound if there is none.
func (tx *Tx) PutLog(l *Log) error {
	return tx.put(&l.ID, sqlAddLog, sqlSetLog, func(q *query, _ int64) {
		q.blob(l.Supernode[:]).blob(l.Community[:]).int(int64(l.Cursor))
	})
}

// Logs returns all logs in the order they came.
func (tx *Tx) Logs() ([]Log, error) { return tx.query(sqlLogs).logs() }

// IdleLogs returns those that hold nothing of ours, and nothing that waits for its key.
func (tx *Tx) IdleLogs() ([]Log, error) { return tx.query(sqlIdleLogs).logs() }

// LogsHeldFor counts the logs that hold something for a contact.
func (tx *Tx) LogsHeldFor(contact int64) (n int, err error) {
	err = tx.query(sqlLogsHeldFor).int(contact).one(func(r *row) { n = int(r.int(0)) })
	return n, err
}

// DropLog forgets a log that IdleLogs named, ErrNotFound if there is none.
func (tx *Tx) DropLog(id int64) error { return tx.change(sqlDropLog).int(id).execOne() }

func (q *query) logs() ([]Log, error) {
	var all []Log
	err := q.each(func(r *row) {
		l := Log{ID: r.int(0), Cursor: uint64(r.int(3))}
		r.array(1, l.Supernode[:])
		r.array(2, l.Community[:])
		all = append(all, l)
	})
	return all, err
}

// AddEvidence keeps a signed statement and returns its row.
func (tx *Tx) AddEvidence(statement []byte) (id int64, err error) {
	if id, err = tx.newID(); err != nil {
		return 0, err
	}
	return id, tx.change(sqlAddEvidence).blob(statement).int(id).exec()
}

// Evidence returns a signed statement, ErrNotFound if there is none.
func (tx *Tx) Evidence(id int64) (statement []byte, err error) {
	err = tx.query(sqlEvidence).int(id).one(func(r *row) { statement = r.blob(0) })
	return statement, err
}

// PutCustody notes who holds a blob; a later word of the same log takes the place of the
// one before.
func (tx *Tx) PutCustody(c Custody) error {
	return tx.change(sqlSetCustody).int(c.Blob).int(c.Log).int(int64(c.Cursor)).int(c.Evidence).int(c.Time).exec()
}

// CustodyOf returns who holds a blob.
func (tx *Tx) CustodyOf(blob int64) ([]Custody, error) {
	var all []Custody
	err := tx.query(sqlCustodyOf).int(blob).each(func(r *row) {
		all = append(all, Custody{Blob: blob, Log: r.int(0), Cursor: uint64(r.int(1)), Evidence: r.int(2), Time: r.int(3)})
	})
	return all, err
}

// HeldIn returns what a log holds, in the order of the out blobs.
func (tx *Tx) HeldIn(log int64) (blobs []int64, err error) {
	err = tx.query(sqlHeldIn).int(log).each(func(r *row) { blobs = append(blobs, r.int(0)) })
	return blobs, err
}

// CustodyIn returns what of that is behind one cursor and up to another. No honest log has cursors from 2⁶³ on; what is there is
// in no stretch.
func (tx *Tx) CustodyIn(log int64, since, until uint64) (blobs []int64, err error) {
	err = tx.query(sqlCustodyIn).int(log).int(int64(min(since, math.MaxInt64))).int(int64(min(until, math.MaxInt64))).each(func(r *row) { blobs = append(blobs, r.int(0)) })
	return blobs, err
}

// CustodyAt returns what of that is at some cursors, whatever they are. However many, what all logs hold is read once.
func (tx *Tx) CustodyAt(log int64, at []uint64) (blobs []int64, err error) {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	wanted := make(map[int64]bool, len(at))
	for _, c := range at {
		cursor := int64(c) // as it is kept
		first, last, wanted[cursor] = min(first, cursor), max(last, cursor), true
	}
	err = tx.query(sqlCustodyAt).int(log).int(first).int(last).each(func(r *row) {
		if wanted[r.int(1)] {
			blobs = append(blobs, r.int(0))
		}
	})
	return blobs, err
}

// SeenAt returns the logs that hold a blob at a place up to which they were collected, in the order of their rows.
func (tx *Tx) SeenAt(blob int64) (logs []int64, err error) {
	err = tx.query(sqlSeenAt).int(blob).each(func(r *row) { logs = append(logs, r.int(0)) })
	return logs, err
}

// DropCustody forgets that a log holds a blob, ErrNotFound if that was not known.
func (tx *Tx) DropCustody(blob, log int64) error {
	return tx.change(sqlDropCustody).int(blob).int(log).execOne()
}

// KeepersOf returns who holds an op that is held, for whichever device, in the order of
// their ids.
func (tx *Tx) KeepersOf(op int64) ([]Keeper, error) {
	first, last := deliveryIDs(op)
	var all []Keeper
	err := tx.query(sqlKeepers).int(first).int(last).limit(rowsMax).each(func(r *row) {
		k := Keeper{Until: r.uint16(1)}
		r.array(0, k.Supernode[:])
		all = append(all, k)
	})
	return all, err
}

// ExpireCustody forgets who holds what is forgotten itself, or has arrived. It is for after
// ExpireOutBlobs.
func (tx *Tx) ExpireCustody() error {
	return errors.Join(tx.change(sqlExpireCustody).exec(), tx.change(sqlExpireEvidence).exec())
}

// SetPairOwes notes since when, in Unix ms, receipts are owed to a pair for what came by
// supernode; 0: none are. ErrNotFound if there is no such pair.
func (tx *Tx) SetPairOwes(id, since int64) error {
	return tx.change(sqlSetOwes).int(since).int(id).execOne()
}
