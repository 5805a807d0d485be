package discovery

import (
	"net/netip"
	"testing"
)

func lanNet() Net {
	return Net{Name: "eth0", Prefixes: []netip.Prefix{
		netip.MustParsePrefix("192.168.7.5/24"), netip.MustParsePrefix("169.254.3.3/16"),
		netip.MustParsePrefix("2001:db8:1::5/64"), netip.MustParsePrefix("fe80::5/64"),
	}}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		addr  string
		want  string // "" refused
		reach Reach
	}{
		{"192.168.7.9", "192.168.7.9", Subnet4},
		{"::ffff:192.168.7.9", "192.168.7.9", Subnet4},
		{"169.254.9.9", "169.254.9.9", Subnet4},
		{"2001:db8:1::9", "2001:db8:1::9", Subnet6},
		{"fe80::9", "fe80::9%eth0", LinkLocal},
		{"fe80::9%eth7", "fe80::9%eth0", LinkLocal},
		{"10.1.2.3", "10.1.2.3", Routed},
		{"fd00::9", "fd00::9", Routed},
		{"192.168.7.0", "", 0},
		{"192.168.7.255", "", 0},
		{"255.255.255.255", "", 0},
		{"8.8.8.8", "", 0},
		{"2001:db8:2::9", "", 0},
		{"172.17.0.1", "", 0},
		{"127.0.0.1", "", 0},
		{"::1", "", 0},
		{"0.0.0.0", "", 0},
		{"::", "", 0},
		{"224.0.0.251", "", 0},
		{"ff02::fb", "", 0},
	} {
		got, reach, ok := lanNet().Place(netip.MustParseAddr(c.addr))
		if ok != (c.want != "") || ok && (got.String() != c.want || reach != c.reach) {
			t.Errorf("Place(%s) = %v, %v, %v; want %q, %v", c.addr, got, reach, ok, c.want, c.reach)
		}
	}
	if _, _, ok := lanNet().Place(netip.Addr{}); ok {
		t.Error("no address at all was accepted")
	}
}

func TestPlaceOnLoopback(t *testing.T) {
	lo := Net{Name: "lo", Loopback: true, Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128")}}
	for addr, want := range map[string]Reach{"127.0.0.1": Subnet4, "::1": Subnet6} {
		if _, reach, ok := lo.Place(netip.MustParseAddr(addr)); !ok || reach != want {
			t.Errorf("Place(%s) on loopback = %v, %v", addr, reach, ok)
		}
	}
}

func TestOnLink(t *testing.T) {
	for addr, want := range map[string]bool{
		"192.168.7.9": true, "fe80::1": true, "2001:db8:1::1": true,
		"10.0.0.1": false, "8.8.8.8": false, "127.0.0.1": false,
	} {
		if got := lanNet().OnLink(netip.MustParseAddr(addr)); got != want {
			t.Errorf("OnLink(%s) = %v", addr, got)
		}
	}
}

func TestPointToPointSubnetHasNoBroadcast(t *testing.T) {
	n := Net{Name: "eth0", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/31")}}
	if _, _, ok := n.Place(netip.MustParseAddr("10.0.0.1")); !ok {
		t.Error("the other end of a /31 was refused")
	}
}
