package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"sottovoce/cmd/internal/control"
	"sottovoce/discovery/mdns"
	"sottovoce/mesh/peer"
	"sottovoce/relay/community"
	"sottovoce/relay/supernode"
)

// SupernodeOptions say which supernode to start.
type SupernodeOptions struct {
	Data       string // holds one, see InitSupernode
	Store      SupernodeStore
	Listen     string                   // host:port for links
	Interfaces []string                 // for discovery; nil is automatic
	Advertise  []string                 // where members elsewhere reach it
	Allow      control.Quota            // Disk is that of all communities together; the rest holds for each of which nothing else is said
	Of         map[string]control.Quota // by the names of communities
	Metrics    string                   // loopback address that figures are served at; empty: none
	Version    string
	Log        *slog.Logger
}

// RunningSupernode is a supernode with its control socket.
type RunningSupernode struct {
	node    *supernode.Supernode
	log     *slog.Logger
	conn    net.PacketConn
	socket  net.Listener
	metrics net.Listener // nil: none
	api     *operator
}

// StartSupernode brings the supernode of a data directory up; it answers on the directory's control socket once Run
// runs. It fails with a *control.Error.
func StartSupernode(o SupernodeOptions) (*RunningSupernode, error) {
	if err := community.CheckAddresses(o.Advertise); err != nil {
		return nil, control.Errorf(control.CodeUsage, "--advertise: %v", err)
	}
	for _, q := range append(slices.Collect(maps.Values(o.Of)), o.Allow) {
		if err := check(q); err != nil {
			return nil, err
		}
	}
	if err := o.Store.check(); err != nil {
		return nil, err
	}
	r := &RunningSupernode{log: o.Log}
	if err := r.open(o); err != nil {
		return nil, errors.Join(supernodeFailure(o.Data, err), r.close())
	}
	return r, nil
}

// check finds what cannot be kept to.
func check(q control.Quota) error {
	if q.Days > daysMax {
		return control.Errorf(control.CodeUsage, "--days %d: a message can be kept for 1 to %d days", q.Days, daysMax)
	}
	if q.Bandwidth > 0 && q.Bandwidth < bandwidthMin {
		return control.Errorf(control.CodeUsage, "--bandwidth: %d kB a second are the least, else nobody gets through", bandwidthMin/1000)
	}
	return nil
}

// open takes hold of everything: the directory first, which says whether another runs on it.
func (r *RunningSupernode) open(o SupernodeOptions) (err error) {
	conn, err := listen(o.Listen)
	if err != nil {
		return err
	}
	r.conn = conn
	finder := mdns.New(mdns.Config{Interfaces: o.Interfaces, Log: o.Log})
	r.node, err = openPatiently(o.Data, supernode.Config{
		Rand: rand.Reader, Log: o.Log, Conn: conn, Finder: finder, Vouched: clockVouched, Shared: o.Store.open(o.Log),
		Limits: supernode.Limits{Disk: o.Allow.Disk, Days: o.Allow.Days, Bandwidth: o.Allow.Bandwidth, Tokens: o.Allow.Tokens},
	})
	if err != nil {
		return err
	}
	if err := r.node.Advertise(o.Advertise); err != nil {
		return err
	}
	r.api = &operator{node: r.node, data: o.Data, version: o.Version, started: time.Now(), port: portOf(conn), finder: finder, advertised: o.Advertise}
	for name, q := range o.Of {
		if err := r.api.allow(name, q); err != nil {
			return err
		}
	}
	if o.Metrics != "" {
		if r.metrics, err = listenMetrics(o.Metrics); err != nil {
			return err
		}
	}
	r.socket, err = control.Listen(o.Data)
	return err
}

// openPatiently takes hold of a data directory. Where no supernode answers for one that is in use, a command has it open,
// and is done with it in a moment.
func openPatiently(data string, cfg supernode.Config) (*supernode.Supernode, error) {
	running := control.NewSupernodeClient(data)
	defer running.Close()
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	for {
		s, err := supernode.Open(data, cfg)
		if !errors.Is(err, supernode.ErrInUse) {
			return s, err
		}
		if _, asked := running.Version(ctx); asked == nil || ctx.Err() != nil {
			return nil, err
		}
		time.Sleep(commandPoll)
	}
}

// Run serves until ctx ends, and has let go of the data directory when it returns.
func (r *RunningSupernode) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	var served, measured error
	parts.Go(func() {
		defer cancel() // who cannot be asked is not left running
		served = control.NewSupernodeServer(r.api, r.api.version).Run(ctx, r.socket)
	})
	if r.metrics != nil {
		parts.Go(func() { measured = serveMetrics(ctx, r.metrics, r.node) })
	}
	r.log.Info("the supernode is up", "version", r.api.version, "listen", r.conn.LocalAddr().String())
	err := r.node.Run(ctx)
	cancel()
	parts.Wait()
	r.log.Info("the supernode has stopped")
	return errors.Join(err, served, measured, r.node.Close())
}

// close gives back what open took, when the supernode did not come up.
func (r *RunningSupernode) close() error {
	var errs []error
	if r.metrics != nil {
		errs = append(errs, r.metrics.Close())
	}
	if r.node != nil {
		errs = append(errs, r.node.Close())
	}
	if r.conn != nil {
		errs = append(errs, r.conn.Close())
	}
	return errors.Join(errs...)
}

// OpenSupernode answers for a data directory that no supernode runs on; close lets go of it.
func OpenSupernode(data string, store SupernodeStore, version string) (node control.Supernode, closing func() error, err error) {
	log := slog.New(slog.DiscardHandler)
	if err := store.check(); err != nil {
		return nil, nil, err
	}
	s, err := supernode.Open(data, supernode.Config{Rand: rand.Reader, Log: log, Shared: store.open(log)})
	if err != nil {
		return nil, nil, supernodeFailure(data, err)
	}
	return &operator{node: s, data: data, version: version}, s.Close, nil
}

// Founding says which supernode is to be made: the first of a new community, or a further one.
type Founding struct {
	Data      string
	Store     SupernodeStore
	Community string // its name; or
	Join      string // a link that makes it a further supernode
	RootWords []byte // with a name: of a community whose supernodes are lost; nil: it is a new one
	// Told is given the root words of a new community before it exists; nil: they are in what FoundSupernode returns alone.
	Told func(words []byte) error
	Log  *slog.Logger
}

// Founded is a supernode that was made.
type Founded struct {
	ID, Community, CommunityID string
	RootWords                  control.Passphrase // of a new community; kept nowhere
}

// policy is that of a community at its founding. Each operator can allow less.
var policy = community.Policy{Days: daysMax, Disk: diskOfCommunity, Tokens: tokensADay}

// FoundSupernode makes a supernode in a data directory, or adds a community to the one that is there. It fails with a
// *control.Error.
func FoundSupernode(ctx context.Context, f Founding) (Founded, error) {
	if err := f.Store.check(); err != nil {
		return Founded{}, err
	}
	cfg := supernode.Config{Rand: rand.Reader, Log: f.Log, Shared: f.Store.open(f.Log)}
	if f.Join != "" {
		return enter(ctx, f, cfg)
	}
	name, err := peer.CleanName(f.Community)
	if err != nil {
		return Founded{}, control.Errorf(control.CodeUsage, "%v", err)
	}
	charter := supernode.Charter{Name: name, Policy: policy}
	if f.RootWords != nil {
		root, err := community.ParseWords(string(f.RootWords))
		if err != nil {
			return Founded{}, supernodeFailure(f.Data, err)
		}
		charter.Root = &root
	} else if f.Told != nil {
		charter.Told = func(words []string) error { return f.Told([]byte(strings.Join(words, " "))) }
	}
	made, err := supernode.Found(f.Data, charter, cfg)
	if err != nil {
		return Founded{}, supernodeFailure(f.Data, err)
	}
	if f.RootWords != nil {
		return Founded{ID: made.Supernode, Community: name, CommunityID: made.Community.String()}, nil // they know the words
	}
	return Founded{ID: made.Supernode, Community: name, CommunityID: made.Community.String(), RootWords: control.Passphrase(strings.Join(made.Words, " "))}, nil
}

// enter makes a further supernode by a link.
func enter(ctx context.Context, f Founding, cfg supernode.Config) (Founded, error) {
	link, err := joinLink(f.Join, true)
	if err != nil {
		return Founded{}, err
	}
	defer link.Secret.Erase()
	if cfg.Conn, err = listen(""); err != nil {
		return Founded{}, err
	}
	defer cfg.Conn.Close()
	made, err := supernode.Enter(ctx, f.Data, link, nil, cfg)
	if err != nil {
		return Founded{}, supernodeFailure(f.Data, err)
	}
	s, err := supernode.Open(f.Data, cfg)
	if err != nil {
		return Founded{}, supernodeFailure(f.Data, err)
	}
	for _, c := range s.Status().Communities {
		if c.ID == made.Community {
			return Founded{ID: made.Supernode, Community: peer.ShowName(c.Name), CommunityID: c.ID.String()}, s.Close()
		}
	}
	return Founded{}, errors.Join(supernode.ErrCommunity, s.Close())
}

// supernodeFailure words an error for the operator.
func supernodeFailure(data string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, supernode.ErrNone):
		return control.Errorf(control.CodeNoIdentity, "%s holds no supernode; found a community with: sottovoce supernode init --community NAME --data %[1]s", data)
	case errors.Is(err, supernode.ErrOwner), errors.Is(err, supernode.ErrOthers):
		return control.Errorf(control.CodeRefused, "%v", err)
	case errors.Is(err, supernode.ErrLocal):
		return control.Errorf(control.CodeUsage, "%s holds a supernode of its own, which is not that of --store: give an empty folder", data)
	case errors.Is(err, supernode.ErrInUse):
		return control.Errorf(control.CodeRunning, "a supernode runs already on %s; stop it first", data)
	case errors.Is(err, supernode.ErrUnreached):
		return control.Errorf(control.CodeTimeout, "%v", err)
	case errors.Is(err, supernode.ErrServed):
		return control.Errorf(control.CodeFailed, "%v", err)
	case errors.Is(err, community.ErrWords):
		return control.Errorf(control.CodeRefused, "%v", err)
	}
	if known, ok := errors.AsType[*control.Error](err); ok {
		return known
	}
	return fmt.Errorf("%s: %w", data, err)
}
