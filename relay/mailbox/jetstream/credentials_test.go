package jetstream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"sottovoce/relay/mailbox"
	"sottovoce/relay/mailbox/jetstream"
	"sottovoce/relay/mailbox/mailboxtest"
)

// seat is a key of NATS and its names.
type seat struct {
	t    *testing.T
	key  nkeys.KeyPair
	name string
	seed []byte
}

func newSeat(t *testing.T, prefix nkeys.PrefixByte) *seat {
	t.Helper()
	key, err := nkeys.CreatePair(prefix)
	if err != nil {
		t.Fatal(err)
	}
	name, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return &seat{t, key, name, seed}
}

// signs signs a claim.
func (s *seat) signs(c jwt.Claims) string {
	s.t.Helper()
	text, err := c.Encode(s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// file writes credentials.
func (s *seat) file(content []byte) string {
	s.t.Helper()
	name := filepath.Join(s.t.TempDir(), "credentials")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// keyFile is what a user is given who shows a key alone.
func (s *seat) keyFile() string {
	return s.file(fmt.Appendf(nil, "-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n", s.seed))
}

// operated is a server whose users show what an account has signed, as it is where many share servers.
// copies: limits for so many ("R1"), or for any number ("").
func operated(t *testing.T, copies string, limits jwt.JetStreamLimits) (s *server.Server, account *seat) {
	t.Helper()
	operator, system, account := newSeat(t, nkeys.PrefixByteOperator), newSeat(t, nkeys.PrefixByteAccount), newSeat(t, nkeys.PrefixByteAccount)
	known := &server.MemAccResolver{}
	for _, one := range []*seat{system, account} {
		claim := jwt.NewAccountClaims(one.name)
		switch {
		case one == account && copies != "":
			claim.Limits.JetStreamTieredLimits = jwt.JetStreamTieredLimits{copies: limits}
		case one == account:
			claim.Limits.JetStreamLimits = limits
		}
		if err := known.Store(one.name, operator.signs(claim)); err != nil {
			t.Fatal(err)
		}
	}
	claim := jwt.NewOperatorClaims(operator.name)
	claim.SystemAccount = system.name
	return serve(t, func(o *server.Options) {
		o.TrustedOperators, o.AccountResolver, o.SystemAccount = []*jwt.OperatorClaims{claim}, known, system.name
	}), account
}

// user writes the credentials of a user of an account.
func (s *seat) user(change func(*jwt.UserClaims)) string {
	s.t.Helper()
	user := newSeat(s.t, nkeys.PrefixByteUser)
	claim := jwt.NewUserClaims(user.name)
	if change != nil {
		change(claim)
	}
	content, err := jwt.FormatUserConfig(s.signs(claim), user.seed)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.file(content)
}

// enough lets an account have what a store needs.
var enough = jwt.JetStreamLimits{DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit}

// tries opens a store, and wants an error of one line that has words and no secret, or none.
func tries(t *testing.T, url, credentials, want string) *jetstream.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	store, err := jetstream.Open(ctx, jetstream.Config{URL: url, Credentials: credentials, Replicas: 1, Log: slog.New(slog.DiscardHandler)})
	switch {
	case want == "" && err != nil:
		t.Fatal(err)
	case want == "":
		t.Cleanup(func() { _ = store.Close() })
	case err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n@"):
		t.Fatalf("%v, want %q", err, want)
	}
	return store
}

// TestKeyOfUser: a user who shows a key is let in by the file with its seed, and with no other.
func TestKeyOfUser(t *testing.T) {
	t.Parallel()
	user, other := newSeat(t, nkeys.PrefixByteUser), newSeat(t, nkeys.PrefixByteUser)
	s := serve(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: user.name}} })
	put(t, tries(t, s.ClientURL(), user.keyFile(), ""), 1, day)
	tries(t, s.ClientURL(), other.keyFile(), "do not let this supernode in")
	tries(t, s.ClientURL(), "", "do not let this supernode in")
	tries(t, s.ClientURL(), user.file([]byte("-----BEGIN USER NKEY SEED-----\nSUAnonsense\n------END USER NKEY SEED------\n")), "holds no key of a NATS user")
}

// TestSignedUser: who shows what their account has signed is let in by it, as long as it is good, where the account has JetStream.
func TestSignedUser(t *testing.T) {
	t.Parallel()
	s, account := operated(t, "", enough)
	put(t, tries(t, s.ClientURL(), account.user(nil), ""), 1, day)
	tries(t, s.ClientURL(), "", "do not let this supernode in")
	tries(t, s.ClientURL(), newSeat(t, nkeys.PrefixByteAccount).user(nil), "do not let this supernode in")
	tries(t, s.ClientURL(), account.user(func(c *jwt.UserClaims) { c.Expires = time.Now().Add(-time.Hour).Unix() }), "do not let this supernode in")
	tries(t, s.ClientURL(), account.user(func(c *jwt.UserClaims) { c.Sub.Deny.Add("_INBOX.>") }), "do not allow this user")
	without, account := operated(t, "", jwt.JetStreamLimits{})
	tries(t, without.ClientURL(), account.user(nil), "have no JetStream for this user")
	elsewhere, account := operated(t, "R3", enough)
	tries(t, elsewhere.ClientURL(), account.user(nil), "keep nothing in 1 copies")
}

// TestAccountLimits: where an account may have no more streams, or no more on disk, the store is full at once, and what is kept stays.
func TestAccountLimits(t *testing.T) {
	t.Parallel()
	keep := func(of *jetstream.Store, n uint64) error {
		r, err := of.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(n, 0, day), Paid: []mailbox.Token{mailboxtest.Token(n, day)}}})
		return errors.Join(err, r[0].Err)
	}
	s, account := operated(t, "", jwt.JetStreamLimits{DiskStorage: jwt.NoLimit, Streams: 1})
	if err := keep(tries(t, s.ClientURL(), account.user(nil), ""), 1); !errors.Is(err, mailbox.ErrFull) {
		t.Errorf("without a stream for the community: %v", err)
	}
	tries(t, s.ClientURL()+"/second", account.user(nil), "as many streams as it may have")
	for _, copies := range []string{"", "R1"} {
		s, account := operated(t, copies, jwt.JetStreamLimits{DiskStorage: 256 << 10, Streams: jwt.NoLimit})
		store, kept, err := tries(t, s.ClientURL(), account.user(nil), ""), uint64(0), error(nil)
		for ; err == nil && kept < 1000; kept++ {
			err = keep(store, kept)
		}
		if got := collect(t, store); kept < 10 || uint64(len(got.Blobs)) != kept-1 || !errors.Is(err, mailbox.ErrFull) {
			t.Errorf("%d are shown of %d: %v", len(got.Blobs), kept-1, err)
		}
	}
}

// TestAccountNearlyFull: an account that has room for a blob, and not for what a server writes beside it, is full.
func TestAccountNearlyFull(t *testing.T) {
	t.Parallel()
	const before = 10
	fill := func(limit int64) (used int64, err error) {
		s, account := operated(t, "", jwt.JetStreamLimits{DiskStorage: limit, Streams: jwt.NoLimit})
		file := account.user(nil)
		store := tries(t, s.ClientURL(), file, "")
		for n := range uint64(before) {
			put(t, store, n, day)
		}
		info, err := streams(t, s, nats.UserCredentials(file)).AccountInfo()
		if err != nil {
			t.Fatal(err)
		}
		r, err := store.Append(t.Context(), ours, []mailbox.Deposit{{Blob: mailboxtest.Blob(before, 0, day), Paid: []mailbox.Token{mailboxtest.Token(before, day)}}})
		return int64(info.Store), errors.Join(err, r[0].Err)
	}
	used, err := fill(jwt.NoLimit)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := fill(used + 4096 + 64); again != used || !errors.Is(err, mailbox.ErrFull) {
		t.Fatalf("with %d bytes used, and %d before: %v", again, used, err)
	}
}

// TestTooOld: servers whose batches are not atomic are refused, by their version.
func TestTooOld(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.11.9", "1.9.0", "nonsense"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { // a server, as far as whoever connects to it asks
			defer close(ended)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(conn, "INFO {\"server_id\":\"old\",\"version\":%q,\"proto\":1,\"max_payload\":2097152,\"headers\":true}\r\n", version)
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				if lines.Text() == "PING" {
					_, _ = fmt.Fprint(conn, "PONG\r\n")
				}
			}
		}()
		tries(t, "nats://"+l.Addr().String(), "", "too old: update them to 2.12 or later")
		_ = l.Close()
		<-ended
	}
}
