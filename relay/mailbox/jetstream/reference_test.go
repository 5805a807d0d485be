package jetstream_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

// TestReference has a second reader, in Python and from the protocol text alone, read the messages of the streams.
func TestReference(t *testing.T) {
	s := serve(t, nil)
	store := open(t, jetstream.Config{URL: s.ClientURL() + "/read", Replicas: 1})
	kept := mailboxtest.Story(t, store)
	for name, size := range map[string]int{"supernode": 65, "communities/comm-a/house": 600 << 10} {
		content := bytes.Repeat([]byte{7}, size)
		if _, err := store.Save(t.Context(), name, content, 0); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, fmt.Sprintf("file %s %d %x", name, size, sha256.Sum256(content)))
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	js := streams(t, s)
	var dump bytes.Buffer
	for stream := range js.StreamNames() {
		info, err := js.StreamInfo(stream)
		if err != nil {
			t.Fatal(err)
		}
		for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
			m, err := js.GetMsg(stream, seq)
			if err != nil {
				t.Fatal(stream, seq, err)
			}
			fmt.Fprintf(&dump, "%s %x\n", m.Subject, m.Data)
		}
	}
	file := filepath.Join(t.TempDir(), "messages")
	if err := os.WriteFile(file, dump.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	mailboxtest.Read(t, "../testdata/reference/mailbox.py", "cluster", file, kept)
}
