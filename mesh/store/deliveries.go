package store

import (
	"errors"
	"fmt"
)

// Delivery is an outbox row: one op on its way to one device.
//
// spec: 09-storage#deliveries
type Delivery struct {
	ID     int64 // row; 0 until PutDelivery
	Op     int64 // Seq; never changes
	Pair   int64
	Blob   int64  // the out blob it was last sealed into; 0: not sealed
	State  uint8  // package conversation's
	Reason string // of expired and failed
	Time   int64  // Unix ms
	// Settled is when it was delivered, expired or failed, ReadAt when it was read, as
	// SetDelivery was told; 0: not yet.
	Settled, ReadAt int64
}

const (
	sqlDeliveryColumns = `SELECT d.id, d.pair, d.blob, d.state, d.reason, d.time, d.settled, d.read_at FROM deliveries d`
	sqlAddDelivery     = `INSERT INTO deliveries (pair, blob, state, reason, time, id)
		SELECT ?3, ?4, ?5, ?6, ?7, ifnull(max(id), ?1 - 1) + 1 FROM deliveries WHERE id BETWEEN ?1 AND ?2
		HAVING ifnull(max(id), 0) < ?2 RETURNING id`
	sqlSetDelivery  = `UPDATE deliveries SET pair=?, blob=?, state=?, reason=?, time=? WHERE id=?`
	sqlPending      = sqlDeliveryColumns + ` WHERE d.state < 3 AND d.pair=? ORDER BY d.id LIMIT ?`
	sqlUnsealed     = sqlDeliveryColumns + ` WHERE d.state < 3 AND d.pair=? AND d.blob=0 ORDER BY d.id LIMIT ?`
	sqlDeliveriesOf = sqlDeliveryColumns + ` WHERE d.id BETWEEN ? AND ? ORDER BY d.id LIMIT ?`
	sqlDeliveriesIn = sqlDeliveryColumns + ` WHERE d.state NOT IN (3,4) AND d.id IN (
		SELECT id FROM deliveries WHERE state < 3 AND pair=(SELECT pair FROM out_blobs WHERE id=?1) AND blob=?1
		UNION ALL SELECT id FROM deliveries WHERE state > 4 AND blob=?1
		UNION ALL SELECT delivery FROM resealed WHERE blob=?1) ORDER BY d.id LIMIT ?2`
	sqlSealDelivery   = `UPDATE deliveries SET blob=? WHERE id=? AND blob=0`
	sqlResealDelivery = `UPDATE deliveries SET blob=? WHERE id=?`
	sqlNoteSealed     = `INSERT OR IGNORE INTO resealed (blob, delivery)
		SELECT blob, id FROM deliveries WHERE id=?1 AND blob<>0 AND blob<>?2`
	sqlDeliveryState = `UPDATE deliveries SET state=?, reason=?, settled=? WHERE id=?`
	sqlDeliveryRead  = `UPDATE deliveries SET state=4, reason='', read_at=? WHERE id=?`
	sqlUnsealedCount = `SELECT count(*) FROM deliveries d WHERE d.state < 3 AND d.pair=? AND d.blob=0`
	sqlPendingCount  = `SELECT d.state, count(*) FROM deliveries d JOIN ops o ON o.seq = d.id >> ? WHERE d.state < 3 AND o.kind BETWEEN ? AND ? GROUP BY d.state`
)

// PutDelivery inserts the delivery and sets its ID when that is 0, and changes
// the delivery of that ID otherwise, ErrNotFound if there is none.
func (tx *Tx) PutDelivery(d *Delivery) error {
	if d.ID == 0 {
		return tx.addDelivery(d)
	}
	if err := tx.change(sqlNoteSealed).int(d.ID).int(d.Blob).exec(); err != nil {
		return err
	}
	return tx.change(sqlSetDelivery).int(d.Pair).int(d.Blob).int(int64(d.State)).text(d.Reason).int(d.Time).int(d.ID).execOne()
}

func (tx *Tx) addDelivery(d *Delivery) error {
	first, last := deliveryIDs(d.Op)
	err := tx.change(sqlAddDelivery).int(first).int(last).int(d.Pair).int(d.Blob).int(int64(d.State)).text(d.Reason).int(d.Time).
		one(func(r *row) { d.ID = r.int(0) })
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("op %d: more than %d deliveries", d.Op, 1<<deliveryBits)
	}
	return err
}

// deliveryIDs is the range of the ids of an op's deliveries, which so lie side by
// side without an index.
//
// spec: 09-storage#deliveries
func deliveryIDs(op int64) (first, last int64) {
	first = op << deliveryBits
	return first, first + 1<<deliveryBits - 1
}

// Deliveries returns the pending deliveries of a pair, all or only those that
// are not sealed, oldest first and at most limit. Pending are those queued or
// held.
func (tx *Tx) Deliveries(pair int64, unsealed bool, limit int) ([]Delivery, error) {
	if unsealed {
		return tx.query(sqlUnsealed).int(pair).limit(limit).deliveries()
	}
	return tx.query(sqlPending).int(pair).limit(limit).deliveries()
}

// UnsealedCount counts the pending deliveries of a pair that are not sealed.
func (tx *Tx) UnsealedCount(pair int64) (n int, err error) {
	err = tx.query(sqlUnsealedCount).int(pair).each(func(r *row) { n = int(r.int(0)) })
	return n, err
}

// DeliveriesOf returns the deliveries of an op, in whatever state.
func (tx *Tx) DeliveriesOf(op int64) ([]Delivery, error) {
	first, last := deliveryIDs(op)
	return tx.query(sqlDeliveriesOf).int(first).int(last).limit(rowsMax).deliveries()
}

// DeliveriesIn returns the deliveries that were sealed into an out blob, those
// sealed anew since then too (their Blob tells), as far as a receipt for it is of
// use to them: those delivered or read are not among them.
func (tx *Tx) DeliveriesIn(blob int64) ([]Delivery, error) {
	return tx.query(sqlDeliveriesIn).int(blob).limit(rowsMax).deliveries()
}

func (q *query) deliveries() ([]Delivery, error) {
	var all []Delivery
	err := q.each(func(r *row) {
		all = append(all, Delivery{
			ID: r.int(0), Op: r.int(0) >> deliveryBits, Pair: r.int(1), Blob: r.int(2),
			State: r.uint8(3), Reason: r.text(4), Time: r.int(5), Settled: r.int(6), ReadAt: r.int(7),
		})
	})
	return all, err
}

// SealDeliveries notes that deliveries were sealed into an out blob of their pair,
// or with blob 0 that they rest unsealed again. ErrNotFound says that one of them
// is not there.
func (tx *Tx) SealDeliveries(ids []int64, blob int64) error {
	for _, id := range ids {
		err := tx.change(sqlSealDelivery).int(blob).int(id).execOne()
		if errors.Is(err, ErrNotFound) { // it was sealed before, and may be receipted by that blob yet
			if err = tx.change(sqlNoteSealed).int(id).int(blob).exec(); err == nil {
				err = tx.change(sqlResealDelivery).int(blob).int(id).execOne()
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// SetDelivery changes the state of a delivery at a Unix ms, ErrNotFound if there is none.
func (tx *Tx) SetDelivery(id int64, state uint8, reason string, at int64) error {
	return tx.change(sqlDeliveryState).int(int64(state)).text(reason).int(at).int(id).execOne()
}

// SetDeliveryRead makes a delivery read at a Unix ms, ErrNotFound if there is none.
func (tx *Tx) SetDeliveryRead(id, at int64) error {
	return tx.change(sqlDeliveryRead).int(at).int(id).execOne()
}

// PendingCount counts the deliveries of ops of some kinds that are queued and those that are
// held.
func (tx *Tx) PendingCount(first, last uint8) (queued, held int, err error) {
	err = tx.query(sqlPendingCount).int(deliveryBits).int(int64(first)).int(int64(last)).each(func(r *row) {
		switch r.int(0) {
		case stateQueued:
			queued = int(r.int(1))
		case stateHeld:
			held = int(r.int(1))
		}
	})
	return queued, held, err
}
