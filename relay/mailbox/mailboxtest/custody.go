package mailboxtest

import (
	"context"
	"errors"
	"sync"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

func testPayment(w *world) {
	a, b, c, d := Token(1, day), Token(2, day), Token(3, day), Token(4, day+1)
	results := w.append(
		mailbox.Deposit{Blob: Blob(1, 0, day), Paid: []mailbox.Token{a}},
		mailbox.Deposit{Blob: Blob(2, 0, day), Paid: []mailbox.Token{b, a}},
		mailbox.Deposit{Blob: Blob(3, 0, day), Paid: []mailbox.Token{c, c}},
		mailbox.Deposit{Blob: Blob(1, 0, day), Paid: []mailbox.Token{d}},
	)
	if results[0].Err != nil || results[3].Err != nil || results[3].New {
		w.Fatalf("%+v", results)
	}
	w.fails(results[1], mailbox.ErrSpent)
	w.fails(results[2], mailbox.ErrSpent)
	check := func() {
		w.Helper()
		for token, want := range map[mailbox.Token]bool{a: true, b: false, c: false, d: false, Token(1, day+1): false} {
			if got := w.Spent(ours, token); got != want {
				w.Fatalf("token %x of day %d spent: %v, want %v", token.ID[:8], token.Day, got, want)
			}
		}
	}
	check()
	if w.Spent(Community(2), a) {
		w.Fatal("spent for another community")
	}
	w.reopen(0)
	check()
	w.fails(w.append(mailbox.Deposit{Blob: Blob(5, 0, day), Paid: []mailbox.Token{a}})[0], mailbox.ErrSpent)
	w.same("another day's", w.append(mailbox.Deposit{Blob: Blob(5, 0, day), Paid: []mailbox.Token{Token(1, day+1), b}})[0].Err, nil)
	if err := w.Expire(ctx, day-1); err != nil {
		w.Fatal(err)
	}
	w.fails(w.append(mailbox.Deposit{Blob: Blob(6, 0, day), Paid: []mailbox.Token{Token(9, day-1)}})[0], mailbox.ErrDay)
	if !w.Spent(ours, Token(9, day-1)) {
		w.Fatal("a token of a day that is over can be spent")
	}
}

func testTombstones(w *world) {
	tomb := func(n uint64, day uint16) mailbox.Tombstone { return mailbox.Tombstone{D: D(n), Day: day} }
	blobs := [][]byte{Blob(1, 0, day), Blob(2, 0, day), BlobUnder(3, 0, day, D(1)), BlobUnder(4, 0, day+1, D(1))}
	cursors := w.put(blobs...)
	before := w.collect(0, 1<<20)

	w.fails(w.remove(mailbox.Removal{Tombstone: tomb(50, day), HeldOnly: true})[0], mailbox.ErrUnpaid)
	r := w.remove(mailbox.Removal{Tombstone: tomb(1, day), Paid: []mailbox.Token{Token(1, day)}})[0]
	if r.Err != nil || !r.New || r.Cursor <= cursors[3] || w.Spent(ours, Token(1, day)) {
		w.Fatalf("deletion of what is held: %+v, it is free", r)
	}
	w.same("again", w.remove(mailbox.Removal{Tombstone: tomb(1, day)})[0], mailbox.Result{Cursor: r.Cursor})
	all := w.collect(0, 1<<20)
	w.same("left", blobsOf(all), [][]byte{blobs[1], blobs[3]})
	w.same("absent", all.Absent, []mailbox.Absence{{Cursor: cursors[0], ID: wire.IDOf(blobs[0])}, {Cursor: cursors[2], ID: wire.IDOf(blobs[2])}})
	w.same("chain", all.Chain, before.Chain)
	later := w.collect(before.Until, 1<<20)
	if len(later.Deleted) != 2 || later.Deleted[0].Tombstone != tomb(1, day) || later.Deleted[0].Blob != all.Absent[0] || later.Deleted[1].Blob != all.Absent[1] {
		w.Fatalf("deletions behind: %+v", later.Deleted)
	}
	w.fails(w.offer(blobs[0])[0], mailbox.ErrDeleted)
	w.fails(w.offer(BlobUnder(5, 0, day, D(1)))[0], mailbox.ErrDeleted)

	paid := w.remove(mailbox.Removal{Tombstone: tomb(60, day), Paid: []mailbox.Token{Token(1, day)}})[0]
	if paid.Err != nil || !paid.New || !w.Spent(ours, Token(1, day)) {
		w.Fatalf("tombstone for what is not held: %+v, it costs a token", paid)
	}
	w.fails(w.remove(mailbox.Removal{Tombstone: tomb(61, day), Paid: []mailbox.Token{Token(1, day)}})[0], mailbox.ErrSpent)
	w.reopen(0)
	w.fails(w.offer(Blob(60, 0, day))[0], mailbox.ErrDeleted)
	w.put(Blob(60, 0, day+1))
	tombs, err := w.Tombstones(ctx, ours, day)
	w.same("tombstones", tombs, []mailbox.Tombstone{tomb(1, day), tomb(60, day)})
	ids, err2 := w.IDs(ctx, ours, day)
	w.same("ids", ids, []wire.BlobID{wire.IDOf(blobs[1])})
	if err != nil || err2 != nil {
		w.Fatal(err, err2)
	}
	if none, _ := w.Tombstones(ctx, ours, day+30); len(none) > 0 {
		w.Fatal("tombstones of a day without any")
	}
}

func testExpiry(w *world) {
	w.put(Blob(1, 0, day), Blob(2, 0, day+1), Blob(3, 0, day+2))
	w.remove(mailbox.Removal{Tombstone: mailbox.Tombstone{D: D(9), Day: day}})
	head, bytes := w.Head(ours), w.Stats().Bytes
	if err := w.Expire(ctx, day+1); err != nil {
		w.Fatal(err)
	}
	check := func() {
		w.Helper()
		w.same("left", blobsOf(w.collect(0, 1<<20)), [][]byte{Blob(3, 0, day+2)})
		w.same("finished", w.Finished(), uint16(day+1))
		w.same("head", w.Head(ours), head)
		w.fails(w.offer(Blob(1, 0, day))[0], mailbox.ErrDay)
		w.fails(w.remove(mailbox.Removal{Tombstone: mailbox.Tombstone{D: D(9), Day: day + 1}})[0], mailbox.ErrDay)
	}
	check()
	if now := w.Stats().Bytes; now >= bytes {
		w.Fatalf("%d bytes before, %d after", bytes, now)
	}
	if err := w.Expire(ctx, day-5); err != nil {
		w.Fatal(err)
	}
	check()
	w.reopen(0)
	check()
	// All of it: the cursor must not go back with the last that would tell.
	if err := w.Expire(ctx, day+2); err != nil {
		w.Fatal(err)
	}
	w.reopen(0)
	w.same("head", w.Head(ours), head)
	if c := w.put(Blob(4, 0, day+3)); c[0] <= head.Cursor {
		w.Fatalf("cursor %d again, the log stood at %d", c[0], head.Cursor)
	}
}

// testGap: what expired between two blobs takes its id with it, and the chain begins anew behind it.
func testGap(w *world) {
	c := w.put(Blob(1, 0, day+1), Blob(2, 0, day+1), Blob(3, 0, day), Blob(4, 0, day+1), Blob(5, 0, day))
	head := w.Head(ours)
	if err := w.Expire(ctx, day); err != nil {
		w.Fatal(err)
	}
	all := w.collect(0, 1<<20)
	w.same("blobs", cursorsOf(all), []uint64{c[0], c[1], c[3]})
	w.same("chain", all.Chain, head.Chain)
	p, err := w.Since(ctx, ours, c[1], 1<<20)
	if err != nil || p.From <= c[1] || len(p.Blobs) != 1 {
		w.Fatalf("claims to know what was between: %+v, %v", p, err)
	}
	if p, err = w.Since(ctx, ours, c[0], 1<<20); err != nil || p.From != c[0] || p.Until != c[1] || p.End {
		w.Fatalf("a page goes over what it does not know: %+v, %v", p, err)
	}
}

func testMoved(w *world) {
	moved := w.Moved(ours, 0)
	also := w.Moved(ours, 0)
	select {
	case <-moved:
		w.Fatal("moved without a record")
	default:
	}
	c := w.put(Blob(1, 0, day))
	<-moved
	<-also
	<-w.Moved(ours, 0)
	later := w.Moved(ours, c[0])
	w.offer(Blob(1, 0, day)) // held: nothing moves
	select {
	case <-later:
		w.Fatal("moved by what was held")
	default:
	}
	w.remove(mailbox.Removal{Tombstone: mailbox.Tombstone{D: D(1), Day: day}})
	<-later
}

func testFull(w *world) {
	const limit = 256 << 10
	w.reopen(limit)
	kept := 0
	for n := range uint64(100) {
		r := w.offer(Blob(n, 0, day))[0]
		if errors.Is(r.Err, mailbox.ErrFull) {
			break
		}
		if r.Err != nil {
			w.Fatal(r.Err)
		}
		kept++
	}
	if used := w.Stats().Bytes; kept < 40 || kept == 100 || used > limit {
		w.Fatalf("%d blobs, %d bytes used, the limit is %d", kept, used, limit)
	}
	results := w.append(mailbox.Deposit{Blob: Blob(0, 0, day)}, mailbox.Deposit{Blob: Blob(200, 1, day+1), Paid: []mailbox.Token{Token(1, day)}})
	if results[0].Err != nil || results[0].New || w.Spent(ours, Token(1, day)) {
		w.Fatalf("what is held needs no room, and a refusal no token: %+v", results)
	}
	w.fails(results[1], mailbox.ErrFull)
	w.same("reading goes on", len(w.collect(0, 1<<20).Blobs), kept)
	if err := w.Expire(ctx, day); err != nil {
		w.Fatal(err)
	}
	w.put(Blob(300, 0, day+1))
}

func testBadBlobs(w *world) {
	good := Blob(1, 0, day)
	newer := append([]byte{2}, good[1:]...)
	results := w.offer(nil, good[:100], newer, good[:4095], good)
	w.fails(results[0], wire.ErrMalformed)
	w.fails(results[1], wire.ErrMalformed)
	w.fails(results[2], wire.ErrNewer)
	w.fails(results[3], wire.ErrMalformed)
	w.same("the good one", results[4].Err, nil)
}

func testManyAtOnce(w *world) {
	const callers, each = 16, 12
	var wait sync.WaitGroup
	var mu sync.Mutex
	seen := map[uint64]wire.BlobID{}
	for caller := range callers {
		wait.Go(func() {
			for i := range each {
				// Two callers bring each blob, and pay with the same token.
				n := uint64(caller/2*each + i)
				blob := Blob(n, 0, day+uint16(n%3))
				results, err := w.Append(ctx, ours, []mailbox.Deposit{{Blob: blob, Paid: []mailbox.Token{Token(n, day)}}})
				if err != nil || results[0].Err != nil {
					w.Errorf("%v %v", results, err)
					return
				}
				mu.Lock()
				if id, found := seen[results[0].Cursor]; found && id != wire.IDOf(blob) {
					w.Errorf("cursor %d for two blobs", results[0].Cursor)
				}
				seen[results[0].Cursor] = wire.IDOf(blob)
				mu.Unlock()
				if p, err := w.Since(ctx, ours, results[0].Cursor-1, 4096); err != nil || len(p.Blobs) == 0 || wire.IDOf(p.Blobs[0].Blob) != wire.IDOf(blob) {
					w.Errorf("what was acknowledged is not there: %v", err)
				}
			}
		})
	}
	wait.Wait()
	if all := w.collect(0, 1<<20); len(all.Blobs) != callers*each/2 || len(seen) != callers*each/2 {
		w.Fatalf("%d blobs, %d cursors, want %d", len(all.Blobs), len(seen), callers*each/2)
	}
}

func testCommunities(w *world) {
	theirs := Community(2)
	w.put(Blob(1, 0, day))
	w.remove(mailbox.Removal{Tombstone: mailbox.Tombstone{D: D(2), Day: day}})
	results, err := w.Append(ctx, theirs, []mailbox.Deposit{{Blob: Blob(1, 0, day)}, {Blob: Blob(2, 0, day)}})
	if err != nil || !results[0].New || !results[1].New {
		w.Fatal("communities share a log:", results, err)
	}
	w.same("ours", len(w.collect(0, 1<<20).Blobs), 1)
	w.reopen(0)
	p, err := w.Since(ctx, theirs, 0, 1<<20)
	if err != nil || len(p.Blobs) != 2 {
		w.Fatal(len(p.Blobs), err)
	}
	w.same("blobs", w.Stats().Blobs, 3)
}

func testClosed(w *world) {
	w.put(Blob(1, 0, day))
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := w.Since(cancelled, ours, 0, 1); !errors.Is(err, context.Canceled) {
		w.Fatal(err)
	}
	if err := w.Close(); err != nil {
		w.Fatal(err)
	}
	_, err := w.Append(ctx, ours, []mailbox.Deposit{{Blob: Blob(2, 0, day)}})
	_, err2 := w.Since(ctx, ours, 0, 1)
	if !errors.Is(err, mailbox.ErrClosed) || !errors.Is(err2, mailbox.ErrClosed) || !errors.Is(w.Expire(ctx, day), mailbox.ErrClosed) {
		w.Fatal(err, err2)
	}
}
