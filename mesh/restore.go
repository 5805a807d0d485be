package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/session"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
)

// restoreBatch is how many ops share a commit.
const restoreBatch = 512

// Restore makes home from what Backup wrote: the same device, which starts new sessions
// and whose log leaps over what it may have written since. Its database key, body keys
// and open profile are new. What was under way to others goes out again, as the same
// ops. It fails with store.ErrExists, wire.ErrNewer, wire.ErrMalformed, what the store or
// r says, or the cause of ctx, and leaves no home then.
//
// spec: 09-storage#backup
func Restore(ctx context.Context, home string, r io.Reader, rand io.Reader, told func(ops int64)) error {
	in, err := openBackup(r)
	if err != nil {
		return err
	}
	first, err := in.next()
	if err != nil {
		return err
	}
	if first.Head == nil {
		return fmt.Errorf("%w: a backup without a head", wire.ErrMalformed)
	}
	secrets, err := newSecrets(rand)
	if err != nil {
		return err
	}
	defer secrets.Erase()
	secrets.Root, secrets.Device = first.Head.Root, first.Head.Device
	return store.Restore(home, secrets, rand, func(db *store.Store) error {
		w := restoring{
			ctx: ctx, db: db, in: in, rand: rand, told: told, device: identity.DeviceFromSeed(secrets.Device),
			talks: make(map[conversation.ID]int64), pairs: make(map[peer.ID]int64),
		}
		return w.run(first.Head)
	})
}

// restoring is one Restore under way.
type restoring struct {
	ctx    context.Context
	db     *store.Store
	in     *backupReader
	rand   io.Reader
	told   func(int64)
	device *identity.Device
	talks  map[conversation.ID]int64 // rows
	pairs  map[peer.ID]int64         // rows
	count  int64                     // of ops
}

// run fills the database: who we are and everybody first, then the ops in batches.
func (w *restoring) run(head *backupHead) error {
	var next backupRecord
	err := w.db.Update(func(tx *store.Tx) error {
		for _, s := range head.Settings {
			set := tx.SetSetting
			if strings.HasPrefix(s.Key, MembershipSettings) {
				set = tx.SetSecret
			}
			if err := set(s.Key, s.Value); err != nil {
				return err
			}
		}
		if err := w.discovery(tx, head.Discovery); err != nil {
			return err
		}
		if _, err := loadSelf(tx, w.db.Secrets()); err != nil {
			return err
		}
		if _, err := loadMark(tx, time.Now()); err != nil {
			return err
		}
		for {
			var err error
			if next, err = w.in.next(); err != nil || next.Contact == nil {
				return err
			}
			if err := w.contact(tx, next.Contact); err != nil {
				return err
			}
		}
	})
	for err == nil && next.Op != nil {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		err = w.db.Update(func(tx *store.Tx) error { return w.ops(tx, &next) })
		w.told(w.count)
	}
	if err != nil {
		return err
	}
	// Nothing may follow, and only the end of the file shows that it is whole.
	switch _, err := w.in.in.ReadByte(); {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case err == nil, next.End == nil, next.End.Ops != w.count:
		return fmt.Errorf("%w: a backup out of order", wire.ErrMalformed)
	}
	return nil
}

// discovery draws a discovery key in the place of that in the backup: since then there may
// have been another one, which contacts hold now, and that one may have been replaced for
// somebody's sake. They are told.
//
// spec: 01-identity#renewal
func (w *restoring) discovery(tx *store.Tx, kept []byte) error {
	former, err := identity.ParseDiscoveryKey(kept)
	if err != nil {
		return fmt.Errorf("our discovery key: %w", err)
	}
	defer former.Erase()
	key, err := identity.NewDiscoveryKey(w.rand, former.Day())
	if err != nil {
		return err
	}
	defer key.Erase()
	return saveOurKey(tx, key, 1)
}

// contact restores a contact, its devices and its conversation.
func (w *restoring) contact(tx *store.Tx, c *backupContact) error {
	if c.Removed {
		return tx.PutContact(&store.Contact{Account: c.Account, Removed: true})
	}
	o, err := contact.LoadObject(c.Object)
	if err != nil {
		return fmt.Errorf("a contact: %w", err)
	}
	o.Erase()
	row := store.Contact{Account: c.Account, Name: c.Name, Alias: c.Alias, Added: c.Added, Blocked: c.Blocked, Named: c.Named, Object: c.Object}
	if err := tx.PutContact(&row); err != nil {
		return err
	}
	if c.Trust != nil {
		if _, err := contact.LoadTrust(c.Trust); err != nil {
			return fmt.Errorf("a contact: %w", err)
		}
		if err := tx.SetSetting(trustOf(row.ID), c.Trust); err != nil {
			return err
		}
	}
	if c.Discovery != nil {
		if err := saveSecret(tx, settingOf(row.ID), theirKey{Key: c.Discovery, Lamport: c.Told}); err != nil {
			return err
		}
	}
	for _, p := range c.Pairs {
		pair, err := session.LoadPair(w.device, p.Fixed, p.State, nil)
		if err != nil {
			return fmt.Errorf("a session: %w", err)
		}
		if !pair.Lost() {
			return fmt.Errorf("%w: a backup with session keys", wire.ErrMalformed)
		}
		pair.Erase()
		kept := store.Pair{Contact: row.ID, Peer: p.Peer, Fixed: p.Fixed, State: p.State}
		if err := tx.PutPair(&kept); err != nil {
			return err
		}
		if err := tx.SetPairSeen(kept.ID, p.Seen); err != nil {
			return err
		}
		w.pairs[p.Peer] = kept.ID
	}
	if c.Talk == nil {
		return nil
	}
	log, err := conversation.LoadLog(c.Talk.Log)
	if err == nil {
		err = log.Leap(w.device.ID(), w.rand)
	}
	if err != nil {
		return fmt.Errorf("a conversation: %w", err)
	}
	talk := store.Conversation{Key: c.Talk.Key, Kind: c.Talk.Kind, Contact: row.ID, Log: log.Save()}
	if err := tx.PutConversation(&talk); err != nil {
		return err
	}
	w.talks[c.Talk.Key] = talk.ID
	for _, p := range c.Pairs {
		if p.Read == 0 {
			continue
		}
		if err := tx.SetReadMark(talk.Key, p.Peer, p.Read); err != nil {
			return err
		}
	}
	return nil
}

// ops restores a batch of ops, beginning with next, which is the record after them then.
func (w *restoring) ops(tx *store.Tx, next *backupRecord) error {
	for range restoreBatch {
		if next.Op == nil {
			return nil
		}
		if err := w.op(tx, next.Op); err != nil {
			return err
		}
		w.count++
		var err error
		if *next, err = w.in.next(); err != nil {
			return err
		}
	}
	return nil
}

// op restores an op. What was on its way rests in the outbox until there is a session.
func (w *restoring) op(tx *store.Tx, o *backupOp) error {
	op, err := conversation.ParseOp(o.Body)
	if errors.Is(err, wire.ErrMalformed) && len(o.Deliveries) == 0 {
		return nil // of a kind that was not known when it came; nobody who knows it takes that
	}
	if err != nil {
		return err
	}
	row := store.Op{
		Conversation: w.talks[op.Conversation], ID: op.ID(), Author: op.Author, AuthorSeq: op.Seq, Lamport: o.Lamport,
		Time: op.Time, Received: o.Received, Kind: uint8(op.Kind), Mine: op.Author == w.device.ID(), State: o.State, Body: o.Body,
	}
	switch dup, err := tx.AppendOp(&row); {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrFork), dup:
		return fmt.Errorf("%w: an op out of place in a backup", wire.ErrMalformed)
	case err != nil:
		return err
	}
	for _, d := range o.Deliveries {
		if err := w.delivery(tx, row.Seq, d); err != nil {
			return err
		}
	}
	if op.Kind == conversation.KindText {
		_, err = awaited(tx, &row)
	} else {
		_, err = apply(tx, &row, op)
	}
	return err
}

func (w *restoring) delivery(tx *store.Tx, op int64, d backupDelivery) error {
	row := store.Delivery{Op: op, Pair: w.pairs[d.Peer], State: d.State, Reason: d.Reason, Time: d.Time}
	if row.State == uint8(conversation.StateHeld) {
		row.State = uint8(conversation.StateQueued) // nobody holds what is not sealed
	}
	if row.Pair == 0 {
		return fmt.Errorf("%w: a delivery to nobody in a backup", wire.ErrMalformed)
	}
	err := tx.PutDelivery(&row)
	if err == nil && d.Settled != 0 {
		err = tx.SetDelivery(row.ID, row.State, row.Reason, d.Settled)
	}
	if err == nil && d.ReadAt != 0 {
		err = tx.SetDeliveryRead(row.ID, d.ReadAt)
	}
	return err
}
