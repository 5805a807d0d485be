package mailboxtest

import (
	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

func testScanAndGet(w *world) {
	var blobs [][]byte
	for n := range uint64(8) {
		blobs = append(blobs, Blob(n, wire.Class(n%2), day+uint16(n%3)))
	}
	cursors := w.put(blobs...)
	w.remove(mailbox.Removal{Tombstone: mailbox.Tombstone{D: D(2), Day: day + 2}})
	var want []wire.Entry
	for n, blob := range blobs {
		h, err := wire.ParseBlob(blob)
		if err != nil {
			w.Fatal(err)
		}
		id := wire.IDOf(blob)
		if n != 2 {
			want = append(want, wire.Entry{Tag: h.Tag, Class: h.Class, ID: wire.ShortID(id[:8]), ExpiryDay: h.ExpiryDay})
		}
	}
	var got []wire.Entry
	for until, end := uint64(0), false; !end; {
		l, err := w.Scan(ctx, ours, until, 3)
		if err != nil || len(l.Entries) > 3 || l.Until <= until && !l.End {
			w.Fatal(l, err)
		}
		got, until, end = append(got, l.Entries...), l.Until, l.End
	}
	w.same("entries", got, want)
	l, err := w.Scan(ctx, ours, cursors[5], 100)
	if err != nil || !l.End || l.Until != w.Head(ours).Cursor {
		w.Fatal(l, err)
	}
	w.same("entries behind the sixth", l.Entries, want[5:])

	wanted := []wire.ShortID{want[6].ID, {1, 2, 3}, want[0].ID, wire.ShortID(idOf(blobs[2]))}
	records, err := w.Get(ctx, ours, wanted, 1<<20)
	w.same("got", records, []mailbox.Record{{Cursor: cursors[7], Blob: blobs[7]}, {Cursor: cursors[0], Blob: blobs[0]}})
	if err != nil {
		w.Fatal(err)
	}
	records, err = w.Get(ctx, ours, wanted, 1)
	if err != nil || len(records) != 1 {
		w.Fatalf("%d blobs within one byte, want the first: %v", len(records), err)
	}
}

func idOf(blob []byte) []byte {
	id := wire.IDOf(blob)
	return id[:8]
}

// testLargeBlobs: blobs of class 3 are fetched by id only, and the chain goes through them.
func testLargeBlobs(w *world) {
	large := Blob(2, wire.Class3, day)
	c := w.put(Blob(1, 0, day), large, Blob(3, 0, day))
	all := w.collect(0, 1<<20)
	w.same("cursors", cursorsOf(all), []uint64{c[0], c[2]})
	w.same("absent", all.Absent, []mailbox.Absence{{Cursor: c[1], ID: wire.IDOf(large)}})
	if l, err := w.Scan(ctx, ours, 0, 10); err != nil || len(l.Entries) != 2 {
		w.Fatal(l, err)
	}
	records, err := w.Get(ctx, ours, []wire.ShortID{wire.ShortID(idOf(large))}, 0)
	w.same("got", records, []mailbox.Record{{Cursor: c[1], Blob: large}})
	if err != nil {
		w.Fatal(err)
	}
}

func testPages(w *world) {
	var blobs [][]byte
	for n := range uint64(300) {
		blobs = append(blobs, Blob(n, 0, day+uint16(n%2)))
	}
	w.put(blobs...)
	for _, limit := range []int{0, 4096, 3*4096 + 1, 1 << 30} {
		all := w.collect(0, limit)
		if len(all.Blobs) != len(blobs) {
			w.Fatalf("%d of %d blobs by pages of %d bytes", len(all.Blobs), len(blobs), limit)
		}
		p, err := w.Since(ctx, ours, 0, limit)
		if err != nil || len(p.Blobs) > 1 && len(p.Blobs)*4096 > limit {
			w.Fatalf("%d blobs in a page of %d bytes, %v", len(p.Blobs), limit, err)
		}
	}
}
