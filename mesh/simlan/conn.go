package simlan

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// queueMax is how many packets wait for a reader; more are lost, as a kernel does it.
const queueMax = 512

// Conn is a UDP socket of a host on all of its addresses. It implements net.PacketConn.
type Conn struct {
	host *Host
	port uint16

	mu       sync.Mutex // guards the fields below
	queue    []packet
	deadline time.Time // of reads; zero: none
	closed   bool
	changed  chan struct{} // holds one token
}

// packet is a UDP datagram that has arrived.
type packet struct {
	from    netip.AddrPort
	payload []byte
}

// Listen opens a socket on a port that was not used before.
func (h *Host) Listen() *Conn {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	c := &Conn{host: h, port: firstPort + h.ports, changed: make(chan struct{}, 1)}
	h.ports++
	h.conns[c.port] = c
	return c
}

// ListenOn opens a socket on a port that is free; the caller knows of all that are in use.
func (h *Host) ListenOn(port uint16) *Conn {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	c := &Conn{host: h, port: port, changed: make(chan struct{}, 1)}
	h.conns[port] = c
	return c
}

// LocalAddr is the port, on no particular address.
func (c *Conn) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4zero, Port: int(c.port)} }

// WriteTo sends a packet. That it is lost is no error; that the host is not plugged in is.
func (c *Conn) WriteTo(p []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, syscall.EAFNOSUPPORT
	}
	at := udp.AddrPort()
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	from := c.host
	if from.lan == nil {
		return 0, syscall.ENETUNREACH
	}
	if far := from.lan.hosts[at.Addr().Unmap()]; far != nil {
		sent := packet{from: netip.AddrPortFrom(from.address, c.port), payload: bytes.Clone(p)}
		address := far.address
		n.send(from, far, func() { far.receive(address, at.Port(), sent) })
	}
	return len(p), nil
}

// receive hands a packet to the socket that it is for, if the host is still there.
func (h *Host) receive(address netip.Addr, port uint16, p packet) {
	h.net.mu.Lock()
	c := h.conns[port]
	there := h.address == address
	h.net.mu.Unlock()
	if c == nil || !there {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && len(c.queue) < queueMax {
		c.queue = append(c.queue, p)
		c.signal()
	}
}

// signal wakes a reader.
func (c *Conn) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// ReadFrom waits for a packet; what does not fit into p is lost.
func (c *Conn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		c.mu.Lock()
		deadline := c.deadline
		switch {
		case c.closed:
			c.signal() // to the next reader
			c.mu.Unlock()
			return 0, nil, net.ErrClosed
		case !deadline.IsZero() && !time.Now().Before(deadline):
			c.mu.Unlock()
			return 0, nil, os.ErrDeadlineExceeded
		case len(c.queue) > 0:
			first := c.queue[0]
			c.queue[0] = packet{}
			if c.queue = c.queue[1:]; len(c.queue) > 0 {
				c.signal()
			}
			c.mu.Unlock()
			return copy(p, first.payload), net.UDPAddrFromAddrPort(first.from), nil
		}
		c.mu.Unlock()
		c.wait(deadline)
	}
}

// wait returns when something changed or the deadline has come.
func (c *Conn) wait(deadline time.Time) {
	if deadline.IsZero() {
		<-c.changed
		return
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-c.changed:
	case <-timer.C:
	}
}

// Close frees the port; readers return.
func (c *Conn) Close() error {
	c.host.net.mu.Lock()
	delete(c.host.conns, c.port)
	c.host.net.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	c.signal()
	return nil
}

// SetReadDeadline bounds reads, those that wait included.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	c.signal()
	return nil
}

// SetDeadline is SetReadDeadline: writes do not wait.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes do not wait.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetReadBuffer and SetWriteBuffer exist because quic-go complains about sockets without them.
func (c *Conn) SetReadBuffer(int) error { return nil }

// SetWriteBuffer does nothing.
func (c *Conn) SetWriteBuffer(int) error { return nil }
