package store

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// migrations lead from each schema version to the next; the first makes the
// database. A released one is never changed, and a new one comes with the home it
// leads to, in testdata.
//
// spec: 09-storage#schema
var migrations = [schemaVersion]string{
	schema1,
	// What was said in an erased conversation is gone; its row stays until its ops are
	// swept up.
	`ALTER TABLE conversations ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;`,
	// Contacts can be shut out.
	`ALTER TABLE contacts ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0;`,
	schema4,
	// When a delivery was settled and read, when a device was last reached, which profile op
	// gave a contact its name, and how far somebody has read.
	`
ALTER TABLE deliveries ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN read_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pairs ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN named INTEGER NOT NULL DEFAULT 0;

CREATE TABLE read_marks (
	conversation BLOB NOT NULL,
	author       BLOB NOT NULL,
	seq          INTEGER NOT NULL,
	PRIMARY KEY (conversation, author)
) WITHOUT ROWID;
`,
	// Ops whose words are to be taken out of the index.
	`CREATE TABLE deleted (
	seq          INTEGER PRIMARY KEY,
	conversation INTEGER NOT NULL
);
CREATE INDEX deleted_conversation ON deleted (conversation);`,
	schema7,
	schema8,
}

// schema8 adds what ops do to others. Those that were kept without knowing that are about the
// zero id.
const schema8 = `
ALTER TABLE ops ADD COLUMN edit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ops ADD COLUMN edits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ops ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ops ADD COLUMN reacted INTEGER NOT NULL DEFAULT 0;

CREATE TABLE changes (
	target8 INTEGER NOT NULL,
	op      INTEGER NOT NULL,
	target  BLOB NOT NULL,
	PRIMARY KEY (target8, op, target)
) WITHOUT ROWID;
CREATE INDEX changes_op ON changes (op);
INSERT INTO changes (target8, op, target)
	SELECT -9223372036854775807 - 1, seq, zeroblob(32) FROM ops WHERE kind IN (2, 3, 4);
`

// schema7 adds what there is to know of supernodes: their logs and how far we collected them,
// who holds what of ours and signed for it, what we had no key for, and to whom receipts are
// owed.
const schema7 = `
CREATE TABLE logs (
	id        INTEGER PRIMARY KEY,
	supernode BLOB NOT NULL,
	community BLOB NOT NULL,
	cursor    INTEGER NOT NULL,
	UNIQUE (supernode, community)
);

CREATE TABLE evidence (
	id        INTEGER PRIMARY KEY,
	statement BLOB NOT NULL
);

CREATE TABLE custody (
	blob     INTEGER NOT NULL,
	log      INTEGER NOT NULL REFERENCES logs,
	cursor   INTEGER NOT NULL,
	evidence INTEGER NOT NULL REFERENCES evidence,
	time     INTEGER NOT NULL,
	PRIMARY KEY (blob, log)
) WITHOUT ROWID;

CREATE TABLE unmatched (
	id      INTEGER PRIMARY KEY,
	log     INTEGER NOT NULL REFERENCES logs,
	since   INTEGER NOT NULL,
	until   INTEGER NOT NULL,
	entries BLOB NOT NULL
);

ALTER TABLE pairs ADD COLUMN owes INTEGER NOT NULL DEFAULT 0;
`

// schema4 adds the index of words.
const schema4 = `
CREATE TABLE indexed (
	last INTEGER NOT NULL
);
INSERT INTO indexed (last) VALUES (0);

CREATE TABLE segments (
	id           INTEGER PRIMARY KEY,
	conversation INTEGER NOT NULL REFERENCES conversations,
	first        INTEGER NOT NULL,
	last         INTEGER NOT NULL,
	ops          INTEGER NOT NULL,
	since        INTEGER NOT NULL,
	until        INTEGER NOT NULL
);
CREATE INDEX segments_order ON segments (conversation, last);

CREATE TABLE words (
	id    INTEGER PRIMARY KEY,
	block BLOB NOT NULL
);
`

// create makes an empty file a database of the current schema.
func (c *conn) create() error {
	if err := c.format(); err != nil {
		return err
	}
	return c.migrate(0, schemaVersion)
}

// format sets what of a database file cannot change later.
func (c *conn) format() error {
	if _, err := c.db.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, pageReserve); err != nil {
		return err
	}
	return c.db.Exec("PRAGMA page_size=4096; PRAGMA journal_mode=wal")
}

// version returns the schema version, which is the first thing ever read.
func (c *conn) version() (int, error) {
	v, err := c.number("PRAGMA user_version")
	return int(v), err
}

// migrate leads the database from one version to another, in one transaction: a
// kill or a full disk leaves it as it was.
func (c *conn) migrate(from, to int) error {
	if from == to {
		return nil
	}
	if err := c.run(sqlBegin); err != nil {
		return err
	}
	defer c.rollback()
	for v := from; v < to; v++ {
		if err := c.db.Exec(migrations[v]); err != nil {
			return fmt.Errorf("schema version %d: %w", v+1, err)
		}
	}
	if err := c.db.Exec(fmt.Sprintf("PRAGMA user_version=%d", to)); err != nil {
		return err
	}
	return c.run(sqlCommit)
}

// check refuses what this version cannot read.
func (c *conn) check(home string) (version int, err error) {
	version, err = c.version()
	switch {
	case err != nil:
		return 0, explain(home, err)
	case version > schemaVersion:
		return 0, faultf(ErrNewer, "%s has schema version %d, this program knows %d: use the newer program that wrote it",
			inHome(home, databaseName), version, schemaVersion)
	case version < 1:
		return 0, explain(home, fmt.Errorf("%w: schema version %d", errDamaged, version))
	}
	return version, nil
}
