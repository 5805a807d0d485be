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

	"sottovoce/mesh"
	"sottovoce/mesh/identity"
	meshlink "sottovoce/mesh/link"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
	"sottovoce/mesh/wire"
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
		Keep: settings{db}, Listen: func() (net.PacketConn, error) { return f.road.Listen(), nil }, Rand: rand.Reader, Now: time.Now, Log: log,
	})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	f.node, err = mesh.New(mesh.Config{
		Store: db, Finder: f.desk.Finder(), Conn: f.desk.Listen(), Rand: rand.Reader, Log: log, Vouched: func() bool { return true },
		Listen: func() (net.PacketConn, error) { return f.desk.Listen(), nil }, Custodian: &trustee{f.client, f},
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

// settings keep what the client has to remember in the home, as the program has them do.
type settings struct{ store *store.Store }

// Load implements relay.Keep.
func (s settings) Load(key string) (value []byte, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		value, err = tx.Secret(key)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// Save implements relay.Keep.
func (s settings) Save(key string, value []byte) error {
	return s.store.Update(func(tx *store.Tx) error {
		if len(value) == 0 {
			return tx.DeleteSetting(key)
		}
		return tx.SetSecret(key, value)
	})
}

// trustee is the real client as the node wants it. Cards have their giver's name behind them while they are with nodes, which do
// not look into them: so the truth is known when a blob is left.
type trustee struct {
	client *relay.Client
	of     *fellow
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

// Run implements mesh.Custodian.
func (t *trustee) Run(ctx context.Context, to mesh.Collector) error {
	return t.client.Run(ctx, gatherer{to})
}

// Deposit implements mesh.Custodian.
func (t *trustee) Deposit(ctx context.Context, at peer.ID, parcels []mesh.Parcel) ([]mesh.Custody, error) {
	left := make([]relay.Parcel, len(parcels))
	for i, p := range parcels {
		plain, name := unsigned(p.Card)
		left[i] = relay.Parcel{Blob: p.Blob, Card: plain}
		t.of.of.leaves(p.Blob, t.of.name, name)
	}
	answers, err := t.client.Deposit(ctx, at, left)
	held := make([]mesh.Custody, len(answers))
	for i, a := range answers {
		held[i] = mesh.Custody{Reason: a.Reason, Day: a.Day, Log: mesh.Log(a.Log), Cursor: a.Cursor, Evidence: a.Evidence}
	}
	return held, err
}

// Reread implements mesh.Custodian.
func (t *trustee) Reread(ctx context.Context, from mesh.Log, wanted []mesh.Unmatched) ([][]byte, error) {
	ids := make([]relay.Unmatched, len(wanted))
	for i, w := range wanted {
		ids[i] = relay.Unmatched{Since: w.Since, ID: w.ID}
	}
	return t.client.Reread(ctx, relay.Log(from), ids)
}

// Mailbox implements mesh.Custodian.
func (t *trustee) Mailbox(to identity.AccountID, theirs []byte) []byte {
	plain, _ := unsigned(theirs)
	return signed(t.client.Mailbox(to, plain), t.of.name)
}

// Where implements mesh.Custodian.
func (t *trustee) Where(card []byte) (in []mesh.Log) {
	plain, _ := unsigned(card)
	for _, l := range t.client.Where(plain) {
		in = append(in, mesh.Log(l))
	}
	return in
}

// Known implements mesh.Custodian.
func (t *trustee) Known(contacts map[identity.AccountID][]byte) {
	plain := make(map[identity.AccountID][]byte)
	for who, card := range contacts {
		plain[who], _ = unsigned(card)
	}
	t.client.Known(plain)
}

// Supernodes implements mesh.Custodian.
func (t *trustee) Supernodes() (all []mesh.Supernode) {
	for _, c := range t.client.Communities() {
		for _, s := range c.Supernodes {
			all = append(all, mesh.Supernode{ID: s.ID, Community: c.Name, In: c.ID, Reached: s.Reached})
		}
	}
	return all
}

// Beacons implements mesh.Custodian.
func (t *trustee) Beacons(day uint32) (all []mesh.Beacon) {
	for _, b := range t.client.Beacons(day) {
		all = append(all, mesh.Beacon(b))
	}
	return all
}

// Sighted implements mesh.Custodian.
func (t *trustee) Sighted(at peer.ID, p meshlink.Place) { t.client.Sighted(at, p) }

// gatherer is the node as the client wants it.
type gatherer struct{ to mesh.Collector }

// Cursor implements relay.Collector.
func (g gatherer) Cursor(ctx context.Context, from relay.Log) (uint64, error) {
	return g.to.Cursor(ctx, mesh.Log(from))
}

// Match implements relay.Collector.
func (g gatherer) Match(ctx context.Context, entries []wire.Entry) ([]bool, error) {
	return g.to.Match(ctx, entriesOf(entries))
}

// Collected implements relay.Collector.
func (g gatherer) Collected(ctx context.Context, p relay.Page) error {
	return g.to.Collected(ctx, mesh.Page{Log: mesh.Log(p.Log), Since: p.Since, Until: p.Until, Blobs: p.Blobs, Scanned: entriesOf(p.Scanned), End: p.End})
}

func entriesOf(entries []wire.Entry) []mesh.Entry {
	all := make([]mesh.Entry, len(entries))
	for i, e := range entries {
		all[i] = mesh.Entry{Tag: e.Tag, ID: e.ID}
	}
	return all
}

// Lost implements relay.Collector.
func (g gatherer) Lost(ctx context.Context, from relay.Log, at []uint64) error {
	return g.to.Lost(ctx, mesh.Log(from), at)
}

// Reached implements relay.Collector.
func (g gatherer) Reached(at []relay.Reached) {
	all := make([]mesh.Reached, len(at))
	for i, r := range at {
		all[i] = mesh.Reached(r)
	}
	g.to.Reached(all)
}

// Changed implements relay.Collector.
func (g gatherer) Changed() { g.to.Changed() }

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
