package store

import (
	"github.com/ncruces/go-sqlite3"
)

// query is one use of a kept statement: values are bound from left to right,
// then it is executed. The first error stays and is returned at the end, as one
// for people.
type query struct {
	tx  *Tx
	st  *sqlite3.Stmt
	n   int
	err error
}

// query begins a query that reads.
func (tx *Tx) query(sql string) *query {
	if tx.c == nil {
		panic("store: transaction used after its end")
	}
	q := &query{tx: tx, err: tx.broken}
	if q.err == nil {
		q.err = tx.begin()
	}
	if q.err == nil {
		q.st, q.err = tx.c.prepare(sql)
	}
	return q
}

// change begins a query that writes.
func (tx *Tx) change(sql string) *query {
	if !tx.write {
		panic("store: change in a view")
	}
	return tx.query(sql)
}

func (q *query) bind(f func(at int) error) *query {
	q.n++
	if q.err == nil {
		q.err = f(q.n)
	}
	return q
}

func (q *query) int(v int64) *query {
	return q.bind(func(at int) error { return q.st.BindInt64(at, v) })
}

func (q *query) bool(v bool) *query {
	return q.bind(func(at int) error { return q.st.BindBool(at, v) })
}

func (q *query) text(v string) *query {
	return q.bind(func(at int) error { return q.st.BindText(at, v) })
}

func (q *query) blob(v []byte) *query {
	return q.bind(func(at int) error { return q.st.BindBlob(at, v) })
}

// sealed binds v, sealed under the row key.
func (q *query) sealed(v, ad []byte) *query {
	if q.err != nil {
		return q
	}
	sealed, err := q.tx.s.seal(q.tx.s.rows, v, ad)
	if err != nil {
		q.err = err
		return q
	}
	return q.blob(sealed)
}

// limit binds a number of rows, at most rowsMax.
func (q *query) limit(n int) *query { return q.int(int64(min(max(n, 0), rowsMax))) }

func (q *query) exec() error {
	if q.err == nil {
		q.err = q.st.Exec()
	}
	return q.end()
}

// execCount executes and returns the number of rows changed.
func (q *query) execCount() (int, error) {
	if err := q.exec(); err != nil {
		return 0, err
	}
	return int(q.tx.c.db.Changes()), nil
}

// execOne executes and returns ErrNotFound when no row was changed.
func (q *query) execOne() error {
	n, err := q.execCount()
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// each calls f for every row.
func (q *query) each(f func(*row)) error {
	return q.until(func(r *row) bool {
		f(r)
		return true
	})
}

// until calls f for every row as long as it returns true.
func (q *query) until(f func(*row) (more bool)) error {
	r := &row{q: q}
	for q.err == nil && q.st.Step() && f(r) {
	}
	if q.err == nil {
		q.err = q.st.Err()
	}
	return q.end()
}

// one is each for at most one row, and ErrNotFound when there is none.
func (q *query) one(f func(*row)) error {
	found := false
	err := q.each(func(r *row) {
		found = true
		f(r)
	})
	if err == nil && !found {
		return ErrNotFound
	}
	return err
}

// end makes the statement ready for its next use, and forgets what was bound.
func (q *query) end() error {
	if q.st != nil {
		_ = q.st.Reset() // says again what Step and Exec said
		if err := q.st.ClearBindings(); q.err == nil {
			q.err = err
		}
	}
	if q.err == nil {
		return nil
	}
	err := explain(q.tx.s.home, q.err)
	if q.tx.write && q.tx.broken == nil && q.tx.c.db.GetAutocommit() {
		q.tx.broken = err // the database has rolled back by itself: nothing more may run
	}
	return err
}

// row is the current row of a query. What cannot be read becomes the query's
// error.
type row struct{ q *query }

func (r *row) int(i int) int64     { return r.q.st.ColumnInt64(i) }
func (r *row) uint8(i int) uint8   { return uint8(r.int(i)) }
func (r *row) uint16(i int) uint16 { return uint16(r.int(i)) }
func (r *row) uint32(i int) uint32 { return uint32(r.int(i)) }
func (r *row) bool(i int) bool     { return r.int(i) != 0 }
func (r *row) text(i int) string   { return r.q.st.ColumnText(i) }
func (r *row) blob(i int) []byte   { return r.q.st.ColumnBlob(i, nil) }
func (r *row) null(i int) bool     { return r.q.st.ColumnType(i) == sqlite3.NULL }

// array fills to, whose length the value must have.
func (r *row) array(i int, to []byte) {
	if copy(to, r.q.st.ColumnRawBlob(i)) != len(to) {
		r.damaged()
	}
}

// sealed opens a value that was sealed under the row key.
func (r *row) sealed(i int, ad []byte) []byte { return r.opened(i, r.q.tx.s.rows, ad) }

func (r *row) damaged() {
	if r.q.err == nil {
		r.q.err = errDamaged
	}
}
