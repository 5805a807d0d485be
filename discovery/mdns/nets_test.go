package mdns

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"sottovoce/discovery"
	"sottovoce/mesh/peer"
)

const live = net.FlagUp | net.FlagRunning | net.FlagBroadcast | net.FlagMulticast

func wired(name string, index int, addrs ...string) Interface {
	n := Interface{Name: name, Index: index, Flags: live}
	for _, a := range addrs {
		n.Prefixes = append(n.Prefixes, netip.MustParsePrefix(a))
	}
	return n
}

func with(n Interface, flags net.Flags) Interface {
	n.Flags = flags
	return n
}

func TestChoose(t *testing.T) {
	lo := with(wired("lo", 1, "127.0.0.1/8", "::1/128"), net.FlagUp|net.FlagRunning|net.FlagLoopback)
	eth := wired("eth0", 2, "10.0.0.1/24")
	wlan := wired("wlan0", 3, "fe80::3/64")
	docker := wired("docker0", 4, "172.17.0.1/16", "fe80::4/64")
	bare := wired("docker0", 4, "172.17.0.1/16")
	tun := with(wired("tun0", 5, "10.8.0.1/32"), live|net.FlagPointToPoint)
	wg := with(wired("wg0", 6, "10.8.0.2/32"), net.FlagUp|net.FlagRunning|net.FlagPointToPoint)
	ppp := with(wired("ppp0", 7, "10.8.0.3/32"), live|net.FlagPointToPoint)
	off := with(eth, net.FlagBroadcast|net.FlagMulticast)
	unplugged := with(eth, net.FlagUp|net.FlagMulticast)
	for name, c := range map[string]struct {
		all   []Interface
		named []string
		want  []string
	}{
		"real ones":             {[]Interface{lo, eth, docker, wlan, tun, wg, ppp, wired("veth12", 8, "fe80::8/64"), wired("br-12ab", 9, "172.18.0.1/16"), wired("virbr0", 10, "192.168.122.1/24")}, nil, []string{"eth0", "wlan0"}},
		"virtual is all":        {[]Interface{lo, docker, tun, wg}, nil, []string{"docker0", "tun0"}},
		"loopback is all":       {[]Interface{lo, off}, nil, []string{"lo"}},
		"only the decoy":        {[]Interface{lo, bare}, nil, []string{"lo"}},
		"no carrier":            {[]Interface{lo, unplugged}, nil, []string{"lo"}},
		"no address":            {[]Interface{lo, wired("eth0", 2)}, nil, []string{"lo"}},
		"nothing":               {nil, nil, nil},
		"named":                 {[]Interface{lo, eth, wlan, docker}, []string{"docker0"}, []string{"docker0"}},
		"named loopback":        {[]Interface{lo, eth}, []string{"lo"}, []string{"lo"}},
		"named, no multicast":   {[]Interface{lo, eth, wg}, []string{"wg0"}, []string{"wg0"}},
		"named, not there":      {[]Interface{lo, eth}, []string{"eth7"}, nil},
		"none may be used":      {[]Interface{lo, eth}, []string{}, nil},
		"a name that begins so": {[]Interface{lo, wired("bridge0", 2, "10.0.0.1/24")}, nil, []string{"bridge0"}},
	} {
		var got []string
		for _, n := range choose(c.all, c.named) {
			got = append(got, n.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	var many []Interface
	for i := range 40 {
		many = append(many, wired("eth"+string(rune('a'+i)), i+1, "10.0.0.1/24"))
	}
	if got := choose(many, nil); len(got) != interfacesMax {
		t.Errorf("%d interfaces in use", len(got))
	}
}

func TestAddrs(t *testing.T) {
	n := wired("eth0", 2, "fd00::1/64", "fe80::1/64", "172.17.0.1/16", "10.0.0.1/24", "127.0.0.2/8", "::/0", "224.0.0.1/4")
	var got []string
	for _, a := range n.addrs() {
		got = append(got, a.String())
	}
	if want := []string{"10.0.0.1", "fe80::1", "fd00::1"}; !slices.Equal(got, want) {
		t.Errorf("addresses %v, want %v", got, want)
	}
	var crowded []string
	for i := range 30 {
		crowded = append(crowded, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24).String())
	}
	if got := wired("eth0", 2, crowded...).addrs(); len(got) != ownAddrsMax {
		t.Errorf("%d addresses", len(got))
	}
}

func TestSameLine(t *testing.T) {
	n := wired("eth0", 2, "10.0.0.1/24")
	renewed := n
	renewed.MAC = peer.MAC{2, 7}
	for name, c := range map[string]struct {
		other       Interface
		same, equal bool
	}{
		"itself":         {n, true, true},
		"other address":  {wired("eth0", 2, "10.0.0.2/24"), true, false},
		"re-created":     {wired("eth0", 3, "10.0.0.1/24"), false, false},
		"another MAC":    {renewed, false, false},
		"renamed":        {wired("eth1", 2, "10.0.0.1/24"), false, false},
		"another family": {wired("eth0", 2, "10.0.0.1/24", "fe80::1/64"), false, false},
	} {
		if n.sameLine(c.other) != c.same || n.equal(c.other) != c.equal {
			t.Errorf("%s: same line %v, equal %v", name, n.sameLine(c.other), n.equal(c.other))
		}
	}
}

func TestEndpoints(t *testing.T) {
	n := wired("eth0", 2, "10.0.0.1/24", "fe80::1/64").net()
	for name, c := range map[string]struct {
		source string
		addrs  []string
		want   []string
	}{
		"its own addresses":   {"10.0.0.2", []string{"10.0.0.2", "fe80::2"}, []string{"10.0.0.2:40001", "[fe80::2%eth0]:40001"}},
		"by IPv6":             {"fe80::2%eth0", []string{"10.0.0.2", "fe80::2"}, []string{"10.0.0.2:40001", "[fe80::2%eth0]:40001"}},
		"its other interface": {"10.0.0.2", []string{"10.7.0.2", "fe80::7"}, []string{"10.7.0.2:40001", "10.0.0.2:40001"}},
		"reflected":           {"10.0.0.254", []string{"10.7.0.2"}, []string{"10.7.0.2:40001", "10.0.0.254:40001"}},
		"public":              {"10.0.0.2", []string{"8.8.8.8", "10.0.0.2"}, []string{"10.0.0.2:40001"}},
		"only the source":     {"10.0.0.2", []string{"172.17.0.1"}, []string{"10.0.0.2:40001"}},
	} {
		f := found{announcement: peer.Announcement{Port: 40001}}
		for _, a := range c.addrs {
			f.addrs = append(f.addrs, netip.MustParseAddr(a))
		}
		var got []string
		for _, r := range endpoints(n, f, netip.MustParseAddr(c.source)) {
			if r.Via != "eth0" || r.Reach < discovery.Subnet4 {
				t.Errorf("%s: %+v", name, r)
			}
			got = append(got, r.Endpoint.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Restricted, a node would rather be alone than in a tunnel; a name overrides that.
func TestPermitted(t *testing.T) {
	lo := with(wired("lo", 1, "127.0.0.1/8"), net.FlagUp|net.FlagRunning|net.FlagLoopback)
	all := []Interface{lo, wired("docker0", 4, "172.18.0.1/16"), with(wired("tun0", 5, "10.8.0.1/32"), live|net.FlagPointToPoint)}
	for _, c := range []struct {
		strict bool
		named  []string
		want   int
	}{{false, nil, 3}, {true, nil, 1}, {true, []string{"tun0"}, 3}} {
		f := New(Config{Interfaces: c.named})
		f.Restrict(c.strict)
		r := &loop{f: f, strict: c.strict}
		if got := r.permitted(all); len(got) != c.want {
			t.Errorf("strict %v, named %v: %v", c.strict, c.named, got)
		}
	}
	if got := choose((&loop{f: New(Config{}), strict: true}).permitted(all), nil); len(got) != 1 || got[0].Name != "lo" {
		t.Errorf("in use is %v", got)
	}
}
