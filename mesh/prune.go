package mesh

import (
	"context"
	"fmt"
	"time"

	"sottovoce/mesh/conversation"
	"sottovoce/mesh/store"
)

// Retention is how long messages are kept and how much room they may take; what is zero
// does not bound them. Messages that wait to be sent are kept in any case.
type Retention struct {
	Days int   `cbor:"0,keyasint"`
	Disk int64 `cbor:"1,keyasint"` // bytes
}

// ErrRetention says that a bound is one that cannot be kept to.
var ErrRetention = fmt.Errorf("messages are kept for 1 to %d days and on at least %d MiB", retentionMax, diskMin>>20)

// The settings of this file.
const (
	settingRetention = "retention"
	settingPruned    = "events-pruned" // the cursor up to which events were deleted
)

// Retention returns the bounds, and how many bytes everything takes that is kept.
func (n *Node) Retention(context.Context) (r Retention, used int64, err error) {
	err = n.store.View(func(tx *store.Tx) error {
		var err error
		if used, err = tx.Size(); err == nil {
			err = loadSetting(tx, settingRetention, &r)
		}
		return err
	})
	return r, used, err
}

// SetRetention sets the bounds; what is beyond them begins to be deleted. It fails with
// ErrRetention.
func (n *Node) SetRetention(ctx context.Context, r Retention) error {
	if r.Days != 0 && (r.Days < retentionMin || r.Days > retentionMax) || r.Disk != 0 && r.Disk < diskMin {
		return ErrRetention
	}
	return n.do(ctx, func(t *turn) error {
		t.then(n.past.ring)
		return saveSetting(t.tx, settingRetention, r)
	})
}

// prune deletes what is past keeping, beside the loop and some at a time: when it is told
// to, and now and then. However often it is told, it rests in between: a contact can have it told
// with each edit.
func (n *Node) prune(ctx context.Context) {
	for {
		for _, part := range []func(context.Context) error{n.shred, n.scrub, n.pruneEvents, n.pruneOld, n.pruneLarge} {
			if err := part(ctx); err != nil && ctx.Err() == nil {
				n.log.Warn("what is past keeping could not be deleted; it is tried again", "error", err)
			}
		}
		if !sleep(ctx, pruneRest) {
			return
		}
		timer := time.NewTimer(pruneInterval)
		select {
		case <-n.past:
		case <-timer.C:
		case <-ctx.Done():
		}
		if timer.Stop(); ctx.Err() != nil {
			return
		}
	}
}

// shred makes what was forgotten unreadable for good, and then makes room.
func (n *Node) shred(ctx context.Context) error {
	if err := n.store.Shred(); err != nil {
		return err
	}
	for more := true; more; {
		err := n.do(ctx, func(t *turn) (err error) {
			more, err = t.tx.Sweep(pruneBatch)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pruneEvents deletes events that are too many, or too old as far as the clock's mark knows.
func (n *Node) pruneEvents(ctx context.Context) error {
	var before time.Time
	err := n.do(ctx, func(*turn) error {
		before = n.mark.Past().Add(-storedEventsAge)
		return nil
	})
	if err != nil {
		return err
	}
	for {
		var upTo int64
		err := n.store.View(func(tx *store.Tx) (err error) {
			upTo, err = tx.PastEvents(before.UnixMilli(), storedEventsMax, pruneBatch)
			return err
		})
		if err != nil || upTo == 0 {
			return err
		}
		err = n.do(ctx, func(t *turn) error {
			t.then(func() { n.pruned.Store(upTo) })
			if err := t.tx.PruneEvents(upTo); err != nil {
				return err
			}
			return saveSetting(t.tx, settingPruned, upTo)
		})
		if err != nil {
			return err
		}
	}
}

// pruneOld deletes messages that are older than is wanted, as far as the clock's mark
// knows: a clock that is set ahead deletes nothing.
func (n *Node) pruneOld(ctx context.Context) error {
	r, _, err := n.Retention(ctx)
	if err != nil || r.Days == 0 {
		return err
	}
	var before int64
	err = n.do(ctx, func(*turn) error {
		before = n.mark.Past().AddDate(0, 0, -r.Days).UnixMilli()
		return nil
	})
	if err != nil {
		return err
	}
	return n.pruneOps(ctx, func(op store.Settled) bool { return op.Received < before }, func() (bool, error) { return true, nil })
}

// pruneLarge deletes the oldest messages as long as all take more room than is wanted.
func (n *Node) pruneLarge(ctx context.Context) error {
	return n.pruneOps(ctx, func(store.Settled) bool { return true }, func() (bool, error) {
		r, used, err := n.Retention(ctx)
		return err == nil && r.Disk > 0 && used > r.Disk, err
	})
}

// pruneOps deletes ops from the oldest on: those that are past keeping and do not wait to
// be sent, as long as that is needed, up to a batch of which none is past.
func (n *Node) pruneOps(ctx context.Context, past func(store.Settled) bool, needed func() (bool, error)) error {
	var lasting int64
	err := n.do(ctx, func(*turn) error {
		lasting = n.mark.Past().Add(-awaitedAge).UnixMilli()
		return nil
	})
	if err != nil {
		return err
	}
	spared := make(map[int64]int) // by conversation
	for after := int64(0); ; {
		if more, err := needed(); err != nil || !more {
			return err
		}
		var all []store.Settled
		err := n.store.View(func(tx *store.Tx) (err error) {
			all, err = tx.Oldest(after, pruneBatch)
			return err
		})
		if err != nil || len(all) == 0 {
			return err
		}
		after = all[len(all)-1].Seq
		var delete []store.Settled
		young := false
		for _, op := range all {
			switch {
			case !past(op):
				young = true
			case op.Waits:
			case awaits(op, lasting) && spared[op.Conversation] < awaitedMax:
				spared[op.Conversation]++
			default:
				delete = append(delete, op)
			}
		}
		if len(delete) == 0 && young {
			return nil
		}
		if err := n.do(ctx, func(t *turn) error { return t.deleteOps(delete) }); err != nil {
			return err
		}
	}
}

// awaits reports whether an op deletes a text that may still come: it came after a time in Unix
// ms before which nothing of that can have been sent.
//
// spec: 06-conversations#delete
func awaits(op store.Settled, since int64) bool {
	return op.Ahead && op.Kind == uint8(conversation.KindDelete) && op.Received >= since
}

// deleteOps deletes ops, and remembers not to take them in again.
func (t *turn) deleteOps(ops []store.Settled) error {
	seqs := make([]int64, len(ops))
	upTo := make(map[int64]uint64)
	for i, op := range ops {
		seqs[i] = op.Seq
		upTo[op.Conversation] = max(upTo[op.Conversation], op.Lamport)
	}
	for _, c := range t.n.contacts {
		if lamport := upTo[c.talk.row.ID]; lamport > 0 {
			c.talk.log.Forget(lamport)
			t.touchTalk(c.talk)
		}
	}
	t.n.recent = recent{}
	t.then(t.n.said.ring)
	return t.tx.DeleteOps(seqs)
}
