package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sottovoce/cmd/internal/netlab"
)

const (
	// copies is how many servers there are, each with all that is kept.
	copies = 3
	// clientPort and routePort are where a server listens for clients and for the other servers.
	clientPort, routePort = "4222", "6222"
	// settleTime is how long the servers may take to agree on a leader again.
	settleTime = 30 * time.Second
	// look is the time between two looks at something that nobody tells about.
	look = 20 * time.Millisecond
	// clockTicks is what /proc counts processor time in, a second: USER_HZ on every Linux that Go runs on.
	clockTicks = 100
)

// Servers are three nats-servers on hosts of their own that form one cluster, and sync whatever they write.
type Servers struct {
	t   testing.TB
	all []*Server
}

// Server is one of them.
type Server struct {
	*netlab.Host
	t       testing.TB
	config  string       // path
	data    string       // where it keeps what it has
	disk    *netlab.Card // that is mounted there; nil: it has none of its own
	process *netlab.Process
	start   func(args ...string) *netlab.Process
	walled  func() // takes the wall away; nil: there is none
}

// StartServers starts a cluster on three new hosts of a LAN, and returns when it takes what is published.
func StartServers(t testing.TB, lan *netlab.LAN) *Servers {
	t.Helper()
	s := newServers(t, lan)
	s.StartAll()
	return s
}

// StartServersOnDisks is StartServers with a disk of its own for each, of some size.
func StartServersOnDisks(t testing.TB, lan *netlab.LAN, size string) *Servers {
	t.Helper()
	s := newServers(t, lan)
	for _, one := range s.all {
		one.disk = lan.NewCard(t, one.data, size)
	}
	s.StartAll()
	return s
}

// newServers are servers that do not run yet.
func newServers(t testing.TB, lan *netlab.LAN) *Servers {
	t.Helper()
	s := &Servers{t: t}
	var routes []string
	for n := range copies {
		h := lan.Host(fmt.Sprintf("nats%d", n))
		s.all = append(s.all, &Server{Host: h, t: t, config: filepath.Join(h.Home, "nats-server.conf"), data: filepath.Join(h.Home, "data"), start: h.Start})
		routes = append(routes, "nats://"+net.JoinHostPort(h.IPv4.String(), routePort))
	}
	for _, one := range s.all {
		text := fmt.Sprintf("server_name: %q\nlisten: %q\nmax_payload: 2MB\njetstream { store_dir: %q, sync_interval: always }\ncluster { name: lab, listen: %q, routes: [%s] }\n",
			one.Name, net.JoinHostPort(one.IPv4.String(), clientPort), one.data,
			net.JoinHostPort(one.IPv4.String(), routePort), strings.Join(routes, ", "))
		if err := os.WriteFile(one.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// StartAll starts all servers, and returns when they have agreed on who leads.
func (s *Servers) StartAll() {
	s.t.Helper()
	for _, one := range s.all {
		one.Start()
	}
	s.Agree()
}

// KillAll ends all servers at once, as a cut of the power does.
func (s *Servers) KillAll() {
	var ends sync.WaitGroup
	for _, one := range s.all {
		ends.Go(one.Kill)
	}
	ends.Wait()
}

// Start starts a server.
func (s *Server) Start() {
	s.t.Helper()
	s.process = s.start(serverProgram(s.t), "-c", s.config)
}

// Kill ends a server without a last word.
func (s *Server) Kill() { s.process.Kill() }

// CutOff lets no packet of a server out, and none in.
func (s *Server) CutOff() {
	s.t.Helper()
	in, out := s.Firewall("input", "iifname eth0 drop"), s.Firewall("output", "oifname eth0 drop")
	s.walled = func() { in(); out() }
}

// Back ends what CutOff began.
func (s *Server) Back() {
	s.t.Helper()
	s.walled()
}

// Memory is the resident memory of all servers in bytes.
func (s *Servers) Memory() (sum int64) {
	s.t.Helper()
	for _, one := range s.all {
		sum += one.process.Memory()
	}
	return sum
}

// Busy is the processor time that all servers have taken.
func (s *Servers) Busy() time.Duration {
	s.t.Helper()
	var pids []int
	for _, one := range s.all {
		pids = append(pids, one.process.PID())
	}
	return busy(s.t, pids...)
}

// busy is the processor time that processes have taken.
func busy(t testing.TB, pids ...int) time.Duration {
	t.Helper()
	ticks := 0
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // behind the name, which may hold anything
		for _, field := range fields[11:13] {
			n, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / clockTicks
}

// Disk is how many bytes the files of all servers have.
func (s *Servers) Disk() (sum int64) {
	s.t.Helper()
	for _, one := range s.all {
		err := filepath.WalkDir(one.data, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) { // it was replaced meanwhile
				return nil
			}
			if err == nil {
				sum += info.Size()
			}
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return sum
}

// URL is what --store is given.
func (s *Servers) URL() string {
	var at []string
	for _, one := range s.all {
		at = append(at, net.JoinHostPort(one.IPv4.String(), clientPort))
	}
	return "nats://" + strings.Join(at, ",")
}

// hostDialer dials from a host.
type hostDialer struct{ *netlab.Host }

// Dial is [net.Dial] on the host.
func (d hostDialer) Dial(network, address string) (conn net.Conn, err error) {
	err = d.In(func() error { conn, err = net.Dial(network, address); return err })
	return conn, err
}

// Dial connects a host to the cluster, once that answers.
func (s *Servers) Dial(from *netlab.Host) jetstream.JetStream {
	s.t.Helper()
	var conn *nats.Conn
	s.until("connection to the cluster", func(context.Context) (err error) {
		conn, err = nats.Connect(s.URL(), nats.SetCustomDialer(hostDialer{from}), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
		return err
	})
	s.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return js
}

// Agree waits until every stream has a leader, and each of its copies is up to date.
func (s *Servers) Agree() {
	s.t.Helper()
	js := s.Dial(s.all[0].Host)
	s.until("cluster that agrees", func(ctx context.Context) error {
		if _, err := js.AccountInfo(ctx); err != nil {
			return err
		}
		found := js.ListStreams(ctx)
		for info := range found.Info() {
			if err := agreed(info); err != nil {
				return err
			}
		}
		return found.Err()
	})
	js.Conn().Close()
}

// agreed says what a stream lacks.
func agreed(info *jetstream.StreamInfo) error {
	if info.Cluster == nil || info.Cluster.Leader == "" {
		return errors.New(info.Config.Name + " has no leader")
	}
	for _, copied := range info.Cluster.Replicas {
		if !copied.Current || copied.Offline {
			return fmt.Errorf("%s: the copy on %s is behind", info.Config.Name, copied.Name)
		}
	}
	return nil
}

// Leader is the server that leads what holds most messages.
func (s *Servers) Leader() *Server {
	s.t.Helper()
	js := s.Dial(s.all[0].Host)
	defer js.Conn().Close()
	var leader *Server
	s.until("leader", func(ctx context.Context) error {
		most := uint64(0)
		for info := range js.ListStreams(ctx).Info() {
			if info.State.Msgs < most || info.Cluster == nil {
				continue
			}
			for _, one := range s.all {
				if one.Name == info.Cluster.Leader {
					leader, most = one, info.State.Msgs
				}
			}
		}
		if leader == nil {
			return errors.New("nobody leads")
		}
		return nil
	})
	return leader
}

// next is the server behind one.
func (s *Servers) next(to *Server) *Server {
	return s.all[(slices.Index(s.all, to)+1)%len(s.all)]
}

// until tries something until it succeeds, and fails the test when it does not within settleTime.
func (s *Servers) until(what string, try func(context.Context) error) {
	s.t.Helper()
	eventually(s.t, what, try)
}

// eventually tries something until it succeeds, and fails the test when it does not within settleTime.
func eventually(t testing.TB, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	for {
		one, done := context.WithTimeout(ctx, settleTime/10)
		err := try(one)
		done()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("no %s after %v: %v", what, settleTime, err)
		}
		time.Sleep(look)
	}
}

var built struct {
	sync.Mutex
	path string
}

// serverProgram builds nats-server once a process, at the version of go.mod, and returns its path.
func serverProgram(t testing.TB) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.path == "" {
		path := filepath.Join(filepath.Dir(netlab.Binary(t)), "nats-server")
		out, err := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2").CombinedOutput()
		if err != nil {
			t.Fatalf("build nats-server: %v\n%s", err, out)
		}
		built.path = path
	}
	return built.path
}
