package store

import "testing"

// Events come in pages, each once, and the last cursor is known.
func TestEventsInPages(t *testing.T) {
	s, w := filled(t)
	doView(t, s, func(tx *Tx) {
		first, err := tx.Events(0, 1)
		must(t, err)
		same(t, first, w.Events[:1])
		rest, err := tx.Events(first[0].Cursor, 10)
		must(t, err)
		same(t, rest, w.Events[1:])
		none, err := tx.Events(rest[0].Cursor, 10)
		must(t, err)
		same(t, len(none), 0)
		cursor, err := tx.LastCursor()
		must(t, err)
		same(t, cursor, rest[0].Cursor)
	})
}
