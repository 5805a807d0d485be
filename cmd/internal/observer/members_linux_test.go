package observer

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"sottovoce/cmd/internal/daemon"
	"sottovoce/mesh"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
	"sottovoce/relay"
)

// fellow is a member of the supernode's community, with a node at home and a way to the supernode.
type fellow struct {
	of     *fellowship
	name   string
	home   string
	desk   *simlan.Host // where the node meets others
	road   *simlan.Host // on the network where the supernode is
	node   *mesh.Node
	client *relay.Client
	end    func() error // nil: the program does not run
}

// start runs the fellow's program.
func (f *fellow) start() error {
	db, err := store.Open(f.home, rand.Reader)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	f.client, err = relay.NewClient(relay.Config{
		Keep: daemon.Keep(db), Listen: func() (net.PacketConn, error) { return f.road.Listen(), nil }, Rand: rand.Reader, Now: time.Now, Log: log,
	})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	f.node, err = mesh.New(mesh.Config{
		Store: db, Finder: f.desk.Finder(), Conn: f.desk.Listen(), Rand: rand.Reader, Log: log, Vouched: func() bool { return true },
		Listen: func() (net.PacketConn, error) { return f.desk.Listen(), nil }, Custodian: &trustee{daemon.Custodian(f.client), f},
	})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.node.Run(ctx) }()
	f.end = func() error {
		f.end = nil
		cancel()
		return errors.Join(<-ended, db.Close())
	}
	return nil
}

// comes gives the fellow a way to the supernode, from a new address; goes takes it away, without a word.
func (f *fellow) comes() {
	f.road.Join(f.of.roads)
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	f.of.behind[f.road.Address()] = f.name
}

func (f *fellow) goes() { f.road.Leave() }

// linked reports whether the fellow's client has a link to the supernode.
func (f *fellow) linked() bool {
	for _, c := range f.client.Communities() {
		for _, s := range c.Supernodes {
			if s.Reached {
				return true
			}
		}
	}
	return false
}

// write writes to somebody.
func (f *fellow) write(t *testing.T, to, text string) {
	t.Helper()
	if r := f.node.Send(t.Context(), []mesh.Outgoing{{To: to, Text: text}}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
}

// trustee is the client as the program gives it to a node. Cards have their giver's name behind them while they are with nodes,
// which do not look into them: so the truth is known when a blob is left.
type trustee struct {
	mesh.Custodian
	of *fellow
}

// signed puts the name of a card's giver behind it.
func signed(card []byte, name string) []byte {
	if len(card) == 0 {
		return nil
	}
	return append(append(append([]byte(nil), card...), name...), byte(len(name)))
}

// unsigned takes it off.
func unsigned(card []byte) (plain []byte, name string) {
	if len(card) == 0 {
		return nil, ""
	}
	end := len(card) - 1
	from := end - int(card[end])
	return card[:from:from], string(card[from:end])
}

// Deposit implements mesh.Custodian.
func (t *trustee) Deposit(ctx context.Context, at peer.ID, parcels []mesh.Parcel) ([]mesh.Custody, error) {
	plain := make([]mesh.Parcel, len(parcels))
	for i, p := range parcels {
		card, name := unsigned(p.Card)
		plain[i] = mesh.Parcel{Blob: p.Blob, Card: card}
		t.of.of.leaves(p.Blob, t.of.name, name)
	}
	return t.Custodian.Deposit(ctx, at, plain)
}

// Mailbox implements mesh.Custodian.
func (t *trustee) Mailbox(to identity.AccountID, theirs []byte) []byte {
	plain, _ := unsigned(theirs)
	return signed(t.Custodian.Mailbox(to, plain), t.of.name)
}

// Where implements mesh.Custodian.
func (t *trustee) Where(card []byte) []mesh.Log {
	plain, _ := unsigned(card)
	return t.Custodian.Where(plain)
}

// Known implements mesh.Custodian.
func (t *trustee) Known(contacts map[identity.AccountID][]byte) {
	plain := make(map[identity.AccountID][]byte)
	for who, card := range contacts {
		plain[who], _ = unsigned(card)
	}
	t.Custodian.Known(plain)
}

// found makes a fellow's home.
func (s *fellowship) found(t *testing.T, dir, name string) *fellow {
	t.Helper()
	f := &fellow{of: s, name: name, home: filepath.Join(dir, name), desk: s.lab.Host(), road: s.lab.Host()}
	if err := mesh.Found(f.home, name, rand.Reader); err != nil {
		t.Fatal(err)
	}
	f.desk.Join(s.desks)
	f.comes()
	if err := f.start(); err != nil {
		t.Fatal(err)
	}
	return f
}
