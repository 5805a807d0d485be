package jetstream_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

// deaf opens a store in a process that nothing wakes, and one that hears all: what the first knows of the other it has asked for.
func deaf(t *testing.T) (a, b *jetstream.Store) {
	t.Helper()
	s := serve(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "deaf", Password: "deaf", Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"over-wake.>"}}}},
			{Username: "all", Password: "all"},
		}
	})
	at := func(user string) jetstream.Config {
		return jetstream.Config{URL: fmt.Sprintf("nats://%s:%s@%s/over", user, user, s.Addr()), Replicas: 1}
	}
	a, b = open(t, at("deaf")), open(t, at("all"))
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

// TestOverElsewhere: who does not know yet that a day is over takes nothing of it, whatever has been written since.
func TestOverElsewhere(t *testing.T) {
	a, b := deaf(t)
	put(t, b, 1, day+1)
	for n := range uint64(20) { // it looks each 2 s by itself
		put(t, a, 100+n, day+1+uint16(n))
		of := day + uint16(n)
		if err := b.Expire(t.Context(), of); err != nil {
			t.Fatal(err)
		}
		if n%2 == 1 {
			put(t, b, 200+n, of+2)
		}
		r, err := a.Append(t.Context(), ours, []mailbox.Deposit{
			{Blob: mailboxtest.Blob(300+n, 0, of)},
			{Blob: mailboxtest.Blob(400+n, 0, of+5), Paid: []mailbox.Token{mailboxtest.Token(400+n, of)}},
		})
		if err != nil || !errors.Is(r[0].Err, mailbox.ErrDay) || !errors.Is(r[1].Err, mailbox.ErrDay) {
			t.Fatalf("what is over is taken: %+v %v", r, err)
		}
	}
	agree(t, a, b)
}

// TestDeletedElsewhere: nothing is said to be held that another process has deleted.
func TestDeletedElsewhere(t *testing.T) {
	a, b := deaf(t)
	for n := range uint64(20) {
		deposit := []mailbox.Deposit{{Blob: mailboxtest.Blob(n, 0, day)}}
		if r, err := a.Append(t.Context(), ours, deposit); err != nil || r[0].Err != nil {
			t.Fatal(r, err)
		}
		if r, err := b.Delete(t.Context(), ours, []mailbox.Removal{{Tombstone: mailbox.Tombstone{D: mailboxtest.D(n), Day: day}}}); err != nil || r[0].Err != nil {
			t.Fatal(r, err)
		}
		if r, err := a.Append(t.Context(), ours, deposit); err != nil || !errors.Is(r[0].Err, mailbox.ErrDeleted) {
			t.Fatalf("what is deleted is said to be held: %+v %v", r, err)
		}
	}
}

// TestMisled: nothing is written behind a message of the log that is not known, whatever a server has said of it that leads no more.
func TestMisled(t *testing.T) {
	a, b := deaf(t)
	put(t, a, 1, day)
	put(t, b, 2, day)
	if err := a.Mislead(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	put(t, a, 3, day)
	agree(t, b, a)
	if all := collect(t, b); len(all.Blobs) != 3 {
		t.Fatalf("%d blobs", len(all.Blobs))
	}
}

// TestStranger: what somebody else has put into the stream of a log is no part of it, and in nobody's way.
func TestStranger(t *testing.T) {
	s := serve(t, nil)
	a := open(t, jetstream.Config{URL: s.ClientURL() + "/stranger", Replicas: 1})
	t.Cleanup(func() { _ = a.Close() })
	put(t, a, 1, day)
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for n := range uint64(3) {
		if _, err := conn.Request(fmt.Sprintf("stranger.%x.other", ours[:]), []byte("anything"), 5*time.Second); err != nil {
			t.Fatal(err)
		}
		put(t, a, 2+n, day)
	}
	b := open(t, jetstream.Config{URL: s.ClientURL() + "/stranger", Replicas: 1})
	t.Cleanup(func() { _ = b.Close() })
	agree(t, b, a)
	if err := a.Expire(t.Context(), day); err != nil {
		t.Fatal(err)
	}
}

// TestOverForReader: a process that has only read a log, which was not there when it looked first, gives up what has expired as any other.
func TestOverForReader(t *testing.T) {
	s := serve(t, nil)
	at := jetstream.Config{URL: s.ClientURL() + "/reader", Replicas: 1}
	a, b := open(t, at), open(t, at)
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	if err := b.Current(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	put(t, a, 1, day)
	agree(t, b, a)
	if err := b.Expire(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	js := streams(t, s)
	if info, err := js.StreamInfo(fmt.Sprintf("reader-%x", ours[:])); err != nil || info.State.FirstSeq != 2 {
		t.Fatalf("%+v %v", info.State, err)
	}
}
