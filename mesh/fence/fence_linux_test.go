package fence

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"sottovoce/mesh/peer"
)

// loopback is where the tests stand; only one of its subnets is inside.
var loopback = peer.Network{Interface: "lo", Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.7.1/24")}}

func listen(t *testing.T, network, at string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func portOf(c net.PacketConn) uint16 { return c.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

// got reads one packet, or nothing within a moment.
func got(t *testing.T, c net.PacketConn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	b := make([]byte, 100)
	n, _, err := c.ReadFrom(b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

func TestFence(t *testing.T) {
	for _, ours := range []struct{ network, at string }{{"udp4", "0.0.0.0:0"}, {"udp", "[::]:0"}} {
		var f Fence
		c := f.Wrap(listen(t, ours.network, ours.at))
		in, out := listen(t, "udp4", "127.0.7.2:0"), listen(t, "udp4", "127.0.8.2:0")
		say := func(from net.PacketConn, to string, port uint16) error {
			_, err := from.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), port)))
			return err
		}
		check := func(state string, passes bool) {
			t.Helper()
			if err := say(c, "127.0.8.2", portOf(out)); (err == nil) != passes || err != nil && !errors.Is(err, ErrOutside) {
				t.Errorf("%s, %s: sent outside: %v", ours.network, state, err)
			}
			if heard := got(t, out) != ""; heard != passes {
				t.Errorf("%s, %s: heard outside: %v", ours.network, state, heard)
			}
			if err := say(out, "127.0.0.1", portOf(c)); err != nil {
				t.Fatal(err)
			}
			if heard := got(t, c) != ""; heard != passes {
				t.Errorf("%s, %s: heard from outside: %v", ours.network, state, heard)
			}
		}
		check("open", true)
		f.Close()
		check("closed, no network", false)
		f.Surround([]peer.Network{loopback})
		check("closed", false)
		if sent, received := f.Turned(); sent != 2 || received != 2 {
			t.Errorf("turned back %d and %d", sent, received)
		}
		if err := say(c, "127.0.7.2", portOf(in)); err != nil || got(t, in) != "hello" {
			t.Errorf("%s: not sent inside: %v", ours.network, err)
		}
		if err := say(in, "127.0.7.1", portOf(c)); err != nil || got(t, c) != "hello" {
			t.Errorf("%s: not heard from inside: %v", ours.network, err)
		}
		f.Open()
		check("open again", true)
	}
}

// Batches, as QUIC reads them, keep their length; what does not count is empty.
func TestBatch(t *testing.T) {
	var f Fence
	f.Surround([]peer.Network{loopback})
	f.Close()
	c := f.Wrap(listen(t, "udp4", "127.0.7.1:0"))
	in, out := listen(t, "udp4", "127.0.7.2:0"), listen(t, "udp4", "127.0.8.2:0")
	to := c.LocalAddr()
	for _, from := range []net.PacketConn{in, out, in} {
		if _, err := from.WriteTo([]byte("hello"), to); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	for len(sizes) < 3 {
		messages := make([]ipv4.Message, 8)
		for i := range messages {
			messages[i].Buffers, messages[i].OOB = [][]byte{make([]byte, 100)}, make([]byte, 100)
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := c.ReadBatch(messages, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages[:n] {
			sizes = append(sizes, m.N)
		}
	}
	if sizes[0] != 5 || sizes[1] != 0 || sizes[2] != 5 {
		t.Errorf("sizes are %v", sizes)
	}
}

func TestBoundToTheInterface(t *testing.T) {
	four, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1%lo")
	for _, to := range []netip.Addr{four, netip.MustParseAddr("::ffff:10.0.0.1"), six} {
		oob := bindTo(nil, 7, to)
		if cameBy(oob) != 7 {
			t.Errorf("%v: bound to %d", to, cameBy(oob))
		}
		before := bytes.Clone(oob)
		again := bindTo(oob, 9, to)
		if cameBy(again) != 9 || len(again) != len(oob) || !bytes.Equal(oob, before) {
			t.Errorf("%v: bound to %d, %d bytes, and what was given is %x", to, cameBy(again), len(again), oob)
		}
	}
	if cameBy([]byte{1, 2, 3}) != 0 {
		t.Error("an interface out of nothing")
	}
	var f Fence
	f.Surround([]peer.Network{loopback})
	f.Close()
	c := f.Wrap(listen(t, "udp4", "127.0.7.1:0"))
	from := &net.UDPAddr{IP: net.IPv4(127, 0, 7, 2), Port: 9}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if !c.welcome(from, lo.Index) || !c.welcome(from, 0) || c.welcome(from, lo.Index+1) {
		t.Error("the interface that a packet came by does not count")
	}
}

// A cable and a Wi-Fi of one LAN: what comes by either counts, and is answered by it.
func TestTwoInterfacesOfOneNetwork(t *testing.T) {
	prefixes := []netip.Prefix{netip.MustParsePrefix("192.168.1.5/24")}
	var f Fence
	f.Surround([]peer.Network{{Interface: "cable", Prefixes: prefixes}, {Interface: "radio", Prefixes: prefixes}})
	f.Close()
	f.indices, f.looked = map[string]int{"cable": 7, "radio": 9}, time.Now().Add(time.Hour)
	c, neighbour := &Conn{fence: &f}, &net.UDPAddr{IP: net.IPv4(192, 168, 1, 8), Port: 9}
	for came, want := range map[int]bool{0: true, 7: true, 8: false, 9: true} {
		if c.welcome(neighbour, came) != want {
			t.Errorf("what came by %d counts: %v", came, !want)
		}
	}
	for wanted, want := range map[int]int{0: 7, 7: 7, 8: 7, 9: 9} {
		if index, err := c.leads(neighbour, wanted); index != want || err != nil {
			t.Errorf("where %d is wanted it leads by %d: %v", wanted, index, err)
		}
	}
}
