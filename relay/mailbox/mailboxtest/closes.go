package mailboxtest

import "sottovoce/relay/mailbox"

// testCloses: a day is closed once, where the log stood; that of a busy day is at a multiple of 64 whose chain everybody has.
func testCloses(w *world) {
	close := func(of uint16) mailbox.DayClose {
		w.Helper()
		closed, err := w.CloseDay(ctx, ours, of)
		if err != nil {
			w.Fatal(err)
		}
		return closed
	}
	w.same("the close of an empty log", close(day), mailbox.DayClose{Day: day})
	w.put(Blob(1, 0, day+9), Blob(2, 0, day+9))
	w.same("the same day again", close(day), mailbox.DayClose{Day: day})
	quiet := mailbox.DayClose{Day: day + 1, Head: w.Head(ours)}
	w.same("the close of a quiet day", close(day+1), quiet)
	w.remove(mailbox.Removal{Tombstone: mailbox.Tombstone{D: D(1), Day: day + 9}})
	w.same("a day before it", close(day), quiet)
	w.reopen(0)
	w.same("after a start", close(day+1), quiet)
	for n := range uint64(150) {
		w.put(Blob(10+n, 0, day+9))
	}
	head := w.Head(ours)
	busy := close(day + 3)
	if busy.Cursor%64 != 0 || busy.Cursor+64 <= head.Cursor || busy.Cursor > head.Cursor {
		w.Errorf("a busy day is closed at %d of %d", busy.Cursor, head.Cursor)
	}
	page, err := w.Since(ctx, ours, busy.Cursor, 1)
	if err != nil || page.From != busy.Cursor || page.Base != busy.Chain {
		w.Errorf("the chain there is %x, %v", page.Base, err)
	}
	if err := w.Expire(ctx, day+9); err != nil {
		w.Fatal(err)
	}
	w.same("when all has expired", close(day+3), busy)
	w.put(Blob(500, 0, day+20))
	w.same("the chain of what was not seen", close(day+4).Chain, w.Head(ours).Chain)
}
