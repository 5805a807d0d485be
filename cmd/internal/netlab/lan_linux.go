package netlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sottovoce/mesh/needtest"
)

// Family says which addresses the hosts of a LAN have. Families are added up.
type Family uint8

const (
	// IPv4 gives each host an address in a /24.
	IPv4 Family = 1 << iota
	// LinkLocal gives each host its fe80 address only.
	LinkLocal
	// ULA gives each host an address in a /64 of a unique local prefix beside its fe80 address.
	ULA
)

const (
	// hostsMax keeps the last byte of an address within a /24.
	hostsMax = 250
	// settleTime is how long a LAN may take to carry what was just plugged in.
	settleTime = 5 * time.Second
	// mtu of an Ethernet; veth would take more.
	mtu = "1500"
)

// LAN is a switch and the hosts on it. Its methods fail the test when the machine does not do as told.
type LAN struct {
	t      testing.TB
	family Family
	bridge string // namespace of the switch
	dir    string // folder of the hosts' homes; short, because a unix socket's path is limited to 107 bytes
	hosts  int
}

// New makes a LAN without hosts that ends with the test.
func New(t testing.TB, family Family) *LAN {
	t.Helper()
	requireTools(t)
	if err := sweep(); err != nil {
		t.Fatal(err)
	}
	lan := &LAN{t: t, family: family, bridge: ownName("switch")}
	lan.dir = filepath.Join(os.TempDir(), ownName("homes"))
	if err := os.MkdirAll(lan.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(lan.dir) })
	lan.namespace(lan.bridge)
	lan.must("ip", "-n", lan.bridge, "link", "add", "lan", "type", "bridge", "mcast_snooping", "0")
	lan.sysctl(lan.bridge, "ipv6/conf/lan/disable_ipv6", "1") // a switch has nothing to say
	lan.must("ip", "-n", lan.bridge, "link", "set", "lan", "up")
	return lan
}

// requireTools skips the test, or fails it in CI, where namespaces cannot be made.
func requireTools(t testing.TB) {
	t.Helper()
	needtest.Programs(t, "ip", "nft", "make")
	missing := ""
	if os.Geteuid() != 0 {
		missing = "needs root to make network namespaces"
	}
	if missing == "" {
		probe := ownName("probe")
		_, err := command("ip", "netns", "add", probe)
		if err == nil {
			_, err = command("ip", "netns", "delete", probe)
		}
		if err != nil {
			missing = "cannot make network namespaces here: " + err.Error()
		}
	}
	if missing != "" {
		needtest.Without(t, missing)
	}
}

func (l *LAN) must(args ...string) string {
	l.t.Helper()
	out, err := command(args...)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func (l *LAN) sysctl(namespace, key, value string) {
	l.t.Helper()
	err := inNamespace(namespace, func() error {
		return os.WriteFile("/proc/sys/net/"+key, []byte(value), 0)
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// namespace makes a namespace that ends with the test.
func (l *LAN) namespace(name string) {
	l.t.Helper()
	l.must("ip", "netns", "add", name)
	l.t.Cleanup(func() {
		if err := deleteNamespace(name); err != nil {
			l.t.Error(err)
		}
	})
}

// Host plugs a new host into the switch. When Host returns, its addresses can be used.
func (l *LAN) Host(name string) *Host {
	l.t.Helper()
	l.hosts++
	if l.hosts > hostsMax {
		l.t.Fatalf("a LAN has at most %d hosts", hostsMax)
	}
	h := &Host{
		Name:      name,
		Hostname:  fmt.Sprintf("machine-of-%s-%d", name, l.hosts),
		lan:       l,
		namespace: ownName(name),
		port:      fmt.Sprintf("port%d", l.hosts),
		number:    l.hosts,
	}
	h.makeHome(name)
	l.namespace(h.namespace)
	l.must("ip", "-n", h.namespace, "link", "set", "lo", "up")
	h.cable()
	h.addresses()
	return h
}

// cable gives the host a network card, and a port of the switch to plug it into.
func (h *Host) cable() {
	l := h.lan
	l.t.Helper()
	l.must("ip", "link", "add", "eth0", "mtu", mtu, "netns", h.namespace, "type", "veth",
		"peer", "name", h.port, "mtu", mtu, "netns", l.bridge)
	l.sysctl(l.bridge, "ipv6/conf/"+h.port+"/disable_ipv6", "1")
	l.must("ip", "-n", l.bridge, "link", "set", h.port, "master", "lan", "up")
}

// Gone takes the host's network card away, as when somebody leaves. What runs on the host goes on.
func (h *Host) Gone() {
	h.lan.t.Helper()
	h.lan.must("ip", "-n", h.namespace, "link", "delete", "eth0")
}

// Back makes a host that was gone the visitor that it is on another day: with another network card, whose hardware
// address the system draws at random, at another port, with other addresses.
func (h *Host) Back() {
	l := h.lan
	l.t.Helper()
	l.hosts++
	h.number, h.port = l.hosts, fmt.Sprintf("port%d", l.hosts)
	h.cable()
	h.addresses()
}

// Leg plugs a host of another LAN in with one more network card of that name and IPv4 address.
func (l *LAN) Leg(h *Host, card, address string) {
	l.t.Helper()
	l.hosts++
	port := fmt.Sprintf("port%d", l.hosts)
	l.must("ip", "link", "add", card, "mtu", mtu, "netns", h.namespace, "type", "veth", "peer", "name", port, "mtu", mtu, "netns", l.bridge)
	l.sysctl(l.bridge, "ipv6/conf/"+port+"/disable_ipv6", "1")
	l.sysctl(h.namespace, "ipv6/conf/"+card+"/disable_ipv6", "1")
	l.must("ip", "-n", l.bridge, "link", "set", port, "master", "lan", "up")
	l.must("ip", "-n", h.namespace, "link", "set", card, "up")
	l.must("ip", "-n", h.namespace, "address", "add", address, "brd", "+", "dev", card)
}

// addresses gives the host what its LAN's family says and waits until the kernel lets it use them.
func (h *Host) addresses() {
	l := h.lan
	l.t.Helper()
	ip := func(args ...string) { l.t.Helper(); l.must(append([]string{"ip", "-n", h.namespace}, args...)...) }
	if l.family&(LinkLocal|ULA) == 0 {
		l.sysctl(h.namespace, "ipv6/conf/eth0/disable_ipv6", "1")
	} else {
		l.sysctl(h.namespace, "ipv6/conf/eth0/accept_dad", "0") // saves each host the second in which it looks for its own twin
	}
	ip("link", "set", "eth0", "up")
	if l.family&IPv4 != 0 {
		h.IPv4 = netip.AddrFrom4([4]byte{10, 86, 0, byte(h.number)})
		ip("address", "add", h.IPv4.String()+"/24", "brd", "+", "dev", "eth0")
	}
	if l.family&ULA != 0 {
		h.ULA = netip.AddrFrom16([16]byte{0xfd, 0x53, 0x56, 15: byte(h.number)})
		ip("address", "add", h.ULA.String()+"/64", "dev", "eth0", "nodad")
	}
	if l.family&(LinkLocal|ULA) == 0 {
		return
	}
	h.waitFor("its link-local address", func() error {
		found, err := h.linkLocal()
		h.LinkLocal = found
		return err
	})
}

// linkLocal returns the host's fe80 address once it is no longer tentative.
func (h *Host) linkLocal() (netip.Addr, error) {
	out := h.lan.must("ip", "-n", h.namespace, "-6", "-o", "address", "show", "dev", "eth0", "scope", "link")
	fields := strings.Fields(out)
	if len(fields) < 4 || strings.Contains(out, "tentative") {
		return netip.Addr{}, errors.New("not there yet")
	}
	at, err := netip.ParsePrefix(fields[3])
	return at.Addr(), err
}

// waitFor polls until try succeeds, and fails the test when it does not within settleTime.
func (h *Host) waitFor(what string, try func() error) {
	h.lan.t.Helper()
	err := try()
	for end := time.Now().Add(settleTime); err != nil; err = try() {
		if time.Now().After(end) {
			h.lan.t.Fatalf("%s: no %s after %v: %v", h.Name, what, settleTime, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Interface returns the host's network card as seen inside the host.
func (h *Host) Interface() *net.Interface {
	h.lan.t.Helper()
	var found *net.Interface
	err := h.In(func() (err error) {
		found, err = net.InterfaceByName("eth0")
		return err
	})
	if err != nil {
		h.lan.t.Fatal(err)
	}
	return found
}
