package mailboxtest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// Opening opens the stores of one place, one after the other: each finds what the one before it kept. limit is in
// bytes, 0: none. The caller closes.
type Opening func(t testing.TB, limit int64) mailbox.Store

// Run holds a kind of store against what mailbox.Store promises, as Model does. place makes a new, empty place.
func Run(t *testing.T, place func(t testing.TB) Opening) {
	for name, test := range map[string]func(*world){
		"log":          testLog,
		"held":         testHeld,
		"reopened":     testReopened,
		"payment":      testPayment,
		"tombstones":   testTombstones,
		"expiry":       testExpiry,
		"expired gap":  testGap,
		"scan and get": testScanAndGet,
		"large blobs":  testLargeBlobs,
		"pages":        testPages,
		"moved":        testMoved,
		"full":         testFull,
		"bad blobs":    testBadBlobs,
		"many at once": testManyAtOnce,
		"communities":  testCommunities,
		"closed":       testClosed,
		"closes":       testCloses,
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{T: t, open: place(t)}
			w.Store = w.open(t, 0)
			defer func() { w.Close() }() // the store that is open then
			test(w)
		})
	}
}

// world is one place and the store that is open there.
type world struct {
	*testing.T
	mailbox.Store
	open Opening
}

var (
	ctx  = context.Background()
	ours = Community(1)
)

const day = 20000

func (w *world) reopen(limit int64) {
	w.Helper()
	if err := w.Close(); err != nil {
		w.Fatal(err)
	}
	w.Store = w.open(w, limit)
}

// put appends blobs and wants each new.
func (w *world) put(blobs ...[]byte) []uint64 {
	w.Helper()
	var cursors []uint64
	for i, r := range w.offer(blobs...) {
		if r.Err != nil || !r.New || r.Cursor == 0 {
			w.Fatalf("blob %d: %+v", i, r)
		}
		cursors = append(cursors, r.Cursor)
	}
	return cursors
}

func (w *world) offer(blobs ...[]byte) []mailbox.Result {
	w.Helper()
	deposits := make([]mailbox.Deposit, len(blobs))
	for i, blob := range blobs {
		deposits[i].Blob = blob
	}
	return w.append(deposits...)
}

func (w *world) append(deposits ...mailbox.Deposit) []mailbox.Result {
	w.Helper()
	results, err := w.Append(ctx, ours, deposits)
	if err != nil || len(results) != len(deposits) {
		w.Fatal(results, err)
	}
	return results
}

func (w *world) remove(removals ...mailbox.Removal) []mailbox.Result {
	w.Helper()
	results, err := w.Delete(ctx, ours, removals)
	if err != nil || len(results) != len(removals) {
		w.Fatal(results, err)
	}
	return results
}

// collect goes through the log behind a cursor, page by page, and checks each page by itself and that they join.
func (w *world) collect(since uint64, limit int) (all mailbox.Page) {
	w.Helper()
	all.From, all.Until = since, since
	for {
		p, err := w.Since(ctx, ours, all.Until, limit)
		if err != nil {
			w.Fatal(err)
		}
		checkPage(w, p, all.Until)
		if p.From == all.Until && all.Until != since && p.Base != all.Chain {
			w.Fatalf("the page behind %d does not join the one before", p.From)
		}
		if p.Until == all.Until && !p.End {
			w.Fatalf("stuck at %d", p.Until)
		}
		all.Until, all.Chain, all.End = p.Until, p.Chain, p.End
		all.Blobs = append(all.Blobs, p.Blobs...)
		all.Absent = append(all.Absent, p.Absent...)
		all.Deleted = append(all.Deleted, p.Deleted...)
		if p.End {
			return all
		}
	}
}

// failing is what testing's and rapid's T have in common.
type failing interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkPage wants the records of a page in order and its chain to follow from them.
func checkPage(t failing, p mailbox.Page, since uint64) {
	t.Helper()
	if p.From < since || p.Until < p.From {
		t.Fatalf("page behind %d goes from %d to %d", since, p.From, p.Until)
	}
	chain, last := p.Base, p.From
	blobs, absent := p.Blobs, p.Absent
	for len(blobs)+len(absent) > 0 {
		var cursor uint64
		var id wire.BlobID
		if len(absent) == 0 || len(blobs) > 0 && blobs[0].Cursor < absent[0].Cursor {
			cursor, id, blobs = blobs[0].Cursor, wire.IDOf(blobs[0].Blob), blobs[1:]
		} else {
			cursor, id, absent = absent[0].Cursor, absent[0].ID, absent[1:]
		}
		if cursor <= last || cursor > p.Until {
			t.Fatalf("cursor %d behind %d in a page up to %d", cursor, last, p.Until)
		}
		last, chain = cursor, mailbox.Chain(wire.HashOf("sv1 chain", chain[:], id[:]))
	}
	if chain != p.Chain {
		t.Fatalf("page from %d to %d: the chain does not follow", p.From, p.Until)
	}
}

func blobsOf(p mailbox.Page) (blobs [][]byte) {
	for _, r := range p.Blobs {
		blobs = append(blobs, r.Blob)
	}
	return blobs
}

func cursorsOf(p mailbox.Page) (cursors []uint64) {
	for _, r := range p.Blobs {
		cursors = append(cursors, r.Cursor)
	}
	return cursors
}

func (w *world) same(what string, got, want any) {
	w.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func (w *world) fails(r mailbox.Result, want error) {
	w.Helper()
	if !errors.Is(r.Err, want) || r.Cursor != 0 || r.New {
		w.Fatalf("got %+v, want %v", r, want)
	}
}

func testLog(w *world) {
	w.same("head of nothing", w.Head(ours), mailbox.Head{})
	w.same("nothing", w.collect(0, 1<<20), mailbox.Page{End: true})
	blobs := [][]byte{Blob(1, 0, day), Blob(2, 1, day+1), Blob(3, 2, day), Blob(4, 0, day+2)}
	cursors := append(w.put(blobs[0]), w.put(blobs[1:]...)...)
	all := w.collect(0, 1<<20)
	w.same("blobs", blobsOf(all), blobs)
	w.same("cursors", cursorsOf(all), cursors)
	w.same("head", w.Head(ours), mailbox.Head{Cursor: all.Until, Chain: all.Chain})
	w.same("behind the second", blobsOf(w.collect(cursors[1], 1<<20)), blobs[2:])
	w.same("behind all", w.collect(all.Until, 1<<20), mailbox.Page{From: all.Until, Until: all.Until, Chain: all.Chain, End: true})
	for _, p := range []int{0, 1, 2, 3} {
		at, known, err := w.Chain(ctx, ours, cursors[p])
		page, err2 := w.Since(ctx, ours, cursors[p], 1<<20)
		if !known || err != nil || err2 != nil || page.From != cursors[p] || at != page.Base {
			w.Fatalf("chain at %d: %x %v %v, a page begins with %x", cursors[p], at, known, err, page.Base)
		}
	}
	if _, known, _ := w.Chain(ctx, ours, all.Until+1); known {
		w.Fatal("knows the chain where the log is not yet")
	}
}

func testHeld(w *world) {
	blob := Blob(1, 0, day)
	results := w.offer(blob, Blob(2, 0, day), blob)
	if !results[0].New || results[2].New || results[2].Cursor != results[0].Cursor || results[2].Err != nil {
		w.Fatalf("twice in one call: %+v", results)
	}
	again := w.offer(blob)[0]
	w.same("again", again, mailbox.Result{Cursor: results[0].Cursor})
	w.same("blobs", len(w.collect(0, 1<<20).Blobs), 2)
	w.fails(w.append(mailbox.Deposit{Blob: Blob(3, 0, day), HeldOnly: true})[0], mailbox.ErrUnpaid)
	w.same("held only", w.append(mailbox.Deposit{Blob: blob, HeldOnly: true})[0], again)
}

func testReopened(w *world) {
	var blobs [][]byte
	for n := range uint64(10) {
		blobs = append(blobs, Blob(n, 0, day+uint16(n%3)))
	}
	first := w.put(blobs...)
	w.remove(mailbox.Removal{Tombstone: mailbox.Tombstone{D: D(4), Day: day + 1}})
	before, stats := w.collect(0, 1<<20), w.Stats()
	w.reopen(0)
	w.same("log", w.collect(0, 1<<20), before)
	for i, d := range w.Stats().Logs[ours] {
		was := stats.Logs[ours][i]
		d.Bytes, was.Bytes = 0, 0 // an index may have grown
		w.same("stats", d, was)
	}
	w.same("held", w.offer(blobs[7])[0], mailbox.Result{Cursor: first[7]})
	w.fails(w.offer(blobs[4])[0], mailbox.ErrDeleted)
	next := w.put(Blob(100, 0, day))
	if next[0] <= before.Until {
		w.Fatalf("cursor %d was given before, the log stood at %d", next[0], before.Until)
	}
	if p, err := w.Since(ctx, ours, before.Until, 1<<20); err != nil || p.From != before.Until || p.Base != before.Chain {
		w.Fatalf("does not go on where it stood: %+v, %v", p, err)
	}
}
