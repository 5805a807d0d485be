package peer

import (
	"net/netip"
	"testing"
)

func TestOnLink(t *testing.T) {
	lan := Network{Interface: "eth0", Prefixes: []netip.Prefix{
		netip.MustParsePrefix("192.168.1.7/24"), netip.MustParsePrefix("203.0.113.9/30"), netip.MustParsePrefix("10.9.9.9/31"),
		netip.MustParsePrefix("fd00::7/64"), netip.MustParsePrefix("fe80::7/64"), netip.MustParsePrefix("127.0.0.1/8"),
	}}
	for address, want := range map[string]bool{
		"192.168.1.8": true, "::ffff:192.168.1.8": true, "192.168.2.8": false, "8.8.8.8": false,
		"192.168.1.255": false, "192.168.1.0": false, "203.0.113.8": false, "203.0.113.10": true, "203.0.113.11": false,
		"10.9.9.8": true, "255.255.255.255": false, "224.0.0.251": false, "0.0.0.0": false, "127.0.0.2": true,
		"fd00::8": true, "fd00:0:0:1::8": false, "fe80::8%eth0": true, "fe80::8%eth1": false, "fe80::8": false,
		"ff02::fb": false, "::": false, "2001:db8::1": false, "::1": false,
	} {
		if got := lan.OnLink(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if lan.OnLink(netip.Addr{}) {
		t.Error("no address is on the link")
	}
	other := Network{Interface: "eth1", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/16")}}
	if n, ok := NetworkOf([]Network{lan, other}, netip.MustParseAddr("10.1.2.3")); !ok || n.Interface != "eth1" {
		t.Errorf("%+v %v", n, ok)
	}
	if _, ok := NetworkOf([]Network{lan, other}, netip.MustParseAddr("10.2.2.3")); ok {
		t.Error("found on no network of ours")
	}
}
