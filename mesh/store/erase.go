package store

import (
	"errors"
	"maps"
)

const (
	sqlEraseConversation = `UPDATE conversations SET erased=1, contact=NULL, log=x'', key=? WHERE id=? AND erased=0`
	sqlErasePending      = `DELETE FROM deliveries WHERE id IN
		(SELECT d.id FROM deliveries d JOIN ops o ON o.seq = d.id >> ? WHERE d.state < 3 AND o.conversation=?)`
	sqlErased             = `SELECT id FROM conversations WHERE erased=1 ORDER BY id`
	sqlLive               = `SELECT id FROM conversations WHERE erased=0`
	sqlOpsOf              = `SELECT seq FROM ops WHERE conversation=? ORDER BY lamport LIMIT ?`
	sqlDeleteConversation = `DELETE FROM conversations WHERE id=?`
	sqlDeleteOp           = `DELETE FROM ops WHERE seq=?`
	sqlDeleteDeliveries   = `DELETE FROM deliveries WHERE id BETWEEN ? AND ?`
	sqlForgetDeletedOf    = `DELETE FROM deleted WHERE conversation=?`
)

// DropConversation takes a conversation with everything that was said in it out of sight,
// and what of it waits to be sent out of the outbox; another of the same Key may follow.
// Shred then destroys what was said, and Sweep makes room.
//
// spec: 09-storage#erasure
func (tx *Tx) DropConversation(id int64) error {
	var nobodys [32]byte // keys of conversations differ
	if err := tx.s.draw(nobodys[:]); err != nil {
		return err
	}
	if err := tx.change(sqlErasePending).int(deliveryBits).int(id).exec(); err != nil {
		return err
	}
	if err := tx.change(sqlForgetDeletedOf).int(id).exec(); err != nil {
		return err
	}
	if err := tx.change(sqlEraseConversation).blob(nobodys[:]).int(id).execOne(); err != nil {
		return err
	}
	tx.erasing = append(tx.erasing, id)
	return nil
}

// hide makes ops of conversations be found no more.
func (s *Store) hide(conversations []int64) {
	hidden := make(map[int64]bool)
	if before := s.hidden.Load(); before != nil {
		maps.Copy(hidden, *before)
	}
	for _, id := range conversations {
		hidden[id] = true
	}
	s.hidden.Store(&hidden)
}

// erased reports whether a conversation was erased.
func (s *Store) erased(conversation int64) bool {
	hidden := s.hidden.Load()
	return hidden != nil && (*hidden)[conversation]
}

// erasedConversations returns those that are not swept up yet.
func (tx *Tx) erasedConversations() (ids []int64, err error) {
	err = tx.query(sqlErased).each(func(r *row) { ids = append(ids, r.int(0)) })
	return ids, err
}

// Shred destroys the keys of all erased conversations: from then on nobody can read
// them, wherever copies of the database are. It waits for all views to end.
//
// spec: 09-storage#erasure
func (s *Store) Shred() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.writer == nil {
		return ErrClosed
	}
	tx := &Tx{s: s, c: s.writer}
	live := make(map[int64]bool)
	if err := tx.query(sqlLive).each(func(r *row) { live[r.int(0)] = true }); err != nil {
		return err
	}
	dead := false
	for id := range s.Secrets().Conversations {
		dead = dead || !live[id]
	}
	if !dead {
		return nil
	}
	var readers []*conn
	defer func() {
		for _, c := range readers {
			s.readers <- c
		}
	}()
	for range readersMax { // none sees the conversation any more
		readers = append(readers, <-s.readers)
	}
	err := s.SaveSecrets(func(to *Secrets) {
		for id := range to.Conversations {
			if !live[id] {
				delete(to.Conversations, id)
			}
		}
	})
	if err != nil {
		return err
	}
	return explain(s.home, s.writer.db.Exec(sqlScrub))
}

// Sweep makes room of what is left of erased conversations, at most so many ops a
// call. more is false when nothing is left.
func (tx *Tx) Sweep(limit int) (more bool, err error) {
	all, err := tx.erasedConversations()
	if err != nil || len(all) == 0 {
		return false, err
	}
	id := all[0]
	var seqs []int64
	err = tx.query(sqlOpsOf).int(id).limit(limit).each(func(r *row) { seqs = append(seqs, r.int(0)) })
	for _, seq := range seqs {
		err = errors.Join(err, tx.deleteOp(seq))
	}
	if err != nil || len(seqs) > 0 {
		return true, err
	}
	segments, err := tx.segmentsOf(id)
	if err != nil {
		return true, err
	}
	if len(segments) > 0 {
		return true, tx.deleteSegment(segments[0])
	}
	return true, tx.change(sqlDeleteConversation).int(id).execOne()
}

// DeleteOps deletes ops with their deliveries. No search finds them any more; Index takes
// their words out of the index. What is about them goes with them. Those that are not there
// are left out.
func (tx *Tx) DeleteOps(seqs []int64) error {
	for _, seq := range seqs {
		err := tx.change(sqlForgetWords).int(seq).exec()
		if err == nil {
			err = tx.forgetChanges(seq)
		}
		if err == nil {
			err = tx.deleteOp(seq)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) deleteOp(seq int64) error {
	tx.s.swept.Add(1)
	first, last := deliveryIDs(seq)
	if err := tx.change(sqlDeleteDeliveries).int(first).int(last).exec(); err != nil {
		return err
	}
	if err := tx.change(sqlDropByOp).int(seq).exec(); err != nil {
		return err
	}
	return tx.change(sqlDeleteOp).int(seq).exec()
}

// segmentsOf returns the segments of one conversation, the oldest first.
func (tx *Tx) segmentsOf(conversation int64) ([]segment, error) {
	return tx.query(sqlSegmentsOf).int(conversation).segments()
}
