package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

const today = 20000

var (
	ctx  = context.Background()
	ours = mailboxtest.Community(1)
)

// witness remembers what a store said through crashes, and holds later stores against it.
type witness struct {
	t        *testing.T
	store    *mailbox.Disk
	random   *rand.Rand
	next     uint64                 // number of the next blob
	kept     map[uint64]uint64      // acknowledged: number → cursor
	offered  map[uint64]bool        // not acknowledged
	deleted  map[uint64]bool        // acknowledged deletions
	seen     map[uint64]wire.BlobID // every cursor that anybody saw
	finished uint16                 // acknowledged
	trying   uint16                 // the day of an Expire that was not
	closed   mailbox.DayClose       // the last close of a day that was acknowledged
}

func dayOf(n uint64) uint16 { return today + uint16(n%3) }

func blobOf(n uint64) []byte { return mailboxtest.Blob(n, 0, dayOf(n)) }

// act makes one random call and remembers its answer; false once the disk has failed.
func (w *witness) act() bool {
	switch w.random.IntN(10) {
	case 0:
		day := max(w.finished, today-1) + uint16(w.random.IntN(2))
		w.trying = max(w.trying, day)
		if w.store.Expire(ctx, day) != nil {
			return false
		}
		w.finished = max(w.finished, day)
		return true
	case 1, 2:
		return w.remove(uint64(w.random.IntN(int(w.next) + 1)))
	}
	if !w.deposit(1 + w.random.IntN(6)) {
		return false
	}
	if w.random.IntN(3) > 0 {
		return true
	}
	closed, err := w.store.CloseDay(ctx, ours, max(w.closed.Day, today)+uint16(w.random.IntN(2)))
	if err == nil {
		w.closed = closed
	}
	return err == nil
}

func (w *witness) remove(n uint64) bool {
	results, err := w.store.Delete(ctx, ours, []mailbox.Removal{{Tombstone: mailbox.Tombstone{D: mailboxtest.D(n), Day: dayOf(n)}}})
	if err != nil {
		delete(w.kept, n) // it may be done
		w.offered[n] = true
		return false
	}
	if results[0].Err == nil {
		delete(w.kept, n)
		w.deleted[n] = true
	}
	return true
}

func (w *witness) deposit(blobs int) bool {
	var deposits []mailbox.Deposit
	first := w.next
	for range blobs {
		deposits = append(deposits, mailbox.Deposit{Blob: blobOf(w.next), Paid: []mailbox.Token{mailboxtest.Token(w.next, today+5)}})
		w.offered[w.next] = true
		w.next++
	}
	results, err := w.store.Append(ctx, ours, deposits)
	if err != nil {
		return false
	}
	for i, r := range results {
		n := first + uint64(i)
		if delete(w.offered, n); r.Err != nil {
			continue
		}
		if id, found := w.seen[r.Cursor]; found {
			w.t.Fatalf("cursor %d again, it was of %x", r.Cursor, id)
		}
		w.seen[r.Cursor] = wire.IDOf(deposits[i].Blob)
		w.kept[n] = r.Cursor
	}
	return true
}

// check holds what the store has against what was said.
func (w *witness) check() {
	w.t.Helper()
	if of := w.closed; of.Day > 0 {
		if again, err := w.store.CloseDay(ctx, ours, of.Day); err != nil || again != of && again.Day <= of.Day {
			w.t.Fatalf("the close of a day was %+v and is %+v now, %v", of, again, err)
		}
	}
	finished := w.store.Finished()
	if finished < w.finished || finished > max(w.finished, w.trying) {
		w.t.Fatalf("finished with day %d, Expire said %d", finished, w.finished)
	}
	held := w.held()
	for n, cursor := range w.kept {
		switch at, found := held[wire.IDOf(blobOf(n))]; {
		case dayOf(n) <= finished:
			delete(w.kept, n)
		case !found:
			w.t.Fatalf("blob %d was acknowledged at %d and is gone", n, cursor)
		case at != cursor:
			w.t.Fatalf("blob %d was acknowledged at %d and is at %d", n, cursor, at)
		}
	}
	for n := range w.deleted {
		if _, found := held[wire.IDOf(blobOf(n))]; found {
			w.t.Fatalf("blob %d is back", n)
		}
	}
	for n := range w.next {
		_, found := held[wire.IDOf(blobOf(n))]
		spent := w.store.Spent(ours, mailboxtest.Token(n, today+5))
		switch _, acknowledged := w.kept[n]; {
		case acknowledged && !spent:
			w.t.Fatalf("the token of blob %d was given back", n)
		case found && !spent:
			w.t.Fatalf("blob %d is there without its token", n)
		case w.offered[n] && spent && !found && dayOf(n) > finished && !w.mayBeDeleted(n):
			w.t.Fatalf("a token was spent for blob %d, which is not there", n)
		}
	}
}

// mayBeDeleted tells of a blob that was not acknowledged whether a tombstone forbids it.
func (w *witness) mayBeDeleted(n uint64) bool {
	results, err := w.store.Append(ctx, ours, []mailbox.Deposit{{Blob: blobOf(n), HeldOnly: true}})
	return err == nil && errors.Is(results[0].Err, mailbox.ErrDeleted)
}

// held collects the log, and wants every cursor to stand for what it stood for.
func (w *witness) held() map[wire.BlobID]uint64 {
	w.t.Helper()
	held := map[wire.BlobID]uint64{}
	for since, end := uint64(0), false; !end; {
		p, err := w.store.Since(ctx, ours, since, 1<<20)
		if err != nil {
			w.t.Fatal(err)
		}
		chain := p.Base
		cursors := map[uint64]wire.BlobID{}
		for _, r := range p.Blobs {
			id := wire.IDOf(r.Blob)
			cursors[r.Cursor], held[id] = id, r.Cursor
		}
		for _, a := range p.Absent {
			cursors[a.Cursor] = a.ID
		}
		for _, cursor := range slices.Sorted(maps.Keys(cursors)) {
			id := cursors[cursor]
			if was, found := w.seen[cursor]; found && was != id {
				w.t.Fatalf("cursor %d was of %x and is of %x", cursor, was[:4], id[:4])
			}
			w.seen[cursor] = id
			chain = mailbox.Chain(wire.HashOf("sv1 chain", chain[:], id[:]))
		}
		if chain != p.Chain || p.Until <= since && !p.End {
			w.t.Fatalf("page from %d to %d does not hang together", p.From, p.Until)
		}
		since, end = p.Until, p.End
	}
	return held
}

func newWitness(t *testing.T, seed uint64) *witness {
	return &witness{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), kept: map[uint64]uint64{}, offered: map[uint64]bool{}, deleted: map[uint64]bool{},
		seen: map[uint64]wire.BlobID{},
	}
}

// TestPowerCut cuts the power at every write, sync and change of a folder of a random story, treats what was not synced in
// different ways, cuts again while the store starts, and goes on.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(4) {
		whole := newFaulty()
		story(t, newWitness(t, seed), whole, 14)
		for fail := 1; fail <= whole.steps; fail++ {
			random := rand.New(rand.NewPCG(seed, uint64(fail)))
			ways := keeping(random)
			how := slices.Sorted(maps.Keys(ways))[fail%len(ways)]
			t.Run(fmt.Sprintf("%d/%d/%s", seed, fail, how), func(t *testing.T) {
				disk, w := newFaulty(), newWitness(t, seed)
				disk.fail = fail
				story(t, w, disk, 14)
				disk = disk.crash(ways[how])
				disk.fail = 1 + random.IntN(40)
				story(t, w, disk, 3)
				disk = disk.crash(ways[how])
				if story(t, w, disk, 3); disk.off {
					t.Fatal("the power is off")
				}
			})
		}
	}
}

// story opens the store, checks it and makes some calls; it ends early with the power.
func story(t *testing.T, w *witness, disk *faulty, calls int) {
	var err error
	w.store, err = mailbox.OpenOn(disk, 0)
	if err != nil {
		if !disk.off {
			t.Fatal(err)
		}
		return
	}
	defer w.store.Close()
	if n := w.store.Stats().Damaged; n != 0 {
		t.Fatalf("a crash is told as damage, of %d bytes", n)
	}
	w.check()
	for range calls {
		if !w.act() {
			break
		}
	}
	if !disk.off {
		w.check()
	}
}

// TestDiskFull: what does not fit leaves no trace, reading and expiry go on, and the room that they make is used.
func TestDiskFull(t *testing.T) {
	disk, w := newFaulty(), newWitness(t, 7)
	disk.room, disk.full = 150<<10, syscall.ENOSPC
	var err error
	if w.store, err = mailbox.OpenOn(disk, 0); err != nil {
		t.Fatal(err)
	}
	refused := func() bool {
		results, err := w.store.Append(ctx, ours, []mailbox.Deposit{{Blob: blobOf(1 << 32), Paid: []mailbox.Token{mailboxtest.Token(1<<32, today+5)}}})
		if err != nil {
			t.Fatal(err)
		}
		return errors.Is(results[0].Err, mailbox.ErrFull)
	}
	for len(w.kept) < 100 {
		before := len(w.kept)
		if !w.deposit(1) {
			t.Fatal("broken by a full disk")
		}
		if len(w.kept) == before {
			break
		}
	}
	if n := len(w.kept); n < 15 || n == 100 {
		t.Fatalf("%d blobs in 150 KiB", n)
	}
	if !refused() {
		t.Fatal("room where there was none")
	}
	w.check()
	if used := disk.used(); int64(used) != w.store.Stats().Bytes {
		t.Fatalf("%d bytes on the disk, %d counted: a refusal left something", used, w.store.Stats().Bytes)
	}
	if w.store.Spent(ours, mailboxtest.Token(1<<32, today+5)) {
		t.Fatal("a refusal cost a token")
	}
	if err := w.store.Expire(ctx, today); err != nil {
		t.Fatal("a full disk keeps days from expiring:", err)
	}
	if w.finished = today; refused() {
		t.Fatal("no room although a day expired")
	}
	w.check()
	w.store.Close()
	if w.store, err = mailbox.OpenOn(disk.crash(func() bool { return false }), 0); err != nil {
		t.Fatal(err)
	}
	defer w.store.Close()
	w.check()
}

// TestSyncFails: after a sync that failed nobody knows what the disk holds, so nothing is acknowledged any more.
func TestSyncFails(t *testing.T) {
	disk, w := newFaulty(), newWitness(t, 8)
	var err error
	if w.store, err = mailbox.OpenOn(disk, 0); err != nil {
		t.Fatal(err)
	}
	w.deposit(3)
	disk.syncFail = true
	for range 2 {
		results, err := w.store.Append(ctx, ours, []mailbox.Deposit{{Blob: blobOf(50)}})
		if !errors.Is(err, mailbox.ErrBroken) || !errors.Is(results[0].Err, mailbox.ErrBroken) {
			t.Fatal(results, err)
		}
	}
	w.check()
	w.store.Close()
	if w.store, err = mailbox.OpenOn(disk.crash(func() bool { return false }), 0); err != nil {
		t.Fatal(err)
	}
	defer w.store.Close()
	w.check()
	w.deposit(1)
}

// TestLostTail: a disk that confirmed what it did not write loses blobs; their cursors are not given to others.
func TestLostTail(t *testing.T) {
	disk, w := newFaulty(), newWitness(t, 9)
	var err error
	if w.store, err = mailbox.OpenOn(disk, 0); err != nil {
		t.Fatal(err)
	}
	w.deposit(40)
	after := disk.crash(func() bool { return false })
	for name, node := range after.names {
		if bytes.HasSuffix([]byte(name), []byte(".blobs")) {
			node.now = node.now[:len(node.now)/2]
		}
	}
	w.store.Close()
	w.kept = map[uint64]uint64{}
	w.offered = map[uint64]bool{}
	if w.store, err = mailbox.OpenOn(after, 0); err != nil {
		t.Fatal(err)
	}
	defer w.store.Close()
	w.deposit(40)
	w.held()
	if w.store.Stats().Cut == 0 {
		t.Fatal("does not say what it cut")
	}
}

// TestDamage: one byte that the disk returns wrongly costs one blob, which is taken again.
func TestDamage(t *testing.T) {
	disk, w := newFaulty(), newWitness(t, 10)
	var err error
	if w.store, err = mailbox.OpenOn(disk, 0); err != nil {
		t.Fatal(err)
	}
	defer w.store.Close()
	w.deposit(9)
	for name, node := range disk.names {
		if bytes.HasSuffix([]byte(name), []byte(fmt.Sprintf("/%05d.blobs", today))) {
			node.now[96+4096+2000] ^= 1 // the second blob of the day, number 3
		}
	}
	held := w.held()
	if _, found := held[wire.IDOf(blobOf(3))]; found || len(held) != 8 {
		t.Fatalf("%d blobs are served", len(held))
	}
	results, err := w.store.Append(ctx, ours, []mailbox.Deposit{{Blob: blobOf(3)}, {Blob: blobOf(6)}})
	if err != nil || !results[0].New || results[1].New {
		t.Fatalf("brought again: %+v, %v", results, err)
	}
	if held = w.held(); len(held) != 9 {
		t.Fatalf("%d blobs are served", len(held))
	}
}

// TestSideIndex: a start gives the same with the side index, without it, and with one that is damaged anywhere.
func TestSideIndex(t *testing.T) {
	disk, w := newFaulty(), newWitness(t, 11)
	var err error
	if w.store, err = mailbox.OpenOn(disk, 0); err != nil {
		t.Fatal(err)
	}
	for range 16 {
		w.deposit(60)
	}
	w.remove(4)
	w.remove(900)
	w.store.Close()
	for _, damage := range []func(b []byte) []byte{
		func(b []byte) []byte { return b },
		func([]byte) []byte { return nil },
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { b[len(b)/3] ^= 4; return b },
		func(b []byte) []byte { return append(b, b...) },
	} {
		after := disk.crash(func() bool { return true })
		for name, node := range after.names {
			if bytes.HasSuffix([]byte(name), []byte(".index")) {
				node.now = damage(node.now)
			}
		}
		if w.store, err = mailbox.OpenOn(after, 0); err != nil {
			t.Fatal(err)
		}
		w.check()
		for day := uint16(today); day < today+3; day++ {
			ids, err := w.store.IDs(ctx, ours, day)
			if err != nil || len(ids) < 319 || len(ids) != w.store.Stats().Logs[ours][day-today].Blobs {
				t.Fatal(len(ids), err)
			}
		}
		w.store.Close()
	}
}
