package mailbox_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

// fileOf finds the file whose name ends so.
func (d *faulty) fileOf(t *testing.T, ending string) *inode {
	t.Helper()
	for name, node := range d.names {
		if strings.HasSuffix(name, ending) {
			return node
		}
	}
	t.Fatal("no file", ending)
	return nil
}

// lossy is a store of nine blobs with something that cannot be read in the second of its first day, number 3. Each frame there has frameSize bytes.
func lossy(t *testing.T, from, to int) (*faulty, *witness) {
	t.Helper()
	disk, w := newFaulty(), newWitness(t, 12)
	var err error
	if w.store, err = mailbox.OpenOn(disk, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.deposit(9)
	node := disk.fileOf(t, fmt.Sprintf("/%05d.blobs", today))
	frameSize := len(node.now) / 3
	node.bad = []span{{frameSize + from, frameSize + to}}
	return disk, w
}

func (w *witness) listed() (found bool) {
	w.t.Helper()
	ids, err := w.store.IDs(ctx, ours, today)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range ids {
		found = found || id == wire.IDOf(blobOf(3))
	}
	return found
}

// offer offers blob 3 again, for nothing or with a token.
func (w *witness) offer(heldOnly bool) mailbox.Result {
	w.t.Helper()
	d := mailbox.Deposit{Blob: blobOf(3), HeldOnly: heldOnly}
	if !heldOnly {
		d.Paid = []mailbox.Token{mailboxtest.Token(77, today+5)}
	}
	results, err := w.store.Append(ctx, ours, []mailbox.Deposit{d})
	if err != nil {
		w.t.Fatal(err)
	}
	return results[0]
}

// TestBadSector: what cannot be read in one blob, be it what stands before it or its body, takes nothing else away. From the first reading on
// it is held for nobody, and taken again at a new cursor, also after the next start.
func TestBadSector(t *testing.T) {
	for name, bad := range map[string]span{"head": {40, 41}, "body": {2000, 2512}} {
		t.Run(name, func(t *testing.T) {
			disk, w := lossy(t, bad.from, bad.to)
			was := w.kept[3]
			if held := w.held(); len(held) != 8 {
				t.Fatalf("%d of 8 blobs that can be read are served", len(held))
			}
			if s := w.store.Stats(); s.Lost != 1 || s.Blobs != 8 || w.listed() {
				t.Fatalf("%d lost, %d held, told to other supernodes: %v", s.Lost, s.Blobs, w.listed())
			}
			if r := w.offer(true); !errors.Is(r.Err, mailbox.ErrUnpaid) {
				t.Fatalf("held for its depositor: %+v", r)
			}
			r := w.offer(false)
			if r.Err != nil || !r.New || r.Cursor <= was {
				t.Fatalf("brought again: %+v", r)
			}
			w.seen[r.Cursor], w.kept[3] = wire.IDOf(blobOf(3)), r.Cursor
			w.check()
			w.store.Close()

			disk = disk.crash(func() bool { return true }) // the sector can be read again
			var err error
			if w.store, err = mailbox.OpenOn(disk, 0); err != nil {
				t.Fatal(err)
			}
			w.check()
			if again := w.offer(true); again.Cursor != r.Cursor || w.store.Stats().Blobs != 9 || w.store.Stats().Lost != 1 {
				t.Fatalf("after the next start at %d, not %d; %+v", again.Cursor, r.Cursor, w.store.Stats())
			}
			w.store.Close()
		})
	}
}

// TestDamagedChain: bytes of the chain or the id that are wrong in one frame make no page that contradicts another.
func TestDamagedChain(t *testing.T) {
	for name, at := range map[string]int{"chain": 40, "beginning of the id": 65, "id": 90} {
		for _, limit := range []int{1, 9000, 1 << 20} {
			disk, w := lossy(t, 0, 0)
			node := disk.fileOf(t, fmt.Sprintf("/%05d.blobs", today))
			node.now[len(node.now)/3+at] ^= 1
			chain, blobs := mailbox.Chain{}, 0
			for since, end := uint64(0), false; !end; {
				p, err := w.store.Since(ctx, ours, since, limit)
				if err != nil || p.From == since && p.Base != chain {
					t.Fatalf("%s: behind %d, pages of %d: the chain is another: %v", name, since, limit, err)
				}
				since, chain, end, blobs = p.Until, p.Chain, p.End, blobs+len(p.Blobs)
			}
			if blobs != 8 || w.store.Stats().Lost != 1 || chain != w.store.Head(ours).Chain {
				t.Fatalf("%s, pages of %d: %d blobs, %d lost", name, limit, blobs, w.store.Stats().Lost)
			}
		}
	}
}

// TestGetFindsLoss: who asks for a blob by its id finds a loss as who collects does, and so does a depositor.
func TestGetFindsLoss(t *testing.T) {
	_, w := lossy(t, 2000, 2001)
	id := wire.IDOf(blobOf(3))
	records, err := w.store.Get(ctx, ours, []wire.ShortID{wire.ShortID(id[:8])}, 1<<20)
	if err != nil || len(records) != 0 || w.store.Stats().Lost != 1 || w.listed() {
		t.Fatalf("%d records, %v, %d lost", len(records), err, w.store.Stats().Lost)
	}
	_, w = lossy(t, 2000, 2001)
	if r := w.offer(true); !errors.Is(r.Err, mailbox.ErrUnpaid) || w.store.Stats().Lost != 1 {
		t.Fatalf("held: %+v, %d lost", r, w.store.Stats().Lost)
	}
}

// TestLostIsDeleted: a blob that was deleted while the disk did not return it stays deleted when it does again.
func TestLostIsDeleted(t *testing.T) {
	for name, bad := range map[string]span{"head": {40, 41}, "body": {2000, 2001}} {
		t.Run(name, func(t *testing.T) {
			disk, w := lossy(t, bad.from, bad.to)
			w.held()
			if !w.remove(3) || !w.deleted[3] {
				t.Fatal("a lost blob cannot be deleted")
			}
			w.store.Close()
			var err error
			if w.store, err = mailbox.OpenOn(disk.crash(func() bool { return true }), 0); err != nil {
				t.Fatal(err)
			}
			w.check()
			w.store.Close()
		})
	}
}

// TestDamagedTokens: damage in the middle of the tokens that were spent gives back those of one commit at the most, at each start.
func TestDamagedTokens(t *testing.T) {
	for _, at := range []int{2, 6, 20, 70, 100} { // of the second frame
		disk, w := newFaulty(), newWitness(t, 13)
		for range 3 {
			var err error
			if w.store, err = mailbox.OpenOn(disk, 0); err != nil {
				t.Fatal(err)
			}
			first := w.next
			for range 4 {
				w.deposit(1)
			}
			back := 0
			for n := range w.next {
				if !w.store.Spent(ours, mailboxtest.Token(n, today+5)) {
					back++
				}
			}
			if want := min(int(first), 1); back != want {
				t.Fatalf("byte %d: %d tokens can be spent again, want %d", at, back, want)
			}
			w.store.Close()
			if disk = disk.crash(func() bool { return true }); first == 0 {
				disk.fileOf(t, ".spent").now[128+at] ^= 1
			}
		}
	}
}
