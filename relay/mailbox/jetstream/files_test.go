package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sottovoce/relay/mailbox/jetstream"
)

// TestFiles: a file is what was written last, by whichever process, whole, and nobody overwrites what it has not read.
func TestFiles(t *testing.T) {
	a, b := pair(t)
	ctx := t.Context()
	if content, version, err := a.Load(ctx, "communities/one/house"); content != nil || version != 0 || err != nil {
		t.Fatal(content, version, err)
	}
	for _, size := range []int{0, 10, 3 << 20, 20} {
		content := bytes.Repeat([]byte{byte(size), 7}, size/2)
		_, before, err := b.Load(ctx, "communities/one/house")
		if err != nil {
			t.Fatal(err)
		}
		version, err := a.Save(ctx, "communities/one/house", content, before)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Save(ctx, "communities/one/house", []byte("late"), before); !errors.Is(err, jetstream.ErrStale) {
			t.Fatal("a file that was not read is overwritten:", err)
		}
		got, of, err := b.Load(ctx, "communities/one/house")
		if err != nil || of != version || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes of version %d, %v; want %d of %d", len(got), of, err, size, version)
		}
	}
	select {
	case <-b.Changed():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody says that a file has changed")
	}
	if _, err := a.Save(ctx, "communities/two/house", nil, 0); err != nil {
		t.Fatal(err)
	}
	if names, err := b.List(ctx, "communities"); err != nil || !slices.Equal(names, []string{"one", "two"}) {
		t.Fatal(names, err)
	}
	if err := b.Remove(ctx, "communities/one/house"); err != nil {
		t.Fatal(err)
	}
	if names, err := a.List(ctx, "communities"); err != nil || !slices.Equal(names, []string{"two"}) {
		t.Fatal(names, err)
	}
}

// TestFileRace: of several who write in the place of one version one succeeds.
func TestFileRace(t *testing.T) {
	a, b := pair(t)
	version := uint64(0)
	for range 10 {
		var wait sync.WaitGroup
		var made [4]uint64
		for i := range made {
			wait.Go(func() {
				var err error
				made[i], err = []*jetstream.Store{a, b}[i%2].Save(t.Context(), "clock", []byte{byte(i)}, version)
				if err != nil && !errors.Is(err, jetstream.ErrStale) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		won := slices.DeleteFunc(made[:], func(v uint64) bool { return v == 0 })
		if len(won) != 1 || won[0] <= version {
			t.Fatalf("%v behind %d", won, version)
		}
		version = won[0]
	}
}

// TestFileBeforeLeader: what nobody hears, as where the servers have not agreed on who leads a new stream, is said again.
func TestFileBeforeLeader(t *testing.T) {
	s := serve(t, nil)
	at := jetstream.Config{URL: s.ClientURL() + "/unled", Replicas: 1}
	a := open(t, at)
	t.Cleanup(func() { _ = a.Close() })
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Request("$JS.API.STREAM.DELETE.unled", nil, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	made := make(chan error)
	go func() {
		time.Sleep(200 * time.Millisecond) // nobody hears it meanwhile
		b, err := jetstream.Open(context.Background(), jetstream.Config{URL: at.URL, Replicas: 1, Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			err = b.Close()
		}
		made <- err
	}()
	_, err = a.Save(t.Context(), "supernode", make([]byte, 1<<20), 0)
	if err := errors.Join(err, <-made); err != nil {
		t.Fatal(err)
	}
}
