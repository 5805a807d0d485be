package mdns

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sottovoce/mesh/needtest"
	"sottovoce/mesh/peer"
)

// lan is a bridge in a network namespace of its own, without any uplink.
type lan struct {
	t      *testing.T
	name   string
	bridge string // namespace
	hosts  int
}

// host is a network namespace with eth0 on the lan.
type host struct {
	lan  *lan
	n    int
	name string // namespace
}

var lans atomic.Int32

// newLAN makes a LAN, or skips the test without root (which CI does not allow).
func newLAN(t *testing.T) *lan {
	t.Helper()
	if os.Geteuid() != 0 {
		needtest.Without(t, "network namespaces need root")
	}
	l := &lan{t: t, name: fmt.Sprintf("svd%d-%d", os.Getpid(), lans.Add(1))}
	l.bridge = l.namespace("lan")
	sh(t, "ip -n %s link add br0 type bridge forward_delay 0", l.bridge)
	sh(t, "ip -n %s link set br0 up", l.bridge)
	return l
}

func (l *lan) namespace(name string) string {
	ns := l.name + "-" + name
	sh(l.t, "ip netns add %s", ns)
	l.t.Cleanup(func() { sh(l.t, "ip netns del %s", ns) })
	sh(l.t, "ip -n %s link set lo up", ns)
	return ns
}

// host adds a host with the addresses given; "" takes 10.9.0.N and IPv6.
func (l *lan) host(addrs ...string) *host {
	l.hosts++
	h := &host{lan: l, n: l.hosts, name: l.namespace(fmt.Sprint(l.hosts))}
	if len(addrs) == 0 {
		addrs = []string{fmt.Sprintf("10.9.0.%d/24", h.n)}
	}
	h.plug(addrs...)
	return h
}

// plug creates eth0 of the host and gives it addresses. Duplicate address
// detection is off: it would delay IPv6 by a second or two.
func (h *host) plug(addrs ...string) {
	t, ns, bridge := h.lan.t, h.name, h.lan.bridge
	sh(t, "ip netns exec %s sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0", ns)
	sh(t, "ip -n %s link add eth0 type veth peer name p%d netns %s", ns, h.n, bridge)
	sh(t, "ip -n %s link set p%d master br0 up", bridge, h.n)
	for _, a := range addrs {
		if strings.Contains(a, ".") {
			sh(t, "ip -n %s addr add %s brd + dev eth0", ns, a)
		} else {
			sh(t, "ip -n %s addr add %s dev eth0 nodad", ns, a)
		}
	}
	h.up("eth0")
}

// up brings an interface up and waits until it runs.
func (h *host) up(name string) {
	t := h.lan.t
	sh(t, "ip -n %s link set %s up", h.name, name)
	for limit := time.Now().Add(5 * time.Second); !strings.Contains(sh(t, "ip -n %s link show %s", h.name, name), "state UP"); {
		if time.Now().After(limit) {
			t.Fatalf("%s does not come up", name)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func sh(t *testing.T, format string, args ...any) string {
	t.Helper()
	words := strings.Fields(fmt.Sprintf(format, args...))
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// within runs f on a thread inside a namespace; the thread ends with it.
func within(ns string, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		fd, err := unix.Open("/run/netns/"+ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			panic(err)
		}
		defer unix.Close(fd)
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			panic(err)
		}
		f()
	}()
	<-done
}

// inside is this machine as a namespace shows it. Sockets are opened by the
// Finder's own goroutine, which stands in it.
type inside struct {
	machine
	ns string
}

func (i inside) Interfaces() (nics []Interface, err error) {
	within(i.ns, func() { nics, err = i.machine.Interfaces() })
	return nics, err
}

func (i inside) Routers() (routers map[int]Router) {
	within(i.ns, func() { routers = i.machine.Routers() })
	return routers
}

// node is a Finder that runs on a host.
type node struct {
	t       *testing.T
	finder  *Finder
	cancel  context.CancelFunc
	done    chan struct{}
	started time.Time
	logged  *logged

	mu     sync.Mutex
	seen   map[string][]event // by instance
	stood  [][]peer.Network
	answer func() // to the next change of networks
	heard  *sync.Cond
}

type event struct {
	at time.Time
	peer.Sighting
}

// start runs a Finder on the host; a nil announcement only browses.
func (h *host) start(a *peer.Announcement, interfaces ...string) *node {
	n := &node{t: h.lan.t, done: make(chan struct{}), seen: make(map[string][]event), logged: new(logged)}
	n.heard = sync.NewCond(&n.mu)
	log := slog.New(slog.NewTextHandler(n.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n.finder = New(Config{Interfaces: interfaces, Log: log, System: inside{ns: h.name}})
	n.finder.Announce(a, nil)
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel, n.started = cancel, time.Now()
	go func() {
		defer close(n.done)
		within(h.name, func() {
			if err := n.finder.Run(ctx, n.take, n.stands); err != nil {
				n.t.Errorf("Run: %v", err)
			}
		})
	}()
	n.t.Cleanup(n.stop)
	return n
}

// logged collects a log that is read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (n *node) take(s peer.Sighting) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen[s.Instance] = append(n.seen[s.Instance], event{time.Now(), s})
	n.heard.Broadcast()
}

// stands goes on with what is announced, wherever that is.
func (n *node) stands(networks []peer.Network) {
	n.mu.Lock()
	n.stood = append(n.stood, networks)
	n.heard.Broadcast()
	answer := n.answer
	n.answer = nil
	n.mu.Unlock()
	if answer != nil {
		answer()
		return
	}
	a, _ := n.finder.wish()
	n.finder.Announce(a, nil)
}

// stop ends the Finder with its goodbye.
func (n *node) stop() {
	n.cancel()
	<-n.done
}

// await waits until an event about an instance satisfies ok, and returns it.
func (n *node) await(instance string, within time.Duration, what string, ok func(event) bool) event {
	n.t.Helper()
	limit := time.Now().Add(within)
	timer := time.AfterFunc(within, n.heard.Broadcast)
	defer timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		for _, e := range n.seen[instance] {
			if ok(e) {
				return e
			}
		}
		if !time.Now().Before(limit) {
			n.t.Fatalf("%s: not within %v; heard %v; health %+v; log:\n%s", what, within, n.seen[instance], n.finder.Health(), n.logged)
		}
		n.heard.Wait()
	}
}

func (n *node) events(instance string) []event {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]event(nil), n.seen[instance]...)
}

func present(e event) bool { return !e.Gone }
func gone(e event) bool    { return e.Gone }

func after(at time.Time, ok func(event) bool) func(event) bool {
	return func(e event) bool { return e.at.After(at) && ok(e) }
}

func offers(addr string, port uint16) func(event) bool {
	want := netip.AddrPortFrom(netip.MustParseAddr(addr), port)
	return func(e event) bool {
		for _, p := range e.Endpoints {
			if p == want {
				return true
			}
		}
		return false
	}
}
