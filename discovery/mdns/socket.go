package mdns

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// family is an IP version: the two are separate networks as far as multicast
// goes.
type family uint8

const (
	ip4 family = 4
	ip6 family = 6
)

func (f family) network() string {
	if f == ip4 {
		return "udp4"
	}
	return "udp6"
}

func (f family) group() net.IP {
	if f == ip4 {
		return group4
	}
	return group6
}

// arrival is where a packet came from and how.
type arrival struct {
	from  netip.AddrPort
	index int  // of the interface it arrived on; 0 if the system does not say
	group bool // sent to the multicast group, so by somebody on this link
}

// socket is a UDP socket of one family that sends multicast by one interface,
// with hop limit 255 and its own packets looped back to this host.
type socket struct {
	conn *net.UDPConn
	p4   *ipv4.PacketConn // one of the two
	p6   *ipv6.PacketConn
	to   *net.UDPAddr // the group on that interface
}

// openListening opens a socket on port 5353 that has joined the group.
func openListening(ctx context.Context, f family, n nic) (*socket, error) {
	s, err := openSocket(ctx, f, n, port)
	if err != nil {
		return nil, err
	}
	iface, group := &net.Interface{Index: n.index, Name: n.name}, &net.UDPAddr{IP: f.group()}
	if f == ip4 {
		err = s.p4.JoinGroup(iface, group)
	} else {
		err = s.p6.JoinGroup(iface, group)
	}
	if err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("join the group: %w", err)
	}
	// Linux hands every joined group's packets to every socket: without the
	// control messages (Windows has none) a packet counts for all interfaces.
	if f == ip4 {
		_ = s.p4.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true)
	} else {
		_ = s.p6.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	}
	return s, nil
}

// openAsking opens a socket on a port of its own, to which answers come alone.
func openAsking(ctx context.Context, f family, n nic) (*socket, error) {
	return openSocket(ctx, f, n, 0)
}

func openSocket(ctx context.Context, f family, n nic, port int) (*socket, error) {
	local := net.UDPAddr{Port: port}
	config := net.ListenConfig{}
	if port != 0 {
		config.Control = shareAddress
	} else if f == ip4 && n.isLoopback() {
		local.IP = net.IPv4(127, 0, 0, 1) // the kernel would send from 0.0.0.0
	}
	conn, err := config.ListenPacket(ctx, f.network(), local.String())
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn.(*net.UDPConn), to: &net.UDPAddr{IP: f.group(), Port: 5353}}
	if err := s.pin(f, n); err != nil {
		conn.Close()
		return nil, fmt.Errorf("pin to the interface: %w", err)
	}
	return s, nil
}

// pin makes multicast leave by the interface, with hop limit 255 and loop.
func (s *socket) pin(f family, n nic) error {
	iface := &net.Interface{Index: n.index, Name: n.name}
	if f == ip4 {
		s.p4 = ipv4.NewPacketConn(s.conn)
		if err := s.p4.SetMulticastInterface(iface); err != nil {
			return err
		}
		if err := s.p4.SetMulticastTTL(255); err != nil {
			return err
		}
		return s.p4.SetMulticastLoopback(true)
	}
	s.to.Zone = n.name
	s.p6 = ipv6.NewPacketConn(s.conn)
	if err := s.p6.SetMulticastInterface(iface); err != nil {
		return err
	}
	if err := s.p6.SetMulticastHopLimit(255); err != nil {
		return err
	}
	return s.p6.SetMulticastLoopback(true)
}

// send sends a packet to the group.
func (s *socket) send(b []byte) error {
	_, err := s.conn.WriteToUDP(b, s.to)
	return err
}

// receive waits for a packet.
func (s *socket) receive(b []byte) (int, arrival, error) {
	var from net.Addr
	var a arrival
	var n int
	var err error
	if s.p4 != nil {
		var cm *ipv4.ControlMessage
		if n, cm, from, err = s.p4.ReadFrom(b); cm != nil {
			a.index, a.group = cm.IfIndex, cm.Dst.IsMulticast()
		}
	} else {
		var cm *ipv6.ControlMessage
		if n, cm, from, err = s.p6.ReadFrom(b); cm != nil {
			a.index, a.group = cm.IfIndex, cm.Dst.IsMulticast()
		}
	}
	if err != nil {
		return 0, a, err
	}
	if udp, ok := from.(*net.UDPAddr); ok {
		ap := udp.AddrPort()
		a.from = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return n, a, nil
}
