package mdns

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

func (f Family) network() string {
	if f == IPv4 {
		return "udp4"
	}
	return "udp6"
}

func (f Family) group() net.IP {
	if f == IPv4 {
		return group4
	}
	return group6
}

// udpSocket is a Socket of this machine.
type udpSocket struct {
	conn  *net.UDPConn
	p4    *ipv4.PacketConn // one of the two
	p6    *ipv6.PacketConn
	group netip.AddrPort
}

// Open implements System.
func (machine) Open(ctx context.Context, on Interface, family Family, port uint16) (Socket, error) {
	local := net.UDPAddr{Port: int(port)}
	config := net.ListenConfig{Control: shareAddress}
	if port == 0 {
		config.Control = stayOnLink
		if family == IPv4 && on.isLoopback() {
			local.IP = net.IPv4(127, 0, 0, 1) // the kernel would send from 0.0.0.0
		}
	}
	conn, err := config.ListenPacket(ctx, family.network(), local.String())
	if err != nil {
		return nil, err
	}
	group, _ := netip.AddrFromSlice(family.group())
	group = group.Unmap()
	s := &udpSocket{conn: conn.(*net.UDPConn), group: netip.AddrPortFrom(group, mdnsPort)}
	if err := s.pin(family, on); err != nil {
		conn.Close()
		return nil, fmt.Errorf("pin to the interface: %w", err)
	}
	if port == 0 {
		return s, nil
	}
	if err := s.join(family, on); err != nil {
		conn.Close()
		return nil, fmt.Errorf("join the group: %w", err)
	}
	return s, nil
}

// join lets the socket hear the group on an interface, and tell whether a packet
// came that way. Linux hands every joined group's packets to every socket: without
// the control messages (Windows has none) a packet counts for all interfaces.
func (s *udpSocket) join(family Family, on Interface) error {
	iface, group := &net.Interface{Index: on.Index, Name: on.Name}, &net.UDPAddr{IP: family.group()}
	if family == IPv4 {
		_ = s.p4.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true)
		return s.p4.JoinGroup(iface, group)
	}
	_ = s.p6.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	return s.p6.JoinGroup(iface, group)
}

// pin makes multicast leave by the interface, with hop limit 255 and loop. By the
// socket and not by the group's zone: that is a name, which the library may take
// for the interface that had it before.
func (s *udpSocket) pin(family Family, on Interface) error {
	iface := &net.Interface{Index: on.Index, Name: on.Name}
	if family == IPv4 {
		s.p4 = ipv4.NewPacketConn(s.conn)
		if err := s.p4.SetMulticastInterface(iface); err != nil {
			return err
		}
		if err := s.p4.SetMulticastTTL(255); err != nil {
			return err
		}
		return s.p4.SetMulticastLoopback(true)
	}
	s.p6 = ipv6.NewPacketConn(s.conn)
	if err := s.p6.SetMulticastInterface(iface); err != nil {
		return err
	}
	if err := s.p6.SetMulticastHopLimit(255); err != nil {
		return err
	}
	return s.p6.SetMulticastLoopback(true)
}

// Send implements Socket.
func (s *udpSocket) Send(b []byte, to netip.AddrPort) error {
	if !to.IsValid() {
		to = s.group
	}
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err
}

// Close implements Socket.
func (s *udpSocket) Close() error { return s.conn.Close() }

// Receive implements Socket.
func (s *udpSocket) Receive(b []byte) (int, Arrival, error) {
	var from net.Addr
	var a Arrival
	var n int
	var err error
	if s.p4 != nil {
		var cm *ipv4.ControlMessage
		if n, cm, from, err = s.p4.ReadFrom(b); cm != nil {
			a.Index, a.Group = cm.IfIndex, cm.Dst.IsMulticast()
		}
	} else {
		var cm *ipv6.ControlMessage
		if n, cm, from, err = s.p6.ReadFrom(b); cm != nil {
			a.Index, a.Group = cm.IfIndex, cm.Dst.IsMulticast()
		}
	}
	if err != nil {
		return 0, a, err
	}
	if udp, ok := from.(*net.UDPAddr); ok {
		ap := udp.AddrPort()
		a.From = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return n, a, nil
}
