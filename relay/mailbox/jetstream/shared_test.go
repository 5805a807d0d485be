package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

const day = 20000

var ours = mailboxtest.Community(1)

// pair opens one store twice, as two processes would.
func pair(t *testing.T) (a, b *jetstream.Store) {
	t.Helper()
	s := serve(t, nil)
	at := jetstream.Config{URL: s.ClientURL() + "/shared", Replicas: 1}
	a, b = open(t, at), open(t, at)
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

// collect reads the whole log as one process shows it.
func collect(t *testing.T, s *jetstream.Store) (all mailbox.Page) {
	t.Helper()
	if err := s.Current(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	for !all.End {
		p, err := s.Since(t.Context(), ours, all.Until, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		all.Until, all.Chain, all.End = p.Until, p.Chain, p.End
		all.Blobs = append(all.Blobs, p.Blobs...)
	}
	return all
}

// TestOneLog: what two processes take at the same time is one log, in which nothing stands twice and no token pays for two.
func TestOneLog(t *testing.T) {
	a, b := pair(t)
	const callers, each = 8, 10
	var wait sync.WaitGroup
	var mu sync.Mutex
	cursors, paid := map[wire.BlobID]uint64{}, 0
	for caller := range callers {
		store := []*jetstream.Store{a, b}[caller%2]
		wait.Go(func() {
			for i := range each {
				// Each blob is brought to both, and each token pays for one of two blobs only.
				n := uint64(caller/2*each + i)
				blob, rival := mailboxtest.Blob(n, 0, day), mailboxtest.Blob(1000+n*callers+uint64(caller), 0, day)
				results, err := store.Append(t.Context(), ours, []mailbox.Deposit{
					{Blob: blob, Paid: []mailbox.Token{mailboxtest.Token(n, day)}},
					{Blob: rival, Paid: []mailbox.Token{mailboxtest.Token(5000+n, day)}},
				})
				if err != nil || results[0].Err != nil {
					t.Errorf("%v %v", results, err)
					return
				}
				mu.Lock()
				if before := cursors[wire.IDOf(blob)]; before != 0 && before != results[0].Cursor {
					t.Errorf("one blob at %d and at %d", before, results[0].Cursor)
				}
				cursors[wire.IDOf(blob)] = results[0].Cursor
				switch err := results[1].Err; {
				case err == nil:
					paid++
				case !errors.Is(err, mailbox.ErrSpent):
					t.Error(err)
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if paid != callers*each/2 {
		t.Fatalf("%d tokens have paid for %d blobs", callers*each/2, paid)
	}
	one, other := collect(t, a), collect(t, b)
	if diff := cmp.Diff(one, other); diff != "" || len(one.Blobs) != callers*each {
		t.Fatalf("%d blobs; two processes show two logs: %s", len(one.Blobs), diff)
	}
}

// TestTurns: two processes that write all the time both get on, and send less than half of it in vain, on a machine that is busy with other things, too.
func TestTurns(t *testing.T) {
	s := serve(t, nil)
	at := jetstream.Config{URL: s.ClientURL() + "/shared", Replicas: 1}
	stores := []*jetstream.Store{open(t, at), open(t, at)}
	const callers, each = 4, 32
	var kept [2]atomic.Int64
	var wait sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for caller := range uint64(2 * callers) {
		wait.Go(func() {
			for n := caller << 32; ctx.Err() == nil; n += each {
				deposits := make([]mailbox.Deposit, each)
				for i := range deposits {
					deposits[i].Blob = mailboxtest.Blob(n+uint64(i), 0, day)
				}
				if _, err := stores[caller%2].Append(t.Context(), ours, deposits); err != nil {
					t.Error(err)
				}
				kept[caller%2].Add(each)
			}
		})
	}
	wait.Wait()
	for _, store := range stores {
		_ = store.Close()
	}
	sent, err := s.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	one, other := kept[0].Load(), kept[1].Load()
	twice := float64(sent.InBytes)/float64((one+other)*int64(wire.Class0.Size())) - 1
	t.Logf("%d and %d kept, %.0f %% of it sent in vain", one, other, 100*twice)
	if min(one, other) < max(one, other)/4 || twice > 1 {
		t.Errorf("of two processes one keeps %d, the other %d; %.0f %% is sent in vain", one, other, 100*twice)
	}
}

// TestSeenElsewhere: what one process has confirmed the other has as soon as it says that it is current, and without being asked soon after.
func TestSeenElsewhere(t *testing.T) {
	a, b := pair(t)
	moved := b.Moved(ours, 0)
	put := func(s *jetstream.Store, n uint64) mailbox.Result {
		t.Helper()
		r, err := s.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(n, 0, day), Paid: []mailbox.Token{mailboxtest.Token(n, day)}}})
		if err != nil || r[0].Err != nil {
			t.Fatal(r, err)
		}
		return r[0]
	}
	first := put(a, 1)
	select {
	case <-moved:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing wakes the other process")
	}
	for n := range uint64(20) {
		want := put(a, 10+n)
		held, err := b.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(10+n, 0, day), HeldOnly: true}})
		if err != nil || held[0] != (mailbox.Result{Cursor: want.Cursor}) {
			t.Fatalf("the other process does not hold what was confirmed: %+v %v", held, err)
		}
		want = put(a, 100+n)
		if err := b.Current(t.Context(), ours); err != nil || b.Head(ours).Cursor < want.Cursor || !b.Spent(ours, mailboxtest.Token(100+n, day)) {
			t.Fatalf("the log ends at %d behind what was confirmed at %d: %v", b.Head(ours).Cursor, want.Cursor, err)
		}
	}
	if again := put(b, 1); again.New || again.Cursor != first.Cursor {
		t.Fatalf("%+v, it is held at %d", again, first.Cursor)
	}
}

// TestOneClose: a day is closed once, whichever process is asked, and what one has finished with the other takes no more.
func TestOneClose(t *testing.T) {
	a, b := pair(t)
	deposit := func(s *jetstream.Store, n uint64, day uint16) error {
		r, err := s.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(n, 0, day)}})
		return errors.Join(err, r[0].Err)
	}
	if err := deposit(a, 1, day); err != nil {
		t.Fatal(err)
	}
	var closes [2]mailbox.DayClose
	var wait sync.WaitGroup
	for i, s := range []*jetstream.Store{a, b} {
		wait.Go(func() {
			var err error
			if closes[i], err = s.CloseDay(context.Background(), ours, day-1); err != nil {
				t.Error(err)
			}
		})
		if err := deposit(b, uint64(10+i), day+1); err != nil {
			t.Fatal(err)
		}
	}
	wait.Wait()
	if closes[0] != closes[1] || closes[0].Day != day-1 || closes[0].Cursor == 0 {
		t.Fatalf("two closes of one day: %+v", closes)
	}
	if err := a.Expire(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); b.Finished() != day; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the other process does not learn that a day is over")
		}
	}
	if err := deposit(b, 20, day); !errors.Is(err, mailbox.ErrDay) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(collect(t, a), collect(t, b)); diff != "" {
		t.Fatal(diff)
	}
	if days := fmt.Sprint(b.Stats().Blobs); days != "2" {
		t.Fatal(days)
	}
}
