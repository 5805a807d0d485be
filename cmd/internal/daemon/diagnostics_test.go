package daemon

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh/store"
)

// overheard is a log that a test reads while others write.
type overheard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *overheard) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// citizen is a daemon of its own on the loopback interface, whose log is heard at every level.
func citizen(t *testing.T, name string, log *overheard) (*Daemon, string) {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home-of-"+strings.ToLower(name))
	if err := Init(home, name); err != nil {
		t.Fatal(err)
	}
	d, err := Start(t.Context(), Options{
		Home: home, Interfaces: []string{"lo"}, Version: "1.2.3",
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, home
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not in time: %s", what)
}

// talk makes two people contacts who have said something to each other.
func talk(t *testing.T, anna, bruno *Daemon, text string) {
	t.Helper()
	ctx := t.Context()
	eventually(t, "seen", func() bool { _, err := anna.Node().Add(ctx, "Brunhilde"); return err == nil })
	eventually(t, "asked", func() bool { _, err := bruno.Node().Accept(ctx, "Annabella"); return err == nil })
	var sent control.Message
	eventually(t, "sent", func() bool {
		r := anna.Node().Send(ctx, []control.Outgoing{{To: "Brunhilde", Text: text}})[0]
		sent = r.Message
		return r.Err == nil
	})
	eventually(t, "delivered", func() bool {
		m, err := anna.Node().Message(ctx, sent.ID)
		return err == nil && m.State.Reached(control.StateDelivered)
	})
}

// secretsOf is what must be in no log and in no diagnostics.
func secretsOf(t *testing.T, d *Daemon, home, text string) (words []string) {
	t.Helper()
	me, err := d.Node().Me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	messages, err := d.Node().Log(t.Context(), map[string]string{"Annabella": "Brunhilde", "Brunhilde": "Annabella"}[me.Name], control.LogQuery{})
	if err != nil || len(messages) == 0 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	s := d.store.Secrets()
	words = []string{me.Name, me.ID, me.ID[5:20], text, home, filepath.Base(home), messages[0].ID, messages[0].Conversation.ID}
	for _, key := range [][]byte{s.Root[:], s.Device[:], s.Open[:], s.Database[:]} {
		words = append(words, hex.EncodeToString(key[:8]))
	}
	nearby, err := d.Node().Nearby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nearby {
		words = append(words, p.ID, p.Name)
	}
	return words
}

func without(t *testing.T, what, text string, words []string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
			t.Errorf("%s has %q in it", what, word)
		}
	}
}

// TestNothingSecretIsLogged: no log at any level, and no diagnostics, tell a text, a name,
// an id or a key; diagnostics no address, path or host name either.
func TestNothingSecretIsLogged(t *testing.T) {
	const text = "meet me at the fountain"
	log := new(overheard)
	anna, annas := citizen(t, "Annabella", log)
	bruno, brunos := citizen(t, "Brunhilde", log)
	talk(t, anna, bruno, text)
	words := append(secretsOf(t, anna, annas, text), secretsOf(t, bruno, brunos, text)...)

	log.mu.Lock()
	heard := log.text.String()
	log.mu.Unlock()
	if !strings.Contains(heard, "the node is up") {
		t.Error("nothing was logged")
	}
	without(t, "the log", heard, words)
	kept, err := os.ReadFile(filepath.Join(annas, logName))
	if err != nil || !bytes.Contains(kept, []byte("the node is up")) {
		t.Errorf("the log in the home: %q, %v", kept, err)
	}
	without(t, "the log in the home", string(kept), words)

	// What should never be there is taken out all the same.
	slipped := slog.New(slog.NewTextHandler(anna.log, nil))
	slipped.Error("slipped", "who", "Annabella", "id", words[1], "home", annas, "error", "open "+annas+"/chat.db: dial 192.0.2.7:4242 from [fe80::1%wlan0]:9")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	slipped.Error("host " + host + ", and 2001:db8::7/64, near-juxfm34n3v, annas-laptop.local. and " + words[8])
	running, err := anna.Node().Diagnostics(t.Context())
	if err != nil || running.Running == nil || running.Running.Contacts != 1 || running.Running.Links != 1 || len(running.Log) < 3 || !hasFile(running, "chat.db") {
		t.Errorf("%+v, %v", running, err)
	}
	down, err := Diagnose(annas, "1.2.3")
	if err != nil || down.Running != nil || len(down.Log) != len(running.Log) || down.Passphrase {
		t.Errorf("%+v, %v", down, err)
	}
	for i, line := range running.Log {
		if strings.Contains(line, "slipped") && !strings.Contains(line, `who=NAME id=ID home=PATH error="open PATH: dial ADDRESS from ADDRESS"`) {
			t.Errorf("line %d: %s", i, line)
		}
	}
	machine := []string{host, "192.0.2.7", "fe80::1", "2001:db8", "127.0.0.1", "annas-laptop", t.TempDir()}
	for what, d := range map[string]control.Diagnostics{"diagnostics": running, "diagnostics without a node": down} {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if what != "diagnostics" { // nobody tells it our name, which no log has
			b = bytes.ReplaceAll(b, []byte("Annabella"), nil)
		}
		without(t, what, string(b), append(words, machine...))
	}
}

// A home that does not open can be told about.
func TestDiagnoseDamagedHome(t *testing.T) {
	home := filepath.Join(t.TempDir(), "h")
	if err := Init(home, "Anna"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "keys"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Diagnose(home, "1.2.3")
	if err != nil || d.Version != "1.2.3" || !hasFile(d, "keys") || len(d.Interfaces) == 0 || d.Log == nil {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := store.Locked(home); err == nil {
		t.Error("the home opens")
	}
}

func TestBlot(t *testing.T) {
	for line, want := range map[string]string{
		`level=INFO msg="network interface in use" interface=eth0`: `level=INFO msg="network interface in use" interface=eth0`,
		`open C:\Users\anna\chat.db: no`:                           `open PATH: no`,
		`~/sottovoce is full`:                                      `PATH is full`,
		`it is ANNA, or Anna-Maria, not Annalisa`:                  `it is NAME, or NAME-Maria, not Annalisa`,
		`key 00112233445566778899aabb`:                             `key ID`,
		`interface=enx001122334455 2001:db8::7/64`:                 `interface=ID ADDRESS`,
		`aa:bb:cc:dd:ee:ff left`:                                   `ID left`,
		`time=2026-11-22T18:00:00.000Z so_far=12`:                  `time=2026-11-22T18:00:00.000Z so_far=12`,
	} {
		if got := blot(line, []string{"Anna", "", "NAME"}); got != want {
			t.Errorf("%q became %q", line, got)
		}
	}
}

func hasFile(d control.Diagnostics, name string) bool {
	return slices.ContainsFunc(d.Files, func(f control.File) bool { return f.Name == name && f.Bytes > 0 })
}
