package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sottovoce/cmd/internal/netlab"
)

// TestScript starts .ci/cluster as somebody does who tries a cluster on one machine, twice: what was kept the first time is there the
// second time, and nothing runs on behind it.
func TestScript(t *testing.T) {
	t.Parallel()
	h := netlab.New(t, netlab.IPv4).Host("one")
	h.Env = append(h.Env, goEnv(t, "GOCACHE"), goEnv(t, "GOMODCACHE"))
	data := filepath.Join(h.Home, "data")
	ctx := t.Context()
	for _, had := range []uint64{0, 1} {
		js, script := startScript(t, h, data)
		var got uint64
		eventually(t, "stream of the script", func(ctx context.Context) error { // servers that have no leader yet do not answer
			stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "kept", Subjects: []string{"kept"}, Replicas: copies})
			if err == nil {
				got = stream.CachedInfo().State.Msgs
			}
			return err
		})
		if got != had {
			t.Fatalf("%d messages are kept, not %d", got, had)
		}
		eventually(t, "message of the script", func(ctx context.Context) error {
			_, err := js.Publish(ctx, "kept", []byte("this"), jetstream.WithMsgID(fmt.Sprint(had)))
			return err
		})
		js.Conn().Close()
		if code := script.Stop(); code != 0 {
			t.Fatalf("the script ends with %d: %s", code, script.Output())
		}
		if left := h.Run(ctx, "ss", "-Hltn"); strings.TrimSpace(left.Stdout) != "" {
			t.Fatalf("something listens still: %s", left.Stdout)
		}
	}
}

// startScript runs the script and connects to what it says.
func startScript(t *testing.T, h *netlab.Host, data string) (jetstream.JetStream, *netlab.Process) {
	t.Helper()
	path, err := filepath.Abs("../../../.ci/cluster")
	if err != nil {
		t.Fatal(err)
	}
	script := h.Start(path, data)
	store := ""
	eventually(t, "cluster of the script", func(context.Context) error {
		_, said, found := strings.Cut(script.Output(), "--store ")
		store = strings.TrimSpace(said)
		if !found || !strings.HasSuffix(said, "\n") {
			return errors.New(script.Output())
		}
		return nil
	})
	conn, err := nats.Connect(store, nats.SetCustomDialer(hostDialer{h}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js, script
}

// goEnv is a setting of the go command, for processes with another home.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return name + "=" + string(bytes.TrimSpace(out))
}
