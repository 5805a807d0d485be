package netlab

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The second leg's network, behind which the rest of the world is.
const (
	legOfAnna   = "10.99.0.2/24"
	legOfRouter = "10.99.0.1"
	legOfMany   = "10.99.0.50" // claimed by somebody on the first network
)

// counted says how many UDP packets have left the host by an interface since count.
func (h *Host) counted(card string) (packets int) {
	h.lan.t.Helper()
	out := h.lan.must("ip", "netns", "exec", h.namespace, "nft", "list", "chain", "inet", "legs", card)
	_, rest, _ := strings.Cut(out, "packets ")
	number, _, _ := strings.Cut(rest, " ")
	packets, err := strconv.Atoi(number)
	if err != nil {
		h.lan.t.Fatalf("%v: %s", err, out)
	}
	return packets
}

// count begins to count them.
func (h *Host) count(card string) {
	h.lan.t.Helper()
	for _, rule := range []string{
		"add table inet legs", "add chain inet legs " + card + " { type filter hook output priority 0; }",
		"add rule inet legs " + card + " oifname " + card + " meta l4proto udp counter",
	} {
		h.lan.must("ip", "netns", "exec", h.namespace, "nft", rule)
	}
}

// lure is an announcement of a stranger who claims to be at an address elsewhere.
func lure(t *testing.T, name, address string, port uint16) []byte {
	t.Helper()
	const instance, host = "00112233445566aa._sottovoce._udp.local.", "00112233445566bb.local."
	encode := base64.RawURLEncoding.EncodeToString
	profile := append([]byte{1, 2, 3, 4, 5, 6}, name...)
	m := dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}}
	for _, text := range []string{
		"_sottovoce._udp.local. 240 IN PTR " + instance,
		fmt.Sprintf("%s 240 IN SRV 0 0 %d %s", instance, port, host),
		fmt.Sprintf(`%s 240 IN TXT "v=1" "e=%d" "x=%s" "f=%s" "t=%s" "c=0" "o=%s"`, instance, time.Now().Unix()/3600,
			encode(make([]byte, 8)), encode(make([]byte, 16)), encode(make([]byte, 48)), encode(profile)),
		host + " 240 IN A " + address,
	} {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// multicast sends a packet of multicast DNS from an address of the host.
func (h *Host) multicast(from string, b []byte) {
	h.lan.t.Helper()
	err := h.In(func() error {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from+":0")))
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.WriteToUDPAddrPort(b, netip.MustParseAddrPort("224.0.0.251:5353"))
		return err
	})
	if err != nil {
		h.lan.t.Fatal(err)
	}
}

// A machine with two legs and a route to everywhere, local only to one of them: whatever
// strangers announce and claim there, and whatever its person types, nothing of ours leaves
// by the other leg. Without the switch it does.
func TestLocalOnly(t *testing.T) {
	t.Parallel()
	lan, world := New(t, IPv4), New(t, IPv4)
	anna, mallory, router := settle(t, lan.Host("anna")), settle(t, lan.Host("mallory")), world.Host("router")
	router.lan.must("ip", "-n", router.namespace, "address", "add", legOfRouter+"/24", "dev", "eth0")
	world.Leg(anna.Host, "eth1", legOfAnna)
	lan.must("ip", "-n", anna.namespace, "route", "add", "default", "via", legOfRouter)
	lan.must("ip", "-n", mallory.namespace, "address", "add", legOfMany+"/32", "dev", "eth0")
	lan.must("ip", "-n", mallory.namespace, "route", "add", "224.0.0.0/4", "dev", "eth0")
	for _, card := range []string{"all", "eth0", "eth1"} {
		lan.sysctl(anna.namespace, "ipv4/conf/"+card+"/rp_filter", "0") // it takes packets of anybody, by any leg
	}
	mallory.node.Stop()
	mallory.up("--listen", legOfMany+":4243")
	anna.node.Stop()
	anna.count("eth1")
	anna.up("--local-only", "--interface", "eth0", "--listen", ":4242")
	leg := world.Capture()
	far := legOfRouter + ":4242"
	attack := func(name string) {
		t.Helper()
		mallory.multicast(mallory.IPv4.String(), lure(t, name, legOfRouter, 4242))
		mallory.multicast(legOfMany, lure(t, name+" too", legOfRouter, 4242))
		question := new(dns.Msg)
		question.SetQuestion("_sottovoce._udp.local.", dns.TypePTR)
		question.Question[0].Qclass |= 1 << 15 // answer me alone
		asked, err := question.Pack()
		if err != nil {
			t.Fatal(err)
		}
		mallory.multicast(legOfMany, asked)
		mallory.call("add", anna.IPv4.String()+":4242") // from an address that leads to the other leg
		anna.eventually("the stranger who lures", func() error {
			if out := anna.call("nearby"); !strings.Contains(out.Stdout, name) {
				return fmt.Errorf("nearby says %q", out.Stdout)
			}
			return nil
		})
		anna.call("add", name)
	}
	attack("Lorelei")
	if got := anna.call("add", far); got.Code != 1 || !strings.Contains(got.Stderr, "local only") {
		t.Errorf("typing %s: exit code %d: %s", far, got.Code, got.Stderr)
	}
	status := anna.ok("status")
	if !strings.Contains(status, "these networks only") || !strings.Contains(status, "eth0  "+anna.IPv4.String()+":4242") || strings.Contains(status, "eth1") {
		t.Errorf("status says:\n%s", status)
	}
	if left := anna.counted("eth1"); left != 0 {
		t.Errorf("%d packets left by the other leg", left)
	}
	ours := netip.MustParsePrefix(legOfAnna).Addr().AsSlice()
	for _, f := range leg.Frames() { // the kernel of a machine that left a group and answers a router is not us
		if b := f.Bytes; len(b) > 34 && b[12] == 8 && b[13] == 0 && b[23] == 17 && bytes.Equal(b[26:30], ours) {
			t.Errorf("on the other leg: %x", b)
		}
	}
	anna.node.Kill()
	anna.up("--interface", "eth0", "--listen", ":4242") // it is remembered
	anna.call("add", far)
	if left := anna.counted("eth1"); left != 0 {
		t.Errorf("after a restart %d packets left by the other leg", left)
	}
	anna.ok("local-only", "off")
	anna.call("add", far)
	if anna.counted("eth1") == 0 {
		t.Error("nothing leaves without the switch either: the test sees nothing")
	}
}
