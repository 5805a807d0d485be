package jetstream_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"sottovoce/relay/mailbox/jetstream"
)

// secretly has a server let in one user.
func secretly(o *server.Options) { o.Username, o.Password = "orchard", "tangerine" }

// TestUnfit: servers that cannot hold a store are refused with one line that says what to do, and shows nobody's password.
func TestUnfit(t *testing.T) {
	t.Parallel() // it waits most of the time
	users := func(o *server.Options) {
		o.Users = []*server.User{{
			Username: "orchard", Password: "tangerine",
			Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{"_INBOX.>"}}},
		}}
	}
	for name, c := range map[string]struct {
		change      func(*server.Options)
		user        string
		credentials string
		replicas    int
		want        string
	}{
		"no JetStream":   {change: func(o *server.Options) { o.JetStream = false }, want: "have no JetStream"},
		"small messages": {change: func(o *server.Options) { o.MaxPayload = 1 << 20 }, want: "max_payload: 2MB"},
		"one server":     {replicas: 3, want: "needs 3 servers"},
		"wrong password": {change: secretly, user: "orchard:mandarin@", want: "do not let this supernode in"},
		"none":           {change: secretly, want: "do not let this supernode in"},
		"forbidden":      {change: users, user: "orchard:tangerine@", want: "do not allow this user"},
		"no such file":   {credentials: "nowhere", want: "reading the credentials"},
		"no credentials": {credentials: "tangerine\n", want: "holds neither"},
		"with a comma":   {change: func(o *server.Options) { o.Username, o.Password = "orchard", "lemon,tangerine" }, user: "orchard:lemon,tangerine@"},
		"right password": {change: secretly, credentials: "orchard:tangerine\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.change)
			file := c.credentials
			if strings.HasSuffix(file, "\n") {
				file = filepath.Join(t.TempDir(), "credentials")
				if err := os.WriteFile(file, []byte(c.credentials), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			store, err := jetstream.Open(ctx, jetstream.Config{
				URL: strings.Replace(s.ClientURL(), "nats://", "nats://"+c.user, 1), Credentials: file, Replicas: max(c.replicas, 1), Log: slog.New(slog.DiscardHandler),
			})
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				_ = store.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n@") || strings.Contains(err.Error(), "tangerine") {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}
