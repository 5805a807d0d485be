package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"sottovoce/cmd/internal/control"
	"sottovoce/mesh"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

// TestDayToSeal: who is refused seals for as many days as are taken, or for the next fewer that there are.
func TestDayToSeal(t *testing.T) {
	const today = 20_000
	for _, c := range []struct{ expires, want uint16 }{
		{today + 60, today},           // our clock is ahead of theirs
		{today + 58, today - 58 + 30}, // they keep blobs for fewer than 58 days
		{today + 30, today - 58 + 14},
		{today + 7, today - 58 + 1},
		{today + 1, today}, // nothing shorter would do
		{today - 3, today}, // past
	} {
		blob := make([]byte, 4096)
		copy(blob, wire.Header{ExpiryDay: c.expires}.Append(nil))
		if got := dayToSeal(blob, today); got != c.want {
			t.Errorf("a blob until day %d: sealed as on day %d, not %d", c.expires, got, c.want)
		}
	}
	if got := dayToSeal([]byte("no blob"), today); got != today {
		t.Errorf("what is no blob: day %d", got)
	}
}

// TestKeep: what the relay client keeps survives the home, sealed, and what says that we are members is where backups look.
func TestKeep(t *testing.T) {
	if relay.KeepMembership != mesh.MembershipSettings {
		t.Errorf("memberships are kept under %q; backups look for %q", relay.KeepMembership, mesh.MembershipSettings)
	}
	home := filepath.Join(t.TempDir(), "home")
	if err := Init(home, "Anna"); err != nil {
		t.Fatal(err)
	}
	again := func(use func(keep)) {
		db, err := store.Open(home, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		use(keep{db})
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	again(func(k keep) {
		if v, err := k.Load("custody/1"); v != nil || err != nil {
			t.Errorf("at first there is %q, %v", v, err)
		}
		if err := errors.Join(k.Save("custody/1", []byte("tokens")), k.Save("custody/2", []byte("x")), k.Save("custody/2", nil)); err != nil {
			t.Error(err)
		}
	})
	again(func(k keep) {
		v, err := k.Load("custody/1")
		if err != nil || !bytes.Equal(v, []byte("tokens")) {
			t.Errorf("kept was %q, %v", v, err)
		}
		if v, err := k.Load("custody/2"); v != nil || err != nil {
			t.Errorf("what was forgotten is %q, %v", v, err)
		}
	})
}

// TestMetrics: figures are served to this machine, and to no other.
func TestMetrics(t *testing.T) {
	for _, address := range []string{"192.0.2.1:80", ":80", "localhost:80", "127.0.0.1"} {
		if _, err := listenMetrics(address); control.AsError(err).ExitCode() != 2 {
			t.Errorf("%s: %v", address, err)
		}
	}
	data := filepath.Join(t.TempDir(), "s")
	if _, err := FoundSupernode(t.Context(), Founding{Data: data, Community: "Orchard", Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]SupernodeOptions{
		"too long":           {Allow: control.Quota{Days: 59}},
		"too slow":           {Allow: control.Quota{Bandwidth: bandwidthMin - 1}},
		"too slow for one":   {Of: map[string]control.Quota{"Orchard": {Bandwidth: 1}}},
		"nobody of the name": {Of: map[string]control.Quota{"Meadow": {Days: 7}}},
	} {
		o.Data, o.Listen, o.Interfaces, o.Log = data, "127.0.0.1:0", []string{"lo"}, slog.New(slog.DiscardHandler)
		if _, err := StartSupernode(o); control.AsError(err).ExitCode() < 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := StartSupernode(SupernodeOptions{
		Data: data, Listen: "127.0.0.1:0", Interfaces: []string{"lo"}, Allow: control.Quota{Disk: 1 << 30, Bandwidth: 500_000, Tokens: 20}, Of: map[string]control.Quota{"orchard": {Disk: 1 << 20, Days: 7}}, Metrics: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	status, err := r.api.Status(t.Context())
	if want := (control.Quota{Disk: 1 << 20, Bandwidth: 500_000, Days: 7, Tokens: 20}); err != nil || status.Communities[0].Allowed != want || status.Communities[0].Room != 1<<20 {
		t.Errorf("allowed is %+v, %v", status.Communities, err)
	}
	answer, err := http.Get("http://" + r.metrics.Addr().(*net.TCPAddr).String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(text), "\nsottovoce_supernode_links 0\n") || !strings.Contains(string(text), "} 500000\n") {
		t.Errorf("the figures are %v: %s", err, text)
	}
}
