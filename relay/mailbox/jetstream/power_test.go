package jetstream_test

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

// TestPowerLost: where the servers have lost the end of a log, and several who wait to write find them again at once, the log goes on from what is left:
// nobody writes behind a message that is not the one which it knows, although it stands at the same place.
func TestPowerLost(t *testing.T) {
	t.Parallel() // it waits most of the time
	dir, port := folder(t), server.RANDOM_PORT
	var running *server.Server
	start := func() {
		running = serve(t, func(o *server.Options) { o.StoreDir, o.Port = dir, port })
		port = running.Addr().(*net.TCPAddr).Port
	}
	stop := func() { running.Shutdown(); running.WaitForShutdown() }
	start()
	at := jetstream.Config{URL: running.ClientURL() + "/power", Replicas: 1}
	between := muffled(t, running.Addr().String())
	a, b := open(t, at), open(t, jetstream.Config{URL: "nats://" + between.Addr().String() + "/power", Replicas: 1})
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	put(t, a, 1, day)
	stop()
	kept := filepath.Join(folder(t), "kept")
	if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	start()
	put(t, a, 2, day)
	agree(t, b, a)
	stop()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	between.on.Store(true) // who comes back later
	var late sync.WaitGroup
	late.Go(func() {
		r, err := b.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(4, 0, day), Paid: []mailbox.Token{mailboxtest.Token(4, day)}}})
		if err != nil || r[0].Err != nil {
			t.Error(r, err)
		}
	})
	start()
	put(t, a, 3, day)
	between.cut()
	late.Wait()
	agree(t, b, a)
	if all := collect(t, b); len(all.Blobs) != 3 {
		t.Fatalf("%d blobs", len(all.Blobs))
	}
	fresh := open(t, at)
	defer func() { _ = fresh.Close() }()
	agree(t, fresh, a)
}
