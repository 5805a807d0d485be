// Package fence keeps the socket of all links on chosen networks: while it is closed,
// nothing is sent to an address that is not in a subnet there, nothing leaves by another
// interface, and what comes from elsewhere is as if it had not come.
//
// Which networks those are it is told; that nothing is dialled elsewhere in the first place
// is the node's business, and multicast package mdns'.
package fence

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"

	"sottovoce/mesh/peer"
)

// ErrOutside says that an address is not on the networks that the fence surrounds.
var ErrOutside = errors.New("local only: the address is not on a network in use")

// indexFresh is how long the number of an interface is believed: one that is unplugged and
// plugged in again has another.
const indexFresh = time.Second

// Fence is what the sockets of one node have in common. The zero Fence is open.
type Fence struct {
	closed  atomic.Bool
	refused atomic.Uint64
	dropped atomic.Uint64

	mu       sync.RWMutex // guards the fields below
	networks []peer.Network
	indices  map[string]int // of interfaces, by name
	looked   time.Time
}

// Close shuts everything but the networks out, from now on. Without any, that is
// everything.
func (f *Fence) Close() { f.closed.Store(true) }

// Closed reports whether they are shut out.
func (f *Fence) Closed() bool { return f.closed.Load() }

// Open lets everything pass.
func (f *Fence) Open() { f.closed.Store(false) }

// Surround says which networks are inside.
func (f *Fence) Surround(networks []peer.Network) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.networks, f.indices = networks, nil
}

// Turned is how many packets were not sent, and how many were not received.
func (f *Fence) Turned() (out, in uint64) { return f.refused.Load(), f.dropped.Load() }

// inside finds the interface that leads to an address: of several, as of a cable and a
// Wi-Fi of one LAN, the one with the number wanted if it is among them.
func (f *Fence) inside(a netip.Addr, wanted int) (index int, ok bool) {
	f.mu.RLock()
	_, near := peer.NetworkOf(f.networks, a)
	index, ok = f.leadingTo(a, wanted)
	fresh := f.indices != nil && time.Since(f.looked) < indexFresh
	f.mu.RUnlock()
	if !near || fresh {
		return index, ok
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.indices, f.looked = make(map[string]int), time.Now()
	for _, n := range f.networks {
		if nic, err := net.InterfaceByName(n.Interface); err == nil {
			f.indices[n.Interface] = nic.Index
		}
	}
	return f.leadingTo(a, wanted)
}

// leadingTo is inside among the interfaces whose numbers are known. The lock is held.
func (f *Fence) leadingTo(a netip.Addr, wanted int) (index int, ok bool) {
	for _, n := range f.networks {
		if number, there := f.indices[n.Interface]; there && n.OnLink(a) && (!ok || number == wanted) {
			index, ok = number, true
		}
	}
	return index, ok
}

// Conn is a UDP socket behind a fence. It has all that QUIC wants of one.
type Conn struct {
	*net.UDPConn
	fence *Fence
	batch *ipv4.PacketConn
}

// Wrap puts a socket behind the fence. It closes with the Conn.
func (f *Fence) Wrap(conn *net.UDPConn) *Conn {
	return &Conn{UDPConn: conn, fence: f, batch: ipv4.NewPacketConn(conn)}
}

// leads decides where a packet may go: by which interface, if possible the wanted one, and
// whether at all.
func (c *Conn) leads(to net.Addr, wanted int) (index int, err error) {
	if !c.fence.closed.Load() {
		return 0, nil
	}
	if udp, ok := to.(*net.UDPAddr); ok {
		if index, ok := c.fence.inside(udp.AddrPort().Addr(), wanted); ok {
			return index, nil
		}
	}
	c.fence.refused.Add(1)
	return 0, ErrOutside
}

// welcome decides whether a packet counts, by who sent it and the interface that it came
// by; 0 where the system does not say.
func (c *Conn) welcome(from net.Addr, came int) bool {
	if !c.fence.closed.Load() {
		return true
	}
	if udp, ok := from.(*net.UDPAddr); ok {
		index, ok := c.fence.inside(udp.AddrPort().Addr(), came)
		if ok && (came == 0 || came == index) {
			return true
		}
	}
	c.fence.dropped.Add(1)
	return false
}

// WriteMsgUDP sends a packet by the interface of its network, or fails with ErrOutside.
func (c *Conn) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	index, err := c.leads(to, cameBy(oob))
	if err != nil {
		return 0, 0, err
	}
	if index != 0 {
		oob = bindTo(oob, index, to.AddrPort().Addr())
	}
	return c.UDPConn.WriteMsgUDP(b, oob, to)
}

// WriteTo sends a packet, or fails with ErrOutside.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	if udp, ok := to.(*net.UDPAddr); ok {
		n, _, err := c.WriteMsgUDP(b, nil, udp)
		return n, err
	}
	return 0, ErrOutside
}

// ReadBatch waits for packets. One that does not count has no bytes.
func (c *Conn) ReadBatch(messages []ipv4.Message, flags int) (int, error) {
	n, err := c.batch.ReadBatch(messages, flags)
	for i := range max(n, 0) {
		if m := &messages[i]; !c.welcome(m.Addr, cameBy(m.OOB[:m.NN])) {
			m.N = 0
		}
	}
	return n, err
}

// ReadFrom waits for a packet that counts.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(b)
		if err != nil || c.welcome(from, 0) {
			return n, from, err
		}
	}
}

// ReadMsgUDP waits for a packet that counts.
func (c *Conn) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, from *net.UDPAddr, err error) {
	for {
		n, oobn, flags, from, err = c.UDPConn.ReadMsgUDP(b, oob)
		if err != nil || c.welcome(from, cameBy(oob[:oobn])) {
			return n, oobn, flags, from, err
		}
	}
}
