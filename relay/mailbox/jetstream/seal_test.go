package jetstream_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sottovoce/relay/mailbox/jetstream"
)

// key is a file of credentials with a key of the files, and what stands before it.
func key(t *testing.T, of byte, before string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "credentials")
	b := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{of}, 32))
	block := fmt.Sprintf("%s-----BEGIN SOTTOVOCE STORE KEY-----\n%s\n-----END SOTTOVOCE STORE KEY-----\n", before, b)
	if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestSealed: who has the servers' disks reads nothing of files that are sealed, changes and moves none, and no process takes them for others than they are.
func TestSealed(t *testing.T) {
	s := serve(t, nil)
	at := jetstream.Config{URL: s.ClientURL() + "/sealed", Replicas: 1, Credentials: key(t, 1, "")}
	a, b := open(t, at), open(t, at)
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	ctx := t.Context()
	secret := []byte("nobody but this supernode has this key")
	for size, name := range map[int]string{1: "supernode", 40_000: "communities/one/house"} {
		content := bytes.Repeat(secret, size)
		if _, err := a.Save(ctx, name, content, 0); err != nil {
			t.Fatal(err)
		}
		if got, _, err := b.Load(ctx, name); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes of %d: %v", len(got), len(content), err)
		}
	}
	js := streams(t, s)
	info, err := js.StreamInfo("sealed")
	if err != nil || info.State.Msgs != 4 {
		t.Fatal(info, err)
	}
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		if m, err := js.GetMsg("sealed", seq); err != nil || bytes.Contains(m.Data, secret[:8]) {
			t.Fatal("it lies there for all to read:", err)
		}
	}
	whole, err := js.GetLastMsg("sealed", "sealed-store.file.supernode.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish("sealed-store.file.clock.0", whole.Data); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Load(ctx, "clock"); err == nil || !strings.Contains(err.Error(), "they were changed") {
		t.Fatal("one file is taken for another:", err)
	}
	plain := append([]byte{1}, whole.Data[1:]...)
	if _, err := js.Publish("sealed-store.file.supernode.0", plain); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Load(ctx, "supernode"); err == nil || !strings.Contains(err.Error(), "are not sealed") {
		t.Fatal("a file is taken that is not sealed:", err)
	}
	for want, credentials := range map[string]string{"lacks their key": "", "is not the one": key(t, 2, "")} {
		c := open(t, jetstream.Config{URL: at.URL, Replicas: 1, Credentials: credentials})
		if _, _, err := c.Load(ctx, "communities/one/house"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		_ = c.Close()
	}
}

// TestSealBroken: where a key is meant and cannot be read, no process starts and leaves the supernode's keys unsealed.
func TestSealBroken(t *testing.T) {
	s := serve(t, nil)
	whole, err := os.ReadFile(key(t, 1, ""))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"no end":       strings.Split(string(whole), "-----END")[0],
		"no line":      "orchard:tangerine" + string(whole),
		"no base64":    strings.Replace(string(whole), "\nAQ", "\n!!", 1),
		"too short":    strings.Replace(string(whole), "\nAQEB", "\n", 1),
		"two":          string(whole) + string(whole),
		"other dashes": strings.ReplaceAll(string(whole), "-----", "----"),
		"carriage":     strings.ReplaceAll(string(whole), "\n", ""),
	} {
		file := filepath.Join(t.TempDir(), "credentials")
		if err := os.WriteFile(file, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := jetstream.Open(t.Context(), jetstream.Config{URL: s.ClientURL() + "/broken", Replicas: 1, Credentials: file, Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			_ = store.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "that cannot be read") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSealedWith: the key of the files stands behind whatever else lets a process in.
func TestSealedWith(t *testing.T) {
	s := serve(t, secretly)
	for before, want := range map[string]string{"orchard:tangerine\n": "", "": "do not let this supernode in"} {
		store, err := jetstream.Open(context.Background(), jetstream.Config{
			URL: s.ClientURL() + "/with", Replicas: 1, Credentials: key(t, 1, before), Log: slog.New(slog.DiscardHandler),
		})
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%v, want %q", err, want)
		case err == nil:
			_ = store.Close()
		}
	}
}
