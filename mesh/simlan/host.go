package simlan

import (
	"net/netip"

	"sottovoce/mesh/peer"
)

// firstPort is where the ports of a host begin.
const firstPort = 50000

// Host is a machine: it is plugged into one LAN or none.
type Host struct {
	net     *Net
	lan     *LAN
	address netip.Addr // on lan
	conns   map[uint16]*Conn
	ports   uint16 // given out
	finders []*Finder
	mac     peer.MAC
}

// Host adds a machine that is not plugged in.
func (n *Net) Host() *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts++
	return &Host{net: n, conns: make(map[uint16]*Conn), mac: peer.MAC{0x02, 0, 0, 0, byte(n.hosts >> 8), byte(n.hosts)}}
}

// SetMAC gives the host's interface another hardware address, for when it is plugged in
// next.
func (h *Host) SetMAC(mac peer.MAC) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.mac = mac
}

// networks is where the host is plugged in; each LAN has a router of its own.
func (h *Host) networks() []peer.Network {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.lan == nil {
		return nil
	}
	return []peer.Network{{
		Interface: "eth0", Own: h.mac, Prefixes: []netip.Prefix{netip.PrefixFrom(h.address, 16)},
		Router: peer.MAC{0x02, 0xff, 0, 0, 0, h.lan.number}, Routed: true,
	}}
}

// Join plugs the host into a LAN, out of the one that it was in; its address is new.
func (h *Host) Join(l *LAN) {
	n := h.net
	n.mu.Lock()
	h.leave()
	l.joined++
	h.lan, h.address = l, netip.AddrFrom4([4]byte{10, l.number, byte(l.joined >> 8), byte(l.joined)})
	l.hosts[h.address] = h
	finders := h.finders
	n.mu.Unlock()
	for _, f := range finders {
		f.moved()
	}
}

// Leave plugs the host out: it does not get to say goodbye.
func (h *Host) Leave() {
	h.net.mu.Lock()
	h.leave()
	finders := h.finders
	h.net.mu.Unlock()
	for _, f := range finders {
		f.moved()
	}
}

func (h *Host) leave() {
	if h.lan != nil {
		delete(h.lan.hosts, h.address)
		h.lan, h.address = nil, netip.Addr{}
	}
}

// Address is where the host is reached, the zero address when it is not plugged in.
func (h *Host) Address() netip.Addr {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.address
}
