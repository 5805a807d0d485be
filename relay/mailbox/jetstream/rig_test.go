package jetstream_test

import (
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server of its own, which ends with the test.
func serve(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: folder(t), NoLog: true, NoSigs: true, MaxPayload: 2 << 20,
	}
	if change != nil {
		change(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready")
	}
	return s
}

// folder is a directory that may still be written to while it is removed.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sottovoce-jetstream-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

var names atomic.Uint32

// place is a new store at a server.
func place(s *server.Server) mailboxtest.Opening {
	url := fmt.Sprintf("%s/store-%d", s.ClientURL(), names.Add(1))
	return func(t testing.TB, limit int64) mailbox.Store {
		t.Helper()
		return open(t, jetstream.Config{URL: url, Limit: limit, Replicas: 1})
	}
}

func open(t testing.TB, c jetstream.Config) *jetstream.Store {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	store, err := jetstream.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestConformance(t *testing.T) {
	s := serve(t, nil)
	mailboxtest.Run(t, func(testing.TB) mailboxtest.Opening { return place(s) })
}

func TestModel(t *testing.T) {
	s := serve(t, nil)
	mailboxtest.Model(t, func(testing.TB) mailboxtest.Opening { return place(s) })
}

// streams is what a server says of its streams to somebody else.
func streams(t *testing.T, s *server.Server, options ...nats.Option) nats.JetStreamContext {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	return js
}
