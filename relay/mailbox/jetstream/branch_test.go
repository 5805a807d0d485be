package jetstream_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

// put has a store keep a blob.
func put(t *testing.T, s *jetstream.Store, n uint64, day uint16) {
	t.Helper()
	r, err := s.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(n, 0, day), Paid: []mailbox.Token{mailboxtest.Token(n, day)}}})
	if err != nil || r[0].Err != nil {
		t.Fatal(r, err)
	}
}

// agree waits until a process shows the log that another one does.
func agree(t *testing.T, late, leading *jetstream.Store) {
	t.Helper()
	want := collect(t, leading)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := late.Current(t.Context(), ours)
		if err == nil && late.Head(ours) == leading.Head(ours) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("one process shows the log up to %d, the other up to %d: %v", late.Head(ours).Cursor, leading.Head(ours).Cursor, err)
		}
	}
	got := collect(t, late)
	if diff := cmp.Diff(want.Blobs, got.Blobs); diff != "" {
		t.Fatal(diff)
	}
}

// TestLostElsewhere: where the servers have lost a log, and another process has begun it anew, who has only read it shows and signs for nothing
// that is gone, however far the new one has come, and goes on with it.
func TestLostElsewhere(t *testing.T) {
	for _, fresh := range []uint64{1, 3, 5} {
		t.Run(fmt.Sprint(fresh), func(t *testing.T) {
			t.Parallel() // it waits most of the time
			s := serve(t, nil)
			at := jetstream.Config{URL: s.ClientURL() + "/lost", Replicas: 1}
			between := muffled(t, s.Addr().String())
			a := open(t, jetstream.Config{URL: "nats://" + between.Addr().String() + "/lost", Replicas: 1})
			t.Cleanup(func() { _ = a.Close() })
			for n := range uint64(3) {
				put(t, a, n, day)
			}
			conn, err := nats.Connect(s.ClientURL())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Request(fmt.Sprintf("$JS.API.STREAM.DELETE.lost-%x", ours[:]), nil, 5*time.Second); err != nil {
				t.Fatal(err)
			}
			b := open(t, at)
			t.Cleanup(func() { _ = b.Close() })
			for n := range fresh {
				put(t, b, 100+n, day)
			}
			if fresh == 3 { // as long as before: the servers have lost their power meanwhile
				between.cut()
				for l := a.Head(ours); l == a.Head(ours); time.Sleep(10 * time.Millisecond) {
					_ = a.Current(t.Context(), ours)
				}
			}
			agree(t, a, b)
			held, err := a.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(1, 0, day), HeldOnly: true}})
			if err != nil || !errors.Is(held[0].Err, mailbox.ErrUnpaid) {
				t.Fatalf("what is lost is said to be held: %+v %v", held, err)
			}
			put(t, a, 200, day)
			agree(t, b, a)
		})
	}
}

// TestLostByHearsay: no log is shown shorter than it was by the word of a server that can have nothing kept, as one that does not know that it leads
// no more.
func TestLostByHearsay(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := serve(t, nil)
	between := muffled(t, s.Addr().String())
	a := open(t, jetstream.Config{URL: "nats://" + between.Addr().String() + "/hearsay", Replicas: 1})
	t.Cleanup(func() { _ = a.Close() })
	for n := range uint64(3) {
		put(t, a, n, day)
	}
	was, publishes := a.Head(ours), "Nats-Expected-Last-Sequence"
	between.keeps.Store(true)
	between.drops.Store(&publishes)
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Request(fmt.Sprintf("$JS.API.STREAM.DELETE.hearsay-%x", ours[:]), nil, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	between.cut()
	for began := time.Now(); time.Since(began) < 3*time.Second; { // one answer is waited for, at the least
		if err := a.Current(t.Context(), ours); err == nil {
			t.Fatal("where the log ends is known from who can have nothing kept")
		}
	}
	if a.Head(ours) != was {
		t.Fatalf("the log ends at %d, it ended at %d", a.Head(ours).Cursor, was.Cursor)
	}
	between.drops.Store(nil)
	put(t, a, 100, day)
	if all := collect(t, a); len(all.Blobs) != 1 || all.Until <= was.Cursor {
		t.Fatalf("%d blobs up to %d", len(all.Blobs), all.Until)
	}
}

// TestPausedLong: a process that heard nothing while others have written and given up what had expired goes on with the log as it is then.
func TestPausedLong(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := serve(t, nil)
	between := muffled(t, s.Addr().String())
	a := open(t, jetstream.Config{URL: "nats://" + between.Addr().String() + "/paused", Replicas: 1})
	b := open(t, jetstream.Config{URL: s.ClientURL() + "/paused", Replicas: 1})
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	put(t, b, 1, day)
	agree(t, a, b)
	between.on.Store(true)
	put(t, b, 2, day)
	put(t, b, 3, day+5)
	if err := b.Expire(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	between.cut()
	agree(t, a, b)
	put(t, a, 4, day+5)
	agree(t, b, a)
}
