package store

import "errors"

// Settled is what of an op decides whether it may be deleted.
type Settled struct {
	Seq, Conversation int64
	Lamport           uint64
	Received          int64 // Unix ms
	Kind              uint8 // package conversation's
	Waits             bool  // to be sent, or the text of another: not to be deleted
	Ahead             bool  // about an op that is not there, or that it changes
}

const (
	sqlSettled = `SELECT o.seq, o.conversation, o.lamport, o.received, o.mine AND EXISTS
		(SELECT 1 FROM deliveries d WHERE d.state < 3 AND d.id BETWEEN o.seq << ?1 AND ((o.seq + 1) << ?1) - 1) OR o.edits <> 0,
		o.kind, EXISTS (SELECT 1 FROM changes c WHERE c.op = o.seq)
		FROM ops o WHERE o.seq > ?2 ORDER BY o.seq LIMIT ?3`
	sqlFirstCursor = `SELECT ifnull(min(cursor),0) FROM events`
	sqlNthCursor   = `SELECT cursor FROM events ORDER BY cursor DESC LIMIT 1 OFFSET ?`
	sqlOldest      = `SELECT cursor, time FROM events ORDER BY cursor LIMIT ?`
	sqlPruneEvents = `DELETE FROM events WHERE cursor <= ?`
)

// Oldest returns ops in the order of arrival, those after a seq and at most limit.
func (tx *Tx) Oldest(after int64, limit int) (all []Settled, err error) {
	err = tx.query(sqlSettled).int(deliveryBits).int(after).limit(limit).each(func(r *row) {
		all = append(all, Settled{Seq: r.int(0), Conversation: r.int(1), Lamport: uint64(r.int(2)), Received: r.int(3), Waits: r.bool(4), Kind: r.uint8(5), Ahead: r.bool(6)})
	})
	return all, err
}

// Size returns how many bytes of the database are in use. The file itself may be
// larger: it keeps what was deleted as room for what comes.
func (tx *Tx) Size() (int64, error) {
	pages, err := tx.c.number("PRAGMA page_count")
	free, err2 := tx.c.number("PRAGMA freelist_count")
	return (pages - free) * pageSize, explain(tx.s.home, errors.Join(err, err2))
}

// PastEvents returns the cursor up to which events may be deleted, and 0 when there is
// none: those from before a time in Unix ms, and the oldest of more than keep. It looks
// at limit events at most: there may be more afterwards.
func (tx *Tx) PastEvents(before int64, keep, limit int) (upTo int64, err error) {
	first, err := tx.c.number(sqlFirstCursor)
	if err != nil {
		return 0, explain(tx.s.home, err)
	}
	last, err := tx.LastCursor()
	if err != nil {
		return 0, err
	}
	spare := int64(0)
	if last-first >= int64(keep) { // else there cannot be so many
		err = tx.query(sqlNthCursor).int(int64(keep)).each(func(r *row) { spare = r.int(0) })
		if err != nil {
			return 0, err
		}
	}
	past := true
	err = tx.query(sqlOldest).limit(limit).each(func(r *row) {
		if past = past && (r.int(1) < before || r.int(0) <= spare); past {
			upTo = r.int(0)
		}
	})
	return upTo, err
}

// PruneEvents deletes the events up to a cursor.
func (tx *Tx) PruneEvents(upTo int64) error { return tx.change(sqlPruneEvents).int(upTo).exec() }
