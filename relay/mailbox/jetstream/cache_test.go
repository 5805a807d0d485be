package jetstream_test

import (
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

// TestStaleCache: what is kept in memory of a message that stood at the same place before is no reason to take a blob for lost.
func TestStaleCache(t *testing.T) {
	s := serve(t, nil)
	store := open(t, jetstream.Config{URL: s.ClientURL(), Replicas: 1})
	t.Cleanup(func() { _ = store.Close() })
	put(t, store, 1, day)
	store.Spoil(ours, 1, make([]byte, 10<<10))
	id := wire.IDOf(mailboxtest.Blob(1, 0, day))
	all, err := store.Get(t.Context(), ours, []wire.ShortID{wire.ShortID(id[:8])}, 1<<20)
	if err != nil || len(all) != 1 || store.Stats().Lost != 0 {
		t.Fatalf("%d blobs, %d lost: %v", len(all), store.Stats().Lost, err)
	}
}
