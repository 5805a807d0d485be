package jetstream

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"sottovoce/mesh/wire"
	"sottovoce/relay/mailbox"
)

// example is a commit with one of each.
func example() *commit {
	c := &commit{
		nonce: [16]byte{1}, before: mailbox.Head{Cursor: 63, Chain: mailbox.Chain{2}}, bodies: 1,
		closed: mailbox.DayClose{Day: 20000, Head: mailbox.Head{Cursor: 5, Chain: mailbox.Chain{3}}},
		spent:  []mailbox.Token{{Day: 20001, ID: [32]byte{4}}},
	}
	blob := record{
		kind: kindBlob, class: 1, day: 20002, cursor: 64, before: c.before.Chain, id: wire.BlobID{5}, tag: [16]byte{6}, under: [16]byte{7}, size: 4096, offset: 8192,
	}
	d := [16]byte{8}
	tomb := record{kind: kindTombstone, day: 20003, cursor: 65, before: blob.after(), id: wire.BlobID{9}, tag: d, under: wire.CommitTo(d), of: 7}
	c.records = []record{blob, tomb}
	return c
}

// FuzzCommit reads messages of a log of any content: what is taken is what is written again.
func FuzzCommit(f *testing.F) {
	whole := example().append(nil)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:commitHeader])
	f.Add([]byte{version})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCommit(b)
		if err != nil {
			return
		}
		if again := c.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x is read and written as %x", b, again)
		}
		if head := c.head(); head.Cursor-c.before.Cursor != uint64(len(c.records)) {
			t.Fatalf("%d records lead from %d to %d", len(c.records), c.before.Cursor, head.Cursor)
		}
		if err := newIndex().apply(c, 1<<20, 0); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzPart reads messages of a file of any content: what is taken ends with the content.
func FuzzPart(f *testing.F) {
	f.Add(append([]byte{version, 15: 1, 18: 2}, "content"...))
	f.Add([]byte{version, 18: 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		nonce, parts, content, err := parsePart(b)
		if err == nil && (parts < 1 || parts > filePartsMax || !bytes.Contains(b, nonce[:]) || !bytes.HasSuffix(b, content)) {
			t.Fatalf("%x is taken for one of %d parts", b, parts)
		}
	})
}

// FuzzAddress reads addresses of any content: none that is taken, and no error, shows who logs in.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"nats://a", "tls://u:secret@a:1,b,[::1]:2/name", "nats://u:secret@/x", "http://a", "nats://a/b/c", "nats://a?x=y", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			if err != errAddress {
				t.Fatal("an error of its own:", err)
			}
			return
		}
		if len(a.servers) == 0 || !nameForm.MatchString(a.name) || strings.Contains(a.String(), "@") {
			t.Fatalf("%q is taken as %v", s, a)
		}
		id := strings.Repeat("0a", 32)
		if c, ok := parseStreamName(a.name, a.name+"-"+id); !ok || hex.EncodeToString(c[:]) != id {
			t.Fatal("the name of a stream of ours is not known again")
		}
		if c, ok := parseStreamName(a.name, s); ok && a.name+"-"+hex.EncodeToString(c[:]) != strings.ToLower(s) && !strings.HasPrefix(s, a.name+"-") {
			t.Fatalf("%q is taken for a stream of %q", s, a.name)
		}
	})
}

// FuzzCredentials reads files of credentials of any content: what is wrong with them is said without showing them.
func FuzzCredentials(f *testing.F) {
	for _, s := range []string{"user:password", "user", "", "-----BEGIN SOTTOVOCE STORE KEY-----\nAAAA\n-----END SOTTOVOCE STORE KEY-----\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := parseCredentials(b)
		if err != nil && !strings.HasPrefix(err.Error(), "holds ") {
			t.Fatalf("%q: %v", b, err)
		}
		switch s, err := newSeal(b, "store"); {
		case err != nil && !strings.HasPrefix(err.Error(), "holds "):
			t.Fatalf("%q: %v", b, err)
		case s != nil && !bytes.Contains(b, []byte(keyBlock)):
			t.Fatalf("%q is taken for a key", b)
		}
	})
}

// TestCommitVector pins the form of a message of a log.
func TestCommitVector(t *testing.T) {
	const want = "0101000000000000000000000000000000" + "000000000000003f" + "02"
	got := hex.EncodeToString(example().append(nil))
	if !strings.HasPrefix(got, want) || len(got) != 2*(commitHeader+blobRecord+tombRecord+tokenRecord) {
		t.Fatalf("%s", got)
	}
	c, err := parseCommit(example().append(nil))
	if err != nil || c.records[1] != example().records[1] || c.head() != example().head() {
		t.Fatalf("%+v, %v", c, err)
	}
	newer := example().append(nil)
	newer[0]++
	if _, err := parseCommit(newer); err == nil {
		t.Fatal("a newer version is taken")
	}
}
