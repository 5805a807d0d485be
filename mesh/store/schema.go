package store

// schema1 makes an empty database one of version 1.
const schema1 = `
CREATE TABLE sequence (
	reserved INTEGER NOT NULL
);
INSERT INTO sequence (reserved) VALUES (0);

CREATE TABLE settings (
	key   TEXT PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE contacts (
	id      INTEGER PRIMARY KEY,
	account BLOB NOT NULL,
	name    TEXT NOT NULL,
	alias   TEXT NOT NULL,
	added   INTEGER NOT NULL,
	removed INTEGER NOT NULL,
	object  BLOB NOT NULL
);

CREATE TABLE pairs (
	id      INTEGER PRIMARY KEY,
	contact INTEGER NOT NULL REFERENCES contacts,
	peer    BLOB NOT NULL,
	state   BLOB NOT NULL
);

CREATE TABLE pair_fixed (
	pair  INTEGER PRIMARY KEY REFERENCES pairs,
	fixed BLOB NOT NULL
);

CREATE TABLE skipped (
	id      INTEGER PRIMARY KEY,
	pair    INTEGER NOT NULL REFERENCES pairs,
	session INTEGER NOT NULL,
	chain   INTEGER NOT NULL,
	n       INTEGER NOT NULL,
	until   INTEGER NOT NULL,
	tag8    INTEGER NOT NULL,
	tag     BLOB NOT NULL,
	key     BLOB NOT NULL
);
CREATE INDEX skipped_tag ON skipped (tag8);
CREATE INDEX skipped_session ON skipped (pair, session);

CREATE TABLE requests (
	id       INTEGER PRIMARY KEY,
	handle   BLOB NOT NULL,
	name     TEXT NOT NULL,
	incoming INTEGER NOT NULL,
	time     INTEGER NOT NULL,
	done     INTEGER NOT NULL,
	state    BLOB NOT NULL
);

CREATE TABLE conversations (
	id      INTEGER PRIMARY KEY,
	key     BLOB NOT NULL UNIQUE,
	kind    INTEGER NOT NULL,
	contact INTEGER REFERENCES contacts,
	log     BLOB NOT NULL
);

CREATE TABLE authors (
	id   INTEGER PRIMARY KEY,
	peer BLOB NOT NULL UNIQUE
);

CREATE TABLE ops (
	seq          INTEGER PRIMARY KEY,
	conversation INTEGER NOT NULL REFERENCES conversations,
	author       INTEGER NOT NULL REFERENCES authors,
	author_seq   INTEGER NOT NULL,
	lamport      INTEGER NOT NULL,
	time         INTEGER NOT NULL,
	received     INTEGER NOT NULL,
	kind         INTEGER NOT NULL,
	mine         INTEGER NOT NULL,
	state        INTEGER NOT NULL,
	id8          INTEGER NOT NULL,
	id           BLOB NOT NULL,
	body         BLOB NOT NULL
);
CREATE UNIQUE INDEX ops_place ON ops (conversation, author, author_seq);
CREATE INDEX ops_order ON ops (conversation, lamport);
CREATE INDEX ops_id ON ops (id8);

CREATE TABLE deliveries (
	id     INTEGER PRIMARY KEY,
	pair   INTEGER NOT NULL REFERENCES pairs,
	blob   INTEGER NOT NULL,
	state  INTEGER NOT NULL,
	reason TEXT NOT NULL,
	time   INTEGER NOT NULL
);
CREATE INDEX deliveries_pending ON deliveries (pair, blob) WHERE state < 3;
CREATE INDEX deliveries_given_up ON deliveries (blob) WHERE state > 4;

CREATE TABLE out_blobs (
	id         INTEGER PRIMARY KEY,
	pair       INTEGER NOT NULL REFERENCES pairs,
	session    INTEGER NOT NULL,
	start      INTEGER NOT NULL,
	chain      INTEGER NOT NULL,
	n          INTEGER NOT NULL,
	expiry_day INTEGER NOT NULL,
	created    INTEGER NOT NULL,
	stage      INTEGER NOT NULL,
	secret     BLOB NOT NULL,
	bytes      BLOB
);
CREATE INDEX out_blobs_awaited ON out_blobs (pair, session, start, chain, n, stage) WHERE stage > 0;

CREATE TABLE resealed (
	blob     INTEGER NOT NULL,
	delivery INTEGER NOT NULL,
	PRIMARY KEY (blob, delivery)
) WITHOUT ROWID;

CREATE TABLE events (
	cursor INTEGER PRIMARY KEY,
	kind   INTEGER NOT NULL,
	ref    INTEGER NOT NULL,
	time   INTEGER NOT NULL,
	detail BLOB NOT NULL
);
`
