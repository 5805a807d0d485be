package mdns

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"sottovoce/mesh/peer"
)

// awaitStand waits until the node is told of networks that are as ok wants them.
func (n *node) awaitStand(within time.Duration, what string, ok func([]peer.Network) bool) []peer.Network {
	n.t.Helper()
	limit := time.Now().Add(within)
	timer := time.AfterFunc(within, n.heard.Broadcast)
	defer timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		if len(n.stood) > 0 && ok(n.stood[len(n.stood)-1]) {
			return n.stood[len(n.stood)-1]
		}
		if !time.Now().Before(limit) {
			n.t.Fatalf("%s: not within %v; stood on %+v", what, within, n.stood)
		}
		n.heard.Wait()
	}
}

// macOf is the hardware address of a host's eth0.
func (h *host) macOf(t *testing.T) (mac peer.MAC) {
	t.Helper()
	within(h.name, func() {
		nics, err := machine{}.Interfaces()
		for _, n := range nics {
			if n.Name == "eth0" {
				mac = n.MAC
			}
		}
		if err != nil || mac.IsZero() {
			t.Errorf("no eth0: %v", err)
		}
	})
	return mac
}

// The router's hardware address is found though nobody has spoken with it, by either
// family; it stays known when the neighbour is forgotten, and another router is seen.
func TestRouters(t *testing.T) {
	l := newLAN(t)
	routers := []*host{l.host("10.9.0.1/24", "fd00:9::1/64"), l.host("10.9.0.2/24", "fd00:9::2/64")}
	four, six := l.host("10.9.0.4/24"), l.host("fd00:9::6/64")
	sh(t, "ip -n %s route add default via 10.9.0.1", four.name)
	sh(t, "ip -n %s route add default via fd00:9::1 dev eth0", six.name)
	first, second := routers[0].macOf(t), routers[1].macOf(t)
	is := func(router peer.MAC) func([]peer.Network) bool {
		return func(on []peer.Network) bool { return len(on) == 1 && on[0].Routed && on[0].Router == router }
	}
	nodes := []*node{four.start(sample(1)), six.start(sample(2))}
	for i, h := range []*host{four, six} {
		on := nodes[i].awaitStand(2*time.Second, "the router", is(first))
		if on[0].Own != h.macOf(t) || on[0].Interface != "eth0" || len(on[0].Prefixes) != 2 {
			t.Errorf("stands on %+v", on)
		}
		sh(t, "ip -n %s neigh flush all", h.name)
		sh(t, "ip -n %s addr add 10.9.0.7%d/24 dev eth0", h.name, i)
	}
	for _, n := range nodes {
		n.awaitStand(7*time.Second, "another address", func(on []peer.Network) bool { return is(first)(on) && len(on[0].Prefixes) == 3 })
	}
	sh(t, "ip -n %s route replace default via 10.9.0.2", four.name)
	within(four.name, func() {
		for _, found := range systemRouters() {
			if found.Addr != netip.MustParseAddr("10.9.0.2") || !found.MAC.IsZero() && found.MAC != second {
				t.Errorf("the new router is %+v", found)
			}
		}
	})
}

// A router that comes after the addresses, as DHCP brings it, is noticed soon.
func TestRouterComesLater(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	router, h := l.host(), l.host()
	n := h.start(sample(1))
	n.awaitStand(2*time.Second, "no router", func(on []peer.Network) bool { return len(on) == 1 && !on[0].Routed })
	sh(t, "ip -n %s route add default via 10.9.0.1", h.name)
	mac := router.macOf(t)
	n.awaitStand(followMax, "the router", func(on []peer.Network) bool { return len(on) == 1 && on[0].Router == mac })
}

// FuzzRouters reads what could only be a kernel's; nothing in it may stop us.
func FuzzRouters(f *testing.F) {
	routes, err := syscall.NetlinkRIB(syscall.RTM_GETROUTE, syscall.AF_UNSPEC)
	if err != nil {
		f.Fatal(err)
	}
	neighbours, err := syscall.NetlinkRIB(syscall.RTM_GETNEIGH, syscall.AF_UNSPEC)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(routes, neighbours)
	f.Add(routes[:min(len(routes), 30)], []byte{})
	f.Add([]byte{}, []byte{1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, routes, neighbours []byte) {
		for index, r := range routersOf(routes, neighbours) {
			if index == 0 || !r.Addr.IsValid() {
				t.Errorf("router %+v on %d", r, index)
			}
		}
	})
}

// What one network has heard is not heard on the next, not even as a goodbye.
func TestSilentMove(t *testing.T) {
	first, second := newLAN(t), newLAN(t)
	second.hosts = 10 // its cables have other names
	h, there, elsewhere := first.host(), first.host(), second.host("10.10.0.9/24")
	moving, old, fresh := h.start(sample(1)), there.start(nil), elsewhere.start(nil)
	old.await(sample(1).Instance, 2*time.Second, "seen", present)
	answered := make(chan struct{})
	moving.mu.Lock()
	moving.answer = func() { // as a node does that has moved
		moving.finder.Announce(sample(2), nil)
		close(answered)
	}
	moving.mu.Unlock()
	sh(t, "ip -n %s link set p%d nomaster", first.bridge, h.n)
	sh(t, "ip -n %s addr flush dev eth0 scope global", h.name)
	sh(t, "ip -n %s link set p%d netns %s", first.bridge, h.n, second.bridge)
	sh(t, "ip -n %s link set p%d master br0 up", second.bridge, h.n)
	sh(t, "ip -n %s addr add 10.10.0.1/24 brd + dev eth0", h.name)
	select {
	case <-answered:
	case <-time.After(7 * time.Second):
		t.Fatal("the move was not noticed")
	}
	fresh.await(sample(2).Instance, 3*time.Second, "seen on the other LAN", present)
	if heard := fresh.events(sample(1).Instance); len(heard) > 0 {
		t.Errorf("what was announced on one LAN is heard on another: %v", heard)
	}
}
