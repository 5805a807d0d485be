package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
)

// conn is a connection with its statements, which are kept.
type conn struct {
	db    *sqlite3.Conn
	stmts map[string]*sqlite3.Stmt
}

// role says what a connection is for.
type role int

const (
	reader role = iota
	writer
)

// dial opens a connection to a database file that is there. Until settle, it
// changes nothing: not even the log is copied back when it closes.
//
// spec: 09-storage#database
func dial(path string, key [32]byte) (*conn, error) {
	return dialOn(diskName(), path, key)
}

// dialOn is dial with the files that are registered under a name.
func dialOn(files, path string, key [32]byte) (*conn, error) {
	name := url.URL{
		Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path),
		RawQuery: "vfs=" + files + "&hexkey=" + hex.EncodeToString(key[:]),
	}
	db, err := sqlite3.OpenFlags(name.String(), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	c := &conn{db: db, stmts: make(map[string]*sqlite3.Stmt)}
	if _, err := db.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// settle makes a connection that was found to be good ready for its role.
func (c *conn) settle(as role) error {
	if _, err := c.db.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, false); err != nil {
		return err
	}
	// Without it, a statement whose values could make a partial index of use is
	// prepared anew for each value. No statement of ours needs its values for that.
	if _, err := c.db.Config(sqlite3.DBCONFIG_ENABLE_QPSG, true); err != nil {
		return err
	}
	pragmas := "PRAGMA temp_store=memory; PRAGMA foreign_keys=on; PRAGMA secure_delete=on; PRAGMA trusted_schema=off; " +
		"PRAGMA synchronous=full; "
	pragmas += fmt.Sprintf("PRAGMA busy_timeout=%d; ", busyTimeout)
	switch as {
	case writer:
		pragmas += fmt.Sprintf("PRAGMA cache_size=-%d; PRAGMA wal_autocheckpoint=%d; PRAGMA journal_size_limit=%d",
			writerCacheSize, walPages, walSizeMax)
	case reader:
		pragmas += fmt.Sprintf("PRAGMA cache_size=-%d; PRAGMA query_only=on", readerCacheSize)
	}
	return c.db.Exec(pragmas)
}

// connect opens a further connection of an open store.
func (s *Store) connect(as role) (*conn, error) {
	c, err := dial(inHome(s.home, databaseName), s.Secrets().Database)
	if err != nil {
		return nil, err
	}
	if err := c.settle(as); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// prepare returns the kept statement of this text.
func (c *conn) prepare(sql string) (*sqlite3.Stmt, error) {
	if st, ok := c.stmts[sql]; ok {
		return st, nil
	}
	st, _, err := c.db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	c.stmts[sql] = st
	return st, nil
}

// run executes a statement without values or rows that matter.
func (c *conn) run(sql string) error {
	st, err := c.prepare(sql)
	if err != nil {
		return err
	}
	return st.Exec()
}

// number returns what a statement says in its first column and row.
func (c *conn) number(sql string) (int64, error) {
	st, err := c.prepare(sql)
	if err != nil {
		return 0, err
	}
	var n int64
	if st.Step() {
		n = st.ColumnInt64(0)
	}
	return n, st.Reset()
}

// rollback ends a transaction, if one is open, and leaves nothing of it.
func (c *conn) rollback() {
	if !c.db.GetAutocommit() {
		// It fails only where the database has rolled back by itself.
		_ = c.run(sqlRollback)
	}
}

func (c *conn) close() error {
	if c == nil {
		return nil
	}
	for _, st := range c.stmts {
		_ = st.Close() // says again what its last use said
	}
	return c.db.Close()
}
