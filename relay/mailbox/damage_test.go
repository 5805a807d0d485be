package mailbox_test

import (
	"strings"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

const frameSize = 96 + 4096 // of a blob of class 0

// damaged is a store of so many blobs that expire on one day, a commit each, with a blob of another day at the end, whose process was killed
// before it wrote a side index, and then one byte of its file was changed.
func damaged(t *testing.T, blobs int, at int) (*faulty, *mailbox.Disk) {
	t.Helper()
	disk := newFaulty()
	s, err := mailbox.OpenOn(disk, 0)
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(blobs) {
		put(t, s, mailboxtest.Blob(n, 0, today), true)
	}
	put(t, s, mailboxtest.Blob(1000, 0, today+1), true)
	again := disk.crash(func() bool { return true })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, node := range again.names {
		if strings.HasSuffix(name, "20000.blobs") {
			node.now[at] ^= 1
		}
	}
	if s, err = mailbox.OpenOn(again, 0); err != nil {
		t.Fatal(err)
	}
	return again, s
}

func put(t *testing.T, s *mailbox.Disk, blob []byte, isNew bool) {
	t.Helper()
	r, err := s.Append(ctx, ours, []mailbox.Deposit{{Blob: blob}})
	if err != nil || r[0].Err != nil || r[0].New != isNew {
		t.Fatalf("%+v, %v", r, err)
	}
}

// TestDamageIsPassed: one byte that is wrong in a blob behind the side index costs that blob, and it is told.
func TestDamageIsPassed(t *testing.T) {
	const blobs = 6
	for n := range uint64(blobs) { // the last one too: what was committed later stands in another file
		disk, s := damaged(t, blobs, int(n)*frameSize+96+2000)
		if got := s.Stats(); got.Damaged != frameSize || got.Cut != 0 || got.Blobs != blobs {
			t.Fatalf("blob %d: %+v", n, got)
		}
		for k := range uint64(blobs) {
			put(t, s, mailboxtest.Blob(k, 0, today), k == n)
		}
		put(t, s, mailboxtest.Blob(1000, 0, today+1), false)
		page, err := s.Since(ctx, ours, 0, wire.BatchSizeMax)
		for seen := len(page.Blobs); err == nil && !page.End; seen += len(page.Blobs) {
			if page, err = s.Since(ctx, ours, page.Until, wire.BatchSizeMax); page.End && seen+len(page.Blobs) != blobs+1 {
				t.Fatalf("%d blobs are shown", seen+len(page.Blobs))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = mailbox.OpenOn(disk, 0); err != nil || s.Stats().Blobs != blobs+1 {
			t.Fatalf("with a side index: %v", err)
		}
		_ = s.Close()
	}
}

// TestDamageIsSetAside: where the damage hides how long its record is, nothing behind it is taken, since a blob may hold what looks like a
// record; it is kept in a file, and told until its day is over.
func TestDamageIsSetAside(t *testing.T) {
	disk, s := damaged(t, 6, 2*frameSize+9)
	for range 2 {
		if got := s.Stats(); got.Damaged != 4*frameSize || got.Cut != 0 {
			t.Fatalf("%+v", got)
		}
		if n := len(disk.fileOf(t, ".damaged").now); n != 4*frameSize {
			t.Fatalf("%d bytes are set aside", n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var err error
		if s, err = mailbox.OpenOn(disk, 0); err != nil {
			t.Fatal(err)
		}
	}
	for n := range uint64(6) {
		put(t, s, mailboxtest.Blob(n, 0, today), n >= 2)
	}
	if err := s.Expire(ctx, today); err != nil {
		t.Fatal(err)
	}
	for name := range disk.names {
		if strings.HasSuffix(name, ".damaged") {
			t.Error("it is kept for ever")
		}
	}
	_ = s.Close()
}

// TestNoCloseIsTakenBack: neither damage before the place of a close nor the loss of the closes has a later close signed for a place before it.
func TestNoCloseIsTakenBack(t *testing.T) {
	for name, damage := range map[string]func(name string, of *inode){
		"a record": func(name string, of *inode) {
			if strings.HasSuffix(name, ".blobs") {
				of.now[3*frameSize+9] ^= 1
			}
		},
		"the closes": func(name string, of *inode) {
			if strings.HasSuffix(name, "/close") {
				clear(of.now)
			}
		},
	} {
		disk := newFaulty()
		s, err := mailbox.OpenOn(disk, 0)
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(100) {
			put(t, s, mailboxtest.Blob(n, 0, today), true)
		}
		closed, err := s.CloseDay(ctx, ours, today)
		if err != nil {
			t.Fatal(err)
		}
		again := disk.crash(func() bool { return true })
		_ = s.Close()
		for name, node := range again.names {
			damage(name, node)
		}
		if s, err = mailbox.OpenOn(again, 0); err != nil {
			t.Fatal(err)
		}
		if at := s.Head(ours); at != closed.Head {
			t.Errorf("%s: the log stands at %d, closed at %d", name, at.Cursor, closed.Cursor)
		}
		put(t, s, mailboxtest.Blob(500, 0, today), true)
		if next, err := s.CloseDay(ctx, ours, today+1); err != nil || next.Cursor < closed.Cursor {
			t.Errorf("%s: closed at %d behind %d, %v", name, next.Cursor, closed.Cursor, err)
		}
		_ = s.Close()
	}
}

// TestForgedRecord: a blob whose bytes are records, at the end of a file where its own was not finished, brings none of them in.
func TestForgedRecord(t *testing.T) {
	disk := newFaulty()
	s, err := mailbox.OpenOn(disk, 0)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, mailboxtest.Blob(1, 0, today), true)
	put(t, s, mailboxtest.Blob(2, 0, today), true)
	records := disk.fileOf(t, ".blobs").now
	inner := records[frameSize:] // of the second commit, and whole
	outer := mailboxtest.Blob(3, 1, today)
	copy(outer[len(outer)-len(inner):], inner)
	node := disk.fileOf(t, ".blobs")
	for _, whole := range []bool{true, false} {
		crashed := disk.crash(func() bool { return true })
		torn := crashed.fileOf(t, ".blobs")
		head := append([]byte(nil), node.now[frameSize:][:96]...)
		if torn.now = append(append(torn.now[:frameSize:frameSize], head...), outer...); !whole {
			torn.now[frameSize+9] ^= 1
		}
		again, err := mailbox.OpenOn(crashed, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := again.Stats().Blobs; n != 1 {
			t.Errorf("%d blobs", n)
		}
		_ = again.Close()
	}
	_ = s.Close()
}
