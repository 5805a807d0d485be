package store

import (
	"encoding/binary"
	"fmt"
)

// SkippedKey is the message key of a blob that has not come yet, by the tag it
// will come under.
//
// spec: 09-storage#skipped
type SkippedKey struct {
	Pair     int64
	Tag      [16]byte
	Session  [8]byte
	Chain, N uint32
	Key      [32]byte // sealed at rest
	Until    int64    // Unix day on which it goes
}

const skippedWord = "store.SkippedKey(hidden)"

// String hides the key.
func (SkippedKey) String() string { return skippedWord }

// GoString hides the key.
func (SkippedKey) GoString() string { return skippedWord }

// Format hides the key, whatever the verb.
func (SkippedKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, skippedWord) }

// MarshalText hides the key.
func (SkippedKey) MarshalText() ([]byte, error) { return []byte(skippedWord), nil }

// Erase overwrites the key in memory.
func (k *SkippedKey) Erase() { *k = SkippedKey{} }

const (
	sqlAddSkipped = `INSERT INTO skipped (id, pair, session, chain, n, until, tag8, tag, key) VALUES (?,?,?,?,?,?,?,?,?)`
	sqlCapSkipped = `DELETE FROM skipped WHERE pair=?1 AND session=?2 AND id <=
		(SELECT id FROM skipped WHERE pair=?1 AND session=?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)`
	sqlSkipped       = `SELECT id, pair, session, chain, n, until, key FROM skipped WHERE tag8=? AND tag=? ORDER BY id DESC LIMIT 1`
	sqlDropSkipped   = `DELETE FROM skipped WHERE tag8=? AND tag=?`
	sqlExpireSkipped = `DELETE FROM skipped WHERE until <= ?`
	sqlDropSession   = `DELETE FROM skipped WHERE pair=? AND session=?`
)

// AddSkipped keeps keys. A session keeps at most 2,000: the oldest go.
func (tx *Tx) AddSkipped(keys []SkippedKey) error {
	type chainOf struct{ pair, session int64 }
	grown := make(map[chainOf]struct{})
	for i := range keys {
		k := &keys[i]
		id, err := tx.newID()
		if err != nil {
			return err
		}
		session := int64(binary.BigEndian.Uint64(k.Session[:]))
		err = tx.change(sqlAddSkipped).int(id).int(k.Pair).int(session).int(int64(k.Chain)).int(int64(k.N)).
			int(k.Until).int(prefix8(k.Tag[:])).blob(k.Tag[:]).sealed(k.Key[:], rowAD(adSkipped, id)).exec()
		if err != nil {
			return err
		}
		grown[chainOf{k.Pair, session}] = struct{}{}
	}
	for c := range grown {
		if err := tx.change(sqlCapSkipped).int(c.pair).int(c.session).int(skippedSessionMax).exec(); err != nil {
			return err
		}
	}
	return nil
}

// Skipped returns the key for a tag, or nil when there is none.
func (tx *Tx) Skipped(tag [16]byte) (*SkippedKey, error) {
	var found *SkippedKey
	err := tx.query(sqlSkipped).int(prefix8(tag[:])).blob(tag[:]).each(func(r *row) {
		found = &SkippedKey{Pair: r.int(1), Tag: tag, Chain: r.uint32(3), N: r.uint32(4), Until: r.int(5)}
		binary.BigEndian.PutUint64(found.Session[:], uint64(r.int(2)))
		key := r.sealed(6, rowAD(adSkipped, r.int(0)))
		if len(key) != len(found.Key) {
			r.damaged()
			return
		}
		copy(found.Key[:], key)
		clear(key)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// DeleteSkipped forgets the key for a tag, if there is one.
func (tx *Tx) DeleteSkipped(tag [16]byte) error {
	return tx.change(sqlDropSkipped).int(prefix8(tag[:])).blob(tag[:]).exec()
}

// DeleteSkippedIn forgets the keys of a session that is erased.
func (tx *Tx) DeleteSkippedIn(pair int64, session [8]byte) error {
	return tx.change(sqlDropSession).int(pair).int(int64(binary.BigEndian.Uint64(session[:]))).exec()
}

// ExpireSkipped forgets the keys whose Until is the Unix day or one before, and counts
// them.
func (tx *Tx) ExpireSkipped(day int64) (n int, err error) {
	return tx.change(sqlExpireSkipped).int(day).execCount()
}

// prefix8 is the first 8 bytes of b, zeros where b is shorter, as an integer of
// the same order: indexes on it are a third of the size of indexes on b.
func prefix8(b []byte) int64 {
	var first [8]byte
	copy(first[:], b)
	return int64(binary.BigEndian.Uint64(first[:]) ^ 1<<63)
}
