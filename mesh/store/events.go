package store

// Event is an entry of the event log, from which faces and bots catch up.
//
// spec: 09-storage#events
type Event struct {
	Cursor int64 // strictly rising, never used twice; 0 until AppendEvent
	Kind   uint8
	Ref    int64
	Time   int64 // Unix ms
	Detail []byte
}

const (
	sqlAddEvent   = `INSERT INTO events (cursor, kind, ref, time, detail) VALUES (?,?,?,?,?)`
	sqlEvents     = `SELECT cursor, kind, ref, time, detail FROM events WHERE cursor > ? ORDER BY cursor LIMIT ?`
	sqlLastCursor = `SELECT ifnull(max(cursor),0) FROM events`
)

// AppendEvent appends the event and sets its Cursor.
func (tx *Tx) AppendEvent(e *Event) error {
	cursor, err := tx.newID()
	if err != nil {
		return err
	}
	err = tx.change(sqlAddEvent).int(cursor).int(int64(e.Kind)).int(e.Ref).int(e.Time).blob(e.Detail).exec()
	if err != nil {
		return err
	}
	e.Cursor = cursor
	return nil
}

// Events returns the events after a cursor, at most limit, oldest first.
func (tx *Tx) Events(since int64, limit int) ([]Event, error) {
	var all []Event
	err := tx.query(sqlEvents).int(since).limit(limit).each(func(r *row) {
		all = append(all, Event{Cursor: r.int(0), Kind: r.uint8(1), Ref: r.int(2), Time: r.int(3), Detail: r.blob(4)})
	})
	return all, err
}

// LastCursor returns the cursor of the newest event, 0 when there is none.
func (tx *Tx) LastCursor() (cursor int64, err error) {
	err = tx.query(sqlLastCursor).each(func(r *row) { cursor = r.int(0) })
	return cursor, err
}
