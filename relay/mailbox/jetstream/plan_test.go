package jetstream

import (
	"errors"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// TestManyOfOneDeletion: however many blobs are committed to one deletion, a commit is a message that the servers take, and all go when it is asked for again.
func TestManyOfOneDeletion(t *testing.T) {
	const blobs, day = 70_000, 20000
	d := [16]byte{1}
	x := newIndex()
	for n := range uint64(blobs) {
		x.add(entry{record: record{kind: kindBlob, day: day, cursor: n + 1, under: wire.CommitTo(d), id: wire.BlobID{byte(n), byte(n >> 8), byte(n >> 16)}}})
	}
	x.head.Cursor, x.nextUp = blobs, blobs+1
	r := newRequest(nil, []mailbox.Removal{{Tombstone: mailbox.Tombstone{D: d, Day: day}, HeldOnly: true}})
	for n := 0; ; n++ {
		p := newPlan(x, 0, -1, [16]byte{})
		p.take(r)
		p.seal()
		b := p.commit.append(nil)
		if len(b) > payloadMin/2 || n > blobs/tombsMost+1 {
			t.Fatalf("commit %d has %d bytes", n, len(b))
		}
		c, err := parseCommit(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.apply(c, x.seq+1, 0); err != nil {
			t.Fatal(err)
		}
		if err := r.results[0].Err; err == nil {
			break
		} else if !errors.Is(err, errMuch) {
			t.Fatal(err)
		}
	}
	if left := x.days[day].Blobs; left != 0 || len(x.forbidden) != 1 {
		t.Fatalf("%d blobs are left, %d deletions", left, len(x.forbidden))
	}
}

// TestIsLoopback: who reaches servers elsewhere without TLS is told so.
func TestIsLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:4222": true, "[::1]:4222": true, "[::ffff:127.0.0.1]:4222": true,
		"192.0.2.1:4222": false, "[2001:db8::1]:4222": false, "[::ffff:192.0.2.1]:4222": false, "": false,
	} {
		if isLoopback(addr) != want {
			t.Error(addr, !want)
		}
	}
}
