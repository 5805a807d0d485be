// Package daemon puts a running node together: it is the only place that knows the
// store, discovery, the mesh and the control API at once.
//
// It leaves every rule to those parts, and how anything looks to the faces.
package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/discovery/mdns"
	"sottovoce/mesh"
	"sottovoce/mesh/fence"
	"sottovoce/mesh/peer"
	"sottovoce/mesh/store"
	"sottovoce/relay"
)

// Options say which node to start.
type Options struct {
	Home       string   // must hold an identity, see Init
	Passphrase []byte   // of the home; nil where it takes none, see Locked
	Listen     string   // host:port for links; empty is every address and a port of the system's choice
	Interfaces []string // for discovery; nil is automatic
	Visibility string   // on the networks it starts on: everyone, contacts or nobody, remembered; empty is as it was
	LocalOnly  bool     // send nothing beyond their networks, and remember that
	Version    string
	Log        *slog.Logger  // beside the log in the home
	Epoch      time.Duration // see mesh.Config; only tests set it
}

// Init makes a new identity called name in home. It fails with a *control.Error when
// there is one already or the name will not do.
func Init(home, name string) error { return InitSeen(home, name, control.VisibleEveryone) }

// InitSeen is Init for who may see the identity where nothing else is chosen.
func InitSeen(home, name string, seen control.Visible) error {
	clean, err := peer.CleanName(name)
	if err != nil {
		return control.Errorf(control.CodeUsage, "%v", err)
	}
	v, err := mesh.ParseVisibility(string(seen))
	if err != nil {
		return control.Errorf(control.CodeUsage, "%v", err)
	}
	err = mesh.FoundSeen(home, clean, v, rand.Reader)
	if errors.Is(err, store.ErrExists) {
		return control.Errorf(control.CodeFailed, "%s has an identity already; choose another place with --home", home)
	}
	return explain(home, err)
}

// Exists reports whether home holds an identity, finished or not.
func Exists(home string) bool { return store.Exists(home) }

// Daemon is a running node with its control socket.
type Daemon struct {
	store  *store.Store
	log    *logFile
	api    *adapter
	cancel context.CancelFunc
	done   chan struct{} // closed when all has ended
	err    error         // why, once done is closed
}

// Start brings the node of a home up; it answers on the control socket when Start
// returns. It runs until ctx ends or Close, and fails with a *control.Error.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	db, err := open(o.Home, o.Passphrase)
	if err != nil {
		return nil, explain(o.Home, err)
	}
	d := &Daemon{store: db, log: openLog(o.Home), done: make(chan struct{})}
	o.Log = d.log.logger(o.Log)
	if err := d.assemble(ctx, o); err != nil {
		o.Log.Error("the node did not come up", "error", err)
		return nil, errors.Join(explain(o.Home, err), d.log.Close(), db.Close())
	}
	o.Log.Info("the node is up", "version", o.Version)
	return d, nil
}

// assemble makes the parts and sets them going. The control socket goes last, when the
// home is free again: who was answered "down" may start another node at once.
func (d *Daemon) assemble(ctx context.Context, o Options) error {
	visibility, err := chosen(o.Visibility)
	if err != nil {
		return err
	}
	conn, err := listen(o.Listen)
	if err != nil {
		return err
	}
	finder := mdns.New(mdns.Config{Interfaces: o.Interfaces, Log: o.Log})
	var around fence.Fence
	client, err := relay.NewClient(relay.Config{
		Keep: keep{d.store}, Listen: relisten("", &around), Resolve: resolver(&around), Rand: rand.Reader, Now: time.Now, Log: o.Log,
	})
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	node, err := mesh.New(mesh.Config{
		Store: d.store, Finder: finder, Conn: around.Wrap(conn), Listen: relisten(o.Listen, &around), Fence: &border{&around, finder},
		LocalOnly: o.LocalOnly, Visibility: visibility, Rand: rand.Reader, Log: o.Log, Vouched: clockVouched, Knock: knocker(&around), Epoch: o.Epoch,
		Custodian: custodian{client}, Slots: slots{client},
	})
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	socket, err := control.Listen(o.Home)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	ctx, d.cancel = context.WithCancel(ctx)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	d.api = &adapter{node: node, client: client, store: d.store, home: o.Home, version: o.Version, finder: finder, named: o.Interfaces, down: d.cancel}
	for _, notice := range missing(o.Interfaces) {
		o.Log.Warn(notice)
	}
	served := make(chan error, 1)
	go func() { served <- control.NewServer(d.api, o.Version).Run(serving, socket) }()
	go func() {
		defer close(d.done)
		err := node.Run(ctx)
		if err != nil {
			o.Log.Error("the node has stopped", "error", err)
		} else {
			o.Log.Info("the node has stopped")
		}
		d.err = errors.Join(err, d.log.Close(), d.store.Close())
		stopServing()
		d.err = errors.Join(d.err, <-served)
		d.cancel()
	}()
	return nil
}

// Node answers as the control API does, without the socket.
func (d *Daemon) Node() control.Node { return d.api }

// Done is closed when the node has stopped and everything is on disk.
func (d *Daemon) Done() <-chan struct{} { return d.done }

// Wait returns when the node has stopped, with the reason if it was not asked to.
func (d *Daemon) Wait() error {
	<-d.done
	return d.err
}

// Close stops the node, says goodbye on the network and waits.
func (d *Daemon) Close() error {
	d.cancel()
	return d.Wait()
}

// relisten opens another socket on the same address; nil if a port was asked for, which
// is kept.
func relisten(address string, around *fence.Fence) func() (net.PacketConn, error) {
	if _, port, err := net.SplitHostPort(address); err == nil && port != "" && port != "0" {
		return nil
	}
	return func() (net.PacketConn, error) {
		conn, err := listen(address)
		if err != nil {
			return nil, err
		}
		return around.Wrap(conn), nil
	}
}

// listen opens the socket of all links.
func listen(address string) (*net.UDPConn, error) {
	if address == "" {
		address = ":0"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, control.Errorf(control.CodeUsage, "--listen %s: give HOST:PORT or :PORT", address)
	}
	if host != "" {
		if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil {
			return nil, control.Errorf(control.CodeUsage, "--listen %s: give an IP address, not a name", address)
		}
	}
	udp, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, control.Errorf(control.CodeUsage, "--listen %s: %v", address, err)
	}
	conn, err := net.ListenUDP("udp", udp)
	if err != nil {
		return nil, control.Errorf(control.CodeFailed, "cannot listen on %s: %v; choose another with --listen", address, err)
	}
	return conn, nil
}

// explain words what the store refused for the person who reads it.
func explain(home string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNoHome):
		return control.Errorf(control.CodeNoIdentity, "%s has no identity yet; make one with: sottovoce init --name NAME", home)
	case errors.Is(err, store.ErrInUse):
		return control.Errorf(control.CodeRunning, "a node runs already for %s; stop it with: sottovoce down", home)
	case errors.Is(err, store.ErrLocked):
		return control.Errorf(control.CodeUsage, "a passphrase protects %s; give it at a terminal or with --passphrase-file FILE", home)
	case errors.Is(err, store.ErrPassphrase):
		return control.Errorf(control.CodeRefused, "%v", err)
	case errors.Is(err, store.ErrFull):
		return control.Errorf(control.CodeFull, "%v", err)
	}
	var known *control.Error
	if errors.As(err, &known) {
		return known
	}
	if strings.Contains(err.Error(), home) {
		return err // it names the file already
	}
	return fmt.Errorf("%s: %w", home, err)
}

var _ io.Closer = (*Daemon)(nil)
