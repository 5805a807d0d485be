package jetstream_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

// TestFullServers: servers that take nothing more do not keep a store from giving up what has expired, and it goes on with the room that this makes.
func TestFullServers(t *testing.T) {
	s := serve(t, func(o *server.Options) { o.JetStreamMaxStore = 1 << 20 })
	at := jetstream.Config{URL: s.ClientURL() + "/full", Replicas: 1}
	a, b := open(t, at), open(t, at)
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	n := uint64(0)
	fill := func(day uint16) error {
		for ; ; n++ {
			r, err := a.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(n, 1, day)}})
			if err := errors.Join(err, r[0].Err); err != nil || n > 500 {
				return err
			}
		}
	}
	if err := fill(day); !errors.Is(err, mailbox.ErrFull) {
		t.Fatal(n, err)
	}
	if err := a.Expire(t.Context(), day); err != nil || a.Finished() != day {
		t.Fatal(a.Finished(), err)
	}
	for end := time.Now().Add(10 * time.Second); b.Finished() != day; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the other process does not learn that a day is over")
		}
	}
	put(t, b, n+1, day+1)
	agree(t, a, b)
}
