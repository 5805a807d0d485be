package mailbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/mailboxtest"
)

// TestReference has a second reader, in Python and from the protocol text alone, read the files of a store and a file of blobs.
func TestReference(t *testing.T) {
	const script = "testdata/reference/mailbox.py"
	dir := filepath.Join(t.TempDir(), "mailbox")
	store, err := mailbox.Open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	kept := mailboxtest.Story(t, store)
	stick, err := os.Create(filepath.Join(t.TempDir(), "stick"))
	if err != nil {
		t.Fatal(err)
	}
	defer stick.Close()
	if _, err := mailbox.Export(t.Context(), store, []mailbox.Community{mailboxtest.Community(1), mailboxtest.Community(2)}, stick, nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	mailboxtest.Read(t, script, "files", dir, kept)
	mailboxtest.Read(t, script, "stick", stick.Name(), carried(kept))
}

// carried is what a file of blobs has of what is kept: blobs that are not deleted, and tombstones.
func carried(kept []string) (lines []string) {
	deleted := map[string]bool{}
	for _, line := range kept {
		if f := strings.Fields(line); f[1] == "tombstone" {
			deleted[f[0]+f[5]] = true
			lines = append(lines, strings.Join([]string{f[0], "tombstone", f[4], f[3]}, " "))
		}
	}
	for _, line := range kept {
		if f := strings.Fields(line); f[1] == "blob" && !deleted[f[0]+f[2]] {
			lines = append(lines, strings.Join([]string{f[0], "blob", f[5]}, " "))
		}
	}
	return lines
}
