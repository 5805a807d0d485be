package store

// Delivery is an outbox row: one op on its way to one device.
//
// spec: 09-storage#deliveries
type Delivery struct {
	ID     int64 // row; 0 until PutDelivery
	Op     int64 // Seq
	Pair   int64
	Blob   int64  // the out blob it was last sealed into; 0: not sealed
	State  uint8  // package conversation's
	Reason string // of expired and failed
	Time   int64  // Unix ms
}

const (
	sqlDeliveryColumns = `SELECT d.id, d.op, d.pair, d.blob, d.state, d.reason, d.time FROM deliveries d`
	sqlAddDelivery     = `INSERT INTO deliveries (op, pair, blob, state, reason, time, id) VALUES (?,?,?,?,?,?,?)`
	sqlSetDelivery     = `UPDATE deliveries SET op=?, pair=?, blob=?, state=?, reason=?, time=? WHERE id=?`
	sqlPending         = sqlDeliveryColumns + ` WHERE d.state < 3 AND d.pair=? ORDER BY d.id LIMIT ?`
	sqlUnsealed        = sqlDeliveryColumns + ` WHERE d.state < 3 AND d.pair=? AND d.blob=0 ORDER BY d.id LIMIT ?`
	sqlDeliveriesOf    = sqlDeliveryColumns + ` WHERE d.op=? ORDER BY d.id LIMIT ?`
	sqlDeliveriesIn    = sqlDeliveryColumns + ` JOIN sealed s ON s.delivery = d.id WHERE s.blob=? ORDER BY s.delivery LIMIT ?`
	sqlSealDelivery    = `UPDATE deliveries SET blob=? WHERE id=?`
	sqlNoteSealed      = `INSERT OR IGNORE INTO sealed (blob, delivery) VALUES (?,?)`
	sqlDeliveryState   = `UPDATE deliveries SET state=?, reason=? WHERE id=?`
	sqlUnsealedCount   = `SELECT count(*) FROM deliveries d WHERE d.state < 3 AND d.pair=? AND d.blob=0`
	sqlPendingCount    = `SELECT state, count(*) FROM deliveries WHERE state < 3 GROUP BY state`
)

// PutDelivery inserts the delivery and sets its ID when that is 0, and changes
// the delivery of that ID otherwise, ErrNotFound if there is none.
func (tx *Tx) PutDelivery(d *Delivery) error {
	err := tx.put(&d.ID, sqlAddDelivery, sqlSetDelivery, func(q *query, _ int64) {
		q.int(d.Op).int(d.Pair).int(d.Blob).int(int64(d.State)).text(d.Reason).int(d.Time)
	})
	if err != nil || d.Blob == 0 {
		return err
	}
	return tx.change(sqlNoteSealed).int(d.Blob).int(d.ID).exec()
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
	return tx.query(sqlDeliveriesOf).int(op).limit(rowsMax).deliveries()
}

// DeliveriesIn returns the deliveries that were sealed into an out blob, in
// whatever state, those sealed anew since then too; their Blob tells.
func (tx *Tx) DeliveriesIn(blob int64) ([]Delivery, error) {
	return tx.query(sqlDeliveriesIn).int(blob).limit(rowsMax).deliveries()
}

func (q *query) deliveries() ([]Delivery, error) {
	var all []Delivery
	err := q.each(func(r *row) {
		all = append(all, Delivery{
			ID: r.int(0), Op: r.int(1), Pair: r.int(2), Blob: r.int(3),
			State: r.uint8(4), Reason: r.text(5), Time: r.int(6),
		})
	})
	return all, err
}

// SealDeliveries notes that deliveries were sealed into an out blob, or with
// blob 0 that they rest unsealed again. ErrNotFound says that one of them is
// not there.
func (tx *Tx) SealDeliveries(ids []int64, blob int64) error {
	for _, id := range ids {
		if err := tx.change(sqlSealDelivery).int(blob).int(id).execOne(); err != nil {
			return err
		}
		if blob == 0 {
			continue
		}
		if err := tx.change(sqlNoteSealed).int(blob).int(id).exec(); err != nil {
			return err
		}
	}
	return nil
}

// SetDelivery changes the state of a delivery, ErrNotFound if there is none.
func (tx *Tx) SetDelivery(id int64, state uint8, reason string) error {
	return tx.change(sqlDeliveryState).int(int64(state)).text(reason).int(id).execOne()
}

// PendingCount counts the deliveries that are queued and those that are held.
func (tx *Tx) PendingCount() (queued, held int, err error) {
	err = tx.query(sqlPendingCount).each(func(r *row) {
		switch r.int(0) {
		case stateQueued:
			queued = int(r.int(1))
		case stateHeld:
			held = int(r.int(1))
		}
	})
	return queued, held, err
}
