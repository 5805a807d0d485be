package store

import "encoding/binary"

// OutBlob is a blob that we sealed for a device, until it expires.
//
// spec: 09-storage#out-blobs
type OutBlob struct {
	ID        int64 // row; 0 until PutOutBlob
	Pair      int64
	Session   [8]byte
	Start     bool // a session's start blob
	Chain, N  uint32
	Bytes     []byte   // sealed at rest; nil once dropped, and where it says so
	Size      int      // of Bytes, 0 once dropped; set by the store
	Delete    [16]byte // D: whoever shows it may delete the blob elsewhere; sealed at rest
	ExpiryDay uint16   // Unix day
	Created   int64    // Unix ms
}

// The stage of an out blob is 2 while it has its bytes, 1 without them while a
// receipt still counts, and 0 after that. Receipts look for stages above 0 only:
// they name ranges, and would find all that was ever receipted.
const blobWhole = 2

const (
	sqlBlobColumns = `SELECT id, pair, session, start, chain, n, expiry_day, created, secret, ifnull(length(bytes), 0)`
	sqlAddBlob     = `INSERT INTO out_blobs (pair, session, start, chain, n, expiry_day, created, stage, secret, bytes, id)
		VALUES (?,?,?,?,?,?,?,?,?,?,?)`
	sqlWholeBlobs = ` FROM out_blobs WHERE id IN
		(SELECT id FROM out_blobs WHERE stage > 0 AND stage=2 AND pair=? AND id>? ORDER BY id LIMIT ?) ORDER BY id`
	sqlOutBlobs = sqlBlobColumns + `, bytes` + sqlWholeBlobs
	sqlOutHeads = sqlBlobColumns + sqlWholeBlobs
	sqlOutBlob  = sqlBlobColumns + `, bytes FROM out_blobs WHERE id=?`
	sqlFindBlob = sqlBlobColumns + ` FROM out_blobs WHERE stage > 0 AND pair=? AND session=? AND start=? AND chain=?
		AND n BETWEEN ? AND ? ORDER BY n LIMIT ?`
	sqlDropBlob = `UPDATE out_blobs SET bytes=NULL, stage=
		EXISTS (SELECT 1 FROM deliveries d WHERE d.state < 3 AND d.pair = out_blobs.pair AND d.blob = out_blobs.id) OR
		EXISTS (SELECT 1 FROM resealed s JOIN deliveries d ON d.id = s.delivery WHERE s.blob = out_blobs.id AND d.state < 3)
		WHERE id=?`
	sqlExpireResealed = `DELETE FROM resealed WHERE blob IN (SELECT id FROM out_blobs WHERE expiry_day < ?)`
	sqlExpireBlobs    = `DELETE FROM out_blobs WHERE expiry_day < ?`
)

// PutOutBlob adds the blob and sets its ID and Size.
func (tx *Tx) PutOutBlob(b *OutBlob) error {
	id, err := tx.newID()
	if err != nil {
		return err
	}
	err = tx.change(sqlAddBlob).int(b.Pair).int(int64(binary.BigEndian.Uint64(b.Session[:]))).bool(b.Start).
		int(int64(b.Chain)).int(int64(b.N)).int(int64(b.ExpiryDay)).int(b.Created).int(blobWhole).
		sealed(b.Delete[:], rowAD(adDelete, id)).sealed(b.Bytes, rowAD(adBlob, id)).int(id).exec()
	if err != nil {
		return err
	}
	b.ID, b.Size = id, len(b.Bytes)
	return nil
}

// OutBlobs returns the blobs of a pair with IDs above after whose bytes were
// not dropped, in the order of their IDs and at most limit.
func (tx *Tx) OutBlobs(pair, after int64, limit int) ([]OutBlob, error) {
	return tx.query(sqlOutBlobs).int(pair).int(after).limit(limit).outBlobs(true)
}

// OutBlobHeads is OutBlobs without Bytes: a full window of blobs is 60 MB.
func (tx *Tx) OutBlobHeads(pair, after int64, limit int) ([]OutBlob, error) {
	return tx.query(sqlOutHeads).int(pair).int(after).limit(limit).outBlobs(false)
}

// OutBlob returns a blob, without Bytes if they were dropped, or ErrNotFound.
func (tx *Tx) OutBlob(id int64) (*OutBlob, error) {
	all, err := tx.query(sqlOutBlob).int(id).outBlobs(true)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, ErrNotFound
	}
	return &all[0], nil
}

// FindOutBlobs returns the blobs, without Bytes, that a receipt of the numbers
// first to last of a chain is about: those of the range that were not dropped,
// or were while a delivery in them was pending.
func (tx *Tx) FindOutBlobs(pair int64, session [8]byte, start bool, chain, first, last uint32) ([]OutBlob, error) {
	return tx.query(sqlFindBlob).int(pair).int(int64(binary.BigEndian.Uint64(session[:]))).bool(start).int(int64(chain)).
		int(int64(first)).int(int64(last)).limit(rowsMax).outBlobs(false)
}

func (q *query) outBlobs(whole bool) ([]OutBlob, error) {
	var all []OutBlob
	err := q.each(func(r *row) {
		b := OutBlob{
			ID: r.int(0), Pair: r.int(1), Start: r.bool(3), Chain: r.uint32(4), N: r.uint32(5),
			ExpiryDay: r.uint16(6), Created: r.int(7), Size: max(0, int(r.int(9))-sealOverhead),
		}
		binary.BigEndian.PutUint64(b.Session[:], uint64(r.int(2)))
		if secret := r.sealed(8, rowAD(adDelete, b.ID)); len(secret) == len(b.Delete) {
			copy(b.Delete[:], secret)
		} else {
			r.damaged()
		}
		if whole && !r.null(10) {
			b.Bytes = r.sealed(10, rowAD(adBlob, b.ID))
		}
		all = append(all, b)
	})
	return all, err
}

// DropOutBlob lets the bytes of a blob go; its row and Delete stay until it
// expires. Receipts find it no more, unless a delivery that was sealed into it
// is still pending: set the deliveries first. ErrNotFound if there is none.
func (tx *Tx) DropOutBlob(id int64) error {
	return tx.change(sqlDropBlob).int(id).execOne()
}

// ExpireOutBlobs forgets the blobs that expired before the Unix day, rows and
// all, and counts them. Their deliveries stay as they are.
func (tx *Tx) ExpireOutBlobs(day uint16) (n int, err error) {
	if err := tx.change(sqlExpireResealed).int(int64(day)).exec(); err != nil {
		return 0, err
	}
	return tx.change(sqlExpireBlobs).int(int64(day)).execCount()
}
