package netlab

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// ip runs ip inside the host.
func (h *Host) ip(args ...string) {
	h.lan.t.Helper()
	h.lan.must(append([]string{"ip", "-n", h.namespace}, args...)...)
}

// move plugs the host's cable into another switch. The host keeps its address, and sees no more than that the
// carrier was gone for a moment.
func (h *Host) move(to string) {
	h.lan.t.Helper()
	bridge := h.lan.bridge
	if _, err := command("ip", "-n", bridge, "link", "show", "dev", to); err != nil {
		h.lan.must("ip", "-n", bridge, "link", "add", to, "type", "bridge", "mcast_snooping", "0")
		h.lan.sysctl(bridge, "ipv6/conf/"+to+"/disable_ipv6", "1")
		h.lan.must("ip", "-n", bridge, "link", "set", to, "up")
	}
	h.lan.must("ip", "-n", bridge, "link", "set", h.port, "down")
	h.lan.must("ip", "-n", bridge, "link", "set", h.port, "master", to)
	h.lan.must("ip", "-n", bridge, "link", "set", h.port, "up")
}

// replug deletes the host's interface, as pulling USB Wi-Fi does, and brings another one of the same name.
func (h *Host) replug() {
	h.lan.t.Helper()
	h.ip("link", "delete", "eth0")
	time.Sleep(3 * time.Second) // the node has seen that it is gone
	h.cable()
	h.addresses()
}

// TestHeals lets the network of two contacts change under their running nodes: words of either reach the other
// within ten seconds, as meets wants it.
func TestHeals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		family Family
		change func(anna, bert *someone)
	}{
		"interface deleted and re-created": {IPv4 | ULA, func(_, bert *someone) { bert.replug() }},
		"IPv6 link-local only":             {LinkLocal, func(_, bert *someone) { bert.replug() }},
		"address changed": {IPv4, func(_, bert *someone) {
			bert.ip("address", "delete", bert.IPv4.String()+"/24", "dev", "eth0")
			bert.ip("address", "add", "10.86.0.77/24", "brd", "+", "dev", "eth0")
		}},
		"cable moved to another LAN": {IPv4 | LinkLocal, func(anna, bert *someone) {
			bert.move("lan2")
			time.Sleep(12 * time.Second) // each forgets whom it left
			anna.move("lan2")
		}},
		"link down 20 s and up": {IPv4 | LinkLocal, func(_, bert *someone) {
			bert.ip("link", "set", "eth0", "down")
			time.Sleep(20 * time.Second)
			bert.ip("link", "set", "eth0", "up")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lan := New(t, c.family)
			anna, bert := settle(t, lan.Host("anna")), settle(t, lan.Host("bert"))
			befriend(anna, bert)
			anna.say(bert, "before")
			c.change(anna, bert)
			anna.meets(bert, name)
		})
	}
}

// TestScan finds somebody on a LAN that loses multicast both ways: they see each other, and become contacts.
func TestScan(t *testing.T) {
	t.Parallel()
	lan := New(t, IPv4)
	anna, bert := lan.Host("anna"), lan.Host("bert")
	for _, h := range []*Host{anna, bert} {
		for _, rule := range []string{
			"add table inet nogroup",
			"add chain inet nogroup out { type filter hook output priority 0; }",
			"add rule inet nogroup out oifname eth0 ip daddr 224.0.0.0/4 drop",
		} {
			lan.must("ip", "netns", "exec", h.namespace, "nft", rule)
		}
	}
	a, b := settle(t, anna), settle(t, bert)
	if got := a.call("nearby", "--wait", "3s"); got.Code != 4 {
		t.Fatalf("without a scan: %+v", got)
	}
	began := time.Now()
	found := list[personJSON](a, "nearby", "--scan")
	t.Logf("scanned 253 addresses in %v", time.Since(began))
	if len(found) != 1 || found[0].Name != b.called {
		t.Fatalf("the scan found %+v", found)
	}
	befriend(a, b)
	chat(a, b)
	a.ip("address", "add", "10.99.0.1/16", "dev", "eth0")
	a.eventually("refusal of a larger network", func() error {
		got := a.call("nearby", "--scan")
		if got.Code != 1 || !strings.Contains(got.Stderr, "10.99.0.0/16 of eth0") || !strings.Contains(got.Stderr, "sottovoce add HOST:PORT") {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
}
