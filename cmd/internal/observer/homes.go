package observer

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
)

// Homes founds an identity for each name and makes contacts of the first and the second,
// the third and the fourth, and so on: on a LAN in memory that no observer sees. Secrets are
// what no packet may hold: names, and public keys, which are as good as a name.
func Homes(t testing.TB, dir string, names []string) (homes, secrets []string) {
	t.Helper()
	lab := simlan.New(1)
	lan := lab.LAN(simlan.Weather{})
	var nodes []*mesh.Node
	var ends []func() error
	for _, name := range names {
		home := filepath.Join(dir, name)
		homes = append(homes, home)
		if err := mesh.Found(home, name, rand.Reader); err != nil {
			t.Fatal(err)
		}
		host := lab.Host()
		host.Join(lan)
		node, end, err := run(home, host)
		if err != nil {
			t.Fatal(err)
		}
		nodes, ends = append(nodes, node), append(ends, end)
		status, err := node.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, letters, _ := strings.Cut(status.Me.ID, "-")
		account, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(letters))
		if err != nil || len(account) != 32 {
			t.Fatalf("%q is no account: %v", status.Me.ID, err)
		}
		secrets = append(secrets, name, string(account))
	}
	for i := 1; i < len(names); i += 2 {
		if err := befriend(t.Context(), nodes[i-1], nodes[i], names[i-1], names[i]); err != nil {
			t.Error(err)
		}
	}
	for _, node := range nodes {
		if _, err := node.SetVisibilityElsewhere(t.Context(), mesh.Contacts); err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range ends {
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	return homes, secrets
}

// run starts the node of a home on a host in memory; end stops it.
func run(home string, host *simlan.Host) (node *mesh.Node, end func() error, err error) {
	db, err := store.Open(home, rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	conn := host.Listen()
	node, err = mesh.New(mesh.Config{
		Store: db, Finder: host.Finder(), Conn: conn, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Vouched: func() bool { return true },
		Listen: func() (net.PacketConn, error) { return host.Listen(), nil },
	})
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close(), db.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	return node, func() error {
		cancel()
		return errors.Join(<-ended, db.Close())
	}, nil
}

// befriend makes contacts of two people who see each other.
func befriend(ctx context.Context, a, b *mesh.Node, nameA, nameB string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := until(ctx, func() error { _, err := a.Add(ctx, nameB); return err }); err != nil {
		return fmt.Errorf("%s asks %s: %w", nameA, nameB, err)
	}
	if err := until(ctx, func() error { _, err := b.Accept(ctx, nameA); return err }); err != nil {
		return fmt.Errorf("%s accepts %s: %w", nameB, nameA, err)
	}
	return until(ctx, func() error {
		people, err := a.Contacts(ctx)
		if err == nil && (len(people) == 0 || people[0].Via != mesh.ViaLink) {
			err = fmt.Errorf("%s and %s have no link", nameA, nameB)
		}
		return err
	})
}

// until tries again and again.
func until(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
